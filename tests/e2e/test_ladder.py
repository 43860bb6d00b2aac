#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Each rung of the ladder and each action on real traffic, both families, both modes."""
import socket
import time

from world import FAR, NEAR, Receiver, equal, identity, mac_of, main, read_until_marker, run, wait_for

COUNT = 7


def rungs(family):
    """(policy, source, target, sport, dport) in the ladder's order; allow and block in turn."""
    near, far = NEAR[family], FAR[family]
    return [
        (f"five allow log src {far[0]} dst {near[0]} sport 1001 dport 2000 proto udp",
         far[0], near[0], 1001, 2000),
        (f"src-port block src {far[0]} dport 2000 proto udp", far[0], near[0], 0, 2000),
        (f"dst-port allow log dst {near[0]} dport 2000 proto udp", far[1], near[0], 0, 2000),
        ("port block dport 2000 proto udp", far[1], near[1], 0, 2000),
        (f"src allow log src {far[0]}", far[0], near[1], 0, 3000),
        ("proto block proto udp", far[1], near[0], 0, 3000),
    ]


def ladder(world, family, mode):
    receiver = Receiver(family, 2000, 3000)
    world.start("--iface", f"pep0:{mode}")
    equal(world.json("iface", "show")["interfaces"][0]["mode"], mode, "mode")
    rows = rungs(family)
    for row in rows:
        world.ctl("policy", "add", *row[0].split())
    reader = world.subscribe()
    for policy, source, target, sport, dport in rows:
        name, action = policy.split()[:2]
        before = world.policy(name)["packets"]
        receiver.take()
        world.send_udp(source, target, dport, COUNT, sport)
        wait_for(f"{name} counts {COUNT}",
                 lambda name=name, before=before: world.policy(name)["packets"] >= before + COUNT)
        equal(world.policy(name)["packets"], before + COUNT, f"packets of {name}")
        equal(receiver.take(), COUNT if action == "allow" else 0, f"datagrams through {name}")
    events = read_until_marker(reader)
    for policy, source, target, sport, dport in rows:
        name, action = policy.split()[:2]
        mine = [e for e in events if e.get("policy") == name and e["proto"] == "udp"]
        equal(len(mine), COUNT, f"events of {name}")
        for e in mine:
            equal((e["action"], e["src"], e["dst"], e["dport"], e["iface"], e["reason"]),
                  (action, source, target, dport, "pep0", "policy"), f"event of {name}")
    identity(world)
    receiver.close()
    tcp_ladder(world, family)
    defaults(world, family)


def tcp_ladder(world, family):
    """The same rungs by connections: they work or do not, and their policy counted them."""
    rows = [(policy.replace("udp", "tcp"), *rest) for policy, *rest in rungs(family)]
    with world.echo_server(family, 2000), world.echo_server(family, 3000):
        for policy, source, target, sport, dport in rows:
            name, *words = policy.split()
            if name != "src":  # has no protocol: the datagrams' policy decides on these too
                name = "tcp-" + name
                world.ctl("policy", "add", name, *words)
        for policy, source, target, sport, dport in rows:
            name = policy.split()[0]
            name = name if name == "src" else "tcp-" + name
            before = world.policy(name)["packets"]
            allowed = policy.split()[1] == "allow"
            equal(world.tcp(source, target, dport, 10 if allowed else 1.2, sport), allowed,
                  f"a connection through {name}")
            assert world.policy(name)["packets"] > before, f"{name} did not count"
    world.ctl("policy", "del", *("tcp-" + policy.split()[0] for policy, *_ in rows
                                 if not policy.startswith("src ")))


def defaults(world, family):
    """What no policy matches goes by the default: TCP and ping work, then nothing does."""
    near, far = NEAR[family][0], FAR[family][1]
    with world.echo_server(family, 7777):
        assert world.tcp(far, near, 7777, 10), "TCP does not pass by the default"
        equal(world.ping(far, near, 3), 3, "echo replies by the default")
        world.ctl("default", "block", "iface", "pep0")
        assert not world.tcp(far, near, 7777), "TCP passes although the default is block"
        equal(world.ping(far, near, 3), 0, "echo replies although the default is block")
        world.ctl("policy", "add", "tcp-in", "allow", "proto", "tcp", "dport", "7777")
        icmp = "icmp" if family == 4 else "icmpv6"
        world.ctl("policy", "add", "ping-in", "allow", "proto", icmp)
        assert world.tcp(far, near, 7777, 10), "TCP does not pass by its policy"
        equal(world.ping(far, near, 3), 3, "echo replies by the policy")
        world.ctl("policy", "set", "tcp-in", "block", "proto", "tcp", "dport", "7777")
        world.ctl("policy", "set", "ping-in", "block", "proto", icmp)
        world.ctl("default", "unset", "iface", "pep0")
        assert not world.tcp(far, near, 7777), "TCP passes although its policy blocks"
        equal(world.ping(far, near, 3), 0, "echo replies although the policy blocks")
        assert world.policy("tcp-in")["packets"] > 0
    identity(world)


def ladder_v4_native(world):
    ladder(world, 4, "native")


def ladder_v4_generic(world):
    ladder(world, 4, "generic")


def ladder_v6_native(world):
    ladder(world, 6, "native")


def ladder_v6_generic(world):
    ladder(world, 6, "generic")


