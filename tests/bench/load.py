# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""From a file to enforced: sets and rulesets, beside `nft -f` of the same."""
import json
import os
import random

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


def sync_time(folder):
    """Milliseconds of one fdatasync after a small write, where the daemon has its state."""
    took = []
    fd = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for _ in range(200):
        os.write(fd, b"x" * 200)
        took.append(seconds(os.fdatasync, fd))
    os.close(fd)
    return sorted(took)[100] * 1000


def change(world):
    """One policy among 10,000, request to durable and enforced; medians."""
    world.start("--iface", "pep0")
    rows.apply(world, workload.Classical(random.Random(10), 9999).lines())
    client = peer.Peer(str(world.socket))
    policy = {"name": "one", "action": {"kind": peer.BLOCK},
              "match": {"src": "192.0.2.1"}}
    client.call("CreatePolicy", policy=policy)
    took = []
    for number in range(100):
        policy["action"]["kind"] = (peer.BLOCK, peer.ALLOW)[number % 2]
        took.append(seconds(lambda: client.call("UpdatePolicy", policy=policy)))
    mine, floor = sorted(took)[50] * 1000, sync_time(world.folder)
    row("change-one-of-10k", f"{mine:.2f}", f"ms(fdatasync {floor:.2f})".replace(" ", "-"),
        "<=fdatasync+0.5ms", mine <= floor + 0.5)


CASES = [load_set, busy, apply, change]
