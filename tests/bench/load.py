# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""From a file to enforced: sets and rulesets, beside `nft -f` of the same."""
import json
import os
import random
import time
from statistics import median

import nft
import peer
import rows
import workload
import world as sandbox
from asking import Asking
from packets import MEMBERS
from rows import Unavailable, row, seconds

ROUNDS = 5


def kernel_memory():
    """Bytes that the kernel has allocated for itself."""
    figures = {}
    for line in open("/proc/meminfo", encoding="ascii"):
        name, value = line.split(":")
        figures[name] = int(value.split()[0])
    return (figures["Slab"] + figures["VmallocUsed"] + figures["Percpu"]) * 1024


def map_memory():
    """Bytes of all maps there are: those inside of others have no descriptor to be found by."""
    maps = json.loads(rows.output("bpftool", "-j", "map", "show"))
    return sum(one.get("bytes_memlock", 0) for one in maps)


def nft_rounds(path, rounds):
    """(best seconds, bytes of kernel memory), an empty ruleset before each."""
    best, memory = float("inf"), []
    for _ in range(rounds):
        nft.flush()
        before = kernel_memory()
        best = min(best, seconds(nft.load, path))
        memory.append(kernel_memory() - before)
    nft.flush()
    return best, sorted(memory)[rounds // 2]


def write(world, name, text):
    path = world.folder / name
    path.write_text(text, encoding="ascii")
    return path


def reached(world):
    return world.ping(sandbox.FAR[4][0], sandbox.NEAR[4][0], 1)


def load_own_set(world, path):
    """(best seconds, bytes of maps); the neighbour, who is in the set, is held off by then."""
    best, memory = float("inf"), 0
    for number in range(ROUNDS):
        before = map_memory()
        assert reached(world), "the neighbour's ping"
        best = min(best, rows.load_banned(world, path))
        assert not reached(world), "the set is not enforced"
        if number == 0:
            memory = map_memory() - before
        rows.unload_banned(world)
    return best, memory


def load_set(world):
    members = workload.random_members(random.Random(8), MEMBERS)
    theirs, memory = nft_rounds(write(world, "set.nft", nft.set_file("pep0", members)), ROUNDS)
    row("load-set-1m-nft", f"{theirs:.2f}", "s")
    row("load-set-1m-memory-nft", memory >> 20, "MiB")
    path = rows.write_addresses(world, members)
    with open(path, "a", encoding="ascii") as file:
        print(sandbox.FAR[4][0], file=file)
    world.start("--iface", "pep0", "--max-members", str(MEMBERS + 1))
    try:
        mine, own = load_own_set(world, path)
    except Unavailable as why:
        rows.unavailable({"load-set-1m": "<=0.25", "load-set-1m-memory": "<=0.3"}, "x-nft", why)
        return
    row("load-set-1m", f"{mine / theirs:.2f}", f"x-nft({mine:.2f}s)", "<=0.25",
        mine <= 0.25 * theirs)
    row("load-set-1m-memory", f"{own / memory:.2f}", f"x-nft({own >> 20}MiB)", "<=0.3",
        own <= 0.3 * memory)


def busy(world):
    """Calls of another client while a set of a million comes in."""
    path = rows.write_addresses(world, workload.random_members(random.Random(11), MEMBERS))
    world.start("--iface", "pep0")
    with Asking(world) as asking:
        rows.load_banned(world, path)
    asking.row("calls-while-1m-load")


def apply(world):
    world.start("--iface", "pep0", "--max-policies", "100000")
    for count, name, rounds in ((8000, "apply-8k", ROUNDS), (100000, "apply-100k", 3)):
        rules = workload.Classical(random.Random(9), count)
        theirs, _ = nft_rounds(write(world, "rules.nft", nft.rules_file("pep0", rules.rules)),
                               rounds)
        row(f"{name}-nft", f"{theirs:.3f}", "s")
        lines = list(rules.lines())
        try:
            mine = float("inf")
            for _ in range(rounds):
                rows.apply(world, [])
                mine = min(mine, rows.apply(world, lines))
        except Unavailable as why:
            rows.unavailable({name: "<=0.5"}, "x-nft", why)
            continue
        row(name, f"{mine / theirs:.2f}", f"x-nft({mine:.3f}s)", "<=0.5", mine <= 0.5 * theirs)


class Disk:
    """The daemon's own: a file beside its state, to which some bytes are added at a time."""

    def __init__(self, folder):
        self.fd = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def sync(self):
        """Milliseconds of an fdatasync behind as much as a change is in the journal."""
        os.write(self.fd, b"x" * 200)
        return seconds(os.fdatasync, self.fd) * 1000


def sync_time(folder):
    disk = Disk(folder)
    return median(disk.sync() for _ in range(200))


class Changing:
    """One policy among 10,000 that is changed again and again."""

    def __init__(self, world):
        rows.apply(world, workload.Classical(random.Random(10), 9999).lines())
        self.client, self.kind = peer.Peer(str(world.socket)), peer.ALLOW
        self.change(allow_missing=True)

    def change(self, **more):
        """Milliseconds from the request to the answer: it is durable and enforced."""
        self.kind = peer.ALLOW if self.kind == peer.BLOCK else peer.BLOCK
        policy = {"name": "one", "action": {"kind": self.kind}, "match": {"src": "192.0.2.1"}}
        return seconds(lambda: self.client.call("UpdatePolicy", policy=policy, **more)) * 1000


def change_row(name, took, floor):
    row(name, f"{took:.2f}", f"ms(fdatasync-{floor:.2f})", "<=fdatasync+0.5ms", took <= floor + 0.5)


def change(world):
    """
    Of a daemon at rest, which has settled what was before; and one behind the other without a
    pause, where each waits until no packet is judged by what the one before has replaced.
    """
    world.start("--iface", "pep0")
    changing, disk, took, floors = Changing(world), Disk(world.folder), [], []
    for _ in range(100):
        floors.append(disk.sync())
        time.sleep(0.02)
        took.append(changing.change())
        time.sleep(0.02)
    change_row("change-one-of-10k", median(took), median(floors))
    took = median(changing.change() for _ in range(100))
    change_row("change-behind-change", took, sync_time(world.folder))


CASES = [load_set, busy, apply, change]
