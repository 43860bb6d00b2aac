# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A client of pepctld made from proto/PROTOCOL.md and nothing else: Python's
standard library, its own framing, its own few lines of Protocol Buffers.

    peer = Peer("/run/pepctl/pepctl.sock")
    peer.call("CreatePolicy", policy={"name": "a", "action": {"kind": BLOCK}})
    for event in peer.stream("StreamEvents", count=1): ...
"""
import collections
import socket
import struct

PEPCTL, HEALTH = "pepctl.v1.Pepctl", "grpc.health.v1.Health"
REQUEST, RESPONSE, DATA = 1, 2, 3
REMOTE_CLOSED, REMOTE_OPEN, NO_DATA = 1, 2, 4
ALLOW, BLOCK, RATE_LIMIT = 0, 1, 2
PATIENCE = 60  # seconds until a missing answer fails a test

# Message -> "number name type"; * after the type: repeated; types are varints
# (uint, int, bool), double, text, bytes, or another message of this list.
SCHEMA = {
    "Request": "1 service text, 2 method text, 3 payload bytes, 4 timeout_nano int",
    "Response": "1 status Status, 2 payload bytes",
    "Status": "1 code int, 2 message text, 3 details Any*",
    "Any": "1 type_url text, 2 value bytes",
    "ErrorInfo": "1 reason text, 2 domain text",
    "BadRequest": "1 field_violations FieldViolation*",
    "FieldViolation": "1 field text, 2 description text",

    "PortRange": "1 first uint, 2 last uint",
    "Match": "1 src text, 2 dst text, 3 sport PortRange, 4 dport PortRange, 5 proto uint,"
             "6 iface text*, 7 vlan uint, 10 percent uint",
    "Action": "1 kind uint, 2 rate_limit RateLimit",
    "RateLimit": "1 rate uint, 2 unit uint, 3 burst uint, 4 scope uint, 5 prefix_length uint",
    "Policy": "1 name text, 2 action Action, 3 match Match, 4 priority uint, 5 log uint,"
              "6 nolog bool, 7 shadow bool, 8 ttl_nano int, 9 comment text",
    "PolicyStatus": "1 policy Policy, 2 packets uint, 3 bytes uint, 4 exceeded_packets uint,"
                    "5 exceeded_bytes uint, 6 last_hit_time int, 7 position uint,"
                    "8 created_revision uint, 9 changed_revision uint",
    "PolicyResponse": "1 policy PolicyStatus, 2 revision uint, 3 warnings text*",
    "CreatePolicyRequest": "1 policy Policy, 2 request_id text, 3 validate_only bool, 4 force bool",
    "GetPolicyRequest": "1 name text",
    "UpdatePolicyRequest": "1 policy Policy, 2 update_mask text*, 3 allow_missing bool, 6 force bool",
    "DeletePolicyRequest": "1 name text, 2 allow_missing bool, 5 force bool",
    "DeletePolicyResponse": "1 revision uint, 2 warnings text*",
    "ListPoliciesRequest": "1 page_size uint, 2 page_token text, 3 name_prefix text",
    "ListPoliciesResponse": "1 policies PolicyStatus*, 2 next_page_token text, 3 revision uint,"
                            "4 default_action uint, 5 total uint, 6 interface_defaults bytes*",
    "InterfaceDefault": "1 iface text, 2 action uint, 3 unset bool",
    "Operation": "1 create_policy Policy, 2 put_policy Policy, 3 delete_policy text,"
                 "4 default_action InterfaceDefault,"
                 "8 flush_policies bool, 9 create_set Set, 10 put_set Set, 11 delete_set text,"
                 "12 add_members SetMembers, 13 remove_members SetMembers,"
                 "14 replace_members SetMembers, 15 allow_missing bool",
    "Members": "1 ipv4 bytes, 2 ipv4_prefixes bytes, 3 ipv6 bytes, 4 ipv6_prefixes bytes, 5 text text*",
    "Set": "1 name text, 2 members Members, 3 bannable bool, 4 max_ttl_nano int",
    "SetMembers": "1 set text, 2 members Members",
    "SetStatus": "1 name text, 2 bannable bool, 3 max_ttl_nano int, 4 ipv4_members uint,"
                 "5 ipv6_members uint, 6 created_revision uint, 7 changed_revision uint, 8 leases uint",
    "ListSetsRequest": "",
    "ListSetsResponse": "1 sets SetStatus*, 2 revision uint",
    "ListSetMembersRequest": "1 set text, 2 page_size uint, 3 page_token text",
    "ListSetMembersResponse": "1 members Members, 2 next_page_token text, 3 revision uint, 4 set SetStatus",
    "LeaseMembersRequest": "1 set text, 2 members Members, 3 owner text, 4 ttl_nano int, 5 shorten bool,"
                           "6 validate_only bool, 7 force bool, 8 ban bool",
    "LeaseRefusal": "1 index uint, 2 reason text",
    "LeaseMembersResponse": "1 added uint, 2 refreshed uint, 3 unchanged uint, 4 released uint,"
                            "5 rejected LeaseRefusal*, 6 rejected_total uint, 7 kept uint*, 8 kept_total uint,"
                            "9 warnings text*, 10 revision uint",
    "ReconcileMembersRequest": "1 set text, 2 members Members, 3 owner text, 4 ttl_nano int, 5 shorten bool,"
                               "6 validate_only bool, 7 force bool, 8 ban bool",
    "ReleaseMembersRequest": "1 set text, 2 members Members, 3 all bool, 4 owner text, 5 any_owner bool",
    "ReleaseMembersResponse": "1 released uint, 2 missing uint",
    "Lease": "1 set text, 2 member text, 3 owner text, 4 left_nano int",
    "ListLeasesRequest": "1 set text, 2 owner text, 3 page_size uint, 4 page_token text",
    "ListLeasesResponse": "1 leases Lease*, 2 next_page_token text, 3 total uint",
    "ApplyChangesRequest": "1 operations Operation*, 2 mode uint, 3 expected_revision uint,"
                           "4 validate_only bool, 6 request_id text, 7 comment text, 8 force bool, 9 protect Flow*",
    "ApplyStreamRequest": "1 operations Operation*, 2 mode uint, 3 expected_revision uint,"
                          "4 validate_only bool, 5 confirm_timeout_nano int, 7 comment text, 8 force bool,"
                          "9 protect Flow*",
    "ApplyChangesResponse": "1 revision uint, 2 effects uint*, 3 warnings text*, 4 changes text*,"
                            "5 changes_total uint, 6 policies_created uint,"
                            "7 policies_changed uint, 8 policies_deleted uint",

    "Interface": "1 name text, 2 ifindex uint, 3 requested_mode uint, 4 mode uint, 5 reason text,"
                 "6 program_id uint, 7 driver text, 8 attached_since_time int, 9 state uint",
    "AttachInterfaceRequest": "1 iface text, 2 mode uint, 3 force bool",
    "AttachInterfaceResponse": "1 interface Interface, 2 revision uint, 3 warnings text*",
    "DetachInterfaceRequest": "1 iface text, 2 allow_missing bool",
    "DetachInterfaceResponse": "1 revision uint",
    "ListInterfacesRequest": "",
    "ListInterfacesResponse": "1 interfaces Interface*",

    "Counters": "1 packets_total uint, 2 packets_allowed uint, 3 packets_blocked uint",
    "EventCounters": "1 numbered uint, 2 received uint, 3 suppressed uint, 4 ring_full uint,"
                     "5 subscriptions uint",
    "Stats": "1 time int, 2 revision uint, 3 counters Counters, 5 events EventCounters",
    "GetStatsRequest": "",
    "WatchStatsRequest": "1 interval_nano int, 2 count uint",

    "EventFilter": "1 policy text*, 2 action uint*, 3 src text, 4 dst text, 5 dport PortRange,"
                   "6 iface text*, 7 proto uint, 8 no_packets bool, 9 no_changes bool",
    "StreamEventsRequest": "1 filter EventFilter, 2 overflow uint, 3 queue_bytes uint,"
                           "4 since uint, 5 count uint, 6 marker_nano int, 7 name text",
    "PacketEvent": "1 kernel_time int, 2 cpu uint, 3 cpu_number uint, 4 iface text, 5 src text,"
                   "6 dst text, 7 sport uint, 8 dport uint, 9 proto uint, 10 vlan uint,"
                   "11 length uint, 12 action uint, 13 reason uint, 14 policy text,"
                   "15 revision uint, 16 captured bytes, 17 icmp_type uint, 18 icmp_code uint,"
                   "19 tcp_flags uint, 20 ifindex uint, 21 parse_error text",
    "Marker": "1 decisions uint, 2 delivered uint, 3 filtered uint, 4 lost uint,"
              "5 suppressed uint, 6 ring_full uint, 7 subscription text",
    "Lost": "1 count uint, 2 suppressed uint, 3 ring_full uint",
    "ChangeEvent": "1 revision uint, 2 uid uint, 3 pid uint, 4 command text, 5 comment text,"
                   "6 changes text*, 7 changes_total uint",
    "InterfaceEvent": "1 iface text, 2 state uint, 3 reason text, 4 detached bool",
    "Event": "1 seq uint, 2 time int, 3 packet PacketEvent, 4 lost Lost, 5 marker Marker,"
             "6 change ChangeEvent, 7 interface InterfaceEvent",
    "Subscription": "1 id text, 2 name text, 3 uid uint, 4 pid uint, 5 command text,"
                    "6 since_time int, 7 accounting Marker, 8 queued_bytes uint,"
                    "9 queue_limit uint, 10 lag uint",
    "ListSubscriptionsRequest": "",
    "ListSubscriptionsResponse": "1 subscriptions Subscription*",
    "CancelSubscriptionRequest": "1 id text",
    "CancelSubscriptionResponse": "",

    "IcmpType": "1 type uint, 2 code uint",
    "Flow": "1 src text, 2 dst text, 3 proto uint, 4 sport uint, 5 dport uint, 6 vlan uint,"
            "7 icmp_type IcmpType, 8 tcp_flags uint, 9 length uint",
    "ExplainPacketRequest": "1 flow Flow, 2 frame bytes, 3 iface text, 4 operations Operation*, 5 mode uint",
    "Packet": "1 src text, 2 dst text, 3 proto uint, 4 sport uint, 5 dport uint, 6 vlan uint,"
              "7 icmp_type IcmpType, 8 tcp_flags uint, 9 length uint, 10 ip_length uint, 11 fragment bool,"
              "12 neighbour_discovery bool, 13 parse_error text",
    "LimiterState": "1 available uint, 2 burst uint, 3 unit uint, 4 passes bool",
    "Considered": "1 policy text, 2 matched bool, 3 why text",
    "ExplainPacketResponse": "1 verdict uint, 2 reason uint, 3 policy text, 4 line text, 5 shadow text,"
                             "6 packet Packet, 7 limiter LimiterState, 8 considered Considered*,"
                             "9 considered_total uint, 10 revision uint, 11 warnings text*",

    "Tables": "1 tuples uint, 2 longest_run uint, 3 most_steps uint, 4 entries uint",
    "GetServerInfoRequest": "",
    "GetServerInfoResponse": "1 version text, 2 protocol text, 3 revision uint,"
                             "4 enforced_revision uint, 5 difference text, 7 features text*, 14 pid uint, 18 tables Tables",
    "GetDescriptorRequest": "",
    "GetDescriptorResponse": "1 file_descriptor_set bytes",
    "HealthCheckRequest": "1 service text",
    "HealthCheckResponse": "1 status uint",
}
# Answers that are not named after their method.
ANSWERS = {"ApplyStream": "ApplyChangesResponse", "CreatePolicy": "PolicyResponse", "GetPolicy": "PolicyResponse",
           "ReconcileMembers": "LeaseMembersResponse",
           "UpdatePolicy": "PolicyResponse", "GetStats": "Stats", "WatchStats": "Stats",
           "StreamEvents": "Event", "Check": "HealthCheckResponse"}


def fields_of(message):
    """{name: (number, type, repeated)} of a message of the list."""
    found = {}
    for field in filter(None, SCHEMA[message].split(",")):
        number, name, kind = field.split()
        found[name] = (int(number), kind.rstrip("*"), kind.endswith("*"))
    return found


# ------------------------------------------------------- Protocol Buffers

def varint(value):
    """Negative numbers take ten bytes, as two's complement of 64 bits."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tagged(number, value):
    """One field: a varint of a number, length-delimited of bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def encode(message, values):
    """`values` that are given are written, zeros too: the caller knows what absence means."""
    out = b""
    for name, (number, kind, repeated) in fields_of(message).items():
        if name not in values:
            continue
        for value in values[name] if repeated else [values[name]]:
            if kind in SCHEMA:
                value = encode(kind, value)
            elif kind == "text" and isinstance(value, str):
                value = value.encode()
            out += tagged(number, int(value) if isinstance(value, bool) else value)
    unknown = set(values) - set(fields_of(message))
    assert not unknown, f"{message} has no {unknown}"
    return out


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def raw_fields(data):
    """(number, value) of each field in its order; value is an int or bytes."""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = read_varint(data, at)
            yield tag >> 3, value
            continue
        size = {1: 8, 5: 4}.get(wire)
        if wire == 2:
            size, at = read_varint(data, at)
        assert size is not None and at + size <= len(data), "no Protocol Buffers"
        yield tag >> 3, bytes(data[at:at + size])
        at += size


def plain(kind, value):
    if kind in SCHEMA:
        return decode(kind, value)
    if kind == "text":
        return value.decode()
    if kind == "int" and value >> 63:
        return value - (1 << 64)
    return bool(value) if kind == "bool" else value


def packed(value):
    """Repeated numbers may come as one field of bytes."""
    at = 0
    while at < len(value):
        number, at = read_varint(value, at)
        yield number


class Message(dict):
    """Fields by name; what was absent reads as its zero, `in` tells."""

    def __init__(self, message):
        super().__init__()
        self.kinds = fields_of(message)

    def __missing__(self, name):
        _, kind, repeated = self.kinds[name]
        if repeated:
            return []
        if kind in SCHEMA:
            return Message(kind)
        return {"text": "", "bytes": b""}.get(kind, 0)


def decode(message, data):
    result = Message(message)
    by_number = {number: (name, kind, repeated)
                 for name, (number, kind, repeated) in result.kinds.items()}
    for number, value in raw_fields(data):
        if number not in by_number:
            continue
        name, kind, repeated = by_number[number]
        if repeated and kind in ("uint", "int") and isinstance(value, bytes):
            result.setdefault(name, []).extend(packed(value))
        elif repeated:
            result.setdefault(name, []).append(plain(kind, value))
        else:
            result[name] = plain(kind, value)
    return result


# ------------------------------------------------------------------ ttrpc

class Failure(Exception):
    """A response with a status."""

    def __init__(self, status):
        self.code, self.text = status["code"], status["message"]
        self.reason, self.domain, self.violations = "", "", []
        for detail in status["details"]:
            name = detail["type_url"].removeprefix("type.googleapis.com/google.rpc.")
            value = decode(name, detail["value"])
            if name == "ErrorInfo":
                self.reason, self.domain = value["reason"], value["domain"]
            else:
                self.violations = [(v["field"], v["description"])
                                   for v in value["field_violations"]]
        super().__init__(f"{self.code} {self.reason}: {self.text} {self.violations or ''}")


Frame = collections.namedtuple("Frame", "stream type flags body")


def pack_frame(stream, kind, flags, body):
    return struct.pack(">IIBB", len(body), stream, kind, flags) + body


def pack_request(stream, method, payload=b"", timeout=None, service=PEPCTL, flags=0):
    """A whole request frame; `timeout` 0 is written, None is left out."""
    values = {"service": service, "method": method}
    if payload:
        values["payload"] = payload
    if timeout is not None:
        values["timeout_nano"] = timeout
    return pack_frame(stream, REQUEST, flags, encode("Request", values))


class Peer:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)  # waits while the daemon's backlog is full
        self.socket.settimeout(PATIENCE)
        self.next_id = 1
        self.waiting = collections.defaultdict(collections.deque)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read_exactly(self, size):
        parts = []
        while size:
            part = self.socket.recv(min(size, 1 << 20))
            if not part:
                raise EOFError("the daemon closed the connection")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def read_frame(self):
        length, stream, kind, flags = struct.unpack(">IIBB", self.read_exactly(10))
        return Frame(stream, kind, flags, self.read_exactly(length))

    def frame_of(self, stream):
        """The next frame of that stream; those of others wait."""
        while not self.waiting[stream]:
            frame = self.read_frame()
            self.waiting[frame.stream].append(frame)
        return self.waiting[stream].popleft()

    def new_id(self):
        self.next_id += 2
        return self.next_id - 2

    def request(self, method, timeout=None, **values):
        """Sends it and returns its stream id."""
        stream = self.new_id()
        if method == "Check":
            payload, service = encode("HealthCheckRequest", values), HEALTH
        else:
            payload, service = encode(method + "Request", values), PEPCTL
        self.send(pack_request(stream, method, payload, timeout, service))
        return stream

    def answer(self, stream, method):
        """The message of a unary call; Failure when it failed."""
        frame = self.frame_of(stream)
        assert frame.type == RESPONSE, f"{method} was answered by {frame}"
        return open_response(frame.body, answer_of(method))

    def call(self, method, timeout=None, **values):
        return self.answer(self.request(method, timeout, **values), method)

    def stream(self, method, **values):
        return Stream(self, self.request(method, **values), method)

    def upload(self, method, timeout=None):
        return Upload(self, method, timeout)


class Upload:
    """A stream of the client: any number of messages, then one answer."""

    def __init__(self, peer, method, timeout):
        self.peer, self.method, self.id = peer, method, peer.new_id()
        peer.send(pack_request(self.id, method, timeout=timeout, flags=REMOTE_OPEN))

    def send(self, flags=0, **values):
        self.peer.send(pack_frame(self.id, DATA, flags, encode(self.method + "Request", values)))

    def answer(self):
        return self.peer.answer(self.id, self.method)

    def close(self):
        """The end of the client's side, and the answer."""
        self.peer.send(pack_frame(self.id, DATA, REMOTE_CLOSED | NO_DATA, b""))
        return self.answer()


def answer_of(method):
    return ANSWERS.get(method, method + "Response")


def open_response(body, message):
    """The payload of a response frame's body, decoded; Failure for a status."""
    response = decode("Response", body)
    if "status" in response:
        raise Failure(response["status"])
    return decode(message, response["payload"])


class Stream:
    """Iterates over messages; ends at the clean end, raises Failure at another."""

    def __init__(self, peer, stream, method):
        self.peer, self.id, self.message = peer, stream, answer_of(method)
        self.ended = False

    def __iter__(self):
        return self

    def __next__(self):
        if self.ended:
            raise StopIteration
        frame = self.peer.frame_of(self.id)
        if frame.type == DATA and not frame.flags & NO_DATA:
            return decode(self.message, frame.body)
        self.ended = True
        if frame.type == RESPONSE:
            open_response(frame.body, self.message)
            raise AssertionError("a stream ended with a response without a status")
        assert (frame.flags, frame.body) == (REMOTE_CLOSED | NO_DATA, b""), frame
        raise StopIteration
