#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Many clients at once: of those that expect the same revision exactly one changes it, and of leases that
are refreshed together none is lost.

Usage: test_races.py BUILD_DIR [SHARE], as root. SHARE: percent of 100 rounds and of 100,000 leases.
"""
import os
import pathlib
import sys
import threading

from world import equal, main

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "interop"))
import peer as wire  # noqa: E402  pylint: disable=wrong-import-position

CLIENTS, ROUNDS = 16, 100
OWNERS, LEASES, PIECE = 50, 100_000, 500
SHARE, USUAL = "PEP_RACES", 20
HOUR, ABORTED = 3600 * 10**9, 10


def share(amount):
    return max(1, amount * int(os.environ.get(SHARE, USUAL)) // 100)


def at_once(count, work):
    """work(number, barrier) in so many threads; what they return, by number."""
    results, barrier = [None] * count, threading.Barrier(count)

    def one(number):
        try:
            results[number] = work(number, barrier)
        except Exception as failure:  # pylint: disable=broad-except
            results[number] = failure
            barrier.abort()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


# --- a revision that all of them expect

def race(path, number, barrier, rounds):
    """The rounds that this client has won, each with the revision it was answered."""
    won = {}
    with wire.Peer(path) as peer:
        for turn in range(rounds):
            revision = peer.call("ListSets")["revision"]
            barrier.wait(wire.PATIENCE)
            policy = {"name": f"r{turn}", "action": {"kind": wire.BLOCK},
                      "match": {"src": f"10.1.{turn % 250}.{number}"}}
            try:
                answer = peer.call("ApplyChanges", expected_revision=revision,
                                   operations=[{"put_policy": policy}])
                equal(answer["revision"], revision + 1, f"round {turn}: revision of the winner")
                won[turn] = policy["match"]["src"]
            except wire.Failure as failure:
                equal((failure.code, failure.reason), (ABORTED, "REVISION_DIFFERS"), f"round {turn}: a loser")
            barrier.wait(wire.PATIENCE)  # nobody reads the next revision before all have this one's answer
    return won


def one_wins(world):
    """Each round one of 16 is right about the revision, and what it asked for is there."""
    rounds = share(ROUNDS)
    world.start()
    with wire.Peer(str(world.socket)) as peer:
        before = peer.call("ListSets")["revision"]
        all_won = at_once(CLIENTS, lambda number, barrier: race(str(world.socket), number, barrier, rounds))
        equal(sorted(turn for won in all_won for turn in won), list(range(rounds)), "rounds that were won")
        winners = {f"r{turn}": src for won in all_won for turn, src in won.items()}
        page = peer.call("ListPolicies", page_size=1000)
        equal({p["policy"]["name"]: p["policy"]["match"]["src"].removesuffix("/32") for p in page["policies"]},
              winners, "policies of the winners")
        equal(page["revision"], before + rounds, "the last revision")
    print(f"{rounds} rounds of {CLIENTS} clients: one won each, {rounds * (CLIENTS - 1)} were told ABORTED")


# --- leases that all of them refresh

def pieces(owner, count):
    """Half are the owner's alone, half are also held by others, up to two dozen."""
    own = [(11 << 24) + owner * count + n for n in range(count // 2)]
    shared = [(12 << 24) + owner * 37 + n for n in range(count - len(own))]
    members = [number.to_bytes(4, "big") for number in own + shared]
    return [b"".join(members[at:at + PIECE]) for at in range(0, count, PIECE)]


def hold(path, owner, barrier, count, hours):
    """Returns how many were added and refreshed."""
    with wire.Peer(path) as peer:
        barrier.wait(wire.PATIENCE)
        asked = [peer.request("LeaseMembers", set="s", owner=f"o{owner}", ttl_nano=hours * HOUR,
                              members={"ipv4": piece}) for piece in pieces(owner, count)]
        answers = [peer.answer(stream, "LeaseMembers") for stream in asked]
    return sum(a["added"] for a in answers), sum(a["refreshed"] for a in answers)


def count_leases(path, more_than):
    """By owner; each has longer than that to go."""
    found, token = {}, ""
    with wire.Peer(path) as peer:
        while True:
            page = peer.call("ListLeases", set="s", page_size=5000, page_token=token)
            for lease in page["leases"]:
                assert lease["left_nano"] > more_than, f"not refreshed: {lease}"
                found.setdefault(lease["owner"], set()).add(lease["member"])
            token = page["next_page_token"]
            if not token:
                return {owner: len(members) for owner, members in found.items()}


def none_is_lost(world):
    """50 owners refresh theirs at once, then the daemon is killed: all are there, for as long as they should."""
    count, path = share(LEASES) // OWNERS, str(world.socket)
    wanted = {f"o{owner}": count for owner in range(OWNERS)}
    world.start()
    with wire.Peer(path) as peer:
        peer.call("ApplyChanges", operations=[{"put_set": {"name": "s"}}])
    for hours, what in ((1, (count, 0)), (5, (0, count))):
        told = at_once(OWNERS, lambda owner, barrier, hours=hours: hold(path, owner, barrier, count, hours))
        equal(told, [what] * OWNERS, f"added and refreshed by each owner, {hours} h")
    equal(count_leases(path, 4 * HOUR), wanted, "leases of each owner")
    world.kill()
    world.start()
    equal(count_leases(path, 4 * HOUR), wanted, "leases of each owner after a kill")
    print(f"{count * OWNERS} leases refreshed by {OWNERS} owners at once, 0 lost")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[2].isdigit():
        os.environ[SHARE] = sys.argv.pop()
    main([one_wins, none_is_lost])
