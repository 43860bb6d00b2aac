#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Attachments follow the name, and what is attached is filtered by what was asked for it."""
import ctypes
import fcntl
import json
import os
import socket
import struct

from world import FAR, NEAR, Receiver, equal, main, run, wait_for


def check_blocked(world, receiver):
    before = world.json("stats")["packets_blocked"]
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 5)
    wait_for("5 blocked", lambda: world.json("stats")["packets_blocked"] >= before + 5)
    equal(receiver.take(), 0, "datagrams past the filter")


def default_with_its_interface(world):
    """An interface and its own default, new in one transaction."""
    world.start()
    world.apply("default allow\ndefault block iface pep0\ninterface pep0 mode auto\n")
    check_blocked(world, Receiver(4, 9))


def default_before_its_interface(world):
    world.start()
    world.ctl("default", "block", "iface", "pep0")
    world.ctl("iface", "attach", "pep0")
    check_blocked(world, Receiver(4, 9))


def make_tun(name):
    """A device without Ethernet headers, as long as the descriptor is open."""
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH", name.encode(), 0x1 | 0x1000))  # TUNSETIFF, IFF_TUN
    return fd


def without_ethernet(world):
    """A device whose packets the filter cannot read is refused, not passed by."""
    tun = make_tun("tun0")
    world.start("--iface", "lo")
    result = world.ctl("iface", "attach", "tun0", check=False)
    equal(result.returncode, 1, "exit status")
    assert "tun0 is no Ethernet interface" in result.stderr, result.stderr
    equal([i["name"] for i in world.json("iface", "show")["interfaces"]], ["lo"], "interfaces")
    os.close(tun)


def programs(*names):
    """Which of these interfaces have an XDP program."""
    return [name for name in names
            if "xdp" in run("ip", "link", "show", name, capture_output=True, text=True).stdout]


def new_pep0(world):
    run("ip", "link", "add", "pep0", "type", "veth", "peer", "name", "far2", "netns", world.far.pid)
    world.set_up("pep0", lambda *words: run("ip", *words))
    world.set_up("far2", world.far_ip)
    world.far_ip("address", "flush", "dev", "far0")
    world.add_address(lambda *w: run("ip", *w), NEAR[4][0], 24, "pep0")
    world.add_address(world.far_ip, FAR[4][0], 24, "far2")


def rename_pep0(_world):
    run("ip", "link", "set", "pep0", "down")
    run("ip", "address", "flush", "dev", "pep0")
    run("ip", "link", "set", "pep0", "name", "old0")


def move_pep0(world):
    run("ip", "link", "set", "pep0", "netns", world.far.pid)


def replaced(world, lose, down):
    """pep0 is another interface now, and that one is filtered."""
    receiver = Receiver(4, 9)
    world.start("--iface", "pep0")
    world.ctl("default", "block")
    if down:
        world.kill()
    lose(world)
    if not down:
        wait_for("absent", lambda: world.json("iface", "show")["interfaces"][0]["state"] == "absent")
    new_pep0(world)
    if down:
        world.start()
    wait_for("attached", lambda: world.json("iface", "show")["interfaces"][0]["state"] == "attached")
    equal(programs("pep0"), ["pep0"], "interfaces with a program")
    wait_for("the carrier", lambda: "LOWER_UP" in run("ip", "link", "show", "pep0", text=True,
                                                      capture_output=True).stdout)
    check_blocked(world, receiver)


def renamed(world):
    replaced(world, rename_pep0, False)
    equal(programs("old0"), [], "interfaces with a program that are not attached")
    assert "pep0: not attached: the interface is renamed old0" in world.log()


def renamed_without_daemon(world):
    replaced(world, rename_pep0, True)
    equal(programs("old0"), [], "interfaces with a program that are not attached")


def moved(world):
    replaced(world, move_pep0, False)


def moved_without_daemon(world):
    replaced(world, move_pep0, True)


