#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A real SSH session: refused changes leave it alone, forced ones freeze it until they are undone.

The server is Debian's sshd at port 22 of the test's own namespace, with keys, a user data base and a
configuration of the test's own, and no PAM. Nothing here measures: where a session has to stand still, the
longest pause between two numbers is asked about when all is over.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

from world import FAR, NEAR, equal, main, run, wait_for

# As hardened servers have it: 45 seconds without an answer end a session, 10 must not.
SERVER = """Port 22
HostKey {0}/host
AuthorizedKeysFile {0}/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
TCPKeepAlive yes
ClientAliveInterval 15
ClientAliveCountMax 3
"""
CLIENT = ("-F none -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=none "
          "-o TCPKeepAlive=yes -o ServerAliveInterval=15 -o ServerAliveCountMax=3").split()
BLOCK = "interface pep0 mode native\npolicy web allow dport 80\npolicy no-ssh block proto tcp dport 22\n"


def own_accounts(folder):
    """Root may log in by key here, whatever this host says; who logs in writes nothing outside."""
    for name, root in (("passwd", f"root:x:0:0::{folder}:/bin/bash\n"), ("shadow", "root:*:19000:0:99999:7:::\n")):
        lines = pathlib.Path("/etc", name).read_text().splitlines(keepends=True)
        (folder / name).write_text(root + "".join(line for line in lines if not line.startswith("root:")))
        run("mount", "--bind", folder / name, f"/etc/{name}")
    run("mount", "-t", "tmpfs", "tmpfs", "/var/log")
    os.mkdir("/run/sshd", 0o755)


