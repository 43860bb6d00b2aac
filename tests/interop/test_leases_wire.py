#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Leases as bytes: who may hold what, what is refused and by which field, indexes and pages."""
import sandbox
from peer import BLOCK, encode, pack_request
from sandbox import ADMIN, BAN, READ, as_user, refused, run_cases

SECOND, HOUR, YEAR = 10**9, 3600 * 10**9, 365 * 86400 * 10**9
USER = 40300


def address(text):
    return {"text": [text]}


def prepare(box):
    """A set that is blocked and bannable, one that is neither."""
    with box.peer() as peer:
        peer.call("ApplyChanges", operations=[
            {"put_set": {"name": "jail", "bannable": True, "max_ttl_nano": HOUR}},
            {"put_set": {"name": "plain"}},
            {"put_policy": {"name": "jail", "action": {"kind": BLOCK}, "match": {"src": "@jail"}}}])


def held(peer, **request):
    leases, token = [], ""
    while True:
        page = peer.call("ListLeases", page_token=token, **request)
        leases, token = leases + page["leases"], page["next_page_token"]
        if not token:
            return sorted((m["set"], m["member"], m["owner"]) for m in leases)


def release_all(peer):
    peer.call("ReleaseMembers", all=True, any_owner=True)
    assert not held(peer)


WRONG_HOLDS = [
    ({"set": "a/b"}, ["set"]), ({"set": ""}, ["set"]), ({"set": "x" * 64}, ["set"]),
    ({"members": {}}, ["members"]), ({"members": address("x")}, ["members.text[0]"]),
    ({"members": {"ipv4": b"\1\2\3"}}, ["members.ipv4"]),
    ({"ttl_nano": -1}, ["ttl_nano"]), ({"ttl_nano": 10 * YEAR + 1}, ["ttl_nano"]),
    ({"owner": "a b"}, ["owner"]), ({"owner": "x" * 64}, ["owner"]), ({"owner": "é"}, ["owner"]),
    ({"set": "", "members": {}, "ttl_nano": -1, "owner": "/"}, ["set", "members", "ttl_nano", "owner"]),
]
WRONG_RELEASES = [
    ({"set": "a/b"}, ["set"]), ({"members": {}}, ["members"]), ({"all": True}, ["all"]),
    ({"any_owner": True, "owner": "x"}, ["any_owner"]), ({"owner": "a b"}, ["owner"]),
    ({"set": "/", "members": address("x"), "any_owner": True, "owner": "x"},
     ["set", "members.text[0]", "any_owner"]),
]


def wrong_requests(box):
    """Every wrong field is told, all of them at once, and nothing is done."""
    with box.peer() as peer:
        for method, rows in (("LeaseMembers", WRONG_HOLDS), ("ReconcileMembers", WRONG_HOLDS),
                             ("ReleaseMembers", WRONG_RELEASES)):
            for change, fields in rows:
                values = {"set": "jail", "members": address("192.0.2.1")} | change
                if method == "ReconcileMembers" and values["members"] == {}:
                    del values["members"]
                fault = refused(3, peer.call, method, **values)
                assert [field for field, _ in fault.violations] == fields, (method, change, fault)
        fault = refused(3, peer.call, "ReconcileMembers", set="jail", members={}, shorten=True, ban=True)
        assert [field for field, _ in fault.violations] == ["shorten", "ban"], fault
        for method in ("LeaseMembers", "ReconcileMembers", "ReleaseMembers"):
            fault = refused(5, peer.call, method, set="none", members=address("::1"))
            assert fault.reason == "NO_SET", fault
        refused(3, peer.call, "LeaseMembers")
        assert not held(peer)


def unknown_fields(box):
    """They change something, or not as was meant."""
    with box.peer() as peer:
        for method in ("LeaseMembers", "ReconcileMembers", "ReleaseMembers"):
            payload = encode(method + "Request", {"set": "jail", "members": address("::1")}) + b"\xf8\x01\1"
            stream = peer.new_id()
            peer.send(pack_request(stream, method, payload))
            fault = refused(3, peer.answer, stream, method)
            assert "31" in fault.text, fault
        assert not held(peer)


