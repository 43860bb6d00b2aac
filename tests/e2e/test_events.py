#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Three subscribers, one of them never reading, under far more blocks than it can take."""
import json
import re
import subprocess
import threading
import time

from world import FAR, NEAR, equal, main, wait_for

# Events have about 130 bytes: the sleeper's queue (1 MiB), socket and pipe hold a tenth of these.
FLOOD = 120000


class Reader:
    """Reads everything in a thread and remembers when the last packet event came."""

    def __init__(self, process):
        self.process, self.events, self.last = process, [], 0.0
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        for line in self.process.stdout:
            if line.endswith("}\n"):
                self.events.append(json.loads(line))
                self.last = time.monotonic()

    def count(self, kind):
        return sum(e["type"] == kind for e in list(self.events))

    def told(self, what):
        return sum(e[what] for e in list(self.events) if e["type"] == "lost")

    def marker(self):
        return [e for e in list(self.events) if e["type"] == "marker"][-1]

    def end(self):
        self.process.kill()
        self.process.wait()
        self.thread.join()


def flood(world, count, pause=0.0):
    """Small datagrams as fast as one socket can, or with a pause behind each hundredth."""
    for _ in range(100 if pause else 1):
        world.send_udp(FAR[4][0], NEAR[4][0], 9, count // 100 if pause else count)
        time.sleep(pause)


def check_account(marker, decisions):
    equal(marker["delivered"] + marker["filtered"] + marker["lost"] + marker["suppressed"] +
          marker["ring_full"], marker["decisions"], f"the account of {marker['subscription']}")
    equal(marker["decisions"], decisions, f"decisions of {marker['subscription']}")


def numbered(world):
    return world.json("stats")["events"]["numbered"]


def sleeper_harms_nobody(world):
    world.start("--iface", "pep0", "--ring-size", "4194304")
    world.ctl("setting", "set", "event-rate", "1000000")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    sleeper = world.subscribe()  # nobody reads its pipe: it stops, then its socket fills
    all_of_it = Reader(world.subscribe())
    other = Reader(world.subscribe("policy", "another"))
    flood(world, FLOOD, 0.05)  # readers of JSON keep up with that, the sleeper does not
    wait_for("every decision is numbered", lambda: numbered(world) == FLOOD)
    wait_for("the reader has its events", lambda: all_of_it.count("packet") +
             all_of_it.told("count") + all_of_it.told("ring_full") == FLOOD)
    # After losses the sleeper's queue is full; waking up it is told exactly what it missed.
    late = Reader(sleeper)
    wait_for("the sleeper has caught up", lambda: late.count("packet") + late.told("count") +
             late.told("ring_full") >= FLOOD)
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 10)
    for reader in (all_of_it, late):
        wait_for("ten more", lambda reader=reader: reader.count("packet") + reader.told("count") +
                 reader.told("ring_full") == FLOOD + 10)
    assert late.told("count") > FLOOD // 2, f"the sleeper lost only {late.told('count')}"
    equal(all_of_it.told("count"), 0, "losses of one who reads")
    equal(other.count("packet"), 0, "events of a filter that nothing matches")
    subscriptions = accounts(world)
    equal(len(subscriptions), 3, "subscriptions")
    for account in subscriptions:
        check_account(account, FLOOD + 10)
    equal(sorted(a["filtered"] for a in subscriptions)[-1] > 0, True, "filtered")
    for reader in (late, all_of_it):
        check_markers(reader)
    for reader in (late, all_of_it, other):
        reader.end()


def check_markers(reader):
    """In the stream itself: what came before a marker is what it says."""
    delivered = lost = 0
    for e in reader.events:
        delivered += e["type"] == "packet"
        lost += e["count"] if e["type"] == "lost" else 0
        if e["type"] == "marker":
            equal((e["delivered"], e["lost"]), (delivered, lost), "delivered and lost")
            equal(e["delivered"] + e["filtered"] + e["lost"] + e["suppressed"] + e["ring_full"],
                  e["decisions"], "the account in line")


def accounts(world):
    """ListSubscriptions by the independent peer of tests/interop."""
    import pathlib
    import sys
    sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "interop"))
    from peer import Peer
    with Peer(str(world.socket)) as peer:
        answer = peer.call("ListSubscriptions")
    return [s["accounting"] for s in answer["subscriptions"]]


def suppression_adds_up(world):
    world.start("--iface", "pep0", "--ring-size", "65536")
    world.ctl("setting", "set", "event-rate", "50")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    reader = Reader(world.subscribe())
    flood(world, 3000)
    wait_for("all are accounted for", lambda: reader.count("packet") + reader.told("suppressed") +
             reader.told("ring_full") + reader.told("count") == 3000)
    assert reader.told("suppressed") > 2000
    check_markers(reader)
    check_account(reader.marker(), 3000)
    reader.end()


