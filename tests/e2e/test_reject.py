#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Reject as the peers' sockets see it: both families, both modes, the limit, counters and events."""
import contextlib
import ctypes
import errno
import fcntl
import socket
import struct

from world import (CLONE_NEWNET, FAR, LIBC, NEAR, equal, family_of, identity, main, read_until_marker,
                   run, wait_for)

PROHIBITED = {4: errno.EHOSTUNREACH, 6: errno.EACCES}  # what Linux makes of the two ICMP errors
SLOW, SOON = 20, 0.4  # seconds: for what must come, for what must not


def connect(world, family, port):
    """The error of connect() from far away; 0 = connected, None = nothing came."""
    def there():
        with socket.socket(family_of(FAR[family][0]), socket.SOCK_STREAM) as s:
            s.settimeout(SLOW)
            s.bind((FAR[family][0], 0))
            try:
                s.connect((NEAR[family][0], port))
            except TimeoutError:
                return None
            except OSError as error:
                return error.errno
            return 0
    return world.far_away(there)


def datagram(world, family, port, size=20, patience=SLOW):
    """The error that a connected socket gets for a datagram; None = none came."""
    def there():
        with socket.socket(family_of(FAR[family][0]), socket.SOCK_DGRAM) as s:
            s.settimeout(patience)
            s.bind((FAR[family][0], 0))
            s.connect((NEAR[family][0], port))
            s.send(b"x" * size)
            try:
                s.recv(1)
            except TimeoutError:
                return None
            except OSError as error:
                return error.errno
            return 0
    return world.far_away(there)


def begin(world, mode, family):
    world.start("--iface", f"pep0:{mode}")
    if mode == "native":
        world.far_program("far0")  # what XDP_TX needs at the other end of a veth
    equal(world.ping(FAR[family][0], NEAR[family][0], 1), 1, "a ping first, for the neighbours")


def rejected(world, mode, family):
    begin(world, mode, family)
    with world.echo_server(family, 7000):
        equal(connect(world, family, 7000), 0, "before there is a policy")
        world.ctl("policy", "add", "no", *"reject proto tcp dport 7000".split())
        world.ctl("policy", "add", "nor", *"reject proto udp dport 7001".split())
        reader = world.subscribe()
        before = identity(world)
        equal(connect(world, family, 7000), errno.ECONNREFUSED, "connect()")
        for size in (1, 200, 1400):
            equal(datagram(world, family, 7001, size), PROHIBITED[family], f"{size} bytes of UDP")
    after = identity(world)
    equal(after["blocked_by_reject"] - before["blocked_by_reject"], 4, "blocked_by_reject")
    equal(after["blocked_by_policy"], before["blocked_by_policy"], "blocked_by_policy")
    equal([world.policy(name)["packets"] for name in ("no", "nor")], [1, 3], "packets")
    events = read_until_marker(reader)
    mine = [(e["policy"], e["action"], e["reason"], e["src"]) for e in events
            if e.get("policy") in ("no", "nor")]
    equal(mine, [(name, "reject", "policy", FAR[family][0]) for name in ("no", "nor", "nor", "nor")],
          "events")


def rejects_v4_native(world):
    rejected(world, "native", 4)


def rejects_v6_native(world):
    rejected(world, "native", 6)


def rejects_v4_generic(world):
    rejected(world, "generic", 4)


def rejects_v6_generic(world):
    rejected(world, "generic", 6)


def set_checksums(iface, on):
    """Whether the sender leaves checksums to the card, which a veth has none of."""
    value = ctypes.create_string_buffer(struct.pack("II", 0x17, on))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8946, struct.pack("16sP", iface.encode(), ctypes.addressof(value)))


def checksums_left_to_the_card(world):
    """The packets have none that is right; the answers have."""
    begin(world, "generic", 4)
    world.far_away(lambda: set_checksums("far0", 1))
    world.ctl("policy", "add", "no", *"reject dport 7000".split())
    for family in (4, 6):
        equal(connect(world, family, 7000), errno.ECONNREFUSED, "connect()")
        equal(datagram(world, family, 7000, 100), PROHIBITED[family], "UDP")


@contextlib.contextmanager
def connection(world, family, port):
    """An established one: the far end and the near one."""
    kind = family_of(FAR[family][0])
    with socket.create_server((NEAR[family][0], port), family=kind) as server:
        with open("/proc/self/ns/net", "rb") as here, \
             open(f"/proc/{world.far.pid}/ns/net", "rb") as there:
            assert LIBC.setns(there.fileno(), CLONE_NEWNET) == 0
            far = socket.socket(kind, socket.SOCK_STREAM)
            assert LIBC.setns(here.fileno(), CLONE_NEWNET) == 0
        with far:
            far.settimeout(SLOW)
            far.connect((NEAR[family][0], port))
            with server.accept()[0] as near:
                yield far, near


