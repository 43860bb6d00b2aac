#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""explain: it says what the filter does to real packets, and leaves no trace."""
import os
import random
import subprocess

from world import (FAR, NEAR, READ, Receiver, as_user, equal, main, read_until_marker, run,
                   wait_for)

# (words, exit status, what stderr says); refused before connecting
WRONG_WORDS = [
    ("explain", 2, "the packet is missing"), ("explain dport", 2, "dport: its value is missing"),
    ("explain color red", 2, '"color" is no keyword: proto, src'), ("explain src 1 src 2", 2, "src comes twice"),
    ("explain src 10.0.0.0/8", 2, "one address, not 10.0.0.0/8"), ("explain src @bad", 2, "one address, not @bad"),
    ("explain src 10.0.0.1 dst ::1", 2, "::1 is IPv6, and src 10.0.0.1 is IPv4"),
    ("explain dport 80-443", 2, "one port, not 80-443"), ("explain dport 65536", 2, '"65536" is no port'),
    ("explain proto gre dport 5", 2, "has no ports"), ("explain proto udp tcp-flags syn", 2, "not tcp"),
    ("explain proto udp icmp-type 8", 2, "neither icmp nor icmpv6"), ("explain tcp-flags syn/ack", 2, "no mask"),
    ("explain proto 44 src ::1", 2, "extension header"), ("explain length 19", 2, "shorter than"),
    ("explain length 3507", 2, "longer than 3520"), ("explain length x", 2, '"x" is no number'),
    ("explain vlan 4095", 2, "4095"), ("explain iface a/b", 2, '"a/b"'), ("explain iface a,b", 2, "one interface"),
    ("explain --hex", 2, "hex: its value is missing"), ("explain --hex 0", 2, "two hexadecimal digits"),
    ("explain --hex 00zz", 2, '"zz"'), ("explain --hex " + 13 * "00", 2, "13 bytes are no frame"),
    ("explain --hex " + 3521 * "00", 2, "at most 3520"), ("explain dport 5 --hex " + 14 * "00", 2, "only iface"),
    ("explain --candidate", 2, "policy file is missing"), ("explain dport 5 --merge", 2, "goes with --candidate"),
    ("explain dport 5 --candidate /nowhere/x", 2, "cannot be read"), ("explain dport 5 --x", 2, "no option"),
]


def wrong_words(world):
    for words, status, says in WRONG_WORDS:
        result = world.ctl(*words.split(), check=False)
        equal(result.returncode, status, f"exit status of pepctl {words[:70]}")
        assert says in result.stderr, f"pepctl {words[:70]}: {result.stderr!r} does not say {says!r}"


RULES = """default block
default allow iface pep1
set bad { 203.0.113.0/24 2001:db8:bad::/48 }
policy web allow proto tcp dst 192.0.2.10 dport 80-443 priority 10
policy tagged block vlan 30 iface pep0 priority 20
policy watch block proto tcp dport 22 shadow priority 30
policy drop-bad block src @bad priority 40
policy ssh rate-limit 20pps burst 40 proto tcp dport 22 src 10.0.0.0/8 priority 50
policy ping allow proto icmp icmp-type 8 priority 60
policy syn block proto tcp tcp-flags syn/syn,ack dport 9000 priority 70
policy here allow iface pep0 proto udp dport 7 priority 80
"""
# packet, (verdict, policy, reason, shadow), whys of policies
ANSWERS = [
    ("proto tcp src 203.0.113.9 dst 192.0.2.10 dport 22", ("block", "drop-bad", "policy", "watch"),
     {"web": "dport 22 is not in 80-443", "tagged": "no iface is given, and only pep0 will do",
      "watch": "matches, but is a shadow policy", "drop-bad": "decides"}),
    ("src 10.1.2.3 dport 22", ("rate-limit", "ssh", "policy", "watch"),
     {"web": "dst 0.0.0.0 is not in 192.0.2.10", "drop-bad": "src 10.1.2.3 is not a member of @bad"}),
    ("src 11.1.2.3 dport 22 iface pep0", ("block", "", "default", "watch"),
     {"ssh": "src 11.1.2.3 is not in 10.0.0.0/8", "tagged": "the packet has no VLAN tag, and vlan is 30",
      "ping": "proto tcp is not icmp", "here": "proto tcp is not udp", "syn": "dport 22 is not 9000"}),
    ("dport 23 iface pep1", ("allow", "", "default", ""), {"here": "iface pep1 is not pep0"}),
    ("vlan 30 iface pep0", ("block", "tagged", "policy", ""), {}),
    ("vlan 31 iface pep0", ("block", "", "default", ""), {"tagged": "vlan 31 is not 30"}),
    ("proto icmp", ("allow", "ping", "policy", ""), {}),
    ("icmp-type 3/1", ("block", "", "default", ""), {"ping": "icmp-type 3 is not 8"}),
    ("dport 9000", ("block", "syn", "policy", ""), {}),
    ("dport 9000 tcp-flags syn,ack", ("block", "", "default", ""), {"syn": "tcp-flags 0x12 are not 0x02/0x12"}),
    ("proto icmpv6 src fe80::1 dst ff02::1 icmp-type 135", ("allow", "", "default", ""), {}),
    ("proto udp src 2001:db8:bad::9 dport 53", ("block", "drop-bad", "policy", ""), {}),
    ("proto gre src 203.0.113.7", ("block", "drop-bad", "policy", ""), {"watch": "proto gre is not tcp"}),
    ("--hex 02000000000102000000000208060001080006040001", ("allow", "", "none", ""), {}),
]


