# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Policies and the flows that meet them, from a fixed seed; written as packets.h has them."""
import ipaddress
import pathlib
import struct

FLOWS = 65536
PUBLISHED = pathlib.Path(__file__).resolve().parent.parent / "data/classbench"
SHAPES = ("src dst sport dport proto", "src dport proto", "dst dport proto", "dport proto", "src",
          "proto")
PORT_PROTOS = (6, 17)


class Flow:
    """One packet's addresses (numbers), ports and protocol; IPv4."""
    __slots__ = ("src", "dst", "sport", "dport", "proto")

    def __init__(self, dice):
        self.src, self.dst = dice.getrandbits(32), dice.getrandbits(32)
        self.sport, self.dport = dice.getrandbits(16), dice.getrandbits(16)
        self.proto = dice.choice(PORT_PROTOS)

    def packed(self):
        return struct.pack(">I12xI12xHH4B", self.src, self.dst, self.sport, self.dport, 4,
                           self.proto, 0, 0)


def address(number):
    return str(ipaddress.IPv4Address(number))


def write_flows(path, flows):
    path.write_bytes(b"".join(flow.packed() for flow in flows))
    return path


def write_members(path, members):
    path.write_bytes(struct.pack(f">{len(members)}I", *members))
    return path


def random_flows(dice, count=FLOWS):
    return [Flow(dice) for _ in range(count)]


def random_members(dice, count):
    """Unicast addresses, each once, in random order."""
    members = {}
    while len(members) < count:
        number = dice.randrange(1 << 24, 224 << 24)
        if number >> 24 != 127:
            members[number] = True
    return list(members)


def flows_from(dice, members, count=FLOWS):
    """Random flows of which each source is a member."""
    flows = random_flows(dice, count)
    for flow, src in zip(flows, dice.choices(members, k=count)):
        flow.src = src
    return flows


class Classical:
    """Policies of the six classical shapes, the same number of each as far as they go."""

    def __init__(self, dice, count):
        self.dice, self.rules = dice, []
        protos = dice.sample(range(60, 250), 10)
        few = {3: count // 100, 5: len(protos)}
        many = (count - sum(few.values())) // 4
        for rung, shape in enumerate(SHAPES):
            for number in range(few.get(rung, many)):
                rule = Flow(dice)
                if shape == "proto":
                    rule.proto = protos[number]
                if shape == "dport proto":
                    rule.dport = 1 + number  # none twice
                self.rules.append((rung, rule))

    def lines(self, action="block"):
        for number, (rung, rule) in enumerate(self.rules):
            words = [f"policy p{number} {action}"]
            for field in SHAPES[rung].split():
                value = getattr(rule, field)
                words.append(f"{field} {address(value) if field in ('src', 'dst') else value}")
            yield " ".join(words)

    def keys(self):
        """Of bench_ladder."""
        for rung, rule in self.rules:
            has = SHAPES[rung].split()
            yield struct.pack(
                ">4BHHI12xI12x", rung, 4 if "src" in has or "dst" in has else 0,
                rule.proto if "proto" in has else 0, 0, rule.sport if "sport" in has else 0,
                rule.dport if "dport" in has else 0, rule.src if "src" in has else 0,
                rule.dst if "dst" in has else 0)

    def flows(self, count=FLOWS):
        """Each meets a policy; every shape is met equally often."""
        by_rung = [[rule for rung, rule in self.rules if rung == wanted] for wanted in range(6)]
        flows = random_flows(self.dice, count)
        for flow in flows:
            rung = self.dice.randrange(6)
            rule = self.dice.choice(by_rung[rung])
            for field in SHAPES[rung].split():
                setattr(flow, field, getattr(rule, field))
        return flows


class Classbench:
    """
    A published rule set (tests/data/classbench) made larger: each of its thousand rules again
    for further sites, every site with networks of its own, so that prefixes nest and ports mix
    as they do there. The first match wins and the order is the published one, in which what is
    general comes behind what is special: each rule has its priority.
    """

    def __init__(self, dice, kind, count):
        self.dice, self.rules = dice, []
        published = [self.read(line) for line in open(PUBLISHED / f"{kind}_1k.rules",
                                                      encoding="ascii")]
        places = {}
        while len(places) < count:
            site = dice.getrandbits(32)
            for place, rule in enumerate(published):
                rule = tuple(self.move(part, site) if len(part) == 3 else part for part in rule)
                places.setdefault(rule, place)
        self.rules = sorted(dice.sample(sorted(places, key=str), count), key=places.get)

    @staticmethod
    def read(line):
        """(src, length, 32), (dst, length, 32), (sport, sport), (dport, dport), (proto,)"""
        words = line[1:].split()
        prefixes = []
        for word in words[:2]:
            number, length = word.split("/")
            prefixes.append((int(ipaddress.IPv4Address(number)), int(length), 32))
        value, mask = (int(part, 16) for part in words[8].split("/"))
        return (*prefixes, (int(words[2]), int(words[4])), (int(words[5]), int(words[7])),
                (value if mask else None,))

    @staticmethod
    def move(prefix, site):
        number, length, bits = prefix
        keep = (0xffffffff << (bits - length)) & 0xffffffff
        return ((number ^ site) & keep, length, bits)

    def lines(self):
        for priority, (src, dst, sport, dport, (proto,)) in enumerate(self.rules):
            words = [f"policy p{priority} {'block' if priority % 2 else 'allow'}"]
            for name, (number, length, _) in (("src", src), ("dst", dst)):
                words += [f"{name} {address(number)}/{length}"] if length else []
            for name, (first, last) in (("sport", sport), ("dport", dport)):
                words += [f"{name} {first}-{last}"] if (first, last) != (0, 65535) else []
            words += [f"proto {proto}"] if proto is not None else []
            yield " ".join([*words, f"priority {priority}"])

    def flows(self, count=FLOWS):
        """Anywhere inside a rule each."""
        flows = random_flows(self.dice, count)
        for flow in flows:
            src, dst, sport, dport, (proto,) = self.dice.choice(self.rules)
            flow.src, flow.dst = self.inside(src), self.inside(dst)
            flow.sport, flow.dport = self.dice.randint(*sport), self.dice.randint(*dport)
            flow.proto = flow.proto if proto is None else proto
        return flows

    def inside(self, prefix):
        number, length, bits = prefix
        return number | self.dice.getrandbits(bits) & ((1 << (bits - length)) - 1)
