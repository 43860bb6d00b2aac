#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What survives the daemon, the interface, the folder and the admin's haste."""
import os
import subprocess
import time

from world import FAR, NEAR, Receiver, equal, main, read_until_marker, run, wait_for

FLOOD = ("import socket, sys, time\n"
         "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
         "while True:\n"
         "    for port in (9, 10):\n"
         "        s.sendto(b'x', (sys.argv[1], port))\n"
         "    time.sleep(0.0005)\n")


def traffic(world):
    return subprocess.Popen(["nsenter", "--net", "--target", str(world.far.pid), "python3", "-c",
                             FLOOD, NEAR[4][0]])


def killed_under_traffic(world):
    """kill -9 again and again: nothing blocked passes, counters only grow, policies stay."""
    receiver, allowed = Receiver(4, 9), Receiver(4, 10)
    world.start("--iface", "pep0")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    world.ctl("policy", "add", "limit", *"rate-limit 1000pps burst 5 proto udp dport 11".split())
    before = world.json("policy", "show")["policies"]
    flood = traffic(world)
    try:
        last = 0
        for _ in range(5):
            wait_for("more blocked", lambda last=last: world.policy("flood")["packets"] > last + 50)
            last = world.policy("flood")["packets"]
            world.kill()
            time.sleep(0.2)
            world.start()
            now = world.policy("flood")["packets"]
            assert now > last, f"packets went from {last} to {now}"
            stats = world.json("stats")
            assert stats["packets_blocked"] >= now
            last = now
        assert allowed.take() > 0, "nothing was sent at all"
        equal(receiver.take(), 0, "blocked datagrams that passed")
    finally:
        flood.kill()
        flood.wait()
    after = world.json("policy", "show")["policies"]
    for p, q in zip(before, after):
        equal(p["line"], q["line"], "a policy")
        equal((p["created_revision"], p["position"]), (q["created_revision"], q["position"]), "its place")
    assert "adopted" in world.json("info")["adopted"]


def killed_amid_commits(world):
    """Whatever was acknowledged is there after a kill at any moment."""
    world.start("--iface", "pep0")
    acknowledged = 0
    for turn in range(6):
        number = 0
        stop = time.monotonic() + 0.15 + 0.07 * turn
        script = subprocess.Popen(
            ["bash", "-c", f"for i in $(seq 1 500); do {world.build}/client/pepctl --socket "
             f"{world.socket} -q policy add t{turn}-$i block proto udp dport $((1000+{turn}*500+i)) "
             "2>/dev/null || exit; echo $i; done"], stdout=subprocess.PIPE, text=True)
        time.sleep(max(0, stop - time.monotonic()))
        world.kill()
        for line in script.communicate()[0].split():
            number = int(line)
        acknowledged += number
        world.start()
        names = {p["name"] for p in world.json("policy", "show")["policies"]}
        for i in range(1, number + 1):
            assert f"t{turn}-{i}" in names, f"t{turn}-{i} was acknowledged and is gone"
        assert len(names) <= acknowledged + turn + 1, "policies that nobody asked for"
        acknowledged = len(names)
    equal(world.json("info")["revision"], world.json("info")["enforced_revision"], "revision")


def stopped_and_started(world):
    receiver = Receiver(4, 9)
    world.start("--iface", "pep0:generic")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9 comment".split(), "why not")
    world.ctl("default", "block", "iface", "pep1")
    world.ctl("setting", "set", "fragments", "drop")
    world.stop()
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 5)
    equal(receiver.take(), 0, "datagrams past a filter without daemon")
    world.start("--max-policies", "50")
    policy = world.policy("flood")
    equal(policy["packets"], 5, "packets counted without daemon")
    assert "rebuilt" in world.json("info")["adopted"], world.json("info")["adopted"]
    assert 'comment "why not"' in policy["line"]
    equal(world.json("setting", "show")["fragments"], "drop", "setting")
    equal(world.json("iface", "show")["interfaces"][0]["mode"], "generic", "mode")
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 5)
    wait_for("10 packets", lambda: world.policy("flood")["packets"] == 10)
    equal(receiver.take(), 0, "datagrams")
    world.stop()


def pins_without_state(world):
    """The state file is lost: what is pinned is the truth."""
    world.start("--iface", "pep0")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    world.ctl("policy", "add", "away", *"redirect pep1 proto udp dport 12".split())
    world.ctl("default", "block")
    world.ctl("default", "allow", "iface", "pep0")
    world.ctl("iface", "attach", "pep1")
    world.stop()
    os.unlink(world.folder / "state/state")
    world.start()
    assert "warn: pepctld goes on from what is pinned, revision 6" in world.log()
    lines = {p["line"] for p in world.json("policy", "show")["policies"]}
    equal(lines, {"flood block proto udp dport 9", "away redirect pep1 proto udp dport 12"}, "policies")
    equal(world.json("policy", "show")["default"], "block", "default")
    assert "default allow iface pep0" in world.ctl("policy", "show").stdout, "default of pep0"
    receiver = Receiver(4, 10)
    world.send_udp(FAR[4][0], NEAR[4][0], 10, 3)
    wait_for("3 datagrams", lambda: receiver.take() == 3)
    world.stop()
    forget_pins(world)
    world.start()
    equal(world.json("policy", "show")["default"], "block", "default after a reboot")


