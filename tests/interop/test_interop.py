#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""An independent client makes pepctld filter real traffic.

test_interop.py PEPCTLD [PROTO_DIR]     as root
"""
import pathlib
import socket
import struct
import subprocess
import sys

import sandbox
from peer import ALLOW, BLOCK, HEALTH, PEPCTL, open_response, pack_frame, pack_request, raw_fields
from sandbox import ADMIN, BAN, FAR, IFACE, NEAR, PATIENCE, READ, as_user, refused
from test_protocol_examples import blocks, dump_bytes

PROTO = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else
                     pathlib.Path(__file__).resolve().parents[2] / "proto")
UDP, ICMP = 17, 1
NATIVE, GENERIC = 1, 2
PINGS, DATAGRAMS = 3, 5


# ---------------------------------------------------------------- traffic

def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ping(count, wait):
    """Echo requests to NEAR; how many were answered within `wait` seconds of the last."""
    answered = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        sock.settimeout(wait)
        for number in range(count):
            body = struct.pack(">BBHHH", 8, 0, 0, 0x7065, number) + bytes(56)
            body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
            sock.sendto(body, (NEAR, 0))
        try:
            while answered < count:
                answered += sock.recv(2048)[20] == 0  # behind the IP header: echo reply
        except TimeoutError:
            pass
    return answered


def send_udp(port, count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((FAR, 40000))
        for _ in range(count):
            sock.sendto(b"x" * 18, (NEAR, port))


def policy(name, match, kind=BLOCK, **more):
    return {"name": name, "action": {"kind": kind}, "match": match, **more}


# ------------------------------------------------------------------ cases

def said_by(body):
    """What programs go by in a response: all of a success, no sentences of an error."""
    try:
        return open_response(body, "PolicyResponse")
    except sandbox.Failure as failure:
        return failure.code, failure.reason, [field for field, _ in failure.violations]


def keeps_to_the_page(box):
    """PROTOCOL.md's examples of an answer and of an error, sent to a new daemon as they stand in
    the page, are answered as it says."""
    dumps = {}
    for heading, language, text in blocks((PROTO / "PROTOCOL.md").read_text()):
        if language == "dump":
            dumps.setdefault(heading, []).append(dump_bytes(text))
    for heading in ("Example: CreatePolicy", "Example: an error with details"):
        asked, answered = dumps[heading]
        with box.peer() as peer:
            peer.send(asked)
            got = peer.read_frame()
        assert pack_frame(*got)[4:10] == answered[4:10], got
        assert said_by(got.body) == said_by(answered[10:]), f"{heading}: {said_by(got.body)}"
    with box.peer() as peer:
        peer.call("DeletePolicy", name="drop-dns")
    keeps_to_the_upload(box, dumps["Example: ApplyStream"])


def keeps_to_the_upload(box, frames):
    """The client's frames of the page, and the answer, byte by byte."""
    *asked, answered = frames
    with box.peer() as peer:
        peer.send(b"".join(asked))
        assert pack_frame(*peer.read_frame()) == answered
        peer.call("ApplyChanges", operations=[{"flush_policies": True}])


def says_who_it_is(box):
    """GetServerInfo, and health for the three kinds of names."""
    with box.peer() as peer:
        info = peer.call("GetServerInfo")
        assert info["protocol"] == "pepctl.v1" and info["version"], info
        assert info["revision"] == info["enforced_revision"], info
        for service in ("", PEPCTL):
            assert peer.call("Check", service=service)["status"] == 1
        refused_or_unknown(peer)


def refused_or_unknown(peer):
    """A service that is not there is NOT_FOUND by gRPC's definition, or SERVICE_UNKNOWN."""
    stream = peer.request("Check", service="no.such.Service")
    try:
        assert peer.answer(stream, "Check")["status"] == 3
    except sandbox.Failure as failure:
        assert failure.code == 5, failure


def files_of(descriptor_set):
    """{file name: FileDescriptorProto} of a FileDescriptorSet."""
    files = [data for number, data in raw_fields(descriptor_set) if number == 1]
    return {dict(raw_fields(data))[1].decode(): data for data in files}


def methods_of(files):
    """(service, method) of every service of the files."""
    for data in files.values():
        fields = list(raw_fields(data))
        package = next(value.decode() for number, value in fields if number == 2)
        for service in (value for number, value in fields if number == 6):
            name = dict(raw_fields(service))[1].decode()
            for number, method in raw_fields(service):
                if number == 2:
                    yield f"{package}.{name}", dict(raw_fields(method))[1].decode()


