# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Nanoseconds a packet: the program by the running daemon's ruleset, beside its peers.

Everything that a row is made of is measured in one run of bench_packets. L is one
look-up in a small hot hash; a figure in L is what a packet costs beyond parsing.
"""
import collections
import random

import rows
import workload
from rows import Unavailable, row

Figure = collections.namedtuple("Figure", "best median p99")
MEMBERS = 1000000
FRAMES = {"ip4-tcp": "ip4 tcp dport=80", "ip6-udp": "ip6 udp dport=53",
          "vlan-tcp": "vlan=5 ip4 tcp dport=80", "ip6-ext-tcp": "ip6 dst tcp dport=80"}
FLOOD, HOT = f"{workload.FLOWS}+0", "64+0"


class Run:
    """One run of bench_packets; figures by program and flows."""

    def __init__(self, options, programs):
        basis = [f"parse:{HOT}", f"look_up:{HOT}", f"parse:{FLOOD}"]
        out = rows.output(*rows.pinned(rows.BENCH / "bench_packets", *options,
                                       rows.BENCH / "packets.bpf.o", *basis, *programs))
        self.figures = {}
        for line in out.splitlines():
            name, *numbers = line.split()
            self.figures[name] = Figure(*map(int, numbers))
        self.look_up = max(1, self.best(f"look_up:{HOT}") - self.best(f"parse:{HOT}"))

    def best(self, program):
        return self.figures[program].best

    def beyond(self, program, base=None, part="best"):
        """In L."""
        flows = program.split(":")[1]
        base = self.figures.get(base or f"parse:{flows}", self.figures[f"parse:{HOT}"])
        return (getattr(self.figures[program], part) - getattr(base, part)) / self.look_up

    def row(self, name, program, target, base=None):
        """`target` in L, or None for what is only to compare with."""
        value = self.beyond(program, base)
        row(name, f"{value:.2f}", "L", "-" if target is None else f"<={target:g}",
            None if target is None else value <= target)
        if program.endswith(FLOOD):
            row(f"{name}-p99", f"{self.beyond(program, base, 'p99'):.2f}", "L")


def options_of(world, flows):
    """Figures with the ruleset that the daemon has in force."""
    path = workload.write_flows(world.folder / "flows", flows)
    return ["-f", path, "-p", world.pins, "-i", "pep0"]


def parse(_world):
    for name, text in FRAMES.items():
        run = rows.output(*rows.pinned(rows.BENCH / "bench_packets", "-t", text,
                                       rows.BENCH / "packets.bpf.o", "bare_drop", "parse_only"))
        bare, full = (int(line.split()[1]) for line in run.splitlines())
        row(f"parse-{name}", full - bare, "ns-beyond-bare-drop", "<=8", full <= bare + 8)


def empty(world):
    world.start("--iface", "pep0")
    run = Run(options_of(world, workload.random_flows(random.Random(1))),
              [f"packet_filter:{FLOOD}"])
    row("L", run.look_up, "ns")
    run.row("no-policies", f"packet_filter:{FLOOD}", 0.2)


def classical(world):
    world.start("--iface", "pep0")
    rules = workload.Classical(random.Random(2), 10000)
    rows.apply(world, rules.lines())
    (world.folder / "keys").write_bytes(b"".join(rules.keys()))
    programs = [f"{p}:{f}" for p in ("packet_filter", "ladder") for f in (FLOOD, HOT)]
    keys = ["-k", world.folder / "keys"]
    run = Run(options_of(world, rules.flows()) + keys, programs)
    run.row("classical-10k", f"packet_filter:{FLOOD}", 3)
    run.row("classical-10k-hot", f"packet_filter:{HOT}", 1.5)
    run.row("classical-10k-ladder", f"ladder:{FLOOD}", None)
    run.row("classical-10k-ladder-hot", f"ladder:{HOT}", None)
    share = run.beyond(f"packet_filter:{FLOOD}") / run.beyond(f"ladder:{FLOOD}")
    row("classical-10k-share", f"{share:.2f}", "x-ladder", "<=0.5", share <= 0.5)
    run = Run(options_of(world, workload.random_flows(random.Random(3))) + keys, programs)
    run.row("classical-10k-no-match", f"packet_filter:{FLOOD}", 0.5)
    run.row("classical-10k-no-match-hot", f"packet_filter:{HOT}", 0.5)
    run.row("classical-10k-no-match-ladder", f"ladder:{FLOOD}", None)


def peers_of_sets(world, members, flows, name):
    path = workload.write_members(world.folder / "members", members)
    flows = workload.write_flows(world.folder / "flows", flows)
    run = Run(["-f", flows, "-m", path], [f"hash:{FLOOD}", f"lpm:{FLOOD}"])
    run.row(f"{name}-kernel-hash", f"hash:{FLOOD}", None)
    run.row(f"{name}-lpm-trie", f"lpm:{FLOOD}", None)


def sets(world):
    dice = random.Random(4)
    members = workload.random_members(dice, MEMBERS)
    kinds = {"set-1m-random": (workload.random_flows(dice), 1),
             "set-1m-banned": (workload.flows_from(dice, members), 4)}
    world.start("--iface", "pep0")
    try:
        rows.load_banned(world, rows.write_addresses(world, members))
        for name, (flows, target) in kinds.items():
            run = Run(options_of(world, flows), [f"packet_filter:{FLOOD}"])
            run.row(name, f"packet_filter:{FLOOD}", target)
    except Unavailable as why:
        rows.unavailable({n: f"<={t}" for n, (_, t) in kinds.items()}, "L", why)
    for name, (flows, _) in kinds.items():
        peers_of_sets(world, members, flows, name)


def classbench(world, kind, target):
    """10,000 rules, then 100,000; the worst packet is the slowest flow of the smaller."""
    name, best = f"classbench-{kind}", {}
    world.start("--iface", "pep0", "--max-policies", "100000")
    for count, title in ((10000, "10k"), (100000, "100k")):
        limit = target if count == 10000 else None
        try:
            rules = workload.Classbench(random.Random(5), kind, count)
            rows.apply(world, rules.lines())
        except (Unavailable, FileNotFoundError) as why:
            rows.unavailable({f"{name}-{title}": f"<={target:g}" if limit else "<=1.5x-10k"}, "L",
                             why)
            continue
        run = Run(options_of(world, rules.flows()), [f"packet_filter:{FLOOD}"])
        best[count] = run.beyond(f"packet_filter:{FLOOD}")
        run.row(f"{name}-{title}", f"packet_filter:{FLOOD}", limit)
        if count == 10000:
            worst(world, name, rules)
    if len(best) == 2:
        share = best[100000] / best[10000]
        row(f"{name}-growth", f"{share:.2f}", "x-10k", "<=1.5", share <= 1.5)


def worst(world, name, rules):
    """Blocks of flows, the slowest block split until one flow is left."""
    flows = options_of(world, rules.flows())
    first, count = 0, workload.FLOWS
    while count > 1:
        part = max(1, count // 8)
        places = [f"{part}+{at}" for at in range(first, first + count, part)]
        run = Run(flows, [f"packet_filter:{place}" for place in places])
        slowest = max(places, key=lambda place: run.best(f"packet_filter:{place}"))
        count, first = map(int, slowest.split("+"))
    run.row(f"{name}-worst-packet", f"packet_filter:{count}+{first}", 25)


ACTIONS = {"block": None, "limiter": ("rate-limit 100Gbit", 1.5), "reject": ("reject", 4),
           "reject-icmp": ("reject", 4), "redirect": ("redirect pep1", 2),
           "redirect-spread": ("redirect pep1*3,pep0", 2),
           "redirect-fib": ("redirect pep1 fib", 2), "reflect": ("reflect", 1)}
PROGRAMS = {"reject-icmp": "unreachable", "redirect-fib": "onward"}


def make_route():
    """To 11.0.0.0/8 by pep1, whose next hop is known."""
    for words in ("address add 12.0.0.1/24 dev pep1", "route add 11.0.0.0/8 via 12.0.0.2 dev pep1",
                  "neigh add 12.0.0.2 lladdr 02:00:00:00:00:99 nud permanent dev pep1"):
        rows.output("ip", *words.split())
    with open("/proc/sys/net/ipv4/conf/pep1/forwarding", "w", encoding="ascii") as file:
        file.write("1")


def actions(world):
    """What an action costs beyond what the same look-up costs that blocks."""
    world.start("--iface", "pep0")
    world.ctl("setting", "set", "reject-rate", "10000000")
    make_route()
    dice = random.Random(6)
    flows = workload.random_flows(dice, 1024)
    at = {}
    for number, (name, action) in enumerate(ACTIONS.items()):
        words = action[0] if action else "block nolog"
        flow = flows[number * 64:number * 64 + 64]
        for one in flow:
            one.src, one.dst = number + (10 << 24), one.dst & 0x7fffff | 11 << 24
            if name.startswith("reject"):
                one.proto = 17 if name == "reject-icmp" else 6
        try:
            rows.command(world, "policy", "add", name, *words.split(), "src",
                         workload.address(flow[0].src))
            at[name] = f"{PROGRAMS.get(name, 'packet_filter')}:64+{number * 64}"
        except Unavailable as why:
            rows.unavailable({f"action-{name}": f"<={action[1]:g}"}, "L", why)
    run = Run(options_of(world, flows), at.values())
    for name, program in at.items():
        if ACTIONS[name]:
            run.row(f"action-{name}", program, ACTIONS[name][1], base=at["block"])


def scoped(world):
    """A bucket for each source or flow, beyond what the same look-up costs that blocks."""
    world.start("--iface", "pep0")
    flows = workload.random_flows(random.Random(7))
    half = len(flows) // 2
    for number, flow in enumerate(flows):
        flow.proto, flow.dport = 17, 1 + number // half
    rows.command(world, "policy", "add", *"base block nolog proto udp dport 1".split())
    for scope, target in (("policy", None), ("src", 1.5), ("src/24", None), ("flow", None)):
        rows.command(world, "policy", "set", "limit", "rate-limit", "100Gbit", "per", scope,
                     *"proto udp dport 2".split())
        run = Run(options_of(world, flows), [f"packet_filter:{n}+{at}" for n in (half, 64) for at in (0, half)])
        name = f"limiter-per-{scope.replace('/', '-')}"
        run.row(f"{name}-hot", f"packet_filter:64+{half}", target, base="packet_filter:64+0")
        run.row(name, f"packet_filter:{half}+{half}", None, base=f"packet_filter:{half}+0")
    run = Run(options_of(world, flows), [f"{program}:{n}+{half}" for program in ("parse", "lru") for n in (half, 64)])
    run.row("limiter-per-src-lru-hash-hot", f"lru:64+{half}", None)
    run.row("limiter-per-src-lru-hash", f"lru:{half}+{half}", None)


CASES = [parse, empty, classical, sets, actions, scoped]
for kind_, target_ in (("fw", 2.5), ("acl", 5), ("ipc", 5)):
    def case(world, kind=kind_, target=target_):
        classbench(world, kind, target)
    case.__name__ = f"classbench_{kind_}"
    CASES.append(case)
