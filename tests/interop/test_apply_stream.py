#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A transaction in many messages, as PROTOCOL.md says and as no well-made client sends it.

test_apply_stream.py PEPCTLD     as root
"""
import sandbox
from peer import (BLOCK, DATA, NO_DATA, REMOTE_CLOSED, REMOTE_OPEN, REQUEST, RESPONSE, encode,
                  open_response, pack_frame, pack_request, tagged)
from sandbox import READ, as_user, refused, run_cases

BODY_MAX = 4 << 20
MERGE, REPLACE_ALL = 0, 1
UNCHANGED, CREATED = 0, 1
SECOND = 10**9
# An operation that does nothing, small on the wire and not in memory.
IDLE = tagged(1, encode("Operation", {"delete_policy": "x", "allow_missing": True}))
IDLE_EACH = 30_000  # a message: some 200 KB
IDLE_FULL = 600_000 # more than a stream may hold, and three quarters of it less


def put(number):
    return {"put_policy": {"name": f"p{number}", "action": {"kind": BLOCK},
                           "match": {"proto": 17, "dport": {"first": number, "last": number}}}}


def wrong(number):
    return {"put_policy": {"name": f"p{number}", "action": {"kind": BLOCK},
                           "match": {"proto": 1, "dport": {"first": 5, "last": 5}}}}


def state(peer):
    listing = peer.call("ListPolicies", page_size=10000)
    return listing["revision"], [p["policy"]["name"] for p in listing["policies"]]


def flush(peer):
    peer.call("ApplyChanges", operations=[{"flush_policies": True}])


def idle(peer, upload, count):
    """Sends so many idle operations, as far as the daemon takes them."""
    for _ in range(0, count, IDLE_EACH):
        peer.send(pack_frame(upload.id, DATA, 0, IDLE * min(count, IDLE_EACH)))


def quiet(peer, stream):
    """No frame of that stream came before the answer of a later call."""
    peer.call("Check")
    assert not peer.waiting[stream], peer.waiting[stream]


# ------------------------------------------------------------ as it should be

def one_transaction(box):
    """Nothing is visible before the end; then all of it, as one revision."""
    with box.peer() as peer, box.peer() as other:
        before = state(other)
        upload = peer.upload("ApplyStream")
        for first in range(0, 1000, 20):
            upload.send(operations=[put(n) for n in range(first, first + 20)])
        peer.call("Check")
        assert state(other) == before, "something is visible before the end"
        answer = upload.close()
        assert answer["effects"] == [CREATED] * 1000 and answer["revision"] == before[0] + 1, answer
        assert (answer["policies_created"], answer["changes_total"]) == (1000, 1000), answer
        assert len(answer["changes"]) == 100 and answer["changes"][0].startswith("+ policy p0 ")
        after = state(other)
        assert (after[0], len(after[1])) == (before[0] + 1, 1000), after
        flush(peer)


def options_of_the_first(box):
    """mode, expected_revision, validate_only and comment are the first message's."""
    with box.peer() as peer, box.peer() as watcher:
        events = watcher.stream("StreamEvents", filter={"no_packets": True})
        next(events)
        upload = peer.upload("ApplyStream")
        upload.send(operations=[put(1), put(2)], comment="two")
        revision = upload.close()["revision"]
        assert next(events)["change"]["comment"] == "two"
        upload = peer.upload("ApplyStream")
        upload.send(mode=REPLACE_ALL, validate_only=True)
        upload.send(operations=[put(2), put(3)])
        answer = upload.close()
        assert (answer["revision"], answer["effects"]) == (revision, [UNCHANGED, CREATED]), answer
        assert (answer["policies_created"], answer["policies_deleted"]) == (1, 1), answer
        assert state(peer)[1] == ["p1", "p2"]
        upload = peer.upload("ApplyStream")
        upload.send(mode=REPLACE_ALL, expected_revision=revision)
        upload.send(operations=[put(2), put(3)])
        assert upload.close()["revision"] == revision + 1
        assert state(peer)[1] == ["p2", "p3"]
        upload = peer.upload("ApplyStream")
        upload.send(expected_revision=revision)
        upload.send(operations=[put(4)])
        assert refused(10, upload.close).reason == "REVISION_DIFFERS"
        flush(peer)


