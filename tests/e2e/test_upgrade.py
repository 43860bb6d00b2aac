#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""From one build to another whose tables have other sizes, and back, under traffic.

The other build is pepctld_other: entries, tuples, the head of everything and the counters themselves are larger
(PEP_OTHER_LAYOUT in bpf/common.h), so nothing that is pinned fits, and only the state folder has the ruleset.
"""
import contextlib
import json
import random
import signal
import socket
import subprocess
import threading
import time

from world import FAR, NEAR, Receiver, equal, main, wait_for

BUILDS = "tests/e2e/pepctld_other", "server/pepctld"
RULES = """interface pep0 mode native
interface pep1 mode generic
default block
set bad {
 10.77.0.4
 fd77::4
}
policy listed block src @bad priority 10
policy pass allow proto udp dport 10
policy slow rate-limit 8bps burst 4000B proto udp dport 11
policy never block proto udp dport 9
policy away redirect pep1 proto udp dport 12
policy spread redirect pep1*3,pep0 proto udp dport 14
"""
# From a source that is listed, and one that is not: only what goes to port 10 may arrive. Ends with SIGTERM, and
# tells then how many that were.
SENDER = """
import signal, socket, sys, time
ends = []
signal.signal(signal.SIGTERM, lambda *_: ends.append(1))
def bound(address):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 0))
    return s
good, bad = [[bound(a) for a in pair] for pair in (sys.argv[1:3], sys.argv[3:5])]
number = 0
while not ends:
    number += 1
    for a, b, target in zip(good, bad, sys.argv[5:7]):
        a.sendto(b"%d" % number, (target, 10))
        a.sendto(b"default", (target, 13))
        a.sendto(b"policy", (target, 9))
        b.sendto(b"listed", (target, 10))
    time.sleep(0.0005)
