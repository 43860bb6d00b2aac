# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Frames over veth pairs from the generator to their drop, each receiver a pair of its own."""
import ctypes
import fcntl
import json
import random
import socket
import struct
import subprocess

import nft
import rows
import workload
from packets import MEMBERS
from rows import Unavailable, row

COUNT = 500000
XDP_FILTER_MEMBERS = 10000  # what its table holds
SOURCE = 1                  # flag of an address that it blocks as a source


def add_pair(world, name):
    rows.output("ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns",
                world.far.pid)
    rows.output("ip", "link", "set", name, "up")
    world.far_ip("link", "set", name, "up")


def gro_on(iface):
    """Without an XDP program it is what makes a veth receive such frames."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        value = ctypes.create_string_buffer(struct.pack("II", 0x2c, 1))
        fcntl.ioctl(s, 0x8946, struct.pack("16sP", iface.encode(), ctypes.addressof(value)))


def received(iface):
    for line in open("/proc/net/dev", encoding="ascii"):
        name, _, figures = line.partition(":")
        if name.strip() == iface:
            return int(figures.split()[1])
    raise AssertionError(f"{iface}: no such interface")


def send(world, flows, ifaces):
    """{iface: nanoseconds a frame}; full rings lose a few while others want the core."""
    before = {near: received(near) for near in ifaces}
    out = rows.output("nsenter", "--net", "--target", world.far.pid, *rows.pinned(
        rows.BENCH / "bench_generate", rows.BENCH / "generate.bpf.o", flows, COUNT,
        *ifaces.values()))
    took = {line.split()[0]: int(line.split()[1]) for line in out.splitlines()}
    for near in ifaces:
        arrived = received(near) - before[near]
        assert arrived >= 0.98 * 20 * COUNT, f"{near} got {arrived} of {20 * COUNT}"
    return {near: took[far] for near, far in ifaces.items()}


def bare(world):
    add_pair(world, "bare")
    rows.output("ip", "link", "set", "dev", "bare", "xdpdrv", "obj",
                rows.BENCH / "generate.bpf.o", "program", "bare_drop")


def nftables(world, members):
    add_pair(world, "nft0")
    gro_on("nft0")
    path = world.folder / "set.nft"
    path.write_text(nft.set_file("nft0", members), encoding="ascii")
    nft.load(path)


def xdp_filter(world, members):
    """Its command adds a few hundred a second: the table is filled directly."""
    add_pair(world, "filter0")
    subprocess.run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"], check=True)
    rows.output("xdp-filter", "load", "-m", "native", "-f", "ipv4", "filter0")
    table = "/sys/fs/bpf/xdp-filter/filter_ipv4"
    lines = []
    for member in members:
        key = " ".join(str(byte) for byte in struct.pack(">I", member))
        lines.append(f"map update pinned {table} key {key} value {SOURCE} 0 0 0 0 0 0 0\n")
    batch = world.folder / "batch"
    batch.write_text("".join(lines), encoding="ascii")
    rows.output("bpftool", "batch", "file", batch)
    assert len(json.loads(rows.output("bpftool", "-j", "map", "dump", "pinned", table))) == len(
        members), "xdp-filter's table"


def xdp_filter_drops():
    for line in rows.output("xdp-filter", "status").splitlines():
        if line.strip().startswith("XDP_DROP"):
            return int(line.split()[1])
    raise AssertionError("xdp-filter's status")


def ratio(name, took, iface, target=None):
    value = took[iface] / took["bare"]
    row(name, f"{value:.2f}", f"x-bare-drop({took[iface]}ns/{took['bare']}ns)",
        f"<={target:g}" if target else "-", value <= target if target else None)


def pipeline(world):
    dice = random.Random(7)
    members = workload.random_members(dice, MEMBERS)
    ifaces = {"bare": "bare", "nft0": "nft0"}
    world.start("--iface", "pep0")
    bare(world)
    nftables(world, members)
    flows = workload.write_flows(world.folder / "flows", workload.flows_from(dice, members))
    try:
        rows.load_banned(world, rows.write_addresses(world, members))
        ifaces["pep0"] = "far0"
    except Unavailable as why:
        rows.unavailable({"pipeline-set-1m": "<=1.2"}, "x-bare-drop", why)
    took = send(world, flows, ifaces)
    if "pep0" in took:
        blocked = world.json("stats")["packets_blocked"]
        assert blocked >= 20 * COUNT, f"pepctl blocked {blocked} of {20 * COUNT}"
        ratio("pipeline-set-1m", took, "pep0", 1.2)
    ratio("pipeline-set-1m-nft", took, "nft0")
    nft.flush()
    few = members[:XDP_FILTER_MEMBERS]
    xdp_filter(world, few)
    workload.write_flows(world.folder / "flows", workload.flows_from(dice, few))
    took = send(world, flows, {"bare": "bare", "filter0": "filter0"})
    dropped = xdp_filter_drops()
    assert dropped >= 0.98 * 20 * COUNT, f"xdp-filter dropped {dropped} of {20 * COUNT}"
    ratio("pipeline-set-10k-xdp-filter", took, "filter0")
    rows.output("xdp-filter", "unload", "filter0")


CASES = [pipeline]
