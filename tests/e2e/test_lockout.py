#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The lock-out check: no change cuts off a real connection to a protected port, unless forced."""
import contextlib
import os
import resource
import socket
import subprocess
import time

from world import CLONE_NEWNET, FAR, LIBC, NEAR, equal, family_of, main, run, wait_for


@contextlib.contextmanager
def far_namespace(world):
    """Sockets that are made inside belong there, also afterwards."""
    with open("/proc/self/ns/net", "rb") as here, open(f"/proc/{world.far.pid}/ns/net", "rb") as there:
        assert LIBC.setns(there.fileno(), CLONE_NEWNET) == 0
        try:
            yield
        finally:
            assert LIBC.setns(here.fileno(), CLONE_NEWNET) == 0


def place(address, port):
    """Of ADDRESS or ADDRESS%INTERFACE, in the namespace that this runs in."""
    address, _, iface = address.partition("%")
    return (address, port, 0, socket.if_nametoindex(iface)) if iface else (address, port)


class Session:
    """An established connection to here; from far away unless `local`."""

    def __init__(self, world, port=22, source=FAR[4][0], target=NEAR[4][0], dual=False, local=False):
        any_address = "::" if dual or ":" in target else "0.0.0.0"
        with socket.create_server((any_address, port), family=family_of(any_address),
                                  dualstack_ipv6=dual) as server:
            with contextlib.nullcontext() if local else far_namespace(world):
                self.far = socket.socket(family_of(source), socket.SOCK_STREAM)
                self.far.settimeout(2)
                self.far.bind(place(source, 0))
                self.far.connect(place(target, port))
            self.near = server.accept()[0]
        self.near.settimeout(1)
        self.port = self.far.getsockname()[1]

    def works(self):
        try:
            self.far.sendall(b"ls")
            return self.near.recv(100).startswith(b"ls")
        except socket.timeout:
            return False

    def close(self):
        self.far.close()
        self.near.close()


def refused(world, words, *parts):
    """The command is refused for locking out, says so, and nothing has happened."""
    before = world.json("info")["revision"]
    result = world.ctl(*words.split(), check=False)
    equal(result.returncode, 1, f"exit status of {words}: {result.stderr}")
    for part in parts:
        assert part in result.stderr, f"{words}: no {part!r} in {result.stderr}"
    assert "--force" in result.stderr, result.stderr
    equal(world.json("info")["revision"], before, f"revision after {words}")


def every_kind_of_change(world):
    """All ways to cut a session off, with the flow and the policy named."""
    world.start("--iface", "pep0:native")
    session = Session(world)
    flow = f"the established connection from {FAR[4][0]} port {session.port} to {NEAR[4][0]} port 22"
    refused(world, "policy add no-ssh block proto tcp dport 22", f"policy no-ssh would drop on pep0 {flow}")
    refused(world, "policy add no-ssh reject dport 22", f"policy no-ssh would reject on pep0 {flow}")
    refused(world, "policy add back reflect proto tcp", f"policy back would send back on pep0 {flow}")
    refused(world, "policy add away redirect pep1 dport 22", f"policy away would redirect on pep0 {flow}")
    refused(world, "policy add syn block proto tcp dport 22 tcp-flags syn/syn,ack",
            "policy syn would drop on pep0 a new connection like the established one")
    refused(world, "default block", f"the default action would drop on pep0 {flow}")
    refused(world, "default block iface pep0", flow)
    world.ctl("policy", "add", *"guard rate-limit 20pps burst 40 proto tcp dport 22".split())
    world.ctl("default", "block")
    refused(world, "policy del guard", f"the default action would drop on pep0 {flow}")
    refused(world, "policy set guard dport 23", flow)
    refused(world, "policy flush --yes", flow)
    world.ctl("set", "create", "bad", "203.0.113.0/24")
    world.ctl("policy", "add", *"drop-bad block src @bad priority 1".split())
    refused(world, f"set add bad {FAR[4][0]}", f"policy drop-bad would drop on pep0 {flow}")
    assert session.works(), "the session after so many refusals"
    file = world.folder / "my.rules"
    file.write_text("interface pep0 mode native\ndefault block\npolicy web allow dport 80\n"
                    "policy trap block src 10.0.0.0/8\n")
    for more in ("", " --dry-run"):
        refused(world, f"apply {file}{more}", f"{file}:4:", f"policy trap would drop on pep0 {flow}")
    world.ctl("apply", file, "--merge", "--dry-run")  # where guard outranks trap
    equal(world.json("explain", "src", FAR[4][0], "dport", "22", "iface", "pep0", "--candidate", file)["policy"],
          "trap", "a candidate is answered")
    forced_and_back(world, session, file)


