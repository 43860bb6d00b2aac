#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Changes that wait to be confirmed: at a terminal, without one, and whatever dies meanwhile."""
import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import termios
import time

from world import ADMIN, FAR, NEAR, READ, as_user, equal, main, wait_for

LONG = "10m"  # nothing here waits for its end
BLOCK = "policy no-ping block proto icmp\ninterface pep0\n"


class Terminal:
    """The command on a terminal that it is the foreground of."""

    def __init__(self, world, *words, **options):
        self.terminal, inside = pty.openpty()
        os.set_blocking(self.terminal, False)
        self.shown = ""

        def take_it():
            os.setsid()
            fcntl.ioctl(inside, termios.TIOCSCTTY, 0)
        self.command = subprocess.Popen(  # pylint: disable=consider-using-with
            [world.build / "client/pepctl", "-s", world.socket, *map(str, words)],
            **{"stdin": inside, "stdout": inside, "stderr": inside, **options},
            preexec_fn=take_it, text=True)
        os.close(inside)

    def read(self):
        with contextlib.suppress(OSError):  # nothing there now; EIO: it has gone
            while piece := os.read(self.terminal, 65536):
                self.shown += piece.decode()
        return self.shown

    def until(self, text):
        wait_for(f"the terminal shows {text!r}, not {self.shown!r}",
                 lambda: text in self.read() or self.command.poll() is not None)
        assert text in self.read(), f"no {text!r} in {self.shown!r}"

    def type(self, keys):
        os.write(self.terminal, keys)

    def hang_up(self):
        os.close(self.terminal)
        return self.command.wait(60)

    def ends(self, status, text):
        equal(self.command.wait(60), status, f"exit status; shown {self.read()!r}")
        assert text in self.read(), f"no {text!r} in {self.shown!r}"
        assert self.shown.endswith("\r\n") or self.shown.endswith("\x1b[K"), self.shown
        os.close(self.terminal)


def asks(world, *words, **options):
    """At the terminal, when it has asked; with the revision that it has asked about."""
    terminal = Terminal(world, *words, **options)
    terminal.until("Enter keeps revision")
    return terminal, int(re.search(r"Enter keeps revision (\d+)", terminal.shown)[1])


def start(world, *more):
    world.start("--iface", "pep0:native", *more)
    file = world.folder / "my.rules"
    file.write_text(BLOCK)
    return file


def names(world):
    return [p["name"] for p in world.json("policy", "show")["policies"]]


def waiting(world):
    return world.json("info").get("confirm_revision")


def pings(world):
    return world.ping(FAR[4][0], NEAR[4][0], 1) == 1


def enter_keeps(world):
    file = start(world)
    (world.folder / "other.rules").write_text("")
    terminal, revision = asks(world, "apply", file, "--confirm", LONG)
    assert f"(revision {revision})" in terminal.shown, terminal.shown
    assert not pings(world), "the change is not in force while it waits"
    equal(waiting(world), revision, "what info says that waits")
    shown = world.ctl("info").stdout
    assert f"revision {revision} waits to be confirmed: undone in " in shown, shown
    newest = world.json("history")["revisions"][0]
    equal((newest["revision"], "confirm_left" in newest), (revision, True), "history")
    assert "waits to be confirmed" in world.ctl("history", revision).stdout
    for words in ("policy add b block proto udp", "default block", "set create s", "rollback 0 --confirm 5s",
                  f"apply {world.folder}/other.rules --confirm 5s"):
        result = world.ctl(*words.split(), check=False)
        equal(result.returncode, 1, f"exit status of {words} meanwhile: {result.stderr}")
        assert f"revision {revision} waits to be confirmed" in result.stderr, result.stderr
    terminal.type(b"no\n")
    terminal.until("Enter alone keeps it")
    terminal.type(b"\n")
    terminal.ends(0, f"revision {revision} confirmed")
    equal((waiting(world), names(world)), (None, ["no-ping"]), "after it is confirmed")
    world.ctl("policy", "add", *"b block proto udp".split())


def ctrl_c_undoes(world):
    file = start(world)
    terminal, revision = asks(world, "apply", file, "--confirm", LONG)
    assert not pings(world), "the change is not in force while it waits"
    terminal.type(b"\x03")
    terminal.ends(1, f"revision {revision} undone; revision {revision + 1} is in force")
    equal((waiting(world), names(world)), (None, []), "after it is undone")
    assert pings(world), "the ruleset of before is not in force"


