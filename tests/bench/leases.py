# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Leases: bans one by one and at once, refreshed, recovered, and what they cost in memory."""
import random
import struct

import load
import peer
import rows
import workload
from asking import Asking
from rows import row, seconds

BANS, REFRESHED, MANY, POLICIES = 20_000, 100_000, 1_000_000, 10_000
PIECE, WINDOW = 60_000, 500 # members of a request, requests in flight
HOUR = 3600 * 10**9


def addresses(count, first=0x0B000000):
    """As the wire has them."""
    return [struct.pack(">I", first + n) for n in range(count)]


def hold(client, members, ttl=HOUR):
    for at in range(0, len(members), PIECE):
        client.call("LeaseMembers", set="bench", ttl_nano=ttl, force=True,
                    members={"ipv4": b"".join(members[at:at + PIECE])})


def begin(world, *flags):
    world.start("--iface", "pep0", "--max-members", "2000000", *flags)
    rows.command(world, "set", "create", "bench")
    rows.command(world, "policy", "add", *"bench block src @bench".split())
    return peer.Peer(str(world.socket))


def one_by_one(client, members):
    """Each its own request, many in flight; the frames are made before."""
    frames = [peer.pack_request(1 + 2 * n, "LeaseMembers", peer.encode("LeaseMembersRequest", {
        "set": "bench", "ttl_nano": HOUR, "force": True, "members": {"ipv4": member}}))
        for n, member in enumerate(members)]

    def run():
        for at in range(0, len(frames) + WINDOW, WINDOW):
            client.send(b"".join(frames[at:at + WINDOW]))
            for _ in frames[max(at - WINDOW, 0):at]:
                client.read_frame()

    took = seconds(run)
    client.next_id = 1 + 2 * len(frames)
    return took


def bans(world):
    client, members = begin(world), addresses(BANS)
    with Asking(world) as asking:
        took = one_by_one(client, members)
    row("bans-20k-one-by-one", f"{took:.2f}", "s", "<=1", took <= 1)
    asking.row("bans-20k-calls")
    client.call("ReleaseMembers", set="bench", all=True)
    floor = load.sync_time(world.folder)
    took = seconds(hold, client, members) * 1000
    row("bans-20k-at-once", f"{took:.0f}", f"ms(fdatasync-{floor:.2f})", "<=fdatasync+50ms",
        took <= floor + 50)


def refresh(world):
    client, members = begin(world), addresses(REFRESHED)
    hold(client, members)
    with Asking(world) as asking:
        took = seconds(hold, client, members, 2 * HOUR)
    row("leases-100k-refreshed", f"{took:.2f}", "s", "<=0.2", took <= 0.2)
    asking.row("leases-100k-calls")


def recovery(world):
    world.start("--iface", "pep0")
    world.kill()
    empty = seconds(world.start, "--iface", "pep0")
    world.kill()
    client = begin(world)
    rows.apply(world, ["set bench", "policy bench block src @bench",
                       *workload.Classical(random.Random(12), POLICIES - 1).lines()])
    before = rows.resident(world.daemon.pid)
    members = addresses(MANY)
    with Asking(world) as asking:
        hold(client, members)
    asking.row("leases-1m-calls")
    each = (rows.resident(world.daemon.pid) - before) * 1024 / MANY
    row("lease-memory", f"{each:.0f}", "bytes", "<=100", each <= 100)
    for end, name in ((world.kill, "journal"), (world.stop, "state")):
        end()
        took = seconds(world.start, "--iface", "pep0", "--max-members", "2000000") - empty
        row(f"recovery-{name}", f"{took:.2f}", "s", "<=2", took <= 2)


CASES = [bans, refresh, recovery]