def describes_itself(box):
    """GetDescriptor is protoc's descriptor set of proto/*.proto."""
    made = box.folder / "descriptor"
    names = sorted(path.name for path in PROTO.glob("*.proto"))
    subprocess.run(["protoc", f"-I{PROTO}", "--include_imports", f"--descriptor_set_out={made}",
                    *names], check=True)
    expected = files_of(made.read_bytes())
    with box.peer() as peer:
        files = files_of(peer.call("GetDescriptor")["file_descriptor_set"])
    for name in names:
        assert files.get(name) == expected[name], f"{name} differs from protoc's"


def answer_code(peer, service, method):
    """The code of a call whose deadline has passed: the method is looked up before it is judged."""
    stream = peer.new_id()
    peer.send(pack_request(stream, method, timeout=-1, service=service))
    return refused_any(peer, stream)


def refused_any(peer, stream):
    try:
        peer.answer(stream, "GetStats")
    except sandbox.Failure as failure:
        return failure.code
    return 0


def answers_what_it_describes(box):
    """Every method of the descriptor is there, and no other is."""
    with box.peer() as peer:
        files = files_of(peer.call("GetDescriptor")["file_descriptor_set"])
        methods = sorted(methods_of(files))
        assert (HEALTH, "Check") in methods and len(methods) > 15, methods
        for service, method in methods:
            assert answer_code(peer, service, method) == 4, f"{service}/{method}"
        for service, method in [(PEPCTL, "NoSuchMethod"), (PEPCTL, "getpolicy"), (PEPCTL, ""),
                                (HEALTH, "CreatePolicy"), ("", ""), ("pepctl.v1", "GetStats")]:
            assert answer_code(peer, service, method) == 12, f"{service}/{method}"


def makes_policies(box):
    """CreatePolicy, GetPolicy, ALREADY_EXISTS, NOT_FOUND, UpdatePolicy, DeletePolicy."""
    dns = policy("drop-dns", {"src": f"{FAR}/32", "dport": {"first": 53, "last": 53}, "proto": UDP},
                 comment="ünï")
    with box.peer() as peer:
        before = peer.call("GetServerInfo")["revision"]
        made = peer.call("CreatePolicy", policy=dns)
        assert made["revision"] == before + 1, made
        got = peer.call("GetPolicy", name="drop-dns")["policy"]
        assert got["policy"]["comment"] == "ünï", got
        assert got["policy"]["match"]["dport"] == {"first": 53, "last": 53}, got
        assert got["policy"]["match"]["src"] in (FAR, f"{FAR}/32"), got
        assert got["created_revision"] == made["revision"], got
        refused(6, peer.call, "CreatePolicy", policy=dns)
        refused(5, peer.call, "GetPolicy", name="no-such")
        refused(5, peer.call, "DeletePolicy", name="no-such")
        peer.call("CreatePolicy", policy=policy("gone", {"proto": 0}))
        changed = peer.call("UpdatePolicy", policy={"name": "gone", "comment": "new", "log": 9},
                            update_mask=["comment"])["policy"]["policy"]
        assert (changed["comment"], changed["log"]) == ("new", 0), changed
        assert "proto" in changed["match"] and changed["match"]["proto"] == 0, changed
        peer.call("DeletePolicy", name="gone")
        refused(5, peer.call, "GetPolicy", name="gone")


def names_the_wrong_field(box):
    """The path of a violation, and a transaction is whole or not at all."""
    wrong = policy("web", {"dport": {"first": 443, "last": 80}, "proto": 6})
    with box.peer() as peer:
        before = peer.call("GetServerInfo")["revision"]
        fault = refused(3, peer.call, "ApplyChanges", operations=[
            {"create_policy": policy("fine", {"proto": 6})}, {"put_policy": wrong}])
        assert "operations[1].put_policy.match.dport" in dict(fault.violations), fault
        fault = refused(3, peer.call, "CreatePolicy", policy=policy("a b", {}))
        assert "policy.name" in dict(fault.violations), fault
        fault = refused(3, peer.call, "UpdatePolicy", policy={"name": "drop-dns"},
                        update_mask=["comment", "no-such"])
        assert "update_mask[1]" in dict(fault.violations), fault
        refused(10, peer.call, "ApplyChanges", expected_revision=before + 5,
                operations=[{"create_policy": policy("fine", {"proto": 6})}])
        refused(5, peer.call, "GetPolicy", name="fine")
        assert peer.call("GetServerInfo")["revision"] == before