def in_the_request(box):
    """The request's payload is the first message, and with flag 1 the last one too."""
    payload = encode("ApplyStreamRequest", {"operations": [put(1)], "mode": REPLACE_ALL})
    with box.peer() as peer:
        peer.send(pack_request(101, "ApplyStream", payload, flags=REMOTE_CLOSED))
        assert peer.answer(101, "ApplyStream")["effects"] == [CREATED]
        peer.send(pack_request(103, "ApplyStream", payload) + pack_frame(
            103, DATA, REMOTE_CLOSED, encode("ApplyStreamRequest", {"operations": [put(2)]})))
        assert peer.answer(103, "ApplyStream")["effects"] == [UNCHANGED, CREATED]
        peer.send(pack_request(105, "ApplyStream", flags=REMOTE_CLOSED))
        assert peer.answer(105, "ApplyStream")["effects"] == []
        upload = peer.upload("ApplyStream")
        for _ in range(10):
            upload.send()
        assert upload.close()["effects"] == []
        flush(peer)


def warns(box):
    """Each message's warnings are in the answer, once, and at most twenty."""
    with box.peer() as peer:
        upload = peer.upload("ApplyStream")
        for number in range(30):
            upload.send(operations=[{"default_action": {"iface": f"none{number}", "action": BLOCK}}] * 3)
        warnings = upload.close()["warnings"]
        assert len(set(warnings)) == len(warnings) == 20, warnings
        assert "none0" in warnings[0] and "none19" in warnings[19], warnings
        peer.call("ApplyChanges", mode=REPLACE_ALL)


def side_by_side(box):
    """Streams of one connection are transactions of their own, in the order of their ends."""
    with box.peer() as peer:
        uploads = [peer.upload("ApplyStream") for _ in range(50)]
        for round_ in range(4):
            for number, upload in enumerate(uploads):
                upload.send(operations=[put(100 * round_ + number)])
        revisions = [upload.close()["revision"] for upload in reversed(uploads)]
        assert revisions == list(range(revisions[0], revisions[0] + 50)), revisions
        assert len(state(peer)[1]) == 200
        flush(peer)


# ------------------------------------------------------------------- wrong

def paths_count_on(box):
    """Whoever finds the fault, its path counts operations over the whole stream."""
    with box.peer() as peer:
        before = state(peer)
        upload = peer.upload("ApplyStream")
        upload.send(operations=[put(1), put(2), put(3)])
        upload.send(operations=[put(4), wrong(5), put(6), wrong(7)])
        paths = [path for path, _ in refused(3, upload.answer).violations]
        assert paths == ["operations[4].put_policy.match.dport",
                         "operations[6].put_policy.match.dport"], paths
        upload = peer.upload("ApplyStream")
        upload.send(operations=[put(1), put(2)])
        upload.send(operations=[put(3), {"put_policy": {"name": b"\xff"}}])
        paths = [path for path, _ in refused(3, upload.answer).violations]
        assert paths == ["operations[3].put_policy.name"], paths
        upload = peer.upload("ApplyStream")
        upload.send(operations=[put(1)])
        upload.send(operations=[put(2), {"delete_policy": "none"}])
        paths = [path for path, _ in refused(5, upload.close).violations]
        assert paths == ["operations[2].delete_policy"], paths
        assert state(peer) == before


def late_options(box):
    """Options behind the first message would have been lost: they are refused."""
    for options in ({"mode": REPLACE_ALL}, {"validate_only": True}, {"comment": "late"},
                    {"expected_revision": 0}):
        with box.peer() as peer:
            before = state(peer)
            upload = peer.upload("ApplyStream")
            upload.send(operations=[put(1)])
            upload.send(operations=[put(2)], **options)
            refused(3, upload.answer)
            assert state(peer) == before
    with box.peer() as peer:
        upload = peer.upload("ApplyStream")
        upload.send(confirm_timeout_nano=-SECOND)
        refused(3, upload.answer)
        upload = peer.upload("ApplyStream")
        upload.send(mode=7)
        refused(3, upload.answer)


