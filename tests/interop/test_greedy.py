#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What one who may only read can take from the others: bounded, and refused by name.

test_greedy.py PEPCTLD     as root
"""
import sandbox
from sandbox import READ, as_user, refused, run_cases

READER = 40600


def reader(function):
    return as_user(READER, [READ], function)


def too_many_names(box):
    """A filter compares each of its names with each event: 64 of a kind at most."""
    def ask():
        with box.peer() as peer:
            for field in ("policy", "iface"):
                fault = refused(3, next, peer.stream("StreamEvents", filter={field: ["x"] * 65}))
                assert [path for path, _ in fault.violations] == [f"filter.{field}"], fault
                assert "65 names; at most 64" in fault.text, fault
                next(peer.stream("StreamEvents", filter={field: ["x"] * 64}))
    reader(ask)


CASES = [too_many_names]

if __name__ == "__main__":
    sandbox.enter(lambda box: run_cases(box, CASES))