def answers(world):
    world.start("--iface", "pep0:native", "--iface", "pep1:native")
    rules = world.folder / "my.rules"
    rules.write_text(RULES + "interface pep0 mode native\ninterface pep1 mode native\n")
    world.ctl("apply", rules)
    for packet, wanted, whys in ANSWERS:
        a = world.json("explain", *packet.split())
        equal((a["verdict"], a["policy"], a["reason"], a["shadow"]), wanted, f"explain {packet}")
        said = {c["policy"]: c["why"] for c in a["considered"]}
        for policy, why in whys.items():
            equal(said.get(policy), why, f"explain {packet}: {policy}")
        equal(a["considered_total"], len(a["considered"]), "considered_total")
    a = world.json("explain", *ANSWERS[1][0].split())
    equal(a["limiter"], {"available": 40, "burst": 40, "unit": "packets", "passes": True}, "limiter")
    equal((a["packet"]["src"], a["packet"]["dport"], a["packet"]["tcp_flags"], a["packet"]["ip_length"]),
          ("10.1.2.3", 22, 2, 40), "packet")
    text = world.ctl("explain", *ANSWERS[0][0].split()).stdout
    for line in ("block by policy drop-bad\n  policy drop-bad block priority 40 src @bad", "shadow: policy watch would",
                 "before it, in this order:\n  web     dport 22 is not in 80-443\n", "sport 49152 dport 22"):
        assert line.split(" block ")[0] in text, text
    unknown(world)
    candidates(world)


def unknown(world):
    result = world.ctl("explain", "iface", "nowhere", "dport", "5", check=False)
    equal(result.returncode, 1, "exit status with an unknown interface")
    assert "no interface nowhere" in result.stderr, result.stderr
    result = world.ctl("explain", "iface", "lo", "dport", "5")
    assert "nothing is filtered there now" in result.stderr, result.stderr
    world.ctl("default", "allow", "iface", "lo")
    equal(world.json("explain", "iface", "lo", "dport", "5")["verdict"], "allow", "default of lo, not attached")
    world.ctl("default", "unset", "iface", "lo")