def lists_in_pages(box):
    """Every page is of one revision, in deciding order, whatever changes meanwhile."""
    made = [{"create_policy": policy(f"page-{n}", {"src": f"192.0.2.{n}"}, ALLOW)}
            for n in range(7)]
    with box.peer() as peer:
        revision = peer.call("ApplyChanges", operations=made)["revision"]
        page = peer.call("ListPolicies", page_size=3, name_prefix="page-")
        names = [p["policy"]["name"] for p in page["policies"]]
        peer.call("DeletePolicy", name="page-0")
        while page["next_page_token"]:
            page = peer.call("ListPolicies", page_size=3, name_prefix="page-",
                             page_token=page["next_page_token"])
            assert page["revision"] == revision, page
            names += [p["policy"]["name"] for p in page["policies"]]
        assert names == [f"page-{n}" for n in range(7)], names
        refused_token(peer)
        peer.call("ApplyChanges", operations=[{"delete_policy": f"page-{n}"} for n in range(1, 7)])
        left = peer.call("ListPolicies")
        assert [p["policy"]["name"] for p in left["policies"]] == ["drop-dns"], left


def refused_token(peer):
    """A token that was never given is wrong, or of a snapshot that is gone."""
    stream = peer.request("ListPolicies", page_token="nonsense")
    assert refused_any(peer, stream) in (3, 10)


def attaches(box):
    """AttachInterface on a veth; ping works before and after, for nothing blocks it yet."""
    box.make_network()
    assert box.far_away(lambda: ping(PINGS, PATIENCE)) == PINGS
    with box.peer() as peer:
        refused(5, peer.call, "DetachInterface", iface=IFACE)
        made = peer.call("AttachInterface", iface=IFACE)["interface"]
        assert made["name"] == IFACE and made["mode"] in (NATIVE, GENERIC), made
        assert made["ifindex"] == socket.if_nametoindex(IFACE), made
        listed = peer.call("ListInterfaces")["interfaces"]
        assert [i["name"] for i in listed] == [IFACE] and listed[0]["program_id"], listed
    assert box.far_away(lambda: ping(PINGS, PATIENCE)) == PINGS


def check_marker(marker):
    parts = [marker[name] for name in ("delivered", "filtered", "lost", "suppressed", "ring_full")]
    assert sum(parts) == marker["decisions"], f"the accounting does not add up: {marker}"


def collect(stream, packets):
    """Events until so many packets came and a marker accounts for them."""
    events = []
    for event in stream:
        if "packet" in event:
            events.append(event)
        if "marker" in event:
            check_marker(event["marker"])
            if event["marker"]["delivered"] >= packets:
                return events, event["marker"]
    raise AssertionError(f"the stream ended after {len(events)} events")


def check_packets(events):
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs)), seqs
    udp = [e["packet"] for e in events if e["packet"]["proto"] == UDP]
    icmp = [e["packet"] for e in events if e["packet"]["proto"] == ICMP]
    assert (len(udp), len(icmp), len(events)) == (DATAGRAMS, PINGS, DATAGRAMS + PINGS), events
    for p in udp + icmp:
        assert (p["src"], p["dst"], p["iface"]) == (FAR, NEAR, IFACE), p
        assert (p["action"], p["reason"]) == (BLOCK, 1), p
    for p in udp:
        assert (p["sport"], p["dport"], p["policy"]) == (40000, 53, "drop-dns"), p
        assert p["length"] == 14 + 20 + 8 + 18, p
    for p in icmp:
        assert (p["icmp_type"], p["icmp_code"], p["policy"]) == (8, 0, "drop-ping"), p


def blocks_and_reports(box):
    """Real datagrams and pings are blocked, reported, accounted for and counted."""
    with box.peer() as watcher, box.peer() as peer, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((NEAR, 54))
        server.settimeout(PATIENCE)
        peer.call("CreatePolicy", policy=policy("drop-ping", {"proto": ICMP}))
        stream = watcher.stream("StreamEvents", marker_nano=50_000_000, name="interop",
                                filter={"no_changes": True})
        first = next(stream)["marker"]
        assert first["subscription"] and not first["decisions"], first
        box.far_away(lambda: (send_udp(53, DATAGRAMS), send_udp(54, 1)))
        assert server.recv(100) == b"x" * 18
        assert box.far_away(lambda: ping(PINGS, 1)) == 0
        events, marker = collect(stream, DATAGRAMS + PINGS)
        check_packets(events)
        assert marker["decisions"] == DATAGRAMS + PINGS, marker
        counted = peer.call("GetPolicy", name="drop-dns")["policy"]
        assert (counted["packets"], counted["bytes"]) == (DATAGRAMS, DATAGRAMS * 60), counted
        assert peer.call("GetStats")["counters"]["packets_blocked"] == DATAGRAMS + PINGS
        cancel(peer, stream, first["subscription"])


