#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""pepctl events --pcapng: what a reader of such files finds in one."""
import json
import os
import struct
import subprocess

from world import FAR, NEAR, equal, main, wait_for

SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
COMMENT, LOST, VERDICT = 1, 4, 7
XDP_DROP, XDP_PASS, XDP_TX = 1, 2, 3


def options(data):
    found = {}
    while data:
        code, size = struct.unpack_from("=HH", data)
        if code == 0:
            break
        found[code] = data[4:4 + size]
        data = data[4 + (size + 3) // 4 * 4:]
    return found


def blocks(data):
    """(type, body) of each; every byte is of one."""
    while data:
        kind, size = struct.unpack_from("=II", data)
        equal(struct.unpack_from("=I", data, size - 4)[0], size, "the length behind a block")
        yield kind, data[8:size - 4]
        data = data[size:]


def packets(data):
    """[(interface, frame, length of the frame, options)]."""
    names, found = [], []
    for number, (kind, body) in enumerate(blocks(data)):
        equal(kind == SECTION, number == 0, "the section's heading comes first")
        if kind == INTERFACE:
            equal(struct.unpack_from("=H", body)[0], 1, "Ethernet")
            names.append(options(body[8:])[2].decode())
        elif kind == PACKET:
            iface, _, _, captured, length = struct.unpack_from("=IIIII", body)
            found.append((names[iface], body[20:20 + captured], length,
                          options(body[20 + (captured + 3) // 4 * 4:])))
    return found


def start(world, *words, **streams):
    """A reader that is subscribed, as no other is."""
    reader = subprocess.Popen(
        [world.build / "client/pepctl", "--socket", world.socket, *words], stderr=subprocess.PIPE,
        **streams)
    wait_for("a subscription", lambda: world.json("stats")["events"]["subscriptions"] == 1)
    return reader


def verdict(packet):
    kind, code = struct.unpack("=BQ", packet[3][VERDICT])
    equal(kind, 2, "a verdict of XDP")
    return code


def frames_and_verdicts(world):
    world.start("--iface", "pep0")
    world.ctl("policy", "add", *"no block proto udp dport 9".split())
    world.ctl("policy", "add", *"seen allow proto udp dport 10 log".split())
    world.ctl("policy", "add", *"mirror reflect proto udp dport 11 log".split())
    world.ctl("setting", "set", "capture", "64")
    reader = start(world, "events", "--count", "3", "--pcapng", "-", stdout=subprocess.PIPE)
    for port in (9, 10, 11):
        world.send_udp(FAR[4][0], NEAR[4][0], port, 1)
    out, err = reader.communicate(timeout=30)
    equal((reader.returncode, err), (0, b""), "status and warnings")
    found = packets(out)
    equal([iface for iface, *_ in found], ["pep0"] * 3, "interfaces")
    equal([verdict(p) for p in found], [XDP_DROP, XDP_PASS, XDP_TX], "verdicts")
    equal([p[3][COMMENT].decode().split(",")[0] for p in found],
          ["block by policy no", "allow by policy seen", "reflect by policy mirror"], "comments")
    for port, (_, frame, length, _) in zip((9, 10, 11), found):
        equal(len(frame), min(length, 64), "bytes of the frame")
        equal(struct.unpack_from("!H", frame, 12)[0], 0x0800, "IPv4")
        equal(struct.unpack_from("!H", frame, 36)[0], port, "the port")


def bytes_in_json(world):
    """The same bytes, in hexadecimal; none where the setting is 0."""
    world.start("--iface", "pep0")
    world.ctl("policy", "add", *"no block proto udp dport 9".split())
    for capture in (0, 50, 96):
        world.ctl("setting", "set", "capture", str(capture))
        reader = start(world, "-j", "events", "action", "block", "--count", "1", stdout=subprocess.PIPE)
        world.send_udp(FAR[4][0], NEAR[4][0], 9, 1)
        out, _ = reader.communicate(timeout=30)
        event = next(e for e in map(json.loads, out.splitlines()) if e["type"] == "packet")
        frame = bytes.fromhex(event.get("captured", ""))
        equal(len(frame), min(capture, event["length"]), f"bytes with capture {capture}")
        if frame:
            equal(struct.unpack_from("!HH", frame, 34), (event["sport"], 9), "the ports")


def losses_stand_with_the_next(world):
    """All that was decided is in the file, as a packet or as missing before one."""
    world.start("--iface", "pep0")
    world.ctl("policy", "add", *"no block proto udp dport 9".split())
    world.ctl("setting", "set", "event-rate", "20")
    path = world.folder / "events.pcapng"
    reader = start(world, "events", "--pcapng", path)
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 2000)

    def told():
        found = packets(path.read_bytes())
        return len(found) + sum(struct.unpack("=Q", p[3][LOST])[0] for p in found if LOST in p[3])

    def all_told():
        world.send_udp(FAR[4][0], NEAR[4][0], 9, 1)
        return told() >= 2000

    wait_for("2000 are told", all_told)
    world.ctl("policy", "add", *"later block proto udp dport 9999".split())  # no packet: not in it
    reader.terminate()
    err = reader.communicate()[1].decode()
    assert "setting set capture 96" in err, err
    equal({len(p[1]) for p in packets(path.read_bytes())}, {0}, "bytes of frames with capture 0")


def refused(world):
    world.start()

    def says(text, status, *words, **streams):
        result = subprocess.run(
            [world.build / "client/pepctl", "--socket", world.socket, *words],
            stderr=subprocess.PIPE, timeout=30, check=False, **streams)
        equal(result.returncode, status, " ".join(map(str, words)))
        assert text in result.stderr.decode(), result.stderr

    says("take one of them", 2, "-j", "events", "--pcapng", "-", stdout=subprocess.PIPE)
    says("its value is missing", 2, "events", "--pcapng")
    says("name of the file is empty", 2, "events", "--pcapng", "")
    says("No such file or directory", 1, "events", "--pcapng", world.folder / "none/file")
    leader, follower = os.openpty()
    says("wireshark", 2, "events", "--pcapng", "-", stdout=follower)
    os.close(leader)
    os.close(follower)
    with open("/dev/full", "wb") as full:
        says("could not be written", 1, "events", "--pcapng", "-", stdout=full)


if __name__ == "__main__":
    main([frames_and_verdicts, bytes_in_json, losses_stand_with_the_next, refused])