def small_ring_adds_up(world):
    world.start("--iface", "pep0", "--ring-size", "65536")
    world.ctl("setting", "set", "event-rate", "1000000")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    reader = Reader(world.subscribe())
    flood(world, 20000)
    wait_for("all are accounted for", lambda: reader.count("packet") + reader.told("ring_full") +
             reader.told("count") == 20000)
    check_markers(reader)
    stats = world.json("stats")
    equal(stats["events"]["ring_full"], reader.told("ring_full"), "ring_full")
    equal(stats["packets_blocked"], 20000, "packets_blocked")
    reader.end()


def log_is_summarised(world):
    """Never a line a packet."""
    world.start("--iface", "pep0")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    flood(world, 5000)
    wait_for("counted", lambda: world.policy("flood")["packets"] == 5000)
    world.stop()
    lines = [line for line in world.log().splitlines() if "blocked" in line]
    assert 1 <= len(lines) <= 3, f"{len(lines)} lines about blocks"
    told = sum(int(re.search(r"blocked (\d+)", line)[1]) for line in lines)
    assert told == 5000, f"{told} blocks in the log, not 5000"


def count_ends_and_since_resumes(world):
    world.start("--iface", "pep0")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    reader = world.subscribe("--count", "3")
    flood(world, 10)
    lines = [json.loads(line) for line in reader.stdout]
    equal(reader.wait(), 0, "exit status after --count")
    packets = [e for e in lines if e["type"] == "packet"]
    equal(len(packets), 3, "events with --count 3")
    wait_for("10 events", lambda: numbered(world) == 10)
    time.sleep(0.3)
    result = subprocess.run(
        [world.build / "client/pepctl", "--socket", world.socket, "-j", "events", "--since",
         str(packets[-1]["seq"]), "--count", "7"], capture_output=True, text=True, check=True,
        timeout=30)
    again = [e for e in map(json.loads, result.stdout.splitlines()) if e["type"] == "packet"]
    equal([e["seq"] for e in again],
          list(range(packets[-1]["seq"] + 1, packets[-1]["seq"] + 8)), "resumed events")


def text(world):
    """What a person reads: ICMP types, both values of a setting, and that a policy is unknown."""
    world.start("--iface", "pep0")
    world.ctl("policy", "add", *"ping block proto icmp".split())
    world.ctl("setting", "set", "event-rate", "77")
    reader = subprocess.Popen(
        [world.build / "client/pepctl", "--socket", world.socket, "events"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for("a subscription", lambda: world.json("stats")["events"]["subscriptions"] == 1)
    world.ctl("setting", "set", "event-rate", "10000")
    world.ping(FAR[4][0], NEAR[4][0], 1)
    lines = ""
    while "icmp" not in lines:
        lines += reader.stdout.readline()
    reader.kill()
    equal(reader.communicate()[1], "", "warnings")
    assert "    - setting event-rate 77\n    + setting event-rate 10000\n" in lines, lines
    assert "icmp 10.77.0.2 > 10.77.0.1 type 8/0 length 98 policy ping" in lines, lines
    reader = subprocess.Popen(
        [world.build / "client/pepctl", "--socket", world.socket, "events", "policy", "ping", "policy",
         "nope"], text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    equal(reader.stderr.readline(), "pepctl: warning: there is no policy nope now\n", "an unknown policy")
    wait_for("a subscription", lambda: world.json("stats")["events"]["subscriptions"] == 1)
    reader.kill()
    reader.communicate()


def figures_after_a_restart(world):
    """What the kernel numbered for a daemon before is not in the figures of this one."""
    world.start("--iface", "pep0")
    world.ctl("policy", "add", *"flood block proto udp dport 9".split())
    flood(world, 50)
    wait_for("50 events", lambda: numbered(world) == 50)
    world.stop()
    world.start()
    equal(numbered(world), 0, "events numbered before this start")
    flood(world, 20)
    wait_for("20 events", lambda: numbered(world) == 20)
    events = world.json("stats")["events"]
    equal(events["received"] + events["suppressed"] + events["ring_full"], 20, "events")


def would_have(world):
    """A shadow policy is counted and reported, and decides nothing; the log of blocks does not know it."""
    world.start("--iface", "pep0")
    world.ctl("policy", "add", *"trial block proto udp dport 9 shadow priority 1".split())
    reader = world.subscribe()
    flood(world, 20)
    event = json.loads(reader.stdout.readline())
    reader.kill()
    reader.communicate()
    equal((event["policy"], event["action"], event["reason"]), ("trial", "block", "shadow"), "the event")
    wait_for("20 decisions", lambda: world.json("policy", "show")["policies"][0]["packets"] == 20)
    equal(world.json("stats")["packets_blocked"], 0, "blocked")


if __name__ == "__main__":
    main([sleeper_harms_nobody, suppression_adds_up, small_ring_adds_up, log_is_summarised,
          count_ends_and_since_resumes, text, figures_after_a_restart,
          would_have])
