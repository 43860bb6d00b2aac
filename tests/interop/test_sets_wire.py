#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Sets as bytes: both families, prefixes, pages, and what is refused, by the independent peer."""
import os

import sandbox
from sandbox import refused, run_cases

REPLACE_ALL = 1
CREATED, CHANGED = 1, 2


def apply(peer, *operations, **options):
    return peer.call("ApplyChanges", operations=list(operations), **options)


def items(members, field, size):
    data = members[field]
    assert len(data) % size == 0, (field, len(data))
    return [data[at:at + size] for at in range(0, len(data), size)]


def as_bytes(box):
    """Every form goes in, and comes out as the shortest one."""
    members = {"ipv4": bytes([192, 0, 2, 1, 192, 0, 2, 2]),
               "ipv4_prefixes": bytes([10, 0, 0, 0, 8, 192, 0, 2, 1, 32]),
               "ipv6": bytes(15) + b"\1", "ipv6_prefixes": b"\x20\1\x0d\xb8" + bytes(12) + b"\x20",
               "text": ["198.51.100.0-198.51.100.3", "::/0"]}
    with box.peer() as peer:
        answer = apply(peer, {"create_set": {"name": "s", "members": members, "bannable": True,
                                             "max_ttl_nano": 5}})
        assert answer["effects"] == [CREATED], answer
        page = peer.call("ListSetMembers", set="s")
        got = page["members"]
        assert sorted(items(got, "ipv4", 4)) == [b"\xc0\0\2\1", b"\xc0\0\2\2"], got
        assert sorted(items(got, "ipv4_prefixes", 5)) == [b"\x0a\0\0\0\x08", b"\xc6\x33\x64\0\x1e"], got
        assert items(got, "ipv6", 16) == [bytes(15) + b"\1"], got
        assert sorted(items(got, "ipv6_prefixes", 17)) == [bytes(17), members["ipv6_prefixes"]], got
        assert got["text"] == [] and page["next_page_token"] == "", page
        status = peer.call("ListSets")["sets"][0]
        assert (status["name"], status["bannable"], status["max_ttl_nano"], status["ipv4_members"],
                status["ipv6_members"]) == ("s", True, 5, 4, 3), status


def wrong_bytes(box):
    rows = [({"ipv4": b"\1\2\3"}, "ipv4"), ({"ipv4_prefixes": b"\1\2\3\4"}, "ipv4_prefixes"),
            ({"ipv4_prefixes": b"\x0a\0\0\0\x08\x0a\0\0\1\x08"}, "ipv4_prefixes[1]"),
            ({"ipv4_prefixes": b"\x0a\0\0\0\x21"}, "ipv4_prefixes[0]"), ({"ipv6": bytes(15)}, "ipv6"),
            ({"ipv6_prefixes": bytes(16) + b"\x81"}, "ipv6_prefixes[0]"),
            ({"ipv6_prefixes": bytes(15) + b"\1\x7f"}, "ipv6_prefixes[0]"),
            ({"text": ["::1", "x"]}, "text[1]")]
    with box.peer() as peer:
        before = peer.call("GetServerInfo")["revision"]
        for members, path in rows:
            for kind, name in (("put_set", "name"), ("add_members", "set"), ("remove_members", "set"),
                               ("replace_members", "set")):
                fault = refused(3, apply, peer, {kind: {name: "s", "members": members}})
                assert f"operations[0].{kind}.members.{path}" in dict(fault.violations), fault.violations
        fault = refused(3, apply, peer, {"put_set": {"name": "a/b"}}, {"delete_set": ""})
        assert {"operations[0].put_set.name", "operations[1].delete_set"} <= set(dict(fault.violations)), \
            fault.violations
        assert peer.call("GetServerInfo")["revision"] == before


def many(count):
    return b"".join((10 << 24 | n).to_bytes(4, "big") for n in range(count))


def pages(box):
    """A page at a time gives every member once; a change in between begins anew."""
    with box.peer() as peer:
        apply(peer, {"put_set": {"name": "p", "members": {"ipv4": many(1000), "ipv6": os.urandom(160)}}})
        seen, token, count = [], "", 0
        while True:
            page = peer.call("ListSetMembers", set="p", page_size=97, page_token=token)
            got = items(page["members"], "ipv4", 4) + items(page["members"], "ipv6", 16)
            assert 0 < len(got) <= 97, len(got)
            seen, token, count = seen + got, page["next_page_token"], count + 1
            if not token:
                break
        assert len(seen) == len(set(seen)) == 1010 and count == 11, (len(seen), count)
        token = peer.call("ListSetMembers", set="p", page_size=10)["next_page_token"]
        apply(peer, {"put_set": {"name": "other"}})
        peer.call("ListSetMembers", set="p", page_token=token)
        for cursor in (4294967295, 2**63, 2**64 - 1):
            refused(3, peer.call, "ListSetMembers", set="p",
                    page_token=f"{token.rpartition('.')[0]}.{cursor}")
        apply(peer, {"add_members": {"set": "p", "members": {"text": ["9.9.9.9"]}}})
        refused(10, peer.call, "ListSetMembers", set="p", page_token=token)
        for wrong, code in (("x", 3), ("1", 3), (token + "x", 3), ("1.2.3", 10), ("-1.-1.-1", 3),
                            (" 1.2.3", 3), ("1.2.99999999999999999999", 3), ("1.2.3.4", 3)):
            refused(code, peer.call, "ListSetMembers", set="p", page_token=wrong)
        refused(5, peer.call, "ListSetMembers", set="none")
        gone = {"set": "p", "members": {"ipv4": many(1000)}}
        apply(peer, {"put_set": {"name": "p", "members": gone["members"]}})
        apply(peer, {"remove_members": gone})
        page = peer.call("ListSetMembers", set="p")
        assert not page["next_page_token"] and not page["members"]["ipv4"], page


def pieces(box):
    """A set in pieces is one change: the same again changes nothing."""
    data = many(3000)
    parts = [data[at:at + 4000] for at in range(0, len(data), 4000)]
    whole = [{"put_set": {"name": "w", "members": {"ipv4": parts[0]}}}] + \
            [{"add_members": {"set": "w", "members": {"ipv4": part}}} for part in parts[1:]]
    with box.peer() as peer:
        first = apply(peer, *whole, mode=REPLACE_ALL)
        assert first["effects"] == [CREATED, CHANGED, CHANGED], first
        again = apply(peer, *whole, mode=REPLACE_ALL)
        assert (again["revision"], sum(again["effects"])) == (first["revision"], 0), again
        fault = refused(5, apply, peer, *whole[1:], mode=REPLACE_ALL)
        assert "operations[0].add_members" in dict(fault.violations), fault.text
        fault = refused(5, apply, peer, {"put_policy": {"name": "x", "action": {"kind": 1},
                                                        "match": {"src": "@none"}}})
        assert "operations[0].put_policy.match.src" in dict(fault.violations), fault.violations


def large_frame(box):
    """As much as a frame carries, in one operation."""
    with box.peer() as peer:
        answer = apply(peer, {"put_set": {"name": "big", "members": {"ipv4": many(1000000)}}},
                       mode=REPLACE_ALL)
        assert answer["effects"] == [CREATED], answer
        fault = refused(8, apply, peer, {"add_members": {"set": "big", "members": {"text": ["9.9.9.9"]}}})
        assert "--max-members" in fault.text, fault.text
        assert peer.call("ListSets")["sets"][0]["ipv4_members"] == 1000000


if __name__ == "__main__":
    sandbox.enter(lambda box: run_cases(box, [as_bytes, wrong_bytes, pages, pieces, large_frame]))