def time_runs_out(world):
    file = start(world)
    terminal, revision = asks(world, "apply", file, "--confirm", "2s")
    terminal.ends(1, f"the time is up: revision {revision} was undone; revision {revision + 1} is in force")
    equal((waiting(world), names(world)), (None, []), "after its time")
    assert pings(world), "the ruleset of before is not in force"
    result = world.ctl("confirm", revision, check=False)
    equal(result.returncode, 1, f"confirm after its time: {result.stderr}")


def terminal_goes_away(world):
    """A hang-up and the end of input neither keep the change nor undo it."""
    file = start(world)
    terminal, revision = asks(world, "apply", file, "--confirm", LONG)
    equal(terminal.hang_up(), -signal.SIGHUP, "how the command ends")
    equal((waiting(world), names(world)), (revision, ["no-ping"]), "after the hang-up")
    equal(world.json("confirm")["revision"], revision, "confirm")
    world.ctl("policy", "del", "no-ping")
    terminal, revision = asks(world, "policy", "add", *"b block proto udp".split(), "--confirm", LONG)
    terminal.type(b"\x04")
    terminal.ends(1, f"revision {revision} is not confirmed")
    equal((waiting(world), names(world)), (revision, ["b"]), "after the end of input")
    world.ctl("rollback", "to", revision - 1)
    equal((waiting(world), names(world)), (None, []), "after the rollback to the one before")


def without_terminal(world):
    """Returns at once and says what to do; -j tells it, -q does not."""
    file = start(world)
    begin = time.time()
    result = world.ctl("apply", file, "--confirm", LONG, stdin=subprocess.DEVNULL)
    revision = world.json("info")["revision"]
    said = re.fullmatch(rf"pepctl: revision {revision} waits to be confirmed: pepctl confirm {revision}; "
                        r"undone at (.*) otherwise\n", result.stderr)
    assert said, result.stderr
    until = time.mktime(time.strptime(said[1], "%Y-%m-%d %H:%M:%S"))
    assert begin + 599 <= until <= time.time() + 601, f"{said[1]} is not in 10 minutes"
    equal(world.ctl("confirm").stdout, f"revision {revision} confirmed\n", "confirm")
    for words in (["confirm"], ["confirm", revision], ["confirm", 99]):
        equal(world.ctl(*words, check=False).returncode, 1, f"{words} when none waits")
    result = world.ctl("-j", "--confirm", "90s", "default", "block", "iface", "pep1", stdin=subprocess.DEVNULL)
    assert json.loads(result.stdout)["confirm_left"] in ("1m29s", "1m30s"), result.stdout
    equal(world.ctl("confirm", 99, check=False).returncode, 1, "confirm of another revision")
    equal(world.ctl("-q", "confirm", revision + 1).stdout, "", "confirm -q")
    result = world.ctl("-q", "policy", "del", "no-ping", "--confirm=5m", stdin=subprocess.DEVNULL)
    equal((result.stdout, result.stderr), ("", ""), "-q")
    world.ctl("confirm")
    result = world.ctl("apply", "-", "--merge", "--confirm", "5m", input="default block iface pep1\n")
    equal((result.stdout, result.stderr, waiting(world)),
          (f"nothing changed (revision {revision + 2})\n", "", None), "a change that is none")


def every_change(world):
    """All commands that change something, kept and undone."""
    start(world)
    rows = ("policy add a block proto tcp dport 9", "policy set a block proto tcp dport 10",
            "default block iface pep1", "default unset iface pep1", "setting set capture 32", "set create s",
            "set add s 192.0.2.1", "set del s 192.0.2.1", "set del s", "iface attach pep1 mode generic",
            "iface detach pep1", "policy del a", "policy flush --yes", "rollback 1")
    world.ctl("policy", "add", *"other block proto udp dport 53".split())
    for words in rows:
        for keep in (False, True):
            if words == "policy flush --yes" and not keep:
                world.ctl("policy", "add", *"a block proto udp".split())
            before = world.ctl("export").stdout
            world.ctl(*words.split(), "--confirm", LONG, stdin=subprocess.DEVNULL)
            revision, after = waiting(world), world.ctl("export").stdout
            assert revision and after != before, f"{words} does not wait"
            world.ctl(*(["confirm", revision] if keep else ["rollback", revision - 1]))
            equal(world.ctl("export").stdout, after if keep else before, f"{words}, {keep=}")
            equal(waiting(world), None, f"what waits after {words}, {keep=}")


