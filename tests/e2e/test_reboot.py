#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A reboot: what is on disk is enforced, all of it, before READY=1 lets the network come up.

A reboot here is a new BPF file system, which takes the links along, another boot id, and a CLOCK_BOOTTIME that
begins anew. READY=1 is held up at the instant that it is sent: the socket that it goes to is full. Then packets
are judged, and only after that the daemon may say it.
"""
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import time
import uuid

from world import FAR, LIBC, NEAR, Receiver, equal, main, run, wait_for

BOOT_ID = "/proc/sys/kernel/random/boot_id"
CLONE_NEWTIME = 0x80
RULES = """interface pep0 mode native
interface pep1 mode generic
default block iface pep1
setting fragments drop
setting event-rate 500
set bad {
 10.77.0.4
 198.51.100.0/24
}
policy bad block src @bad priority 10 comment "on the list"
policy flood block proto udp dport 9
policy slow rate-limit 1000pps burst 50 proto udp dport 11
policy away redirect pep1 proto udp dport 12
policy watch allow shadow proto udp dport 13
"""
OPEN = "interface pep0 mode native\nset bad {\n 10.77.0.4\n}\npolicy other block proto udp dport 99\n"


def reboot(world):
    """Only the state folder is left."""
    assert world.daemon is None or world.daemon.poll() is not None, "pepctld runs"
    world.daemon = None
    run("umount", world.folder / "bpf")
    run("mount", "-t", "bpf", "bpf", world.folder / "bpf")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(world.socket)
    (world.folder / "boot_id").write_text(f"{uuid.uuid4()}\n")
    run("mount", "--bind", world.folder / "boot_id", BOOT_ID)
    boottime_begins()


def boottime_begins():
    """For the processes that are started from now on, 30 s ago."""
    assert LIBC.unshare(CLONE_NEWTIME) == 0, "a time namespace"
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    pathlib.Path("/proc/self/timens_offsets").write_text(f"boottime {30 - int(now)} 0\n")
    equal(run("python3", "-c", "import time; print(time.clock_gettime(time.CLOCK_BOOTTIME) < 300)",
              capture_output=True, text=True).stdout, "True\n", "a clock that begins anew")


class HeldUp:
    """A daemon at the instant of its READY=1."""

    def __init__(self, world, *flags):
        self.world = world
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = world.folder / "notify"
        path.unlink(missing_ok=True)
        self.socket.bind(str(path))
        self.fill(str(path))
        os.environ["NOTIFY_SOCKET"] = str(path)
        starts = world.log().count("info: pepctld ")
        world.start(*flags, wait=False)
        del os.environ["NOTIFY_SOCKET"]
        # The line comes right before it.
        wait_for("READY=1 is due", lambda: world.daemon.poll() is not None or
                 world.log().count("info: pepctld ") > starts)
        assert world.daemon.poll() is None, world.log()

    def fill(self, path):
        """Nobody but a daemon that waits can send until something is taken out."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    s.sendto(b"full", path)

    def let_go(self):
        """READY=1 comes behind all that."""
        self.socket.settimeout(20)
        while (said := self.socket.recv(100)) == b"full":
            pass
        equal(said, b"READY=1", "notification")
        self.socket.close()


def blocked_and_passed(world):
    """How much of what RULES blocks arrives, and of what passes."""
    blocked, passed = Receiver(6, 9), Receiver(6, 10)  # of both families
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 5)
    world.send_udp(FAR[6][0], NEAR[6][0], 9, 5)
    world.send_udp(FAR[4][1], NEAR[4][0], 10, 5)
    world.send_udp(FAR[6][1], NEAR[6][0], 10, 5)
    listed = passed.take()
    world.send_udp(FAR[4][0], NEAR[4][0], 10, 5)
    world.send_udp(FAR[6][0], NEAR[6][0], 10, 5)
    wait_for("10 datagrams", lambda got=[0]: got.append(got.pop() + passed.take()) or got[0] >= 10)
    equal(passed.take(), 0, "more datagrams")
    figures = blocked.take(), listed
    blocked.close()
    passed.close()
    return figures


def all_of_it(world):
    """What has to be the same afterwards: ruleset, its revision and history, sets, attachments."""
    info = world.json("info")
    policies = world.json("policy", "show")["policies"]
    return {
        "revision": (info["revision"], info["enforced_revision"], info.get("confirm_revision")),
        "export": world.ctl("export").stdout,
        "policies": [(p["line"], p["position"], p["created_revision"]) for p in policies],
        "members": world.json("set", "show", "bad")["members"],
        "leases": [(m["member"], m["owner"]) for m in world.json("set", "show", "bad")["leases"]],
        "settings": world.json("setting", "show"),
        "interfaces": [(i["name"], i["mode"], i["state"]) for i in world.json("iface", "show")["interfaces"]],
        "history": [(r["revision"], r.get("changes")) for r in world.json("history")["revisions"]],
    }


def same(now, before):
    for key, value in before.items():
        equal(now[key], value, key)


