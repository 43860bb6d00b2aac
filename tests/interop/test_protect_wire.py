#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Flows that a request protects, and `force` of every request that has it, by the independent peer."""
import socket

import sandbox
from sandbox import refused, run_cases

PRECONDITION, ALLOW, BLOCK, GENERIC, UDP = 9, 0, 1, 2, 17
DNS = {"src": "192.0.2.7", "dst": "192.0.2.1", "proto": UDP, "dport": 53}


def policy(name, action=BLOCK, priority=1000, **match):
    return {"name": name, "action": {"kind": action}, "match": match, "priority": priority}


def begin(peer):
    peer.call("AttachInterface", iface="lo", mode=GENERIC)


def revision(peer):
    return peer.call("GetServerInfo")["revision"]


def listed(box):
    """What would drop a listed packet is refused with operation and policy; not what drops it already."""
    block = {"put_policy": policy("dns", dport={"first": 53, "last": 53})}
    with box.peer() as peer:
        begin(peer)
        before = revision(peer)
        for options in ({}, {"validate_only": True}):
            fault = refused(PRECONDITION, peer.call, "ApplyChanges", protect=[{"dport": 80}, DNS],
                            operations=[{"put_policy": policy("web", ALLOW)}, block], **options)
            assert fault.reason == "LOCKOUT", fault
            assert fault.violations == [("operations[1].put_policy", "policy dns would drop on lo protect[1]: a packet "
                                         "from 192.0.2.7 port 49152 to 192.0.2.1 port 53")], fault.violations
        assert revision(peer) == before
        peer.call("ApplyChanges", operations=[block], protect=[{"dport": 80}])
        peer.call("ApplyChanges", operations=[{"put_policy": policy("other", src="203.0.113.9")}], protect=[DNS])
        peer.call("ApplyChanges", operations=[{"delete_policy": "dns"}, {"delete_policy": "other"}])
        peer.call("ApplyChanges", operations=[block], protect=[DNS], force=True)
        assert revision(peer) == before + 4


def wrong(box):
    """Every bad flow is told, and there are limits."""
    with box.peer() as peer:
        fault = refused(3, peer.call, "ApplyChanges", protect=[{"src": "10.0.0.0/8"}, {}, {"dport": 70000}])
        assert [v[0] for v in fault.violations] == ["protect[0].src", "protect[2].dport"], fault.violations
        fault = refused(3, peer.call, "ApplyChanges", protect=[{}] * 101)
        assert fault.violations == [("protect", "101 flows; at most 100")], fault.violations
        peer.call("ApplyChanges", protect=[{}] * 100)


def forced(box):
    """Each request that has it: refused with a session at stake, done with force."""
    with box.peer() as peer, socket.create_server(("127.0.0.1", 22)) as server, \
            socket.create_connection(("127.0.0.1", 22)), server.accept()[0]:
        begin(peer)
        peer.call("ApplyChanges", operations=[{"flush_policies": True}, {"put_policy": policy("guard", ALLOW, 1)},
                                              {"put_policy": policy("all")}])
        http = {"first": 80, "last": 80}
        for method, field, request in (
                ("CreatePolicy", "policy", {"policy": policy("p", BLOCK, 0)}),
                ("UpdatePolicy", "policy", {"policy": policy("guard", ALLOW, 1, dport=http)}),
                ("DeletePolicy", "name", {"name": "guard"})):
            before = revision(peer)
            fault = refused(PRECONDITION, peer.call, method, **request)
            assert fault.reason == "LOCKOUT" and fault.violations[0][0] == field, (fault, fault.violations)
            assert revision(peer) == before
            assert peer.call(method, **request, force=True)["revision"] == before + 1, method
            peer.call("ApplyChanges", operations=[{"put_policy": policy("guard", ALLOW, 1)},
                                                  {"delete_policy": "p", "allow_missing": True}])
        peer.call("DetachInterface", iface="lo")
        peer.call("ApplyChanges", operations=[{"delete_policy": "guard"}])
        fault = refused(PRECONDITION, peer.call, "AttachInterface", iface="lo", mode=GENERIC)
        assert fault.reason == "LOCKOUT" and fault.violations[0][0] == "iface", (fault, fault.violations)
        peer.call("AttachInterface", iface="lo", mode=GENERIC, force=True)


if __name__ == "__main__":
    sandbox.enter(lambda box: run_cases(box, [listed, wrong, forced]))