def absent_in_a_file(world):
    """One that the ruleset has and the host has not is no fault of a file that names it again."""
    world.start("--iface", "pep1")
    rules = world.ctl("export").stdout
    run("ip", "link", "del", "pep1")
    wait_for("absent", lambda: world.json("iface", "show")["interfaces"][0]["state"] == "absent")
    equal(world.ctl("export").stdout, rules, "the export")
    result = world.ctl("apply", "-", input=rules)
    equal(result.stdout, "nothing changed (revision 1)\n", "apply")
    assert "there is no interface pep1 now; it is attached when it appears" in result.stderr, result.stderr
    result = world.ctl("iface", "attach", "pep1", check=False)
    equal(result.returncode, 1, "exit status of an attachment by itself")
    assert "there is no interface pep1" in result.stderr, result.stderr


def shown(world):
    """name: (state, pattern) of every interface."""
    return {i["name"]: (i["state"], i.get("pattern", "")) for i in world.json("iface", "show")["interfaces"]}


def make_pair(name, other):
    run("ip", "link", "add", name, "type", "veth", "peer", "name", other)


def appears(world, name, **wanted):
    wait_for(f"{name} {wanted}", lambda: shown(world).get(name) == (
        wanted.get("state", "attached"), wanted.get("by", "")))


def patterns(world):
    """What matches is attached now and when it appears, and no longer listed when it goes."""
    make_pair("ve0", "peer0")
    world.start("--iface", "pep1")
    result = world.ctl("iface", "attach", "ve*", "mode", "native")
    equal(result.stdout, "ve*: 1 interface attached, others when they appear (revision 2)\n", "attach")
    equal(shown(world), {"pep1": ("attached", ""), "ve0": ("attached", "ve*")}, "interfaces")
    events = world.subscribe()
    make_pair("ve1", "peer1")
    event = json.loads(events.stdout.readline())
    equal((event["type"], event["iface"], event["state"]), ("interface", "ve1", "attached"), "event")
    run("ip", "link", "set", "ve0", "name", "other0")
    run("ip", "link", "set", "peer1", "name", "vepeer")
    appears(world, "vepeer", by="ve*")
    wait_for("ve0 is let go", lambda: "ve0" not in shown(world))
    equal(programs("other0", "ve1", "vepeer", "peer0", "lo"), ["ve1", "vepeer"], "programs")
    run("ip", "link", "del", "ve1")
    wait_for("both are gone", lambda: set(shown(world)) == {"pep1"})
    said = [json.loads(events.stdout.readline()) for _ in range(4)]
    equal({(e["iface"], e["state"]) for e in said},
          {("ve0", "absent"), ("vepeer", "attached"), ("ve1", "absent"), ("vepeer", "absent")}, "events")
    events.kill()
    events.communicate()
    equal(world.json("iface", "show")["patterns"],
          [{"name": "ve*", "mode": "native", "interfaces": 0}], "patterns")
    equal(world.ctl("export").stdout,
          "default allow\ninterface pep1 mode auto\ninterface ve* mode native\n", "export")
    equal(world.json("export")["revision"], 2, "what comes and goes is no change of the ruleset")


def pattern_and_name(world):
    """Detaching one leaves what the other wants; over restarts, and killed, too."""
    make_pair("ve0", "ve1")
    world.start()
    world.apply("interface ve* mode native\ninterface v*\ninterface ve1\n")
    both = {"ve0": ("attached", "ve*"), "ve1": ("attached", "")}
    equal(shown(world), both, "interfaces")
    world.kill()
    make_pair("ve2", "ve3")
    run("ip", "link", "del", "ve2")
    make_pair("ve4", "q4")
    world.start()
    equal(shown(world), both | {"ve4": ("attached", "ve*")}, "after a restart")
    result = world.ctl("iface", "detach", "ve1")
    assert "ve1 stays attached: the pattern v* matches it" in result.stderr, result.stderr
    result = world.ctl("iface", "detach", "ve1", check=False)
    equal(result.returncode, 1, "detached twice")
    assert "ve1 is not attached by its own name, but by the pattern v*" in result.stderr, result.stderr
    world.ctl("iface", "detach", "ve*")
    equal(shown(world), {n: ("attached", "v*") for n in ("ve0", "ve1", "ve4")}, "the other pattern's")
    world.ctl("iface", "attach", "ve4")
    world.ctl("iface", "detach", "v*")
    equal(shown(world), {"ve4": ("attached", "")}, "after the last pattern")
    equal(programs("ve0", "ve1", "ve4"), ["ve4"], "programs")
    assert "ve0: detached" in world.log() and "ve4: detached" not in world.log(), world.log()


