#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What one who may only read can take from the others: bounded, and refused by name.

test_greedy.py PEPCTLD     as root
"""
import os
import struct
import time

import sandbox
from peer import Failure, encode, open_response, pack_request, tagged
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


def hungry(box, request):
    """A connection that asks 2000 times and reads nothing; returns it when it can send no more."""
    peer = box.peer()
    peer.socket.setblocking(False)
    asked = b"".join(request(2 * n + 1) for n in range(2000))
    try:
        while asked:
            asked = asked[peer.socket.send(asked):]
    except BlockingIOError:
        pass
    return peer


def ask_descriptor(stream):
    return pack_request(stream, "GetDescriptor")


def memory(box):
    """Most that the daemon has ever had, in MiB."""
    with open(f"/proc/{box.daemon.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) >> 10 for line in file if line.startswith("VmHWM"))


def expect_no_room(function, *args, **values):
    fault = refused(8, function, *args, **values)
    assert fault.reason == "USER_BYTES" and str(64 << 20) in fault.text, fault


def never_reads(box):
    """One connection that asks for long answers and reads none is held at 8 MiB and an answer."""
    policies = [{"name": f"p{n}", "action": {"kind": 1}, "match": {"src": f"10.1.{n >> 8}.{n & 255}"},
                 "comment": "c" * 200} for n in range(2000)]
    with box.peer() as root:
        root.call("ApplyChanges", operations=[{"create_policy": policy} for policy in policies])
        before = memory(box)
        asked = encode("ListPoliciesRequest", {"page_size": 10000})
        deaf = hungry(box, lambda stream: pack_request(stream, "ListPolicies", asked))
        root.call("Check")
        assert memory(box) - before < 40, (before, memory(box))
        deaf.socket.settimeout(sandbox.PATIENCE)
        for n in range(100):
            assert deaf.answer(2 * n + 1, "ListPolicies")["total"] == 2000
        deaf.close()
        root.call("ApplyChanges", operations=[{"flush_policies": True}])


def many_that_never_read(box):
    """All connections of a user together have 64 MiB; then each of them is told, others are not."""
    before = memory(box)

    def ask():
        peers = [hungry(box, ask_descriptor) for _ in range(30)]
        with box.peer() as peer:
            expect_no_room(peer.call, "Check")
            assert as_root_again() == "served"
            for old in peers:
                old.close()
            wait_served(lambda: peer.call("Check"))

    # A second process that has kept its rights answers over a pipe.
    ask_pipe, root_pipe = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.read(ask_pipe[0], 1)
        with box.peer() as peer:
            peer.call("GetServerInfo")
        os.write(root_pipe[1], b"served")
        os._exit(0)

    def as_root_again():
        os.write(ask_pipe[1], b"?")
        return os.read(root_pipe[0], 10).decode()

    reader(ask)
    os.waitpid(child, 0)
    assert memory(box) - before < 120, (before, memory(box))


def queues_are_counted(box):
    """The queues of a user's subscriptions count as if they were full, until they end."""
    def ask():
        with box.peer() as peer:
            streams = [peer.stream("StreamEvents", queue_bytes=16 << 20) for _ in range(3)]
            for stream in streams:
                next(stream)
            expect_no_room(next, peer.stream("StreamEvents", queue_bytes=16 << 20))
            next(peer.stream("StreamEvents", queue_bytes=8 << 20))
        with box.peer() as peer:
            wait_served(lambda: next(peer.stream("StreamEvents", queue_bytes=16 << 20)))
    reader(ask)


def wait_served(function):
    """A connection's end reaches the daemon a moment later."""
    for _ in range(1000):
        try:
            return function()
        except Failure:
            time.sleep(0.01)
    raise AssertionError("the room did not come back")


def half_frames_are_counted(box):
    """Bodies that never end: the ones beyond the room are refused, and their connections live."""
    before = memory(box)

    def ask():
        part = struct.pack(">IIBB", 4 << 20, 1, 1, 0) + bytes((4 << 20) - 1)
        peers = [box.peer() for _ in range(30)]
        for peer in peers:
            peer.send(part)
        with peers[-1] as last:
            expect_no_room(open_response, last.frame_of(1).body, "HealthCheckResponse")
            for peer in peers[:-1]:
                peer.close()
            last.send(b"x")
            last.next_id = 3
            wait_served(lambda: last.call("Check"))
    reader(ask)
    assert memory(box) - before < 120, (before, memory(box))


def requests_are_not_kept(box):
    """A stream does not keep its request, however long it lasts."""
    before = memory(box)
    with box.peer() as peer:
        padding = tagged(99, bytes(3 << 20))
        for stream in range(1, 81, 2):
            peer.send(pack_request(stream, "StreamEvents", padding))
            peer.frame_of(stream)
        assert memory(box) - before < 60, (before, memory(box))


def listings_of_others(box):
    """Who lists again and again ends listings of its own, not another's."""
    names = [f"l{n}" for n in range(30)]

    def list_often():
        with box.peer() as peer:
            tokens = [peer.call("ListPolicies", page_size=1)["next_page_token"] for _ in range(40)]
            refused(10, peer.call, "ListPolicies", page_token=tokens[0])
            for wrong in ("-1.-1", " 1. 0", "1", "1.2.3", "99999999999999999999.0"):
                refused(3, peer.call, "ListPolicies", page_token=wrong)
            assert peer.call("ListPolicies", page_size=1, page_token=tokens[-1])["policies"]
    with box.peer() as root:
        root.call("ApplyChanges", operations=[
            {"create_policy": {"name": name, "action": {"kind": 1}, "match": {"src": f"10.2.0.{n}"}}}
            for n, name in enumerate(names)])
        page = root.call("ListPolicies", page_size=10)
        reader(list_often)
        as_user(READER + 1, [READ], list_often)
        page = root.call("ListPolicies", page_size=20, page_token=page["next_page_token"])
        assert [p["policy"]["name"] for p in page["policies"]] == names[10:], page
        root.call("ApplyChanges", operations=[{"flush_policies": True}])


def samples_are_shared(box):
    """A thousand watchers cost as many samples as one, or nearly."""
    with box.peer() as peer:
        began = time.monotonic()
        streams = [peer.stream("WatchStats", interval_nano=100_000_000, count=3) for _ in range(1000)]
        times = [stats["time"] for stream in streams for stats in stream]
        assert len(times) == 3000, len(times)
        most = 10 + (time.monotonic() - began) / 0.02
        assert len(set(times)) <= most, (len(set(times)), most)


CASES = [too_many_names, listings_of_others, requests_are_not_kept, never_reads, queues_are_counted,
         half_frames_are_counted, samples_are_shared, many_that_never_read]

if __name__ == "__main__":
    # A sanitized daemon would keep what it has freed, and memory is measured here.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    sandbox.enter(lambda box: run_cases(box, CASES))
