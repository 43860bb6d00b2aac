#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Attachments follow the name, and what is attached is filtered by what was asked for it."""
import fcntl
import os
import struct

from world import FAR, NEAR, Receiver, equal, main, wait_for


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


if __name__ == "__main__":
    main([default_with_its_interface, default_before_its_interface, without_ethernet])