def rest_is_ignored(box):
    """After an early answer: nothing more on that stream until its end, and then it is unknown."""
    with box.peer() as peer:
        upload = peer.upload("ApplyStream")
        upload.send(operations=[wrong(1)])
        for number in range(200):
            upload.send(operations=[put(number)])
        refused(3, upload.answer)
        peer.send(pack_frame(upload.id, DATA, 0, bytes(BODY_MAX + 1)))
        quiet(peer, upload.id)
        peer.send(pack_frame(upload.id, DATA, REMOTE_CLOSED | NO_DATA, b""))
        quiet(peer, upload.id)
        assert refused(3, upload.close).reason == "STREAM_UNKNOWN"
        peer.send(pack_request(upload.id, "ApplyStream", flags=REMOTE_OPEN))
        upload.send(operations=[put(1)])
        assert upload.close()["effects"] == [CREATED]
        for _ in range(100):
            failed = peer.upload("ApplyStream")
            failed.send(operations=[wrong(1)])
            refused(3, failed.answer)
        flush(peer)


def data_out_of_place(box):
    """Before its request, after its end, on a stream that takes none."""
    with box.peer() as peer:
        message = encode("ApplyStreamRequest", {"operations": [put(1)]})
        peer.send(pack_frame(51, DATA, 0, message))
        assert refused(3, peer.answer, 51, "ApplyStream").reason == "STREAM_UNKNOWN"
        end = pack_frame(53, DATA, REMOTE_CLOSED, message)
        peer.send(pack_request(53, "ApplyStream", flags=REMOTE_OPEN) + end + end + end)
        first = peer.answer(53, "ApplyStream")
        assert first["effects"] == [CREATED], first
        peer.call("Check")
        later = [refused(3, open_response, frame.body, "Stats") for frame in peer.waiting[53]]
        assert {fault.reason for fault in later} <= {"STREAM_UNKNOWN"}, later
        upload = peer.upload("GetStats")
        assert "revision" in upload.answer()
        flush(peer)


def garbage(box):
    """Messages that are none, in any place."""
    for message, code in ((b"\xff" * 40, 3), (b"\x0a", 3), (tagged(1, b"\xff"), 3),
                          (tagged(1, b""), 3), (tagged(99, b"x"), 3), (tagged(1, b"\x0b" * 50), 3),
                          (tagged(1, b"") * 2_000_000, 8)):
        with box.peer() as peer:
            before = state(peer)
            upload = peer.upload("ApplyStream")
            upload.send(operations=[put(1)])
            peer.send(pack_frame(upload.id, DATA, 0, message))
            refused(code, upload.answer)
            peer.send(pack_frame(upload.id, DATA, REMOTE_CLOSED | NO_DATA, b""))
            quiet(peer, upload.id)
            assert state(peer) == before


def too_large_message(box):
    """A message over a frame's limit is lost, so its transaction must not happen."""
    for flags in (0, REMOTE_CLOSED):
        with box.peer() as peer:
            before = state(peer)
            upload = peer.upload("ApplyStream")
            upload.send(operations=[put(1)])
            peer.send(pack_frame(upload.id, DATA, flags, bytes(BODY_MAX + 1)))
            assert refused(8, upload.answer).reason == "FRAME_TOO_LARGE"
            assert state(peer) == before


def too_large_transaction(box):
    """What a stream holds is bounded, and the error names the bound."""
    with box.peer() as peer:
        upload = peer.upload("ApplyStream")
        idle(peer, upload, IDLE_FULL)
        fault = refused(8, upload.answer)
        assert fault.reason == "TRANSACTION_TOO_LARGE" and "MiB" in fault.text, fault