def forget_pins(world):
    """What a reboot does."""
    run("umount", world.folder / "bpf")
    run("mount", "-t", "bpf", "bpf", world.folder / "bpf")


def state_without_pins(world):
    """A reboot: nothing is pinned, everything is enforced again."""
    receiver = Receiver(4, 9)
    world.start("--iface", "pep0")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    world.stop()
    forget_pins(world)
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    wait_for("the filter is off", lambda: receiver.take() == 3)
    world.start()
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    wait_for("3 packets", lambda: world.policy("flood")["packets"] == 3)
    equal(receiver.take(), 0, "datagrams")


CHECKSUM = len("#@ crc32c 01234567\n")
DAMAGES = [(lambda text: text[:-CHECKSUM - 20], "end is missing"), (lambda text: "", "does not begin"),
           (lambda text: text.replace("dport 9", "dport 8"), "checksum"),
           (lambda text: text[:-CHECKSUM].replace("dport 9", "dport 99999"), "99999")]


def damaged_state(world):
    """What is pinned goes on, and is written down anew."""
    receiver = Receiver(4, 9)
    world.start("--iface", "pep0")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    world.stop()
    file, kept = world.folder / "state/state", world.folder / "state/state.damaged"
    for damage, says in DAMAGES:
        text = damage(file.read_text())
        file.write_text(text)
        world.start()
        line = [line for line in world.log().splitlines() if "is damaged" in line][-1]
        assert says in line and "kept as state.damaged" in line, line
        equal(kept.read_text(), text, "what was set aside")
        equal(world.policy("flood")["line"], "flood block proto udp dport 9", "policy")
        equal([i["name"] for i in world.json("iface", "show")["interfaces"]], ["pep0"], "interfaces")
        world.stop()
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    equal(receiver.take(), 0, "datagrams")
    forget_pins(world)
    world.start()
    equal(world.policy("flood")["line"], "flood block proto udp dport 9", "policy after a reboot")


def damaged_journal(world):
    """So does it when the journal is damaged, or anybody may have written to it."""
    def damage(file):
        whole = file.read_bytes()
        file.write_bytes(whole[:3] + b"?" + whole[4:])

    receiver = Receiver(4, 9)
    world.start("--iface", "pep0")
    for number, spoil in enumerate((damage, lambda file: file.chmod(0o620))):
        world.ctl("policy", "add", f"flood{number}", *f"block proto udp dport {9 + number}".split())
        world.kill()
        spoil(world.folder / "state/journal")
        world.start()
        assert "what is pinned is no older and goes on" in world.log(), world.log()
        equal(len(world.json("policy", "show")["policies"]), number + 1, "policies")
        equal([i["name"] for i in world.json("iface", "show")["interfaces"]], ["pep0"], "interfaces")
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    equal(receiver.take(), 0, "datagrams")
    world.kill()
    forget_pins(world)
    world.start()
    equal(len(world.json("policy", "show")["policies"]), 2, "policies after a reboot")


def damaged_state_without_pins(world):
    """No open host: the start fails, again and again, and leaves the file alone."""
    world.start("--iface", "pep0")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    world.stop()
    forget_pins(world)
    file = world.folder / "state/state"
    whole = file.read_text()
    for damage, says in 2 * DAMAGES:
        file.write_text(damage(whole))
        world.start(wait=False)
        equal(world.daemon.wait(20), 1, "exit status with a damaged state file")
        line = world.log().splitlines()[-1]
        assert says in line and "no ruleset is pinned" in line, line
        equal(file.read_text(), damage(whole), "the damaged file")
    file.write_text(whole)
    world.start()
    equal(world.json("info")["limits"]["policies"], 1, "policies")