def start_with_rules(world):
    world.start()
    world.ctl("apply", "-", input=RULES)
    world.ctl("set", "lease", "bad", FAR[6][1], "ttl", "1h", "owner", "guard")
    world.ctl("set", "lease", "bad", "203.0.113.99", "until-released", "owner", "other")


def comes_back(world, before):
    """Enforced when READY=1 is due, told when it is out."""
    ready = HeldUp(world)
    equal(blocked_and_passed(world), (0, 0), "blocked datagrams that arrived before READY=1")
    ready.let_go()
    same(all_of_it(world), before)
    left = {m["owner"]: m.get("left") for m in world.json("set", "show", "bad")["leases"]}
    assert re.fullmatch("1h|5[0-9]m.*", left["guard"]), f"of an hour are left: {left['guard']}"
    assert world.json("info")["adopted"].startswith("fresh"), world.json("info")["adopted"]
    equal(world.policy("flood")["packets"], 10, "packets that the policy blocked before READY=1")


def state_alone(world):
    start_with_rules(world)
    before = all_of_it(world)
    world.stop()
    reboot(world)
    passed = Receiver(4, 9)
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 5)
    wait_for("nothing is filtered now", lambda: passed.take() == 5)
    passed.close()
    comes_back(world, before)


def state_and_journal(world):
    """Killed, with changes that only the journal has, and once more right after the start."""
    start_with_rules(world)
    world.stop()
    world.start()
    world.ctl("policy", "del", "away")
    world.ctl("policy", "add", *"late block proto tcp dport 23".split(), "comment", "only in the journal")
    world.ctl("set", "del", "bad", "198.51.100.0/24")
    world.ctl("set", "add", "bad", "203.0.113.7")
    world.ctl("setting", "set", "capture", "64")
    world.ctl("set", "lease", "bad", "198.18.0.1", "ttl", "2h", "owner", "late")
    before = all_of_it(world)
    for _ in range(2):
        world.kill()
        reboot(world)
        comes_back(world, before)


def waiting_commit(world, seconds, leased="192.0.2.1"):
    """RULES are in force; that they go, for OPEN, waits to be confirmed when the power goes."""
    start_with_rules(world)
    before = all_of_it(world)
    world.ctl("set", "lease", "bad", leased, "ttl", "1s", "owner", "short")
    file = world.folder / "open.rules"
    file.write_text(OPEN)
    revision = json.loads(world.ctl("-j", "apply", file, "--confirm", f"{seconds}s",
                                    stdin=subprocess.DEVNULL).stdout)["revision"]
    world.kill()
    return before, revision


def time_is_not_over(world):
    """It is in force again and still waits, for what is left of its time."""
    before, revision = waiting_commit(world, 600)
    reboot(world)
    ready = HeldUp(world)
    receiver = Receiver(4, 9, 99)
    world.send_udp(FAR[4][0], NEAR[4][0], 99, 3)
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    wait_for("what the waiting commit lets pass", lambda got=[0]: got.append(got.pop() + receiver.take()) or
             got[0] == 3)
    ready.let_go()
    info = world.json("info")
    equal((info["revision"], info["enforced_revision"], info["confirm_revision"]), 3 * (revision,), "info")
    left = world.json("history")["revisions"][0]["confirm_left"]
    assert left == "10m" or left.startswith("9m"), left
    equal([p["name"] for p in world.json("policy", "show")["policies"]], ["other"], "policies")
    world.ctl("rollback", "to", revision - 1)
    equal(world.ctl("export").stdout, before["export"], "what it went back to")
    equal(world.json("info").get("confirm_revision"), None, "what waits")


def time_runs_out_afterwards(world):
    """The time that is left runs on the new boot's clock, and ends."""
    before, revision = waiting_commit(world, 3)
    reboot(world)
    world.start()
    wait_for("the time runs out", lambda: world.json("info").get("confirm_revision") is None)
    equal(world.json("info")["revision"], revision + 1, "revision")
    equal(world.ctl("export").stdout, before["export"], "what it went back to")
    equal(blocked_and_passed(world), (0, 0), "blocked datagrams that arrived")


def time_is_over(world):
    """The ruleset of before is in force when READY=1 is due, and a lease that ended meanwhile is not."""
    before, revision = waiting_commit(world, 1, FAR[4][0])
    time.sleep(1.5)
    reboot(world)
    ready = HeldUp(world)
    equal(blocked_and_passed(world), (0, 0), "blocked datagrams that arrived before READY=1")
    ready.let_go()
    info = world.json("info")
    equal((info["revision"], info["enforced_revision"], info.get("confirm_revision")),
          (revision + 1, revision + 1, None), "info")
    equal(world.ctl("export").stdout, before["export"], "what it went back to")
    now = all_of_it(world)
    for key in ("interfaces", "members", "leases"):
        equal(now[key], before[key], key)


if __name__ == "__main__":
    main([state_alone, state_and_journal, time_is_not_over, time_runs_out_afterwards, time_is_over])