def resets_what_is_established(world):
    """Its own acknowledgement is the reset's sequence number, or the peer would not take it."""
    begin(world, "native", 4)
    for family in (4, 6):
        with connection(world, family, 7000) as (far, near):
            far.sendall(b"works")
            equal(near.recv(9), b"works", "the connection")
            world.ctl("policy", "add", "no", *"reject proto tcp dport 7000".split())
            far.sendall(b"does not")
            try:
                equal(far.recv(1), "a reset", "the answer")
            except ConnectionResetError:
                pass
            world.ctl("policy", "del", "no")


def keeps_to_its_rate(world):
    """A tenth of a second's answers at once, then drops, which are told as such."""
    begin(world, "native", 4)
    world.ctl("policy", "add", "no", *"reject proto udp dport 7001".split())
    equal(world.json("setting", "show", "reject-rate"), {"reject-rate": 1000}, "the default")
    world.ctl("setting", "set", "reject-rate", "10")
    reader = world.subscribe("policy", "no")
    world.send_udp(FAR[4][0], NEAR[4][0], 7001, 200)
    wait_for("200 counted", lambda: world.policy("no")["packets"] == 200)
    stats = identity(world)
    answered = stats["blocked_by_reject"]
    assert 1 <= answered < 200, f"{answered} answered of 200"
    equal(stats["blocked_by_policy"], 200 - answered, "blocked_by_policy")
    actions = [e["action"] for e in read_until_marker(reader, "no")]
    equal((actions.count("reject"), actions.count("block")), (answered, 200 - answered), "events")
    world.ctl("setting", "set", "reject-rate", "0")
    equal(datagram(world, 4, 7001, patience=SOON), None, "an answer at a rate of 0")
    equal(identity(world)["blocked_by_reject"], answered, "blocked_by_reject at a rate of 0")
    world.kill()
    world.start()
    equal(world.json("setting", "show", "reject-rate"), {"reject-rate": 0}, "after a restart")
    equal(datagram(world, 4, 7001, patience=SOON), None, "an answer after a restart")
    world.ctl("setting", "set", "reject-rate", "1000")
    equal(datagram(world, 4, 7001), PROHIBITED[4], "an answer at a rate of 1000")


def explains(world):
    begin(world, "native", 4)
    world.ctl("policy", "add", "no", *"reject proto tcp dport 7000".split())
    before = world.policy("no")["packets"]
    answer = world.json("explain", *"proto tcp src 10.77.0.2 dst 10.77.0.1 dport 7000".split())
    equal((answer["verdict"], answer["policy"], answer["reason"]), ("reject", "no", "policy"),
          "explain")
    equal(world.policy("no")["packets"], before, "packets after explain")
    line = world.ctl("policy", "show").stdout
    assert "reject" in line, line


def lost_at_the_other_end(world):
    """A veth drops what is sent back when its other end has no program: said when it begins to matter."""
    lost = "what policies reject or reflect on {0} is lost on its way back unless the other end of this veth has an XDP"
    world.start("--iface", "pep0:native", "--iface", "pep1:generic")
    assert "lost" not in world.ctl("policy", "add", "b", "block", "dport", "7000").stderr
    for action in ("reject", "redirect pep0", "redirect nowhere"):
        equal(world.ctl("policy", "add", "s", *action.split(), "shadow").stderr, "", f"{action}, of a shadow policy")
        assert "lost" not in world.ctl("iface", "attach", "pep0").stderr, f"attach beside {action} shadow"
        world.ctl("policy", "del", "s")
    said = world.ctl("policy", "add", "r", *"reject proto udp dport 7001".split()).stderr
    assert lost.format("pep0") in said and "pep1" not in said, said
    equal(datagram(world, 4, 7001, patience=SOON), None, "an answer")
    for words in ("policy set b reflect", "iface attach pep0", "iface attach pep*"):
        said = world.ctl(*words.split()).stderr
        assert lost.format("pep0") in said and "pep1 is lost" not in said, (words, said)
    world.ctl("iface", "detach", "pep*")
    assert "lost" not in world.ctl("policy", "set", "r", "iface", "pep1").stderr
    world.ctl("policy", "del", "b")
    assert "lost" not in world.ctl("iface", "attach", "pep0").stderr
    world.far_program("far0")
    assert "lost" not in world.ctl("policy", "set", "r", "iface", "pep0,pep1").stderr
    equal(datagram(world, 4, 7001), PROHIBITED[4], "an answer that somebody takes")
    redirected = "what is redirected to pep1 from an interface in native mode is lost unless"
    assert redirected in world.ctl("policy", "add", "away", *"redirect pep1 dport 7002".split()).stderr
    world.far_program("far1")
    equal(world.ctl("policy", "set", "away", *"redirect pep1".split()).stderr, "", "a redirect that arrives")
    run("ip", "link", "add", "pair0", "type", "veth", "peer", "name", "pair1")
    assert "lost" in world.ctl("policy", "set", "away", *"redirect pair0".split()).stderr
    assert "lost" not in world.ctl("policy", "set", "away", *"redirect lo".split()).stderr


if __name__ == "__main__":
    main([rejects_v4_native, rejects_v6_native, rejects_v4_generic, rejects_v6_generic,
          checksums_left_to_the_card, resets_what_is_established, keeps_to_its_rate, explains,
          lost_at_the_other_end])