print(number)
"""


class Traffic:
    """What arrives of it is taken as it comes."""

    def __init__(self, world):
        self.wrong = Receiver(6, 9, 13)
        self.right = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.right.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
        self.right.bind(("::", 10))
        self.right.settimeout(1)
        self.took, self.ended = {4: [], 6: [], "other": []}, False
        self.sender = subprocess.Popen(  # pylint: disable=consider-using-with
            ["nsenter", "--net", "--target", str(world.far.pid), "python3", "-c", SENDER, FAR[4][0], FAR[6][0],
             FAR[4][1], FAR[6][1], NEAR[4][0], NEAR[6][0]], stdout=subprocess.PIPE, text=True)
        self.taker = threading.Thread(target=self.take, daemon=True)
        self.taker.start()
        wait_for("traffic", lambda: len(self.took[4]) > 50)

    def take(self):
        while True:
            try:
                data, peer = self.right.recvfrom(100)
            except socket.timeout:
                if self.ended:
                    return
                continue
            kind = 4 if peer[0].startswith("::ffff:") else 6
            self.took[kind if data.isdigit() else "other"].append(data)

    def end(self):
        """Every packet has been judged by the ruleset, and by nothing else."""
        self.sender.send_signal(signal.SIGTERM)
        sent = int(self.sender.communicate(timeout=20)[0])
        self.ended = True
        self.taker.join()
        self.right.close()
        equal(self.took["other"], [], "packets of a listed source that arrived")
        equal(self.wrong.take(), 0, "packets to other ports that arrived")
        for family in (4, 6):
            equal(self.took[family], [b"%d" % (i + 1) for i in range(sent)], f"what arrived of IPv{family}")
        self.wrong.close()
        return sent


def counters(world):
    """Of all policies, and all that is counted beside them: in all and of interfaces."""
    figures = {p["name"]: (p["packets"], p["bytes"], p.get("exceeded_packets", 0), p.get("exceeded_bytes", 0))
               for p in world.json("policy", "show")["policies"]}
    stats = world.json("stats")
    parts = {"all": stats} | {i["name"]: i for i in stats["interfaces"]}
    return figures | {f"{part} {name}": (value,) for part, all_figures in parts.items()
                      for name, value in all_figures.items()
                      if name.startswith(("packets_", "bytes_", "blocked_", "policy_lookups"))}


def not_less(now, before):
    for name, figures in before.items():
        assert all(a >= b for a, b in zip(now[name], figures)), f"{name} went from {figures} to {now[name]}"


def change_build(world, turn, kill):
    if kill:
        world.kill()
    else:
        world.stop()
    world.start(program=BUILDS[turn % 2])
    adopted = world.json("info")["adopted"]
    assert "another layout" in adopted and "counters and limiters were carried over" in adopted, adopted


def under_traffic(world):
    """There and back, again and again, ended cleanly and killed; with a commit by each build."""
    world.start()
    world.ctl("apply", "-", input=RULES)
    traffic = Traffic(world)
    for turn in range(4):
        wait_for("more is counted", lambda old=world.policy("pass")["packets"]:
                 world.policy("pass")["packets"] > old + 20)
        before = counters(world)
        change_build(world, turn, kill=turn >= 2)
        not_less(counters(world), before)
        equal(world.json("info")["revision"], world.json("info")["enforced_revision"], "revision")
        world.ctl("policy", "add", *f"of-{turn} allow proto tcp dport {turn + 1}".split())
    sent = traffic.end()
    now = counters(world)
    print(f"{2 * sent} sent to pass, {now['pass'][0]} counted")
    assert now["pass"][0] <= 2 * sent, "more was counted than sent"
    equal(len(world.json("policy", "show")["policies"]), 6 + 4, "policies")


def all_is_carried(world):
    """Without traffic nothing is lost: policies, interfaces, totals, and how full a bucket is."""
    world.start()
    world.ctl("apply", "-", input=RULES)
    slow = Receiver(4, 11)
    for source, port, count in ((FAR[4][0], 9, 7), (FAR[4][0], 10, 8), (FAR[4][1], 10, 9), (FAR[4][0], 13, 10)):
        world.send_udp(source, NEAR[4][0], port, count)
    world.send_udp(FAR[4][0], NEAR[4][0], 11, 200)  # of 39 bytes: 102 fit, and one more every 39 s
    wait_for("a bucket runs empty", lambda: world.policy("slow")["packets"] == 200)
    passed = slow.take()
    assert 100 <= passed < 110, f"{passed} of 200 passed"
    interfaces = world.json("iface", "show")["interfaces"]
    for turn in range(2):
        time.sleep(0.1)
        before = counters(world)
        change_build(world, turn, kill=turn == 1)
        now = counters(world)
        equal(exact(now), exact(before), "counters")
        not_less(now, before)
        world.send_udp(FAR[4][0], NEAR[4][0], 11, 100)
        wait_for("counted", lambda old=before["slow"][0]: world.policy("slow")["packets"] == old + 100)
        passed = slow.take()
        assert passed < 10, f"{passed} of 100 passed: the bucket was full again"
        now = world.json("iface", "show")["interfaces"]
        equal([(i["name"], i["mode"], i["state"]) for i in now],
              [(i["name"], i["mode"], i["state"]) for i in interfaces], "interfaces")


def exact(figures):
    """What no packet of the kernel's own adds to, as neighbours' and multicast listeners' would."""
    return {name: value for name, value in figures.items()
            if " " not in name or name.endswith(("blocked_by_policy", "blocked_by_rate"))}


def cut_off(world):
    """Killed anywhere while it starts: the former ruleset goes on, and the next start of either build succeeds."""
    rng = random.Random(5)
    world.start()
    world.ctl("apply", "-", input=RULES)
    world.stop()
    traffic = Traffic(world)
    for turn in range(8):
        world.start(program=BUILDS[rng.randrange(2)], wait=False)
        with contextlib.suppress(subprocess.TimeoutExpired):
            world.daemon.wait(rng.random() * (0.1 + 0.05 * turn))
        world.kill()
    world.start(program=BUILDS[0])
    before = counters(world)
    change_build(world, 1, kill=True)
    not_less(counters(world), before)
    traffic.end()
    equal(json.loads(world.ctl("-j", "info").stdout)["revision"], 1, "revision")


if __name__ == "__main__":
    main([under_traffic, all_is_carried, cut_off])
