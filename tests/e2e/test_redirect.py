#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Redirect to several interfaces: the flows' ways by weight, when one goes and comes, over restarts;
and with fib, as a router does."""
import socket
import time

from world import FAR, NEAR, Receiver, equal, mac_of, main, offloads_off, run, wait_for

PORTS = range(10000, 10400)  # the flows' source ports
POLICY = "away redirect pep1*3,pep2 proto udp dport 6000"


def add_interface(world):
    """pep2, whose other end is far2."""
    run("ip", "link", "add", "pep2", "type", "veth", "peer", "name", "far2", "netns", world.far.pid)
    world.set_up("pep2", lambda *words: run("ip", *words))
    world.set_up("far2", world.far_ip)
    offloads_off("pep2")
    world.far_away(lambda: offloads_off("far2"))
    world.far_program("far2")


def begin(world, mode, family):
    add_interface(world)
    world.far_program("far1")
    world.start("--iface", f"pep0:{mode}")
    world.ctl("policy", "add", *POLICY.split())
    equal(world.ping(FAR[family][0], NEAR[family][0], 1), 1, "a ping first, for the neighbours")


def source_port(family, frame):
    """Of a datagram to port 6000, else None."""
    kind, proto, at = (b"\x08\x00", 23, 34) if family == 4 else (b"\x86\xdd", 20, 54)
    if frame[12:14] != kind or frame[proto] != 17 or frame[at + 2:at + 4] != b"\x17\x70":
        return None
    return int.from_bytes(frame[at:at + 2], "big")


def ways(world, family, ifaces=("far1", "far2")):
    """Each flow's interface, of those that get anywhere; all are sent twice, and go the same way."""
    def there():
        listeners = {}
        for iface in ifaces:
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
            s.bind((iface, 3))
            s.setblocking(False)
            listeners[iface] = s
        for port in [*PORTS, *PORTS]:
            with socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET,
                               socket.SOCK_DGRAM) as s:
                s.bind((FAR[family][0], port))
                s.sendto(b"x", (NEAR[family][0], 6000))
        time.sleep(0.5)
        return [(iface, source_port(family, frame)) for iface, s in listeners.items()
                for frame in frames_of(s)]

    def frames_of(s):
        try:
            while True:
                frame, address = s.recvfrom(4096)
                if address[2] != socket.PACKET_OUTGOING:
                    yield frame
        except BlockingIOError:
            return
    seen = {}
    for iface, port in world.far_away(there):
        if port is not None:
            equal(seen.setdefault(port, iface), iface, f"the way of the flow from port {port}")
    return seen


def all_ways(world, family):
    """When all have come: what is under way meanwhile is asked for again."""
    return wait_for("all flows", lambda: (found := ways(world, family)) and
                    len(found) == len(PORTS) and found)


def spread(world, mode, family):
    begin(world, mode, family)
    first = all_ways(world, family)
    share = sum(iface == "far1" for iface in first.values()) / len(PORTS)
    assert 0.68 < share < 0.82, f"pep1 has {share} of the flows"
    run("ip", "link", "del", "pep2")
    without = wait_for("all flows by pep1", lambda: (found := ways(world, family, ["far1"])) and
                       len(found) == len(PORTS) and found)
    equal(set(without.values()), {"far1"}, "ways without pep2")
    add_interface(world)
    wait_for("the flows are back", lambda: all_ways(world, family) == first)
    equal(world.json("stats")["blocked_failed"], 0, "packets without a way")


def spreads_native(world):
    spread(world, "native", 4)


def spreads_native_v6(world):
    spread(world, "native", 6)


def spreads_generic(world):
    spread(world, "generic", 4)


def over_restarts_and_changes(world):
    """The same way after a kill, with the daemon down, without the pins, and with another policy."""
    begin(world, "native", 4)
    first = all_ways(world, 4)
    world.kill()
    equal(all_ways(world, 4), first, "with the daemon down")
    world.start()
    equal(all_ways(world, 4), first, "after a kill")
    world.ctl("policy", "add", "other", *"redirect pep2,pep1 proto tcp dport 6000".split())
    world.ctl("policy", "set", *POLICY.split(), "comment", "new")
    equal(all_ways(world, 4), first, "after changes")
    world.stop()
    world.start("--max-policies", "500")  # other sizes: new maps
    equal(all_ways(world, 4), first, "in new maps")
    line = world.ctl("policy", "show", "away").stdout
    assert "redirect pep1*3,pep2" in line, line
    world.ctl("policy", "set", "away", *"redirect pep2,pep1*3,pep9 proto udp dport 6000".split())
    moved = all_ways(world, 4)
    equal(moved, first, "with a target that is not there")


def all_gone(world):
    """Then they are dropped, and said to have failed."""
    begin(world, "native", 4)
    for iface in ("pep1", "pep2"):
        run("ip", "link", "del", iface)

    def failed():
        world.send_udp(FAR[4][0], NEAR[4][0], 6000, 1)
        return world.json("stats")["blocked_failed"] > 0
    wait_for("the targets are taken out", failed)