def read_only_state(world):
    """A disk that refuses: the change is refused, everything else goes on."""
    receiver = Receiver(4, 9, 10)
    world.start("--iface", "pep0")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    world.ctl("ban", "203.0.113.77", "ttl", "6s")
    run("mount", "--bind", world.folder / "state", world.folder / "state")
    run("mount", "-o", "remount,ro,bind", world.folder / "state")
    # The open folder still is the writable one below; the daemon starts anew on the other.
    world.kill()
    world.start()
    result = world.ctl("policy", "add", "more", *"block proto udp dport 10".split(), check=False)
    equal(result.returncode, 1, "exit status")
    assert "could not be written" in result.stderr, result.stderr
    assert "Read-only file system; remount" in world.json("info")["state_write_error"], world.json("info")
    assert "Read-only file system; remount" in world.ctl("info").stdout
    result = world.ctl("iface", "attach", "pep1", check=False)
    equal(result.returncode, 1, "exit status")
    equal([p["name"] for p in world.json("policy", "show")["policies"]], ["flood", "banned"], "policies")
    equal([i["name"] for i in world.json("iface", "show")["interfaces"]], ["pep0"], "interfaces")
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    world.send_udp(FAR[4][0], NEAR[4][0], 10, 3)
    wait_for("blocked", lambda: world.policy("flood")["packets"] >= 3)
    equal(receiver.take(), 3, "datagrams")
    # What ends in its time needs no disk.
    wait_for("the ban's end", lambda: world.json("set", "show")["sets"][0]["leases"] == 0)
    world.kill()
    run("umount", world.folder / "state")
    world.start()
    world.ctl("policy", "add", "more", *"block proto udp dport 10".split())
    equal(world.json("info")["state_write_error"], "", "state_write_error")


def second_daemon(world):
    """Refused for each of the three things that are one daemon's own."""
    world.start()
    first = world.daemon
    for flags, says in (([], "state folder"),
                        (["--state-dir", world.folder / "s2"], "pin folder"),
                        (["--state-dir", world.folder / "s2", "--pin-dir",
                          world.folder / "bpf/p2"], "listens on")):
        world.start(*flags, wait=False)
        equal(world.daemon.wait(20), 1, "exit status of a second daemon")
        assert says in world.log().splitlines()[-1], world.log().splitlines()[-1]
    world.daemon = first
    world.ctl("info")


def socket_of_another(world):
    """The path was taken over: the one that ends leaves the other's socket there."""
    world.start()
    first = world.daemon
    os.unlink(world.socket)
    world.start("--state-dir", world.folder / "s2", "--pin-dir", world.folder / "bpf/p2")
    first.terminate()
    equal(first.wait(20), 0, "exit status of the first")
    world.ctl("info")


def interface_vanishes(world):
    receiver = Receiver(4, 9)
    world.start("--iface", "pep0")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    reader = world.subscribe()
    run("ip", "link", "del", "pep0")
    wait_for("absent", lambda: world.json("iface", "show")["interfaces"][0]["state"] == "absent")
    run("ip", "link", "add", "pep0", "type", "veth", "peer", "name", "far0", "netns", world.far.pid)
    run("ip", "address", "add", NEAR[4][0] + "/24", "dev", "pep0")
    run("ip", "link", "set", "pep0", "up")
    world.far_ip("address", "add", FAR[4][0] + "/24", "dev", "far0")
    world.far_ip("link", "set", "far0", "up")
    wait_for("attached", lambda: world.json("iface", "show")["interfaces"][0]["state"] == "attached")
    wait_for("the carrier", lambda: world.ping(FAR[4][0], NEAR[4][0], 1) == 1)
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    wait_for("blocked", lambda: world.policy("flood")["packets"] == 3)
    equal(receiver.take(), 0, "datagrams")
    states = [e["state"] for e in read_until_marker(reader) if e["type"] == "interface"]
    equal(states, ["absent", "attached"], "interface events")


def foreign_program(world):
    run("ip", "link", "set", "dev", "pep0", "xdpgeneric", "obj",
        world.build / "bpf/packet_filter.o", "sec", "xdp.frags")
    world.start()
    result = world.ctl("iface", "attach", "pep0", check=False)
    equal(result.returncode, 1, "exit status")
    assert "already, id " in result.stderr, result.stderr
    result = world.ctl("iface", "attach", "pep1", "mode", "offload", check=False)
    assert "offload" in result.stderr and result.returncode == 1, result.stderr
    equal(world.json("iface", "show")["interfaces"], [], "interfaces")


def panics(world):
    """The filter goes off without a daemon, and comes back with one."""
    receiver = Receiver(4, 9)
    world.start("--iface", "pep0")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    world.kill()
    result = world.ctl("panic", "--pin-dir", world.pins, check=False, stdin=subprocess.DEVNULL)
    equal(result.returncode, 1, "panic without --yes and without a terminal")
    result = world.ctl("panic", "--yes", "--pin-dir", world.pins)
    assert "pep0: the filter is off" in result.stdout and "come back" in result.stdout, result.stdout
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    wait_for("the filter is off", lambda: receiver.take() == 3)
    world.start()
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    wait_for("blocked", lambda: world.policy("flood")["packets"] == 3)
    equal(receiver.take(), 0, "datagrams")


