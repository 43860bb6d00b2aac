#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What no well-made client sends. After each of it the daemon answers others,
and where PROTOCOL.md promises that the connection lives, that one too.

test_bad_wire.py PEPCTLD     as root
"""
import struct

import sandbox
from peer import (BLOCK, DATA, HEALTH, NO_DATA, REMOTE_CLOSED, REQUEST, RESPONSE, Failure, Stream,
                  encode, open_response, pack_frame, pack_request, tagged, varint)
from sandbox import refused, run_cases

BODY_MAX, DISCARD_MAX = 4 << 20, 16 << 20
HOUR = 3600 * 10**9
GROUP_OPEN = varint(15 << 3 | 3)


def check(stream, padding=0):
    """A Health/Check request; `padding` bytes of metadata, which is skipped, are in its body."""
    body = encode("Request", {"service": HEALTH, "method": "Check"})
    if padding:
        body += tagged(5, tagged(1, bytes(padding)))
    return pack_frame(stream, REQUEST, 0, body)


def padded_check(stream, size):
    """A Check whose body has exactly that size."""
    padding = size - 64
    while True:
        frame = check(stream, padding)
        if len(frame) - 10 == size:
            return frame
        padding += size - (len(frame) - 10)


def lives(peer):
    """The connection still answers."""
    assert peer.call("Check")["status"] == 1


def expect_served(peer, stream):
    frame = peer.frame_of(stream)
    assert frame.type == RESPONSE
    assert open_response(frame.body, "HealthCheckResponse")["status"] == 1


def expect_refused(peer, stream, code, reason=None):
    """The next frame of the stream is a status with that code; returns the Failure."""
    frame = peer.frame_of(stream)
    assert frame.type == RESPONSE, frame
    fault = refused(code, open_response, frame.body, "HealthCheckResponse")
    assert reason in (None, fault.reason), fault
    return fault


def expect_closed(peer):
    try:
        frame = peer.read_frame()
    except (EOFError, ConnectionResetError):
        return
    raise AssertionError(f"the connection should have been closed, not answered {frame}")


def send_raw(peer, method, payload, timeout=None):
    stream = peer.new_id()
    peer.send(pack_request(stream, method, payload, timeout))
    return stream


def expect_path(peer, method, payload, path):
    fault = expect_refused(peer, send_raw(peer, method, payload), 3)
    assert path in dict(fault.violations), f"{path!r} is not in {fault.violations}"


def revision(peer):
    return peer.call("GetServerInfo")["revision"]


# ----------------------------------------------------------------- frames

def half_frames(box):
    """A header and a body that stop anywhere, and the connection with them."""
    frame = check(1)
    for size in (0, 1, 4, 9, 10, 11, len(frame) - 1):
        with box.peer() as peer:
            peer.send(frame[:size])
        box.check_alive()


def half_frame_waits(box):
    """Half a frame keeps nobody waiting but its sender, who may complete it."""
    frame = check(1)
    with box.peer() as peer:
        peer.send(frame[:15])
        box.check_alive()
        peer.send(frame[15:])
        expect_served(peer, 1)


def one_byte_at_a_time(box):
    """Two frames, a byte a write."""
    with box.peer() as peer:
        for byte in check(1) + check(3):
            peer.send(bytes([byte]))
        expect_served(peer, 1)
        expect_served(peer, 3)


def many_in_one(box):
    """A thousand frames in one write."""
    with box.peer() as peer:
        peer.send(b"".join(check(2 * n + 1) for n in range(1000)))
        for n in range(1000):
            expect_served(peer, 2 * n + 1)


def largest_body(box):
    """Exactly 4 MiB is served."""
    with box.peer() as peer:
        peer.send(padded_check(1, BODY_MAX))
        expect_served(peer, 1)


def too_large_body(box):
    """One byte more is refused, up to 16 MiB, and the connection lives."""
    for size in (BODY_MAX + 1, DISCARD_MAX):
        with box.peer() as peer:
            peer.send(padded_check(1, size) + check(3))
            expect_refused(peer, 1, 8, "FRAME_TOO_LARGE")
            expect_served(peer, 3)


def huge_body(box):
    """Above 16 MiB, the header alone ends the connection."""
    for size in (DISCARD_MAX + 1, 0x7fffffff, 0x80000000, 0xffffffff):
        with box.peer() as peer:
            peer.send(struct.pack(">IIBB", size, 1, REQUEST, 0))
            expect_closed(peer)


def empty_body(box):
    """A request without a body names no service."""
    with box.peer() as peer:
        peer.send(pack_frame(1, REQUEST, 0, b""))
        expect_refused(peer, 1, 12)
        lives(peer)


# ---------------------------------------------------------------- streams

def even_ids(box):
    """Refused on their own id."""
    with box.peer() as peer:
        for stream in (0, 2, 0xfffffffe):
            peer.send(check(stream))
            expect_refused(peer, stream, 3, "STREAM_ID")
        peer.send(pack_frame(4, DATA, 0, b"x"))
        expect_refused(peer, 4, 3, "STREAM_ID")
        lives(peer)


def odd_ids_in_any_order(box):
    """Any odd id, and again once its stream has ended."""
    with box.peer() as peer:
        for stream in (9, 3, 0xffffffff, 3, 9, 1):
            peer.send(check(stream))
            expect_served(peer, stream)


def id_in_use(box):
    """A second request on an open stream is refused; the first goes on."""
    with box.peer() as peer:
        peer.next_id = 101
        stream = Stream(peer, 1, "StreamEvents")
        peer.send(pack_request(1, "StreamEvents"))
        name = next(stream)["marker"]["subscription"]
        peer.send(check(1))
        expect_refused(peer, 1, 3, "STREAM_IN_USE")
        assert [s["id"] for s in peer.call("ListSubscriptions")["subscriptions"]] == [name]
        peer.call("CancelSubscription", id=name)
        expect_refused(peer, 1, 1, "SUBSCRIPTION_CANCELLED")
        peer.send(check(1))
        expect_served(peer, 1)


def data_on_unknown_stream(box):
    """Refused on that id, also after the stream's end."""
    with box.peer() as peer:
        peer.send(pack_frame(7, DATA, 0, b"data"))
        expect_refused(peer, 7, 3, "STREAM_UNKNOWN")
        peer.send(check(1))
        expect_served(peer, 1)
        peer.send(pack_frame(1, DATA, REMOTE_CLOSED | NO_DATA, b""))
        expect_refused(peer, 1, 3, "STREAM_UNKNOWN")
        lives(peer)