# --- with fib: 10.88.0.9 and fd88::9 are far away behind pep1, with far1's MAC address

NEXT = {4: "10.88.0.9", 6: "fd88::9"}
WRONG = {4: "10.99.0.1", 6: "fd99::1"}  # what has no route by pep1
KIND = {4: "ipv4", 6: "ipv6"}


def set_forwarding(family, on):
    for iface in ("all", "pep0", "pep1"):
        with open(f"/proc/sys/net/{KIND[family]}/conf/{iface}/forwarding", "w",
                  encoding="ascii") as file:
            file.write(str(on))


def begin_fib(world, mode, family):
    for address in ("10.88.0.1/24", "fd88::1/64"):
        run("ip", "address", "add", address, "dev", "pep1",
            *(["nodad"] if ":" in address else []))
    for one in (4, 6):
        for net in ("10.88.0.0/24", "10.99.0.0/24") if one == 4 else ("fd88::/64", "fd99::/64"):
            world.far_ip("route", "add", net, "via", NEAR[one][0], "dev", "far0")
        set_forwarding(one, 1)
    world.far_program("far1")
    world.start("--iface", f"pep0:{mode}")
    world.ctl("policy", "add", *"away redirect pep1 fib proto udp dport 6000".split())
    equal(world.ping(FAR[family][0], NEAR[family][0], 1), 1, "a ping first, for the neighbours")


def frames_at(world, iface, send, wanted):
    """The first frame that comes in far away, and that is wanted; None = there is none."""
    def there():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
            s.bind((iface, 3))
            s.settimeout(2)
            send()
            try:
                while True:
                    frame, address = s.recvfrom(4096)
                    if address[2] != socket.PACKET_OUTGOING and wanted(frame):
                        return frame
            except TimeoutError:
                return None
    return world.far_away(there)


def to_port_6000(family, target, hops=64):
    def send():
        with socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET,
                           socket.SOCK_DGRAM) as s:
            if family == 4:
                s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
            else:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
            s.bind((FAR[family][0], 10000))
            s.sendto(b"onward", (target, 6000))
    return send


def is_it(family):
    return lambda frame: source_port(family, frame) == 10000


def solicits(family):
    """An ARP request, or a neighbour solicitation, for the next hop."""
    packed = socket.inet_pton(socket.AF_INET6 if family == 6 else socket.AF_INET, NEXT[family])
    return lambda frame: packed in frame and (frame[12:14] == b"\x08\x06" or
                                              frame[12:14] == b"\x86\xdd" and frame[20] == 58)


def is_exceeded(family):
    kind = (b"\x08\x00", 34, 11) if family == 4 else (b"\x86\xdd", 54, 3)
    return lambda frame: frame[12:14] == kind[0] and frame[kind[1]] == kind[2]


def fib(world, mode, family):
    """The kernel resolves the neighbour of the first; from then on frames leave as from a router."""
    begin_fib(world, mode, family)
    frame = frames_at(world, "far1", to_port_6000(family, NEXT[family]), solicits(family))
    assert frame, "the kernel asks for no neighbour"
    equal(world.json("stats")["packets_redirected"], 0, "packets_redirected without a neighbour")
    far = world.far_away(lambda: mac_of("far1"))
    run("ip", "neigh", "replace", NEXT[family], "lladdr", far.hex(":"), "dev", "pep1", "nud",
        "permanent")
    frame = frames_at(world, "far1", to_port_6000(family, NEXT[family]), is_it(family))
    assert frame, "nothing leaves"
    equal(frame[0:12], far + mac_of("pep1"), "MAC addresses")
    equal(frame[22 if family == 4 else 21], 63, "hop limit")
    equal(world.json("stats")["packets_redirected"], 1, "packets_redirected")
    exceeded = frames_at(world, "far0", to_port_6000(family, NEXT[family], 1), is_exceeded(family))
    assert exceeded, "nobody says that the hop limit is exceeded"
    equal(world.json("stats")["packets_redirected"], 1, "packets_redirected at a hop limit of 1")
    before = world.json("stats")["blocked_failed"]
    world.far_away(to_port_6000(family, WRONG[family]))
    wait_for("no route fails", lambda: world.json("stats")["blocked_failed"] == before + 1)
    receiver = Receiver(family, 6000)
    world.far_away(to_port_6000(family, NEAR[family][0], 1))
    wait_for("what is for here fails", lambda: world.json("stats")["blocked_failed"] == before + 2)
    equal(receiver.take(), 0, "datagrams to a socket here, with a hop limit of 1")
    receiver.close()
    set_forwarding(family, 0)
    world.far_away(to_port_6000(family, NEXT[family]))
    wait_for("no forwarding fails", lambda: world.json("stats")["blocked_failed"] == before + 3)


def fib_native(world):
    fib(world, "native", 4)


def fib_native_v6(world):
    fib(world, "native", 6)


def fib_generic(world):
    fib(world, "generic", 4)


if __name__ == "__main__":
    main([spreads_native, spreads_native_v6, spreads_generic, over_restarts_and_changes, all_gone,
          fib_native, fib_native_v6, fib_generic])
