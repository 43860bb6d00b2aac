#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Attachments follow the name, and what is attached is filtered by what was asked for it."""
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


if __name__ == "__main__":
    main([default_with_its_interface, default_before_its_interface])
