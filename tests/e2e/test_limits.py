#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""rate-limit per source, destination and flow, with real packets from several addresses.

A packet has 38 to 59 bytes. At a byte a second a full bucket lets FULL of them pass; FEW would take minutes.
"""
import socket
import struct

from world import FAR, NEAR, Receiver, equal, main, wait_for

LIMIT, BURST, SENT = "rate-limit 1B/s burst 1000", 1000, 100
FULL, FEW = range(16, 40), 10


class Limit:
    """What a policy lets through to port 9."""

    def __init__(self, world, scope):
        self.world, self.passed = world, 0
        self.receiver = Receiver(6, 9)  # of both families
        world.ctl("policy", "set", "limit", *f"{LIMIT} per {scope}".split())

    def passes(self, source, target=None, sport=0):
        before = self.figures()["packets"]
        self.world.send_udp(source, target or NEAR[6 if ":" in source else 4][0], 9, SENT, sport)
        wait_for("counted", lambda: self.figures()["packets"] == before + SENT)
        passed = self.receiver.take()
        self.passed += passed
        return passed

    def figures(self):
        return self.world.policy("limit")

    def full(self, *args, **options):
        passed = self.passes(*args, **options)
        assert passed in FULL, f"{passed} passed of a full bucket"

    def empty(self, *args, **options):
        passed = self.passes(*args, **options)
        assert passed <= FEW, f"{passed} passed of an empty bucket"


def begin(world, scope, *flags):
    world.start("--iface", "pep0", *flags)
    return Limit(world, f"{scope} proto udp dport 9")


def sources(world):
    """Each its own burst; what is exceeded is counted, and explain tells each its own bucket."""
    limit = begin(world, "src")
    for source in (FAR[4][0], FAR[4][1], FAR[6][0], FAR[6][1]):
        limit.full(source)
    for source in (FAR[4][0], FAR[6][1]):
        limit.empty(source)
    figures = limit.figures()
    equal(figures["packets"], 6 * SENT, "packets")
    equal(figures["packets"] - figures["exceeded_packets"], limit.passed, "not exceeded")
    equal(figures["displaced_buckets"], 0, "displaced")
    assert f"{LIMIT} per src" in figures["line"], figures
    flow = f"proto udp dst {NEAR[4][0]} dport 9 iface pep0 src"
    assert world.json("explain", *flow.split(), FAR[4][0])["limiter"]["available"] < BURST / 2
    equal(world.json("explain", *flow.split(), "10.77.0.99")["limiter"]["available"], BURST, "of a new source")


def prefixes(world):
    limit = begin(world, "src/24")
    limit.full(FAR[4][0])
    limit.empty(FAR[4][1])
    limit.full(FAR[6][0])
    limit.empty(FAR[6][1])


def destinations(world):
    limit = begin(world, "dst")
    limit.full(FAR[4][0], NEAR[4][0])
    limit.empty(FAR[4][1], NEAR[4][0])
    limit.full(FAR[4][0], NEAR[4][1])


def flows(world):
    limit = begin(world, "flow")
    limit.full(FAR[4][0], sport=1000)
    limit.full(FAR[4][0], sport=1001)
    limit.full(FAR[4][1], sport=1000)
    limit.empty(FAR[4][0], sport=1000)


def lives(world):
    """Longer than the daemon and than changes of the rest; not longer than the limit, nor than the policy."""
    limit = begin(world, "src")
    limit.full(FAR[4][0])
    for end in (world.stop, world.kill):
        end()
        world.start()
        assert "adopted" in world.json("info")["adopted"]
        limit.empty(FAR[4][0])
    world.ctl("policy", "set", "limit", "priority", 5)
    world.ctl("policy", "set", "limit", "log", "1/7")
    limit.empty(FAR[4][0])
    world.ctl("policy", "set", "limit", *"rate-limit 1B/s burst 1001 per src".split())
    limit.full(FAR[4][0])
    world.ctl("policy", "del", "limit")
    world.ctl("policy", "add", "limit", *"rate-limit 1B/s burst 1001 per src proto udp dport 9".split())
    limit.full(FAR[4][0])
    world.stop()
    world.start("--max-buckets", "1000")
    equal(world.json("info")["limits"]["max_buckets"], 1000, "buckets")
    assert "scope_map had" in world.json("info")["adopted"], world.json("info")["adopted"]
    limit.full(FAR[4][0])
    limit.empty(FAR[4][0])


def packet(source):
    """IPv4 and UDP to port 9 of NEAR, from a number; with a checksum that keeps it from the receiver."""
    return struct.pack(">BBHHHBBH4s4sHHHH", 0x45, 0, 28, 0, 0, 64, 17, 0, struct.pack(">I", source),
                       socket.inet_aton(NEAR[4][0]), 1, 9, 8, 1)


def flood(world):
    """Of forged sources, far more than there are places: it blocks nobody, and frees nobody either."""
    limit = begin(world, "src", "--max-buckets", "8")

    def there(first, count):
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
            for number in range(count):
                s.sendto(packet((172 << 24) + (16 << 16) + first + number), (NEAR[4][0], 0))

    limit.full(FAR[4][0])
    for turn in range(4):
        before = limit.figures()
        world.far_away(lambda first=turn * 2000: there(first, 2000))
        wait_for("counted", lambda old=before: limit.figures()["packets"] == old["packets"] + 2000)
        equal(limit.figures()["exceeded_packets"], before["exceeded_packets"], "dropped of the flood")
        limit.empty(FAR[4][0])
    limit.full(FAR[4][1])
    displaced = limit.figures()["displaced_buckets"]
    assert displaced > 7000, displaced
    assert "buckets displaced" in world.ctl("policy", "show", "limit").stdout


if __name__ == "__main__":
    main([sources, prefixes, destinations, flows, lives, flood])