def from_elsewhere(world):
    """What somebody else does meanwhile is told."""
    file = start(world)
    terminal, revision = asks(world, "apply", file, "--confirm", LONG)
    equal(as_user(40500, [READ], lambda: world.ctl("confirm", check=False).returncode), 4, "confirm by a reader")
    equal(as_user(40500, [ADMIN], lambda: world.ctl("confirm").stdout), f"revision {revision} confirmed\n",
          "confirm by an admin")
    terminal.ends(0, f"revision {revision} was confirmed from elsewhere")
    terminal, revision = asks(world, "rollback", revision - 1, "--confirm", LONG)
    world.ctl("rollback", revision - 1)
    terminal.ends(1, f"revision {revision} waits no longer; revision {revision + 1} is in force")
    equal(names(world), ["no-ping"], "policies")


def background(world):
    """In the background of a shell it asks nobody."""
    file = start(world)
    result = subprocess.run(
        ["script", "-qec", f"bash -imc '{world.build}/client/pepctl -s {world.socket} apply {file} "
         f"--confirm {LONG} & wait'", "/dev/null"], check=False, capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL)
    assert "waits to be confirmed: pepctl confirm" in result.stdout, result
    assert "Enter keeps" not in result.stdout, result
    equal(waiting(world), world.json("info")["revision"], "what waits")


def daemon_dies(world):
    """It goes on waiting, and the command finds the next daemon."""
    file = start(world)
    terminal, revision = asks(world, "apply", file, "--confirm", LONG)
    world.kill()
    terminal.until("pepctld does not answer")
    terminal.type(b"\n")
    terminal.until("does not answer on")
    world.start()
    equal(waiting(world), revision, "what waits after a restart")
    terminal.type(b"\n")
    terminal.ends(0, f"revision {revision} confirmed")


def time_runs_out_meanwhile(world):
    """A daemon that starts after the time has undone the change before it answers."""
    file = start(world)
    world.ctl("apply", file)
    terminal, revision = asks(world, "policy", "del", "no-ping", "--confirm", "2s")
    world.kill()
    terminal.until("undone in 0s")
    world.start()
    terminal.ends(1, f"the time is up: revision {revision} was undone")
    equal(names(world), ["no-ping"], "policies after the time ran out without a daemon")


def asked_again(world):
    """Who lost the answer and asks again can still keep the change, or is told that it waits no more."""
    file = start(world)
    words = ["apply", file, "--confirm", LONG, "--request-id", "nightly"]
    first = json.loads(world.ctl("-j", *words, stdin=subprocess.DEVNULL).stdout)
    again = json.loads(world.ctl("-j", *words, stdin=subprocess.DEVNULL).stdout)
    equal((again["revision"], again["repeated"]), (first["revision"], True), "the same again")
    assert again["confirm_left"].startswith(("10m", "9m")), again
    terminal, revision = asks(world, *words)
    equal(revision, first["revision"], "what the terminal asks about")
    terminal.type(b"\n")
    terminal.ends(0, f"revision {revision} confirmed")
    result = world.ctl(*words, stdin=subprocess.DEVNULL)
    assert "the answer to the same request before" in result.stdout and not result.stderr, result


def library(world):
    start(world)
    world.ctl("iface", "detach", "pep0")
    result = subprocess.run([world.build / "tests/e2e/library_revision"], check=True, text=True,
                            capture_output=True, env={**os.environ, "PEPCTL_SOCKET": str(world.socket)})
    said = result.stdout.splitlines()
    for line, wanted in zip(said, (
            r"add: revision 3", r"3 \+ policy a block proto udp dport 9 uid 0 library_revisi of 1, waits",
            r"2 - interface pep0 mode native uid 0 pepctl of 1",
            r"1 \+ interface pep0 mode native uid 0 pepctld of 1",
            r"while it waits: failed revision 3 waits to be confirmed.*", r"confirm: revision 3",
            r"again: failed no revision waits.*", r"attach, native: revision 0",
            r"back too far: failed revision 4 waits to be confirmed.*", r"undo: revision 5",
            r"empty: revision 6", r"unknown: failed there is no revision 99.*"), strict=True):
        assert re.fullmatch(wanted, line), f"{line!r} is not {wanted!r}"
    equal(world.ctl("export").stdout, "default allow\n", "the ruleset of revision 0")


if __name__ == "__main__":
    main([enter_keeps, ctrl_c_undoes, time_runs_out, terminal_goes_away, without_terminal, every_change,
          from_elsewhere, background, daemon_dies, time_runs_out_meanwhile, asked_again, library])
