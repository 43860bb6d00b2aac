#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""ExplainPacket as bytes: flows, frames, candidates and what is refused, by the independent peer."""
import struct
import time

import sandbox
from peer import ALLOW, BLOCK, PATIENCE, RATE_LIMIT, open_response, pack_request, tagged
from sandbox import READ, as_user, refused, run_cases

NONE, POLICY, DEFAULT, MALFORMED, FRAGMENT, HEADERS = 0, 1, 2, 4, 5, 6
REPLACE_ALL = 1
ARP, TCP, UDP, ICMPV6 = 0x0806, 6, 17, 58


def policy(name, kind, priority=1000, **match):
    return {"name": name, "action": {"kind": kind}, "match": match, "priority": priority}


def begin(peer):
    peer.call("ApplyChanges", mode=REPLACE_ALL, operations=[
        {"put_set": {"name": "bad", "members": {"text": ["203.0.113.0/24"]}}},
        {"put_policy": policy("web", ALLOW, 1, proto=TCP, dport={"first": 80, "last": 443})},
        {"put_policy": {**policy("seen", BLOCK, 2, proto=TCP), "shadow": True}},
        {"put_policy": policy("drop-bad", BLOCK, 3, src="@bad")},
        {"put_policy": policy("six", BLOCK, 4, dst="2001:db8::/32")}])


def ask(peer, flow=None, **more):
    if flow is not None:
        more["flow"] = flow
    return peer.call("ExplainPacket", **more)


def flows(box):
    """Every part of the answer, for flows of both families."""
    with box.peer() as peer:
        begin(peer)
        revision = peer.call("GetServerInfo")["revision"]
        a = ask(peer, {"src": "203.0.113.9", "dst": "192.0.2.1", "dport": 22})
        assert (a["verdict"], a["reason"], a["policy"], a["shadow"]) == (BLOCK, POLICY, "drop-bad", "seen"), a
        assert a["line"] == "drop-bad block src @bad priority 3", a["line"]
        assert a["revision"] == revision and a["considered_total"] == 3 and not a["warnings"], a
        assert [dict(c) for c in a["considered"]] == [
            {"policy": "web", "why": "dport 22 is not in 80-443"},
            {"policy": "seen", "matched": True, "why": "matches, but is a shadow policy"},
            {"policy": "drop-bad", "matched": True, "why": "decides"}], a["considered"]
        assert dict(a["packet"]) == {"src": "203.0.113.9", "dst": "192.0.2.1", "proto": TCP, "sport": 49152,
                                     "dport": 22, "tcp_flags": 2, "length": 54, "ip_length": 40}, a["packet"]
        a = ask(peer, {"dst": "2001:db8::7", "proto": UDP, "dport": 53, "vlan": 0, "length": 1000})
        assert (a["verdict"], a["policy"], a["shadow"]) == (BLOCK, "six", ""), a
        assert (a["packet"]["src"], a["packet"]["length"], "vlan" in a["packet"]) == ("::", 1018, True), a["packet"]
        assert "tcp_flags" not in a["packet"] and "icmp_type" not in a["packet"], a["packet"]
        a = ask(peer, {"src": "fe80::1", "icmp_type": {"type": 135}})
        assert (a["verdict"], a["reason"]) == (ALLOW, DEFAULT) and a["packet"]["neighbour_discovery"], a
        assert (a["packet"]["proto"], a["packet"]["icmp_type"]["type"]) == (ICMPV6, 135), a["packet"]
        a = ask(peer, {"src": "198.51.100.1", "proto": 47})
        assert (a["verdict"], a["reason"], a["policy"], a["considered_total"]) == (ALLOW, DEFAULT, "", 4), a


def ethernet(kind, payload):
    return bytes(12) + struct.pack(">H", kind) + payload


def frames(box):
    """Bytes as they are: too few headers, too many, none at all."""
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, UDP, 0, bytes([203, 0, 113, 1]), bytes(4))
    udp = struct.pack(">HHHH", 7, 8, 8, 0)
    rows = [(ethernet(ARP, bytes(28)), ALLOW, NONE, "", ""), (bytes(14), ALLOW, NONE, "", ""),
            (ethernet(0x0800, ip + udp), BLOCK, POLICY, "drop-bad", ""),
            (ethernet(0x0800, ip + udp[:5]), BLOCK, POLICY, "drop-bad", "ip-length"),
            (ethernet(0x0800, ip[:10]), ALLOW, NONE, "", "ip-short"),
            (ethernet(0x0800, ip + udp).ljust(3520, b"\0"), BLOCK, POLICY, "drop-bad", ""),
            (ethernet(0x8100, 3 * struct.pack(">HH", 5, 0x8100)), BLOCK, HEADERS, "", "headers")]
    with box.peer() as peer:
        begin(peer)
        for frame, verdict, reason, name, error in rows:
            a = ask(peer, frame=frame)
            got = (a["verdict"], a["reason"], a["policy"], a["packet"]["parse_error"], a["packet"]["length"])
            assert got == (verdict, reason, name, error, len(frame)), (frame[:60].hex(), got)
            assert bool(a["considered"]) == (reason in (POLICY, DEFAULT)), a
        for size in (0, 1, 13, 3521, 9000):
            failure = refused(3, ask, peer, frame=bytes(size))
            assert failure.violations[0][0] == "frame", failure