def forced_and_back(world, session, file):
    world.ctl("apply", file, "--force", "--dry-run")
    assert session.works(), "the session after a dry run"
    world.ctl("apply", file, "--force")
    assert not session.works(), "the session under a ruleset that blocks it"
    world.ctl("policy", "add", *"other block dport 99".split())  # it is cut off already
    world.ctl("default", "allow")
    world.ctl("policy", "del", "trap")
    wait_for("the session comes back", session.works)
    refused(world, "policy add no-ssh block dport 22", "policy no-ssh")
    world.ctl("policy", "add", *"no-ssh block dport 22 --force".split())
    world.ctl("--force", "policy", "set", "no-ssh", "block", "proto", "tcp")
    assert not session.works(), "the session, forced"
    session.close()


def families_and_ports(world):
    """IPv6, an IPv4 peer of an IPv6 socket, other ports, and what is not protected."""
    world.start("--iface", "pep0:native")
    six = Session(world, 22, FAR[6][0], NEAR[6][0])
    refused(world, "policy add p block src fd77::/64", "policy p would drop on pep0 the established connection "
            f"from {FAR[6][0]} port {six.port} to {NEAR[6][0]} port 22")
    world.ctl("policy", "add", *f"p block src {FAR[4][0]}".split())
    world.ctl("policy", "del", "p")
    six.close()
    mapped = Session(world, 22, dual=True)
    refused(world, f"policy add p block src {FAR[4][0]}", f"from {FAR[4][0]} port {mapped.port} to {NEAR[4][0]}")
    mapped.close()
    other, third = Session(world, 2222), Session(world, 4433)
    world.ctl("policy", "add", *"p block dport 2222".split())
    world.ctl("policy", "del", "p")
    world.ctl("setting", "set", "protect-ports", "4433,2222,22")
    equal(world.json("setting", "show", "protect-ports"), {"protect-ports": "22,2222,4433"}, "setting")
    refused(world, "policy add p block dport 2222", "policy p", "port 2222")
    refused(world, "policy add p block dport 4433", "policy p", "port 4433")
    refused(world, "policy add p block", "(and 1 more)")
    world.kill()
    world.start()
    refused(world, "policy add p block dport 2222", "policy p", "port 2222")
    world.ctl("setting", "set", "protect-ports", "none")
    world.ctl("policy", "add", *"p block".split())
    for session in (other, third):
        session.close()


def interfaces(world):
    """Attaching counts as a change, also when it puts back what somebody took off."""
    world.start()
    world.ctl("default", "block")  # nothing is filtered
    session = Session(world)
    refused(world, "iface attach pep0", "the default action would drop on pep0 the established connection")
    equal(world.json("iface", "show")["interfaces"], [], "interfaces")
    world.ctl("iface", "attach", "pep0", "--force")
    assert not session.works(), "the session"
    world.ctl("panic", "--yes", "--pin-dir", world.pins)
    wait_for("the session comes back", session.works)
    refused(world, "iface attach pep0", "the default action would drop on pep0 the established connection")
    assert session.works(), "the session"
    world.ctl("default", "allow")
    world.ctl("iface", "attach", "pep0")
    assert session.works(), "the session"
    world.ctl("default", "block", "iface", "pep1")
    refused(world, "iface attach pep1", "the default action would drop on pep1")
    result = world.ctl("iface", "attach", "nowhere", check=False)
    assert result.returncode == 1 and "nowhere" in result.stderr and "--force" not in result.stderr, result.stderr
    session.close()