def cancel(peer, stream, name):
    """Cleanly: CANCELLED on the stream, success for who asked, and its connection lives."""
    listed = peer.call("ListSubscriptions")["subscriptions"]
    assert [(s["id"], s["name"]) for s in listed] == [(name, "interop")], listed
    peer.call("CancelSubscription", id=name)
    fault = refused(1, collect, stream, 1 << 60)
    assert fault.reason == "SUBSCRIPTION_CANCELLED", fault
    assert stream.peer.call("Check")["status"] == 1
    refused(5, peer.call, "CancelSubscription", id=name)
    assert not peer.call("ListSubscriptions")["subscriptions"]


def resumes(box):
    """`since` brings what was missed before the first marker; `count` is a clean end."""
    with box.peer() as peer:
        stream = peer.stream("StreamEvents", since=0, count=DATAGRAMS + PINGS,
                             filter={"no_changes": True})
        events = list(stream)
        packets = [e for e in events if "packet" in e]
        check_packets(packets)
        again = peer.stream("StreamEvents", since=packets[-3]["seq"], count=2,
                            filter={"no_changes": True})
        assert [e["seq"] for e in again if "packet" in e] == [e["seq"] for e in packets[-2:]]
        none = peer.stream("StreamEvents", since=packets[-1]["seq"], filter={"no_changes": True})
        assert "marker" in next(none)


def streams_changes(box):
    """A change and the interface going are events too; WatchStats ends by itself."""
    with box.peer() as watcher, box.peer() as peer:
        stream = watcher.stream("StreamEvents", filter={"no_packets": True})
        assert "marker" in next(stream)
        revision = peer.call("DeletePolicy", name="drop-ping")["revision"]
        change = next(stream)["change"]
        assert change["revision"] == revision and change["uid"] == 0, change
        assert any(line.startswith("- policy drop-ping") for line in change["changes"]), change
        assert len(list(peer.stream("WatchStats", interval_nano=100_000_000, count=2))) == 2
    assert box.far_away(lambda: ping(PINGS, PATIENCE)) == PINGS


def rights_of(box, groups):
    """Codes of a read, a change and a probe by a user in these groups only."""
    def attempt():
        codes = []
        for method, values in (("ListPolicies", {}), ("Check", {}),
                               ("DeletePolicy", {"name": "no-such", "allow_missing": True})):
            with box.peer() as peer:
                try:
                    peer.call(method, **values)
                    codes.append(0)
                except sandbox.Failure as failure:
                    codes.append(failure.code)
        return codes
    return as_user(65534, groups, attempt)


def knows_rights(box):
    """Nobody may do nothing, and is shown the door; the groups do as they should."""
    assert rights_of(box, []) == [7, 7, 7]
    assert rights_of(box, [12345]) == [7, 7, 7]
    assert rights_of(box, [READ]) == [0, 0, 7]
    assert rights_of(box, [BAN]) == [0, 0, 7]
    assert rights_of(box, [12345, ADMIN]) == [0, 0, 0]

    def stays():
        with box.peer() as peer:
            refused(7, peer.call, "Check")
            try:
                peer.read_frame()
            except (EOFError, ConnectionResetError):
                return "closed"
            return "open"
    assert as_user(65534, [], stays) == "closed"


def detaches(box):
    """DetachInterface; what was blocked passes again."""
    with box.peer() as peer, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((NEAR, 53))
        server.settimeout(PATIENCE)
        peer.call("DetachInterface", iface=IFACE)
        assert not peer.call("ListInterfaces")["interfaces"]
        box.far_away(lambda: send_udp(53, 1))
        assert server.recv(100) == b"x" * 18
        peer.call("DetachInterface", iface=IFACE, allow_missing=True)


CASES = [keeps_to_the_page, says_who_it_is, describes_itself, answers_what_it_describes,
         makes_policies, names_the_wrong_field, lists_in_pages, attaches, blocks_and_reports, resumes,
         streams_changes, knows_rights, detaches]

if __name__ == "__main__":
    sandbox.enter(lambda box: sandbox.run_cases(box, CASES))