def wrong(box):
    """Every wrong field by its path, several at once; unknown fields; unknown interfaces."""
    rows = [({"src": "192.0.2.1", "dst": "::1"}, "flow.dst"), ({"src": "x"}, "flow.src"),
            ({"src": "10.0.0.0/8"}, "flow.src"), ({"src": "@bad"}, "flow.src"), ({"proto": 256}, "flow.proto"),
            ({"proto": 47, "dport": 1}, "flow.dport"), ({"dport": 65536}, "flow.dport"),
            ({"sport": 1 << 31}, "flow.sport"), ({"vlan": 4095}, "flow.vlan"),
            ({"icmp_type": {"type": 256}}, "flow.icmp_type.type"), ({"proto": UDP, "tcp_flags": 2}, "flow.tcp_flags"),
            ({"length": 39}, "flow.length"), ({"length": (1 << 32) - 1}, "flow.length"),
            ({"dst": "::1", "proto": 0}, "flow.proto")]
    with box.peer() as peer:
        for flow, field in rows:
            assert refused(3, ask, peer, flow).violations[0][0] == field, flow
        failure = refused(3, ask, peer, {"src": "x", "dst": "y", "vlan": 5000})
        assert [v[0] for v in failure.violations] == ["flow.src", "flow.dst", "flow.vlan"], failure.violations
        assert refused(3, ask, peer).violations[0][0] == "flow", "no packet"
        assert refused(3, ask, peer, {}, iface="a/b").violations[0][0] == "iface", "iface"
        assert refused(5, ask, peer, {}, iface="nowhere").reason == "NO_INTERFACE", "unknown iface"
        assert refused(3, ask, peer, {}, mode=7).violations[0][0] == "mode", "mode"
        stream = peer.new_id()
        peer.send(pack_request(stream, "ExplainPacket", tagged(1, tagged(77, 1))))
        body = peer.frame_of(stream).body
        assert refused(3, open_response, body, "ExplainPacketResponse").violations[0][0].startswith("flow"), body
        assert "not attached" not in str(ask(peer, {}, iface="lo")["warnings"]) and \
            "if lo were attached" in ask(peer, {}, iface="lo")["warnings"][0], "a warning"


def limiter(box):
    """The bucket of a rate limit: full, in its unit, and not taken from."""
    with box.peer() as peer:
        peer.call("ApplyChanges", mode=REPLACE_ALL, operations=[
            {"put_policy": {"name": "slow", "action": {
                "kind": RATE_LIMIT, "rate_limit": {"rate": 5, "unit": 1, "burst": 2000}}, "match": {"proto": UDP}}}])
        for _ in range(3):
            a = ask(peer, {"proto": UDP, "dport": 9, "length": 1500})
            assert (a["verdict"], a["policy"]) == (RATE_LIMIT, "slow"), a
            assert dict(a["limiter"]) == {"available": 2000, "burst": 2000, "unit": 1, "passes": True}, a["limiter"]


def candidate(box):
    """The ruleset that a transaction would make: asked, and forgotten."""
    with box.peer() as peer:
        begin(peer)
        before = (peer.call("GetServerInfo")["revision"], peer.call("ListPolicies", page_size=100),
                  peer.call("ListSets"))
        flow = {"src": "203.0.113.9", "dport": 22}
        merge = [{"put_policy": policy("first", ALLOW, 0, dport={"first": 22, "last": 22})}]
        for _ in range(20):
            a = ask(peer, flow, operations=merge)
            assert (a["verdict"], a["policy"], a["revision"]) == (ALLOW, "first", before[0] + 1), a
            a = ask(peer, flow, operations=[{"remove_members": {"set": "bad", "members": {"text": ["203.0.113.0/24"]}}}])
            assert (a["verdict"], a["reason"], a["considered_total"]) == (ALLOW, DEFAULT, 4), a
            a = ask(peer, flow, operations=merge, mode=REPLACE_ALL)
            assert (a["policy"], a["considered_total"]) == ("first", 1), a
            a = ask(peer, flow, mode=REPLACE_ALL)
            assert (a["verdict"], a["considered_total"]) == (ALLOW, 0), a
            assert ask(peer, flow)["policy"] == "drop-bad", "what is in force"
        failure = refused(5, ask, peer, flow, operations=[{"put_policy": policy("x", BLOCK, 1, src="@none")}])
        assert (failure.reason, failure.violations[0][0]) == ("NO_SET", "operations[0].put_policy.match.src"), failure
        failure = refused(3, ask, peer, flow, operations=[{"put_policy": policy("x/y", BLOCK)}])
        assert failure.violations[0][0] == "operations[0].put_policy.name", failure
        refused(4, peer.call, "ExplainPacket", timeout=1, flow=flow, operations=merge)
        after = (peer.call("GetServerInfo")["revision"], peer.call("ListPolicies", page_size=100),
                 peer.call("ListSets"))
        assert after == before, "something was left of a candidate"


def rights(box):
    """Readers ask about what is in force, not about candidates."""
    def as_reader():
        with box.peer() as peer:
            verdict = ask(peer, {"src": "203.0.113.9"})["policy"]
            return verdict, refused(7, ask, peer, {}, mode=REPLACE_ALL).reason
    assert as_user(40009, [READ], as_reader) == ("drop-bad", "NO_RIGHT")


def tables(box):
    """GetServerInfo tells what a packet can cost."""
    with box.peer() as peer:
        begin(peer)
        end = time.monotonic() + PATIENCE
        while (cost := peer.call("GetServerInfo")["tables"])["entries"] != 4 and time.monotonic() < end:
            time.sleep(0.01)  # the commit has not settled
        assert cost["entries"] == 4 and 1 <= cost["tuples"] <= 4 and cost["longest_run"] >= 1, cost
        assert "explain" in peer.call("GetServerInfo")["features"], "features"


if __name__ == "__main__":
    sandbox.enter(lambda box: run_cases(box, [flows, frames, wrong, limiter, candidate, rights, tables]))