def loopback(world):
    """A connection of the host with itself never arrives on another interface."""
    world.start("--iface", "pep0:native")
    sessions = [Session(world, 22, "127.0.0.1", "127.0.0.1", local=True),
                Session(world, 2222, NEAR[4][1], NEAR[4][0], local=True),
                Session(world, 4433, "::1", "::1", local=True)]
    world.ctl("setting", "set", "protect-ports", "22,2222,4433")
    for port in (22, 2222, 4433):
        world.ctl("policy", "add", f"p{port}", "block", "dport", port)
    refused(world, "iface attach lo mode generic", "policy p22 would drop on lo", "policy p2222 would drop on lo",
            "policy p4433 would drop on lo")
    assert all(s.works() for s in sessions), "sessions on lo"
    for session in sessions:
        session.close()


def same_link_local(world):
    """A peer may have an address that the host has on another link; with itself it is one all the same."""
    for ip, iface, address in ((world.far_ip, "far0", "fe80::77"), (lambda *w: run("ip", *w), "pep1", "fe80::77"),
                               (lambda *w: run("ip", *w), "pep0", "fe80::1")):
        world.add_address(ip, address, 64, iface)
    world.start("--iface", "pep0:native")
    for local in (True, False):
        session = Session(world, source="fe80::1%pep0" if local else "fe80::77%far0",
                          target="fe80::1%pep0" if local else "fe80::1%far0", local=local)
        if local:
            world.ctl("policy", "add", *"p block dport 22".split())
            world.ctl("policy", "del", "p")
        else:
            refused(world, "policy add p block dport 22", f"from fe80::77 port {session.port} to fe80::1 port 22")
        assert session.works(), "the session"
        session.close()


def very_many(world):
    """More connections than are asked about: it is said; the loop goes on, and so does the change."""
    world.start("--iface", "pep0:native")
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    with socket.create_server(("0.0.0.0", 22), backlog=1024) as server:
        far, near = [], []
        for _ in range(1005):
            with far_namespace(world):
                far.append(socket.socket())
            far[-1].connect((NEAR[4][0], 22))
            near.append(server.accept()[0])
        begin = time.monotonic()
        result = world.ctl("policy", "add", *"bad block src 192.0.2.77".split())
        print(f"a policy beside 1005 connections: {(time.monotonic() - begin) * 1000:.1f} ms")
        deleted = world.ctl("policy", "del", "bad")
        for said in (result.stderr, deleted.stderr):
            assert "more than 1000 connections to protected ports" in said, said
        refused(world, "policy add no-ssh block dport 22", "(and 999 more)")
        for end in far + near:
            end.close()


def library(world):
    """libpepctl refuses with the reason, and forces when told to."""
    world.start("--iface", "pep0:native")
    session = Session(world)
    said = subprocess.run([world.build / "tests/e2e/library_lockout"], text=True, check=True, capture_output=True,
                          env={**os.environ, "PEPCTL_SOCKET": str(world.socket)}).stdout.split("\n")
    refusal = f"on pep0 the established connection from {FAR[4][0]} port {session.port} to {NEAR[4][0]} port 22;"
    assert said[0].startswith(f"add: 6 LOCKOUT policy p would drop {refusal}"), said
    assert said[2].startswith(f"attach: 6 LOCKOUT policy p would drop {refusal}"), said
    equal([said[1], said[3]], ["add, forced: 0", "attach, forced: 0"], "what was forced")
    session.close()


def anybodys_child(world):
    """The session is found by the kernel's list, not by what the environment tells."""
    world.start("--iface", "pep0:native")
    session = Session(world)
    result = world.ctl("policy", "add", "no-ssh", "block", "dport", "22", check=False, env={}, start_new_session=True)
    assert result.returncode == 1 and "policy no-ssh" in result.stderr, result.stderr
    session.close()


if __name__ == "__main__":
    main([every_kind_of_change, families_and_ports, interfaces, loopback, same_link_local, very_many, anybodys_child,
          library])