def data_on_open_stream(box):
    """Ignored: no method takes any."""
    with box.peer() as peer:
        stream = peer.stream("StreamEvents")
        name = next(stream)["marker"]["subscription"]
        peer.send(pack_frame(stream.id, DATA, 0, b"data"))
        peer.send(pack_frame(stream.id, DATA, REMOTE_CLOSED | NO_DATA, b""))
        assert [s["id"] for s in peer.call("ListSubscriptions")["subscriptions"]] == [name]


def unknown_types(box):
    """Ignored on odd ids, and what follows is served."""
    with box.peer() as peer:
        for kind in (0, RESPONSE, 4, 77, 255):
            peer.send(pack_frame(11, kind, 255, b"whatever" * 100))
        peer.send(check(11))
        expect_served(peer, 11)
        assert not peer.waiting[11]


def any_flags(box):
    """A request's flags decide nothing."""
    with box.peer() as peer:
        for flags in (1, 2, 3, 4, 6, 255):
            frame = bytearray(check(2 * flags + 1))
            frame[9] = flags
            peer.send(frame)
            expect_served(peer, 2 * flags + 1)


def too_many_streams(box):
    """The 1025th open stream of a connection is refused; one that ended makes room."""
    with box.peer() as peer:
        streams = [peer.stream("WatchStats", interval_nano=HOUR) for _ in range(1024)]
        for stream in streams:
            next(stream)
        refused(8, next, peer.stream("WatchStats", interval_nano=HOUR))


# --------------------------------------------------------------- contents