def panics_under_the_daemon(world):
    """The daemon notices, says so, does not overrule whoever did it, and puts it back when told."""
    receiver = Receiver(4, 9)
    world.start("--iface", "pep0")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    reader = world.subscribe()
    world.ctl("panic", "--yes", "--pin-dir", world.pins)
    wait_for("a line in the log", lambda: "pep0: not attached: detached by someone else" in world.log())
    run("ip", "link", "set", "pep0", "mtu", "1400")  # news of the interface are no reason to come back
    shown = world.json("iface", "show")["interfaces"][0]
    equal((shown["state"], shown["reason"]),
          ("failed", "detached by someone else; pepctl iface attach pep0 puts it back"), "iface show")
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    wait_for("the filter is off", lambda: receiver.take() == 3)
    assert "pep0 attached in native mode" in world.ctl("iface", "attach", "pep0").stdout
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    wait_for("blocked", lambda: world.policy("flood")["packets"] == 3)
    # So does a file that names it, though the ruleset stays as it is; one in place makes no news.
    rules = world.ctl("export").stdout
    world.ctl("panic", "--yes", "--pin-dir", world.pins)
    for _ in range(2):
        equal(world.ctl("apply", "-", input=rules).stdout, "nothing changed (revision 2)\n", "apply")
        equal(world.json("iface", "show")["interfaces"][0]["state"], "attached", "after apply")
    states = [e["state"] for e in read_until_marker(reader) if e["type"] == "interface"]
    equal(states[:2] + [s for s in states[2:] if s != "failed"],
          ["failed", "attached", "attached"], "interface events")
    world.stop()
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
    world.start()
    assert world.json("info")["adopted"].startswith("adopted"), world.json("info")["adopted"]
    equal(world.policy("flood")["packets"], 6, "packets counted by the pinned link without a daemon")
    equal(receiver.take(), 0, "datagrams")


def detached_behind_the_daemon(world):
    """A link taken off without a trace, its pin left: what asks about it looks at the kernel."""
    receiver = Receiver(4, 9)
    world.start("--iface", "pep0:generic")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    for ask in (lambda: None, lambda: world.ctl("iface", "show")):
        run("bpftool", "link", "detach", "pinned", world.pins / "links/pep0")
        ask()
        world.ctl("iface", "attach", "pep0", "mode", "generic")
        world.send_udp(FAR[4][0], NEAR[4][0], 9, 3)
        equal(receiver.take(), 0, "datagrams")
    wait_for("blocked", lambda: world.policy("flood")["packets"] == 6)
    run("bpftool", "link", "detach", "pinned", world.pins / "links/pep0")
    run("ip", "link", "set", "dev", "pep0", "xdpgeneric", "obj", world.build / "bpf/packet_filter.o",
        "sec", "xdp.frags")
    result = world.ctl("iface", "attach", "pep0", "mode", "generic", check=False)
    equal(result.returncode, 1, "exit status when another has the interface")
    assert "already, id " in result.stderr, result.stderr
    equal(world.json("iface", "show")["interfaces"][0]["state"], "failed", "state")


def detaches_on_exit(world):
    world.start("--iface", "pep0", "--detach-on-exit")
    world.ctl("policy", "add", "flood", *"block proto udp dport 9".split())
    world.stop()
    assert not world.pins.exists(), "pins are left"
    shown = subprocess.run(["ip", "link", "show", "pep0"], capture_output=True, text=True, check=True)
    assert "xdp" not in shown.stdout, shown.stdout
    assert not world.socket.exists(), "the socket is left"


def activation_and_notification(world):
    """As systemd would start it: an inherited socket, READY=1 and STOPPING=1."""
    import socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, \
            socket.socket(socket.AF_UNIX) as listening:
        notified.bind(str(world.folder / "notify"))
        listening.bind(str(world.socket))
        os.chmod(world.socket, 0o666)
        listening.listen()
        os.environ["NOTIFY_SOCKET"] = str(world.folder / "notify")
        fd = listening.fileno()
        with open(world.folder / "log", "ab") as log:
            world.daemon = subprocess.Popen(
                ["bash", "-c", f"exec 3<&{fd}; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"", "-",
                 world.build / "server/pepctld", "--state-dir", world.folder / "state",
                 "--pin-dir", world.pins], pass_fds=[fd], stdout=log, stderr=log)
        notified.settimeout(20)
        equal(notified.recv(100), b"READY=1", "notification")
        world.ctl("info")
        world.stop()
        equal(notified.recv(100), b"STOPPING=1", "notification")
        assert world.socket.exists(), "an inherited socket was removed"


if __name__ == "__main__":
    main([killed_under_traffic, killed_amid_commits, stopped_and_started, pins_without_state,
          state_without_pins, damaged_state, damaged_journal, damaged_state_without_pins, read_only_state,
          second_daemon, socket_of_another, interface_vanishes, foreign_program, panics,
          panics_under_the_daemon, detached_behind_the_daemon, detaches_on_exit,
          activation_and_notification])