def too_much_of_a_user(box):
    """So is what the streams of a user hold together; the others of the user go on."""
    with box.peer() as peer:
        uploads = [peer.upload("ApplyStream") for _ in range(3)]
        for upload in uploads:
            idle(peer, upload, IDLE_FULL * 6 // 8)
        fault = refused(8, uploads[2].answer)
        assert fault.reason == "QUOTA_FULL", fault
        assert uploads[0].close()["effects"][0] == UNCHANGED
        peer.send(pack_frame(uploads[2].id, DATA, REMOTE_CLOSED | NO_DATA, b""))
        again = peer.upload("ApplyStream")
        idle(peer, again, IDLE_FULL * 6 // 8)
        assert again.close()["effects"][0] == UNCHANGED
        assert uploads[1].close()["effects"][0] == UNCHANGED


def disappears(box):
    """Gone amid a stream, a message, a header: nothing happens, and nothing stays held."""
    with box.peer() as peer:
        before = state(peer)
    message = encode("ApplyStreamRequest", {"operations": [put(1)]})
    frame = pack_frame(1, DATA, REMOTE_CLOSED, message)
    for size in (0, 1, 9, 10, 11, len(frame) - 1):
        with box.peer() as peer:
            peer.send(pack_request(1, "ApplyStream", flags=REMOTE_OPEN) +
                      pack_frame(1, DATA, 0, message) + frame[:size])
    for _ in range(6):  # three of them would fill the user's share if it were not given back
        with box.peer() as peer:
            idle(peer, peer.upload("ApplyStream"), IDLE_FULL * 6 // 8)
            peer.call("Check")
    with box.peer() as peer:
        assert state(peer) == before


def leaves_before_the_answer(box):
    """Whoever closes the stream has asked for it, whether or not the answer is read."""
    with box.peer() as peer:
        upload = peer.upload("ApplyStream")
        upload.send(operations=[put(1)], flags=REMOTE_CLOSED)
    for _ in range(1000):
        with box.peer() as peer:
            if state(peer)[1] == ["p1"]:
                flush(peer)
                return
    raise AssertionError("the transaction was lost")


def deadlines(box):
    """One that passes before the end of the stream ends it."""
    with box.peer() as peer:
        before = state(peer)
        refused(4, peer.upload("ApplyStream", timeout=-1).answer)
        upload = peer.upload("ApplyStream", timeout=SECOND // 5)
        upload.send(operations=[put(1)])
        refused(4, upload.answer)
        upload.send(operations=[put(2)])
        peer.send(pack_frame(upload.id, DATA, REMOTE_CLOSED | NO_DATA, b""))
        quiet(peer, upload.id)
        assert state(peer) == before
        upload = peer.upload("ApplyStream", timeout=sandbox.PATIENCE * SECOND)
        upload.send(operations=[put(1)])
        assert upload.close()["effects"] == [CREATED]
        flush(peer)


def rights(box):
    """Readers may not, and are told at once."""
    def reader():
        with box.peer() as peer:
            upload = peer.upload("ApplyStream")
            upload.send(operations=[put(1)])
            fault = refused(7, upload.answer)
            quiet(peer, upload.id)
            return fault.reason
    assert as_user(40100, [READ], reader) == "NO_RIGHT"


def many_streams(box):
    """A connection's bound of open streams holds for these too; abandoned ones go with it."""
    with box.peer() as peer:
        uploads = [peer.upload("ApplyStream") for _ in range(1024)]
        assert refused(8, peer.upload("ApplyStream").answer).reason == "STREAMS_FULL"
        uploads[7].send(operations=[put(7)])
        assert uploads[7].close()["effects"] == [CREATED]
        assert peer.call("GetStats")["revision"]
    with box.peer() as peer:
        flush(peer)
        peer.send(pack_frame(peer.new_id(), REQUEST, REMOTE_OPEN, b""))
        assert peer.read_frame().type == RESPONSE


CASES = [one_transaction, options_of_the_first, in_the_request, warns, side_by_side, paths_count_on,
         late_options, rest_is_ignored, data_out_of_place, garbage, too_large_message,
         too_large_transaction, too_much_of_a_user, disappears, leaves_before_the_answer, deadlines,
         rights, many_streams]

if __name__ == "__main__":
    sandbox.enter(lambda box: run_cases(box, CASES))
