#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Attachments follow the name, and what is attached is filtered by what was asked for it."""
import fcntl
import os
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


if __name__ == "__main__":
    main([default_with_its_interface, default_before_its_interface, without_ethernet, renamed,
          renamed_without_daemon, moved, moved_without_daemon, absent_in_a_file])