def candidates(world):
    """Another ruleset, whole and merged; one that would be refused; and who may ask."""
    before = (world.json("policy", "show"), world.json("info")["revision"], world.json("set", "show"))
    file = world.folder / "next.rules"
    file.write_text("set worse { 10.0.0.0/8 }\npolicy late block src @worse\npolicy web block dport 81 src @worse\n"
                    "policy ssh rate-limit 30pps burst 50 proto tcp dport 22 src 10.0.0.0/8 priority 50\n")
    asks = [("src 10.1.1.1 dport 81", ("block", "web", 2)), ("src 10.1.1.1 dport 80", ("block", "late", 3)),
            ("src 203.0.113.9", ("allow", "", 3)), ("src 10.1.1.1 dport 22", ("rate-limit", "ssh", 1))]
    for packet, wanted in asks:
        a = world.json("explain", *packet.split(), "--candidate", file)
        equal((a["verdict"], a["policy"], a["considered_total"]), wanted, f"candidate, {packet}")
        equal(a["revision"], before[1] + 1, "revision of a candidate")
    equal(a["limiter"]["available"], 50, "the bucket of another rate is full")
    a = world.json("explain", *"src 203.0.113.9 dport 22".split(), "--candidate", file, "--merge")
    equal((a["verdict"], a["policy"], a["shadow"]), ("block", "drop-bad", "watch"), "merged candidate")
    file.write_text("policy p block src @nowhere\n")
    result = world.ctl("explain", "dport", "5", "--candidate", file, check=False)
    equal(result.returncode, 1, "exit status of a bad candidate")
    assert "next.rules:1:" in result.stderr and "no set nowhere" in result.stderr, result.stderr
    file.write_text("policy p block src 10.0.0.300\n")
    result = world.ctl("explain", "dport", "5", "--candidate", file, check=False)
    assert result.returncode == 2 and "10.0.0.300" in result.stderr, result.stderr
    file.write_text("policy p block\n")
    file.chmod(0o644)
    reader = as_user(1000, [READ], lambda: [
        world.ctl("explain", "dport", "5", *more, check=False).returncode for more in ((), ("--candidate", file))])
    equal(reader, [0, 4], "exit statuses of a reader")
    equal((world.json("policy", "show"), world.json("info")["revision"], world.json("set", "show")), before,
          "ruleset after candidates")


def quiet(world):
    """Everything that a packet or a commit would change."""
    stats = world.json("stats")
    return ([{k: v for k, v in c.items() if k not in ("time", "packet_rate", "block_rate", "interfaces", "policies")}
             for c in (stats, *stats["interfaces"])], stats["policies"], world.json("info")["revision"],
            world.json("set", "show"))


def no_trace(world):
    """Neither counters nor limiters, events or the state file know of a question."""
    world.start("--iface", "pep0:native")
    run("ip", "link", "set", "pep0", "down")
    rules = world.folder / "my.rules"
    rules.write_text("interface pep0 mode native\nset bad { 203.0.113.0/24 }\npolicy drop block log src @bad\n"
                     "policy slow rate-limit 1pps burst 5 proto tcp dport 22\npolicy s block shadow priority 1\n")
    world.ctl("apply", rules)
    state = (world.folder / "state/state").read_bytes()
    reader = world.subscribe()
    before = quiet(world)
    other = world.folder / "other.rules"
    other.write_text("policy drop allow src 203.0.113.9\npolicy slow rate-limit 9pps proto tcp dport 22\npolicy new block\n")
    for _ in range(10):
        for more in ((), ("--candidate", other), ("--candidate", other, "--merge")):
            world.ctl("explain", "src", "203.0.113.9", "iface", "pep0", *more)
            a = world.json("explain", "dport", "22", "iface", "pep0", *more)
            assert a["limiter"]["available"] == a["limiter"]["burst"], a["limiter"]
    equal(quiet(world), before, "figures after 60 questions")
    equal((world.folder / "state/state").read_bytes(), state, "state file")
    equal([e for e in read_until_marker(reader) if e["type"] != "marker"], [], "events")


def real_packets(world):
    """What explain says of random datagrams is what becomes of them; the limiter is as told."""
    world.start("--iface", "pep0:native")
    rng = random.Random(5)
    lines = [f"policy p{n} {rng.choice(['allow', 'block'])} priority {rng.randrange(3)}"
             f"{rng.choice(['', ' src ' + rng.choice(FAR[4])])}{rng.choice(['', ' dst ' + rng.choice(NEAR[4])])} "
             f"proto udp dport {rng.randrange(2000, 2003)}-{rng.randrange(2003, 2006)}" for n in range(12)]
    rules = world.folder / "my.rules"
    rules.write_text("\n".join(["interface pep0 mode native", "default block", *lines,
                                "policy slow rate-limit 1pps burst 8 proto udp dport 3000"]) + "\n")
    world.ctl("apply", rules)
    receiver, passed = Receiver(4, *range(2000, 2006), 3000), 0
    for port in range(2000, 2006):
        for source in FAR[4]:
            for target in NEAR[4]:
                a = world.json("explain", *f"proto udp src {source} dst {target} sport 999 dport {port} iface pep0".split())
                before = world.json("policy", "show", a["policy"])["packets"] if a["policy"] else 0
                world.send_udp(source, target, port, 2, 999)
                if a["policy"]:
                    wait_for("two datagrams", lambda a=a, b=before: world.policy(a["policy"])["packets"] == b + 2)
                equal(receiver.take(), 2 if a["verdict"] == "allow" else 0, f"datagrams, {a}")
                passed += a["verdict"] == "allow"
    print(f"{passed} of 24 flows pass")
    assert 0 < passed < 24
    question = f"proto udp src {FAR[4][0]} dst {NEAR[4][0]} dport 3000 iface pep0".split()
    world.send_udp(FAR[4][0], NEAR[4][0], 3000, 20)
    wait_for("the flood", lambda: world.policy("slow")["packets"] == 20)
    limiter = world.json("explain", *question)["limiter"]
    assert limiter["burst"] == 8 and limiter["available"] <= 4, limiter
    wait_for("a datagram may pass", lambda: world.json("explain", *question)["limiter"]["passes"])
    receiver.close()