def garbage_envelopes(box):
    """Bodies that are no ttrpc.Request, each answered on its stream."""
    bodies = [b"\xff" * 40, b"\x0a", b"\x0a\x7f", b"\x0a\xff\xff\xff\xff\x0f", b"\x00\x00",
              b"\x08\x01", b"\x80" * 11, GROUP_OPEN * 100_000, b"\x22\x01\x00"]
    with box.peer() as peer:
        for body in bodies:
            stream = peer.new_id()
            peer.send(pack_frame(stream, REQUEST, 0, body))
            expect_refused(peer, stream, 3)
        lives(peer)


def garbage_payloads(box):
    """Payloads that are no such message."""
    payloads = [b"\xff" * 10, b"\x0a\x7f", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                b"\x08\x01", GROUP_OPEN * 100_000, b"\x07"]
    with box.peer() as peer:
        for method in ("GetPolicy", "CreatePolicy"):
            for payload in payloads:
                expect_refused(peer, send_raw(peer, method, payload), 3)
        lives(peer)


def deep_nesting(box):
    """A field nested a thousand times: unknown, so read past or refused, never followed."""
    nested = b""
    for _ in range(1000):
        nested = tagged(99, nested)
    with box.peer() as peer:
        expect_served(peer, send_check_payload(peer, nested))
        expect_path(peer, "DeletePolicy", nested, "99")
        lives(peer)


def send_check_payload(peer, payload):
    stream = peer.new_id()
    peer.send(pack_request(stream, "Check", payload, service=HEALTH))
    return stream


def swollen(box):
    """Few bytes that unpack to many are refused before they cost memory or time."""
    empty_operations = b"\x0a\x00" * (1 << 20)
    merged = tagged(1, tagged(1, b"a")) * (1 << 18)
    with box.peer() as peer:
        expect_refused(peer, send_raw(peer, "ApplyChanges", empty_operations), 8)
        stream = send_raw(peer, "CreatePolicy", merged)
        frame = peer.frame_of(stream)
        try:
            open_response(frame.body, "PolicyResponse")
        except Failure as fault:
            assert fault.code in (3, 8), fault
        else:
            peer.call("DeletePolicy", name="a")
        lives(peer)


def bad_texts(box):
    """NUL and what is no UTF-8 are refused with the path, in changes and in reads."""
    texts = [b"a\0b", b"\0", b"\xff", b"a\xfe", b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80",
             b"\xf4\x90\x80\x80", b"\xc3", b"\x80"]
    with box.peer() as peer:
        before = revision(peer)
        for text in texts:
            wrong = {"name": text, "action": {"kind": BLOCK}}
            expect_path(peer, "CreatePolicy", encode("CreatePolicyRequest", {"policy": wrong}),
                        "policy.name")
            wrong = {"name": "a", "action": {"kind": BLOCK}, "match": {"iface": ["x", text]}}
            expect_path(peer, "CreatePolicy", encode("CreatePolicyRequest", {"policy": wrong}),
                        "policy.match.iface[1]")
            expect_path(peer, "GetPolicy", tagged(1, text), "name")
        assert revision(peer) == before


def unknown_fields(box):
    """Refused with their path where something changes, skipped where not."""
    match = encode("Match", {"proto": 6}) + tagged(99, 1)
    policy = encode("Policy", {"name": "a", "action": {"kind": BLOCK}}) + tagged(3, match)
    with box.peer() as peer:
        before = revision(peer)
        expect_path(peer, "CreatePolicy", tagged(1, policy), "policy.match.99")
        fine = encode("CreatePolicyRequest", {"policy": {"name": "a", "action": {"kind": BLOCK}}})
        expect_path(peer, "CreatePolicy", fine + tagged(77, b"x"), "77")
        expect_path(peer, "ApplyChanges", tagged(1, tagged(3, b"a") + tagged(15, 1)) +
                    tagged(1, tagged(2, policy)), "operations[1].put_policy.match.99")
        assert revision(peer) == before
        stream = send_raw(peer, "ListPolicies", tagged(99, 7) + tagged(98, b"x" * 1000))
        assert peer.answer(stream, "ListPolicies")["revision"] == before