def counts(box):
    """What is new, what moves, what stays, and that nothing becomes shorter by itself."""
    with box.peer() as peer:
        def hold(*texts, **more):
            answer = peer.call("LeaseMembers", **({"set": "jail", "members": {"text": list(texts)}} | more))
            return tuple(answer[k] for k in ("added", "refreshed", "unchanged")), answer
        assert hold("192.0.2.1", "192.0.2.1", "::1", ttl_nano=HOUR)[0][0] == 2
        assert hold("::1", "::2", ttl_nano=2 * HOUR)[0] == (1, 1, 0)
        numbers, answer = hold("::9", "::1", "192.0.2.1", ttl_nano=HOUR + HOUR // 2)
        assert numbers == (1, 1, 1) and (answer["kept"], answer["kept_total"]) == ([1], 1), answer
        assert hold("::1", ttl_nano=SECOND * 100, shorten=True)[0] == (0, 1, 0)
        assert hold("::1")[0] == (0, 1, 0) and hold("::1")[0] == (0, 0, 1)
        assert hold("::1", ttl_nano=HOUR, validate_only=True, shorten=True)[0] == (0, 1, 0)
        assert hold("::77", validate_only=True)[0] == (1, 0, 0)
        left = {m["member"]: m["left_nano"] for m in peer.call("ListLeases")["leases"]}
        assert left["::1"] == 0 and "::77" not in left and 0 < left["192.0.2.1"] <= HOUR * 3 // 2, left
        assert peer.call("ListSets")["sets"][0]["leases"] == 4
        answer = peer.call("ReleaseMembers", set="jail", members={"text": ["::1", "::2", "::3"]})
        assert (answer["released"], answer["missing"]) == (2, 1), answer
        answer = peer.call("ReleaseMembers", members=address("::9"), owner="else")
        assert (answer["released"], answer["missing"]) == (0, 1), answer
        answer = peer.call("ReleaseMembers", members=address("::9"))
        assert (answer["released"], answer["missing"]) == (1, 0), answer
        assert held(peer) == [("jail", "192.0.2.1", "uid:0")], held(peer)
        release_all(peer)


def unguarded(box):
    """Each answer to a change tells of the set that it leaves to itself."""
    def told(answer):
        return "no policy keeps out any more what set banned has" in "".join(answer["warnings"])

    with box.peer() as peer:
        peer.call("LeaseMembers", set="banned", members=address("::9"), ban=True)
        blocks = {"name": "banned", "match": {"src": "@banned"}, "action": {"kind": BLOCK}}
        assert told(peer.call("UpdatePolicy", policy={**blocks, "action": {}}))
        assert not told(peer.call("UpdatePolicy", policy=blocks))
        assert told(peer.call("DeletePolicy", name="banned"))
        assert not told(peer.call("CreatePolicy", policy=blocks))
        assert told(peer.call("ApplyChanges", operations=[{"delete_policy": "banned"}]))
        peer.call("ReleaseMembers", set="banned", members=address("::9"))
        peer.call("ApplyChanges", operations=[{"delete_set": "banned"}])


def reconciles(box):
    """These are all of mine; the others' stay."""
    with box.peer() as peer:
        peer.call("LeaseMembers", set="jail", members={"text": ["::1", "::2", "::3"]}, owner="a", ttl_nano=HOUR)
        peer.call("LeaseMembers", set="jail", members=address("::1"), owner="b")
        answer = peer.call("ReconcileMembers", set="jail", owner="a", ttl_nano=2 * HOUR,
                           members={"text": ["::3", "::4"]})
        assert [answer[k] for k in ("added", "refreshed", "unchanged", "released")] == [1, 1, 0, 2], answer
        assert held(peer, owner="a") == [("jail", "::3", "a"), ("jail", "::4", "a")]
        answer = peer.call("ReconcileMembers", set="jail", owner="a", members={})
        assert answer["released"] == 2 and held(peer) == [("jail", "::1", "b")], answer
        release_all(peer)


def indexes(box):
    """Over all forms, ranges by their text; of what the ban group may not, the index and why."""
    members = {"ipv4": bytes([1, 1, 1, 1]), "ipv4_prefixes": bytes([10, 0, 0, 0, 8, 192, 0, 2, 0, 24]),
               "ipv6": bytes(15) + b"\1", "ipv6_prefixes": b"\x20\1" + bytes(14) + b"\x10",
               "text": ["192.0.2.1", "172.16.0.0-172.18.255.255", "9.9.9.9", "fd00::/8"]}

    def attempt():
        with box.peer() as peer:
            return peer.call("LeaseMembers", set="jail", members=members, ttl_nano=HOUR)
    answer = as_user(USER, [BAN], attempt)
    assert answer["added"] == 5 and answer["rejected_total"] == 5, answer
    assert [m["index"] for m in answer["rejected"]] == [1, 4, 6, 6, 8], answer
    assert "/24" in answer["rejected"][0]["reason"] and "/48" in answer["rejected"][4]["reason"], answer
    with box.peer() as peer:
        peer.call("LeaseMembers", set="jail", members=members, owner="a")
        answer = peer.call("LeaseMembers", set="jail", members=members, owner="a", ttl_nano=1)
        assert answer["kept"] == [0, 1, 2, 3, 4, 5, 6, 6, 7, 8] and answer["kept_total"] == 10, answer
        many = b"".join((11 << 24 | n).to_bytes(4, "big") for n in range(3000))
        peer.call("LeaseMembers", set="jail", members={"ipv4": many}, owner="a")
        answer = peer.call("LeaseMembers", set="jail", members={"ipv4": many}, owner="a", ttl_nano=1)
        assert (answer["kept"], answer["kept_total"]) == (list(range(1000)), 3000), answer
        release_all(peer)


def code_of(box, method, **values):
    with box.peer() as peer:
        try:
            peer.call(method, **values)
            return 0
        except sandbox.Failure as failure:
            return failure.code


def rights(box):
    """Each group, each method; and what the ban group may not say."""
    one = {"set": "jail", "members": address("192.0.2.1")}
    calls = [("LeaseMembers", one | {"ttl_nano": HOUR}), ("ReconcileMembers", one | {"ttl_nano": HOUR}),
             ("ReleaseMembers", one), ("ListLeases", {})]
    for groups, codes in (([ADMIN], [0, 0, 0, 0]), ([BAN], [0, 0, 0, 0]), ([READ], [7, 7, 7, 0]),
                          ([READ, BAN], [0, 0, 0, 0]), ([], [7, 7, 7, 7])):
        got = as_user(USER, groups, lambda: [code_of(box, m, **v) for m, v in calls])
        assert got == codes, (groups, got)
    rows = [({"ttl_nano": 0}, 3), ({"ttl_nano": HOUR + 1}, 3), ({"set": "plain"}, 7), ({"owner": "else"}, 7),
            ({"owner": f"uid:{USER}"}, 0), ({"owner": "uid:0"}, 7), ({"members": address("10.0.0.0/23")}, 0)]
    for method in ("LeaseMembers", "ReconcileMembers"):
        for change, code in rows:
            got = as_user(USER, [BAN], lambda: code_of(box, method, **(one | {"ttl_nano": HOUR} | change)))
            assert got == code, (method, change, got)
    for change, code in (({"any_owner": True}, 7), ({"owner": "else"}, 7), ({}, 0)):
        assert as_user(USER, [BAN], lambda: code_of(box, "ReleaseMembers", **one | change)) == code, change
    with box.peer() as peer:
        peer.call("LeaseMembers", **one)
        peer.call("LeaseMembers", set="plain", members=address("::1"))
    as_user(USER, [BAN], lambda: code_of(box, "ReleaseMembers", all=True))
    with box.peer() as peer:
        assert held(peer) == [("jail", "192.0.2.1", "uid:0"), ("plain", "::1", "uid:0")], held(peer)
        release_all(peer)


def bans(box):
    """Into what nothing blocks: refused. Into what is not there: made, and told."""
    with box.peer() as peer:
        fault = refused(9, peer.call, "LeaseMembers", set="plain", members=address("::1"), ban=True)
        assert fault.reason == "NOT_BLOCKED", fault
        peer.call("LeaseMembers", set="jail", members=address("::1"), ban=True)
        refused(5, peer.call, "LeaseMembers", set="other", members=address("::1"), ban=True)
        before = peer.call("GetServerInfo")["revision"]
        assert as_user(USER, [BAN], lambda: code_of(
            box, "LeaseMembers", set="banned", members=address("::1"), ban=True, ttl_nano=HOUR)) == 5
        answer = peer.call("LeaseMembers", set="banned", members=address("::1"), ban=True, validate_only=True)
        assert all(w.startswith("would be made for the ban: + ") for w in answer["warnings"]), answer
        answer = peer.call("LeaseMembers", set="banned", members=address("::1"), ban=True)
        assert answer["warnings"] == ["made for the ban: + set banned",
                                      "made for the ban: + policy banned block src @banned"], answer
        assert answer["revision"] == before + 1 == peer.call("GetServerInfo")["revision"], answer
        answer = peer.call("LeaseMembers", set="banned", members=address("::2"), ban=True)
        assert answer["revision"] == before + 1 and not answer["warnings"], answer
        release_all(peer)


def pages(box):
    """Page by page over one set and over all, while sets come and go."""
    with box.peer() as peer:
        for number in range(5):
            name = f"p{number}"
            peer.call("ApplyChanges", operations=[{"put_set": {"name": name}}])
            peer.call("LeaseMembers", set=name, owner="a", members={"text": [f"10.0.{number}.0-10.0.{number}.62"]})
            peer.call("LeaseMembers", set=name, owner="b", members={"text": [f"::{number}"]})
        all_of_them = held(peer)
        assert len(all_of_them) == 5 * 7, all_of_them
        for size in (1, 3, 7, 8, 34, 35, 36, 100000):
            assert held(peer, page_size=size) == all_of_them, size
            assert len(held(peer, page_size=size, owner="b")) == 5
            assert len(held(peer, page_size=size, set="p3")) == 7
            assert held(peer, page_size=size, set="p3", owner="b") == [("p3", "::3", "b")]
        assert held(peer, owner="nobody") == [] and held(peer, set="plain") == []
        page = peer.call("ListLeases", page_size=5)
        assert page["total"] == 35 and len(page["leases"]) == 5, page
        assert peer.call("ListLeases", set="p1", page_size=5)["total"] == 7
        first = page["leases"][0]["set"]
        peer.call("ReleaseMembers", set=first, all=True, any_owner=True)
        peer.call("ApplyChanges", operations=[{"delete_set": first}])
        rest = peer.call("ListLeases", page_token=page["next_page_token"], page_size=100)
        assert len(rest["leases"]) == 28 and not rest["next_page_token"], rest
        refused(5, peer.call, "ListLeases", set="none")
        refused(3, peer.call, "ListLeases", owner="a b")
        started = page["next_page_token"].partition(".")[0]
        for wrong, code in (("x", 3), ("1", 3), ("1.2.3", 10), (f"{started}.64.0", 3), ("-1.-1.-1", 3),
                            (f"{started}.1.2.3", 3), (f"{started}.99999999999999999999.1", 3)):
            refused(code, peer.call, "ListLeases", page_token=wrong)
        for cursor in (0, 2**32 - 1, 2**63, 2**64 - 1):
            peer.call("ListLeases", page_token=f"{started}.0.{cursor}")
        refused(10, peer.call, "ListLeases", set="p4", page_token=f"{started}.0.0")
        release_all(peer)


def large(box):
    """A frame of addresses at once, and ranges that are more than a message may have."""
    with box.peer() as peer:
        many = b"".join((20 << 24 | n).to_bytes(4, "big") for n in range(900000))
        answer = peer.call("ReconcileMembers", set="jail", members={"ipv4": many}, ttl_nano=HOUR)
        assert answer["added"] == 900000, answer
        answer = peer.call("ReconcileMembers", set="jail", members={"ipv4": many[:-4]}, ttl_nano=2 * HOUR)
        assert (answer["refreshed"], answer["released"]) == (899999, 1), answer
        page = peer.call("ListLeases", page_size=20000)
        assert (page["total"], len(page["leases"])) == (899999, 10000) and page["next_page_token"]
        ranges = {"text": ["0.0.0.1-255.255.255.254"] * 33000}
        for method in ("LeaseMembers", "ReconcileMembers", "ReleaseMembers"):
            fault = refused(8, peer.call, method, set="jail", members=ranges)
            assert fault.reason == "TOO_MANY_MEMBERS" and "2000000" in fault.text, fault
        fault = refused(8, peer.call, "LeaseMembers", set="jail", members={"ipv4": bytes(4 << 20)})
        assert fault.reason == "FRAME_TOO_LARGE", fault
        release_all(peer)


if __name__ == "__main__":
    sandbox.enter(lambda box: run_cases(box, [
        prepare, wrong_requests, unknown_fields, counts, reconciles, indexes, rights, bans, unguarded, pages, large]))