def counted(world):
    """All figures of packets and events."""
    return [{**figures, "revision": None} for figures in quiet(world)[0]]


def random_rulesets(world):
    """The model's matching against the packet program and the oracle, in force and as candidates."""
    world.start()
    for number, name in enumerate(("eth0", "eth1", "veth2", "br0.100", "other0")):
        run("ip", "link", "add", name, "type", "veth", "peer", "name", f"peer{number}")
    env = {**os.environ, "PEPCTL_SOCKET": str(world.socket)}
    seed = int(os.environ.get("PEP_SEED", random.SystemRandom().randrange(1 << 30)))
    before = counted(world)
    run(world.build / "tests/e2e/explain_random", seed, 12, 400, 60, env=env)
    run(world.build / "tests/e2e/explain_random", seed, 3, 64, 400, env=env)
    equal(counted(world), before, "figures after thousands of questions")


def many(world):
    """Of more than a thousand policies before the decider the rest is counted; tables are told."""
    world.start("--max-policies", "5000")
    rules = world.folder / "many.rules"
    rules.write_text("".join(f"policy p{n} block src 10.0.{n >> 8}.{n & 255} priority 5\n" for n in range(2500)) +
                     "policy last allow\n")
    equal(world.json("explain", "dport", "5", "--candidate", rules)["considered_total"], 2501, "of a candidate")
    equal(world.json("info")["tables"]["entries"], 0, "entries after a candidate")
    world.ctl("apply", rules)
    a = world.json("explain", "src", "192.0.2.1", "dport", "5")
    equal((a["policy"], a["considered_total"], len(a["considered"])), ("last", 2501, 1001), "considered")
    assert "and 1500 more that do not match" in world.ctl("explain", "src", "192.0.2.1").stdout
    wait_for("the commit has settled", lambda: world.json("info")["tables"]["entries"] == 2501)
    tables = world.json("info")["tables"]
    assert 1 <= tables["tuples"] <= 64 and tables["most_steps"] > 1, tables
    assert "2501 policies in" in world.ctl("info").stdout


def library(world):
    world.start()
    world.ctl("policy", "add", *"ssh rate-limit 20pps burst 40 proto tcp dport 22".split())
    world.ctl("policy", "add", *"web block dport 80".split())
    said = subprocess.run([world.build / "tests/e2e/library_explain", "dport 22", " proto  udp src ::1 dport 22",
                           "dport 80", "dport", "src 10.0.0.1 dst ::1"], text=True, check=True, capture_output=True,
                          env={**os.environ, "PEPCTL_SOCKET": str(world.socket)}).stdout.split("\n")
    equal(said, [
        "rate-limit policy [ssh] shadow [] limiter 1 1 40/40 considered 1 revision 2: ssh 1 (decides)",
        "allow default [] shadow [] limiter 0 0 0/0 considered 2 revision 2: ssh 0 (proto udp is not tcp) "
        "web 0 (dport 22 is not 80)",
        "block policy [web] shadow [] limiter 0 0 0/0 considered 2 revision 2: ssh 0 (dport 80 is not 22) web 1 (decides)",
        "1 dport: its value is missing", "1 flow.dst: ::1 is IPv6, and src 10.0.0.1 is IPv4", ""], "the library")


if __name__ == "__main__":
    main([wrong_words, answers, no_trace, real_packets, random_rulesets, many, library])