def expired_deadlines(box):
    """timeout_nano present and not above zero: too late, and nothing happened."""
    policy = {"name": "late", "action": {"kind": BLOCK}, "match": {"proto": 99}}
    payload = encode("CreatePolicyRequest", {"policy": policy})
    with box.peer() as peer:
        before = revision(peer)
        for timeout in (0, -1, -1 << 63):
            expect_refused(peer, send_raw(peer, "CreatePolicy", payload, timeout), 4)
            expect_refused(peer, send_raw(peer, "GetStats", b"", timeout), 4)
        refused(5, peer.call, "GetPolicy", name="late")
        assert revision(peer) == before
        stream = send_raw(peer, "CreatePolicy", payload, (1 << 63) - 1)
        assert peer.answer(stream, "CreatePolicy")["revision"] == before + 1
        peer.call("DeletePolicy", name="late", timeout=HOUR)


def unknown_names(box):
    """Service or method that is not there, of any length and any bytes."""
    names = ["NoSuch", "x" * 100_000, "GetStats\0", "é\n\x1b[31m"]
    with box.peer() as peer:
        for name in names:
            for service, method in ((name, "GetStats"), ("pepctl.v1.Pepctl", name)):
                stream = peer.new_id()
                peer.send(pack_request(stream, method, service=service))
                fault = expect_refused(peer, stream, 12)
                assert len(fault.text) < 1000, len(fault.text)
        lives(peer)


def echoes_are_texts(box):
    """What an error quotes of a request is cut and cleaned: its message is UTF-8 whatever came."""
    long = "x" + "é" * 200
    with box.peer() as peer:
        for name in (b"\xff\xfe", b"a\0b", long.encode(), long[1:].encode()):
            for body in (tagged(1, name) + tagged(2, b"GetStats"),
                         tagged(1, b"pepctl.v1.Pepctl") + tagged(2, name)):
                stream = peer.new_id()
                peer.send(pack_frame(stream, REQUEST, 0, body))
                expect_refused(peer, stream, 12)
        for name in (long, long[1:]):
            refused(3, peer.call, "ListPolicies", page_token=name)
            refused(5, peer.call, "CancelSubscription", id=name)
            for method in ("GetPolicy", "DeletePolicy"):
                fault = refused_name(peer, method, name)
                assert fault.code in (3, 5), fault
            fault = refused(3, peer.call, "CreatePolicy",
                            policy={"name": name, "match": {"src": name, "iface": [name]}})
            assert fault.violations, fault


def refused_name(peer, method, name):
    try:
        return peer.call(method, name=name)
    except Failure as fault:
        return fault


def logs_stay_lines(box):
    """Neither a comment nor the name of the peer's process puts a line into the log or bytes into a
    text."""
    def ask():
        sandbox.LIBC.prctl(15, b"\xff\x1b[31m\nerror", 0, 0, 0)  # PR_SET_NAME
        flush = [{"flush_policies": True}]
        with box.peer() as peer:
            for comment in ("fine\nerror: forged", "\x1b[31m", "\x7f", "\x9b31m"):
                fault = refused(3, peer.call, "ApplyChanges", operations=flush, comment=comment)
                assert [path for path, _ in fault.violations] == ["comment"], fault
            events = peer.stream("StreamEvents")
            next(events)
            listed = peer.call("ListSubscriptions")["subscriptions"]
            assert listed[-1]["command"] == "??[31m?error", listed
            new = {"name": "logged", "action": {"kind": BLOCK}, "match": {"proto": 6}}
            peer.call("CreatePolicy", policy=new)
            assert next(events)["change"]["command"] == "??[31m?error"
            peer.call("DeletePolicy", name="logged")
    sandbox.in_child(ask)
    assert "(??[31m?error, pid" in box.log()


CASES = [half_frames, half_frame_waits, one_byte_at_a_time, many_in_one, largest_body,
         too_large_body, huge_body, empty_body, even_ids, odd_ids_in_any_order, id_in_use,
         data_on_unknown_stream, data_on_open_stream, unknown_types, any_flags, too_many_streams,
         garbage_envelopes, garbage_payloads, deep_nesting, swollen, bad_texts, unknown_fields,
         expired_deadlines, unknown_names, echoes_are_texts, logs_stay_lines]

if __name__ == "__main__":
    sandbox.enter(lambda box: run_cases(box, CASES))