def pattern_put_back(world):
    """Taken off by somebody else it stays off, until somebody asks for the pattern, or it is another one."""
    make_pair("ve0", "q0")
    world.start()
    world.apply("interface ve*\n")
    world.ctl("panic", "--yes", "--pin-dir", world.pins)
    appears(world, "ve0", state="failed", by="ve*")
    world.ctl("apply", "-", input=world.ctl("export").stdout)
    appears(world, "ve0", by="ve*")
    world.ctl("panic", "--yes", "--pin-dir", world.pins)
    appears(world, "ve0", state="failed", by="ve*")
    run("ip", "link", "del", "ve0")
    wait_for("gone", lambda: not shown(world))
    make_pair("ve0", "q0")
    appears(world, "ve0", by="ve*")


def pattern_beyond_the_limit(world):
    """As many as there are counters for; the others say why, and get the places of those that go."""
    world.start()
    world.apply("interface ve*\n")
    for n in range(35):
        make_pair(f"ve{n}", f"vex{n}")
    wait_for("all are listed", lambda: len(shown(world)) == 70)
    states = [state for state, _ in shown(world).values()]
    equal((states.count("attached"), states.count("failed")), (63, 7), "attached and failed")
    assert "63 interfaces are attached, which is the limit" in world.ctl("iface", "show").stdout
    equal(len(world.json("stats")["interfaces"]), 63, "interfaces with counters")
    for n in range(4):
        run("ip", "link", "del", f"ve{n}")
    wait_for("the others have their places", lambda: len(shown(world)) == 62 and all(
        state == "attached" for state, _ in shown(world).values()))


def pattern_refused(world):
    world.start()
    for words, status, says in (
            ("iface attach ve* mode offload", 1, "cannot be attached in offload mode"),
            ("iface attach ve*/0", 2, "is no interface name and no pattern"),
            ("iface attach 123456789012345*", 2, "is no interface name and no pattern"),
            ("iface detach ve*", 1, "ve* is not attached"),
            ("default block iface ve*", 2, "is no interface"),
            ("policy add a block iface ve*", 2, "is no interface name")):
        result = world.ctl(*words.split(), check=False)
        equal(result.returncode, status, f"exit status of {words}: {result.stderr}")
        assert says in result.stderr, f"{words}: {result.stderr!r}"
    make_pair("ve0", "q0")
    world.ctl("iface", "attach", "ve*", "mode", "generic")
    result = world.ctl("iface", "attach", "ve*", "mode", "native", check=False)
    equal(result.returncode, 1, "another mode")
    assert "ve0 is attached in generic mode; detach ve* first" in result.stderr, result.stderr


def keep_tags(iface):
    """ethtool -K IFACE rxvlan off: ETHTOOL_SFLAGS, of which ETH_FLAG_RXVLAN is cleared."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        value = ctypes.create_string_buffer(struct.pack("II", 0x25, 0))
        request = struct.pack("16sP", iface.encode(), ctypes.addressof(value))
        fcntl.ioctl(s, 0x8946, request)
        flags = struct.unpack_from("II", value)[1] & ~(1 << 8)
        struct.pack_into("II", value, 0, 0x26, flags)
        fcntl.ioctl(s, 0x8946, request)


def stripped_tags(world):
    """Who names a VLAN is told where the card takes tags away: nothing matches there, and nothing says so."""
    world.start("--iface", "pep0")
    told = "vlan matches nothing there: pep0 strips VLAN tags"
    words = ["policy", "add", "five", *"block vlan 5".split()]
    assert told in world.ctl(*words).stderr, "adding a policy of a VLAN"
    assert told not in world.ctl("policy", "add", *"six block dport 6 proto udp".split()).stderr, "another policy"
    world.ctl("iface", "detach", "pep0")
    keep_tags("pep0")
    world.ctl("iface", "attach", "pep0")
    assert told not in world.ctl("policy", "set", "five", "priority", "3").stderr, "with tags"


if __name__ == "__main__":
    main([default_with_its_interface, default_before_its_interface, without_ethernet, renamed,
          renamed_without_daemon, moved, moved_without_daemon, absent_in_a_file, patterns,
          pattern_and_name, pattern_put_back, pattern_beyond_the_limit, pattern_refused,
          stripped_tags])