class Server:
    def __init__(self, world):
        self.world, self.folder = world, world.folder / "ssh"
        self.folder.mkdir()
        own_accounts(self.folder)
        for name in ("host", "user"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name)
        (self.folder / "config").write_text(SERVER.format(self.folder))
        host_key = (self.folder / "host.pub").read_text()
        (self.folder / "known").write_text(f"{NEAR[4][0]} {host_key}{NEAR[6][0]} {host_key}")
        run(shutil.which("sshd", path="/usr/sbin:/sbin"), "-f", self.folder / "config", "-E", self.folder / "log")

    def login(self, command, *options, target=NEAR[4][0]):
        """From far away, as a user there would."""
        return subprocess.Popen(  # pylint: disable=consider-using-with
            ["nsenter", "--net", "--target", str(self.world.far.pid), "ssh", *CLIENT, "-i", self.folder / "user",
             "-o", f"UserKnownHostsFile={self.folder}/known", *options, f"root@{target}", command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def says(self, command):
        """What a command in a session of its own writes."""
        process = self.login(command)
        output = process.communicate(timeout=60)[0].decode()
        return process.returncode, output


class Session:
    """Somebody types a number every 20 ms and sees each come back, on one connection from first to last."""

    def __init__(self, server, family=4):
        self.process = server.login("exec cat", "-b", FAR[family][0], target=NEAR[family][0])
        self.seen, self.when = [], []
        threading.Thread(target=self.type, daemon=True).start()
        threading.Thread(target=self.watch, daemon=True).start()
        wait_for(f"a session: {self.seen}", lambda: len(self.seen) > 5)
        self.port = self.connection()

    def type(self):
        number = 0
        while True:
            number += 1
            os.write(self.process.stdin.fileno(), b"%d\n" % number)
            time.sleep(0.02)

    def watch(self):
        for line in self.process.stdout:
            self.when.append(time.monotonic())
            self.seen.append(line.decode().strip())

    def connection(self):
        """The peer's port of each established connection to port 22, as the kernel has them here."""
        shown = run("ss", "-Htn", "state", "established", "sport", "=", ":22", capture_output=True, text=True)
        return sorted(re.findall(r":(\d+)\s*$", shown.stdout, re.MULTILINE))

    def goes_on(self):
        count = len(self.seen)
        wait_for(f"the session goes on after {self.seen[-3:]}", lambda: len(self.seen) > count + 10)

    def stands_still(self):
        def pause():
            count = len(self.seen)
            time.sleep(0.5)
            return len(self.seen) == count
        wait_for("the session stands still", pause)
        equal(self.connection(), self.port, "the frozen session's connection")

    def came_back(self, seconds):
        """On the same connection, every number once and in order, after a pause of about so long."""
        self.goes_on()
        equal(self.connection(), self.port, "the session's connection")
        equal(self.process.poll(), None, "exit status of ssh")
        equal(self.seen, [str(i + 1) for i in range(len(self.seen))], "what came back")
        pause = max(b - a for a, b in zip(self.when, self.when[1:]))
        assert pause > seconds * 0.5, f"the longest pause was {pause:.1f} s, not {seconds}"


def start(world):
    """A daemon with a ruleset of one revision, a file that would end the session, and the session."""
    server = Server(world)
    world.start("--iface", "pep0:native")
    world.ctl("policy", "add", *"before block proto udp dport 9".split())
    file = world.folder / "my.rules"
    file.write_text(BLOCK)
    return server, file, Session(server)


def forced(world, file, seconds):
    result = world.ctl("-j", "apply", file, "--force", "--confirm", f"{seconds}s", stdin=subprocess.DEVNULL)
    return json.loads(result.stdout)["revision"]


def undone(world, revision):
    """The policies of before, in a revision of their own."""
    wait_for("the time runs out", lambda: world.json("info").get("confirm_revision") is None)
    equal([p["name"] for p in world.json("policy", "show")["policies"]], ["before"], "policies after the time")
    equal(world.json("info")["revision"], revision + 1, "revision")
    equal(world.json("info")["enforced_revision"], revision + 1, "enforced revision")


def refused_then_forced(world):
    """Refused with the policy and the flow named; forced, it stands still for 10 s and comes back by itself."""
    _, file, session = start(world)
    before = world.json("info")["revision"]
    for words in (["apply", file], ["apply", file, "--confirm", "10s"], ["apply", file, "--dry-run"]):
        result = world.ctl(*words, check=False, stdin=subprocess.DEVNULL)
        equal(result.returncode, 1, f"exit status of {words}")
        for part in (f"{file}:3:", "policy no-ssh would drop on pep0 the established connection from "
                     f"{FAR[4][0]} port {session.port[0]} to {NEAR[4][0]} port 22", "--force"):
            assert part in result.stderr, f"no {part!r} in {result.stderr}"
        equal(world.json("info")["revision"], before, "revision after a refusal")
        session.goes_on()
    revision = forced(world, file, 10)
    equal(session.connection(), session.port, "the frozen session's connection")
    undone(world, revision)
    session.came_back(10)
    # Confirmed in time, it would have stayed: that the session is there again is no accident of its own.
    assert "no-ssh" in world.ctl("history", revision).stdout, "history"


def daemon_dies_meanwhile(world):
    """kill -9 while it waits: the next daemon undoes it when the time is over, not before."""
    _, file, session = start(world)
    revision = forced(world, file, 6)
    world.kill()
    session.stands_still()
    world.start()
    undone(world, revision)
    session.came_back(6)


def time_runs_out_without_a_daemon(world):
    """The kernel goes on blocking; the next daemon comes up with the ruleset of before."""
    _, file, session = start(world)
    revision = forced(world, file, 4)
    world.kill()
    time.sleep(4.5)
    session.stands_still()
    world.start()
    equal(world.json("info").get("confirm_revision"), None, "what waits after the time")
    undone(world, revision)
    session.came_back(4)


def from_inside(world):
    """In the session itself, also as sudo and tmux leave it: in another session, without environment, adopted."""
    server, file, session = start(world)
    pepctl = f"{world.build}/client/pepctl --socket {world.socket} apply {file}"
    for command in (pepctl, f"setsid --wait {pepctl}", f"env -i {pepctl}", f"setsid --wait env -i {pepctl}",
                    f"(setsid sh -c 'sleep 0.2; env -i {pepctl}; echo exit $?' &) 2>&1 | cat; true"):
        status, said = server.says(f"exec </dev/null 2>&1; {command}")
        assert status == 1 or "exit 1\n" in said, f"exit status {status} of {command}: {said}"
        assert "policy no-ssh would drop on pep0" in said, said
        # Its own connection is beside the one that types: both are found, one is named.
        assert f"the established connection from {FAR[4][0]} port " in said and "(and 1 more)" in said, said
        session.goes_on()
    forced_from_inside(world, server, session, pepctl)


def forced_from_inside(world, server, session, pepctl):
    """At a terminal over the very connection that it cuts off: nobody can press Enter, and nobody must."""
    revision = world.json("info")["revision"] + 1
    terminal = server.login(f"{pepctl} --force --confirm 2s; echo exit $?", "-tt")
    wait_for("it is in force", lambda: world.json("info")["revision"] >= revision)
    undone(world, revision)
    said = terminal.communicate(timeout=60)[0].decode()
    assert f"the time is up: revision {revision} was undone" in said and "exit 1" in said, said
    session.came_back(2)


def over_ipv6(world):
    """The same by an address of the other family."""
    server = Server(world)
    world.start("--iface", "pep0:native")
    session = Session(server, 6)
    result = world.ctl("policy", "add", *f"six block src {FAR[6][0]}".split(), check=False)
    equal(result.returncode, 1, "exit status")
    assert "policy six would drop on pep0 the established connection from " \
        f"{FAR[6][0]} port {session.port[0]} to {NEAR[6][0]} port 22" in result.stderr, result.stderr
    session.goes_on()


if __name__ == "__main__":
    main([refused_then_forced, daemon_dies_meanwhile, time_runs_out_without_a_daemon, from_inside, over_ipv6])