def rate_limit(world, mode, family):
    receiver = Receiver(family, 4000)
    world.start("--iface", f"pep0:{mode}")
    world.ctl("policy", "add", "limit", *"rate-limit 10pps burst 20 proto udp dport 4000".split())
    reader = world.subscribe("policy", "limit")
    begin = time.monotonic()
    world.send_udp(FAR[family][0], NEAR[family][0], 4000, 100)
    wait_for("100 counted", lambda: world.policy("limit")["packets"] == 100)
    most = 20 + 10 * (time.monotonic() - begin) + 1
    passed, policy = receiver.take(), world.policy("limit")
    assert 20 <= passed <= most, f"{passed} passed, not 20 to {most}"
    equal(policy["exceeded_packets"], 100 - passed, "exceeded")
    events = read_until_marker(reader, "limit")
    equal(len(events), 100 - passed, "events")
    equal({e["reason"] for e in events}, {"rate"}, "reasons")
    equal(identity(world)["blocked_by_rate"], 100 - passed, "blocked_by_rate")
    receiver.close()


def rate_limit_native(world):
    rate_limit(world, "native", 4)


def rate_limit_native_v6(world):
    rate_limit(world, "native", 6)


def rate_limit_generic(world):
    rate_limit(world, "generic", 4)


def rate_limit_generic_v6(world):
    rate_limit(world, "generic", 6)


def sniffed(world, iface, send, wanted):
    """Frames that come in far away on that interface while it sends, and that the test wants."""
    def there():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
            s.bind((iface, 3))
            s.settimeout(1.5)
            send()
            frames = []
            try:
                while len(frames) < COUNT:
                    frame, address = s.recvfrom(4096)
                    if address[2] != socket.PACKET_OUTGOING and wanted(frame):
                        frames.append(frame)
            except TimeoutError:
                pass
            return frames
    return world.far_away(there)


def datagrams(family, dport):
    def send():
        with socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET,
                           socket.SOCK_DGRAM) as s:
            s.bind((FAR[family][0], 0))
            for number in range(COUNT):
                s.sendto(b"number %d" % number, (NEAR[family][0], dport))
    return send


def to_port(family, dport):
    """Frames of UDP to that port: ethertype, protocol and port at their places."""
    kind, proto, port = (b"\x08\x00", 23, 36) if family == 4 else (b"\x86\xdd", 20, 56)
    return lambda frame: frame[12:14] == kind and frame[proto] == 17 and \
        int.from_bytes(frame[port:port + 2], "big") == dport


def addresses_of(family, frame):
    return frame[26:34] if family == 4 else frame[22:54]


def packed(family, *addresses):
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    return b"".join(socket.inet_pton(kind, address) for address in addresses)


def reflect(world, mode, family):
    world.start("--iface", f"pep0:{mode}")
    world.far_program("far0")
    world.ctl("policy", "add", "mirror", *"reflect log proto udp dport 5000".split())
    equal(world.ping(FAR[family][0], NEAR[family][0], 1), 1, "a ping first, for the neighbours")
    reader = world.subscribe("policy", "mirror")
    frames = sniffed(world, "far0", datagrams(family, 5000), to_port(family, 5000))
    equal(len(frames), COUNT, "reflected frames")
    swapped = world.far_away(lambda: mac_of("far0")) + mac_of("pep0")
    for frame in frames:
        equal(addresses_of(family, frame), packed(family, FAR[family][0], NEAR[family][0]),
              "addresses")
        equal(frame[0:12], swapped, "MAC addresses")
    equal(world.policy("mirror")["packets"], COUNT, "packets")
    equal(len(read_until_marker(reader, "mirror")), COUNT, "events")
    equal(identity(world)["packets_reflected"], COUNT, "packets_reflected")


def reflect_native(world):
    reflect(world, "native", 4)


def reflect_native_v6(world):
    reflect(world, "native", 6)


def reflect_generic(world):
    reflect(world, "generic", 4)


def reflect_generic_v6(world):
    reflect(world, "generic", 6)


def redirect(world, mode, family):
    world.start("--iface", f"pep0:{mode}")
    world.far_program("far1")
    world.ctl("policy", "add", "kept", *"redirect pep1 log proto udp dport 6000".split())
    world.ctl("policy", "add", "given",
              *"redirect pep1 mac 02:00:00:00:00:99 proto udp dport 6001".split())
    equal(world.ping(FAR[family][0], NEAR[family][0], 1), 1, "a ping first, for the neighbours")
    for dport, mac in ((6000, mac_of("pep0")), (6001, bytes.fromhex("020000000099"))):
        frames = sniffed(world, "far1", datagrams(family, dport), to_port(family, dport))
        equal(len(frames), COUNT, f"redirected frames to {dport}")
        for frame in frames:
            equal(frame[0:6], mac, "destination MAC")
    equal(identity(world)["packets_redirected"], 2 * COUNT, "packets_redirected")
    target_gone(world)


def target_gone(world):
    """A target that is gone drops, and says so; it works again when it returns."""
    run("ip", "link", "del", "pep1")
    wait_for("the target is taken out", lambda: failed_after_send(world))


def failed_after_send(world):
    world.send_udp(FAR[4][0], NEAR[4][0], 6000, 1)
    return world.json("stats")["blocked_failed"] > 0


def redirect_native(world):
    redirect(world, "native", 4)


def redirect_native_v6(world):
    redirect(world, "native", 6)


def redirect_generic(world):
    redirect(world, "generic", 4)


def redirect_generic_v6(world):
    redirect(world, "generic", 6)


if __name__ == "__main__":
    main([ladder_v4_native, ladder_v4_generic, ladder_v6_native, ladder_v6_generic,
          rate_limit_native, rate_limit_generic, rate_limit_native_v6, rate_limit_generic_v6,
          reflect_native, reflect_generic, reflect_native_v6, reflect_generic_v6,
          redirect_native, redirect_generic, redirect_native_v6, redirect_generic_v6])
