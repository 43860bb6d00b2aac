#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Who does not read, leaves amid answers, closes half, comes too often: nobody else notices.

test_manners.py PEPCTLD     as root
"""
import socket

import sandbox
from peer import BLOCK, pack_request
from sandbox import run_cases
from test_bad_wire import check, expect_closed


def fill(peer, request):
    """Sends requests and reads nothing until the daemon takes no more; returns how many whole
    ones were sent, and what is missing of the last."""
    peer.socket.settimeout(1)
    sent, missing, stream = 0, b"", 1
    try:
        while sent < 1_000_000:
            missing = request(stream)
            while missing:
                missing = missing[peer.socket.send(missing):]
            sent, stream = sent + 1, stream + 2
    except TimeoutError:
        peer.socket.settimeout(sandbox.PATIENCE)
        return sent, missing
    raise AssertionError("the daemon queues answers without end")


def never_reads(box):
    """One who asks and does not read is not read from any more; others are served, and when it
    does read at last, every answer is there."""
    with box.peer() as deaf:
        sent, missing = fill(deaf, lambda stream: pack_request(stream, "GetDescriptor"))
        assert sent > 10, sent
        for _ in range(10):
            box.check_alive()
        with box.peer() as other:
            assert other.call("GetServerInfo")["version"]
        for n in range(sent):
            assert deaf.answer(2 * n + 1, "GetDescriptor")["file_descriptor_set"]
        deaf.send(missing)
        deaf.answer(2 * sent + 1, "GetDescriptor")


def leaves_amid_answers(box):
    """Gone with answers unread, with calls unanswered, with a stream open."""
    policy = {"name": "left", "action": {"kind": BLOCK}, "match": {"proto": 6}}
    for _ in range(20):
        with box.peer() as peer:
            for _ in range(50):
                peer.request("GetDescriptor")
            peer.stream("StreamEvents")
            peer.request("CreatePolicy", policy=policy)
            peer.request("DeletePolicy", name="left", allow_missing=True)
    box.check_alive()
    with box.peer() as deaf:
        fill(deaf, lambda stream: pack_request(stream, "GetDescriptor"))
    with box.peer() as peer:
        peer.call("DeletePolicy", name="left", allow_missing=True)
        wait_no_subscriptions(peer)


def wait_no_subscriptions(peer):
    """The daemon notices an end when it reads it: ask until the streams of the gone are gone."""
    for _ in range(1000):
        if not peer.call("ListSubscriptions")["subscriptions"]:
            return
    raise AssertionError("subscriptions outlive their connections")


def half_closes(box):
    """One who sends no more but reads on gets every answer, changes too; streams end."""
    new = {"name": "half", "action": {"kind": BLOCK}, "match": {"proto": 6}}
    with box.peer() as peer:
        stream = peer.stream("StreamEvents")
        assert "marker" in next(stream)
        created = peer.request("CreatePolicy", policy=new)
        described = [peer.request("GetDescriptor") for _ in range(300)]
        deleted = peer.request("DeletePolicy", name="half")
        peer.socket.shutdown(socket.SHUT_WR)
        first = peer.answer(created, "CreatePolicy")["revision"]
        for request in described:
            assert peer.answer(request, "GetDescriptor")["file_descriptor_set"]
        assert peer.answer(deleted, "DeletePolicy")["revision"] == first + 1
        try:
            while True:
                frame = peer.read_frame()
                assert frame.stream == stream.id, frame
        except EOFError:
            pass
    with box.peer() as peer:
        peer.send(check(1)[:20])
        peer.socket.shutdown(socket.SHUT_WR)
        expect_closed(peer)


def many_connections(box):
    """Two hundred at once that say nothing, and two hundred that come and go."""
    peers = [box.peer() for _ in range(200)]
    box.check_alive()
    for peer in peers:
        peer.close()
    for _ in range(200):
        box.peer().close()


CASES = [never_reads, leaves_amid_answers, half_closes, many_connections]

if __name__ == "__main__":
    sandbox.enter(lambda box: run_cases(box, CASES))
