#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Policy files: what check says of them, and what apply makes of the running ruleset."""
import contextlib
import json
import os
import pty
import signal
import subprocess
import time

from world import READ, as_user, equal, main, wait_for

MANY, LARGE = 20_000, 100_000


def write(world, name, text):
    path = world.folder / name
    path.write_text(text)
    return path


def refused(world, status, says, *words, **options):
    """Runs it; the exit status and every text that stderr must have."""
    result = world.ctl(*words, check=False, **options)
    equal(result.returncode, status, f"exit status of {words}: {result.stderr}")
    for text in [says] if isinstance(says, str) else says:
        assert text in result.stderr, f"{words}: {result.stderr!r} does not say {text!r}"
    return result


def names(world):
    return [p["name"] for p in world.json("policy", "show")["policies"]]


def shadowed(world):
    """A file with one policy that never decides."""
    return write(world, "shadowed.rules", "policy a block proto tcp dport 80\n"
                 "policy b allow proto tcp dport 80\n")


# ------------------------------------------------------------ without a daemon

def fifty_faults(world):
    """Each is told with its place, in the order of the file, and the exit status is 2."""
    lines = ["default block"]
    for number in range(10):
        lines += [f"policy p{number} drop src 10.0.0.0/33 dport {70000 + number} colour red",
                  f"setting color {number}"]
    path = write(world, "bad.rules", "\n".join(lines) + "\n")
    result = refused(world, 2, ["has 50 errors", "^"], "check", path)
    places = [line.split(":")[1:3] for line in result.stderr.splitlines()
              if line.startswith(f"{path}:")]
    equal(len(places), 50, "faults")
    equal(places[:5], [["2", "11"], ["2", "20"], ["2", "38"], ["2", "44"], ["3", "9"]], "places")
    assert ("    policy p0 drop src 10.0.0.0/33 dport 70000 colour red\n"
            "              ^~~~\n") in result.stderr, result.stderr
    result = refused(world, 2, ["has 50 errors; nothing was changed", f"{path}:21:9: "], "apply", path)
    result = world.ctl("-j", "check", path, check=False)
    said = json.loads(result.stdout)
    equal((result.returncode, said["valid"], len(said["errors"])), (2, False, 50), "check -j")
    equal({k: said["errors"][1][k] for k in ("line", "column", "word")},
          {"line": 2, "column": 20, "word": "10.0.0.0/33"}, "an error of -j")


def bad_set_files(world):
    """What cannot be read is told where it is named, beside all other errors and in their order."""
    write(world, "bad.netset", "192.0.2.1\nhost\n10.0.0.0/33\n")
    path = write(world, "sets.rules", "set a file gone.netset\npolicy p drop\nset b bannable file bad.netset\n"
                 "set c file .\n")
    for command in ("check", "apply", "diff", "explain dport 5 --candidate"):
        said = refused(world, 2, [f"{path} has 4 errors"], *command.split(), path).stderr
        lines = [line for line in said.splitlines() if line.startswith(f"{path}:")]
        equal(lines[0], f"{path}:1:12: {world.folder}/gone.netset: No such file or directory", "a missing file")
        assert lines[1].startswith(f'{path}:2:10: "drop" is no action'), lines
        equal(lines[2], f"{path}:3:21: 2 lines of {world.folder}/bad.netset cannot be read", "a bad file")
        equal(lines[3], f"{path}:4:12: {world.folder}/.: Is a directory", "a folder")
        assert "    set a file gone.netset\n               ^~~~~~~~~~~\n" in said, said
        assert f"{world.folder}/bad.netset:2:1: " in said and f"{world.folder}/bad.netset:3:1: " in said, said
    answer = json.loads(world.ctl("-j", "check", path, check=False).stdout)
    equal([(e["line"], e["word"]) for e in answer["errors"]],
          [(1, "gone.netset"), (2, "drop"), (3, "bad.netset"), (4, ".")], "check -j")


def good_files(world):
    """Nothing wrong, warnings only, from standard input, quiet, -j."""
    good = "default block\npolicy a allow proto tcp \\\n  dport 22\npolicy b block proto udp\n"
    result = world.ctl("check", write(world, "good.rules", good))
    assert "3 statements, of them 2 policies; no fault" in result.stdout, result.stdout
    equal(world.ctl("-q", "check", "-", input=good).stdout, "", "check -q -")
    result = world.ctl("check", shadowed(world))
    assert "2 policies; 1 warning" in result.stdout, result.stdout
    assert "shadowed.rules:2:8: warning: policy b can never decide: policy a in line 1" \
        in result.stderr, result.stderr
    said = json.loads(world.ctl("-j", "check", shadowed(world)).stdout)
    equal((said["valid"], [w["line"] for w in said["warnings"]]), (True, [2]), "warnings of -j")
    equal(world.ctl("-q", "check", "-", input="").stdout, "", "an empty file")


def wrong_words(world):
    good = write(world, "good.rules", "policy a block proto tcp\n")
    for words, says in (("check", "missing"), ("apply", "missing"), ("check /nowhere", "/nowhere"),
                        ("apply /nowhere", "cannot be read"), (f"check {good} x", "too many"),
                        (f"apply {good} x", "too many"), (f"apply {good} --expect x", '"x"'),
                        (f"apply {good} --expect", "--expect"), (f"apply {good} --comment", "--comment"),
                        (f"apply {good} --comment {'x' * 256}", "255"),
                        (f"apply {good} --fast", "--fast"), (f"apply {good} --confirm 5", "no duration"),
                        (f"apply {good} --confirm 5s --dry-run", "contradict"),
                        (f"apply {good} --request-id {'x' * 65}", "64"),
                        (f"apply {world.folder}", "cannot be read")):
        refused(world, 2, says, *words.split())
    refused(world, 3, ["does not answer", "systemctl start"], "apply", good)
    refused(world, 3, "can never decide", "apply", shadowed(world))


# --------------------------------------------------------------- with a daemon

FIRST = """default block
setting capture 64
interface pep0
policy web allow proto tcp dport 80
policy dns allow proto udp dport 53
policy ssh rate-limit 20pps burst 40 proto tcp dport 22
"""
SECOND = """default block
interface pep0
policy ssh rate-limit 20pps burst 40 proto tcp dport 22
policy web allow proto tcp dport 8080
policy ntp allow proto udp dport 123
"""


def makes_it_equal(world):
    world.start()
    world.ctl("policy", "add", *"old block proto udp dport 9".split())
    first = write(world, "first.rules", FIRST)
    dry = world.ctl("apply", first, "--dry-run").stdout
    assert "3 created, 0 changed, 1 deleted" in dry and "a dry run at revision 1" in dry, dry
    equal(names(world), ["old"], "policies after a dry run")
    done = world.ctl("apply", first).stdout
    equal(done.splitlines()[:-1], dry.splitlines()[:-1], "changes of the dry run and of the real one")
    equal(sorted(done.splitlines()[:-1]), sorted([
        "~ default block", "~ setting capture 64", "+ interface pep0 mode auto",
        "+ policy web allow proto tcp dport 80", "+ policy dns allow proto udp dport 53",
        "+ policy ssh rate-limit 20pps burst 40 proto tcp dport 22",
        "- policy old block proto udp dport 9"]), "changes")
    assert "other statements changed (revision 2)" in done, done
    equal(world.ctl("apply", first).stdout, "nothing changed (revision 2)\n", "applied twice")
    said = json.loads(world.ctl("-j", "apply", "-", input=SECOND).stdout)
    equal((said["revision"], said["policies_created"], said["policies_changed"],
           said["policies_deleted"]), (3, 1, 2, 1), "counts")
    equal(sorted(said["changes"]), sorted([
        "~ setting capture 0", "~ policy web allow proto tcp dport 8080",
        "+ policy ntp allow proto udp dport 123", "- policy dns allow proto udp dport 53",
        "~ policy ssh rate-limit 20pps burst 40 proto tcp dport 22  # another place"]), "changes")
    equal(world.ctl("-q", "apply", first).stdout, "", "-q")
    equal(world.json("stats")["revision"], 4, "revision")


def merges_and_expects(world):
    world.start()
    with_a = write(world, "a.rules", "policy a block proto udp dport 1\n")
    world.ctl("apply", with_a)
    world.ctl("apply", "-", "--merge", input="policy b block proto udp dport 2\n")
    equal(names(world), ["a", "b"], "policies after a merge")
    refused(world, 1, ["not the expected 1", "read the ruleset again"], "apply", with_a, "--expect", "1")
    equal(names(world), ["a", "b"], "policies after a conflict")
    events = world.subscribe()
    world.ctl("apply", with_a, "--expect", "2", "--comment", "nightly")
    event = json.loads(events.stdout.readline())
    equal((event["type"], event["comment"], event["changes"]),
          ("change", "nightly", ["- policy b block proto udp dport 2"]), "the event")
    events.kill()
    events.communicate()
    equal(names(world), ["a"], "policies")


def daemon_faults(world):
    """What only the daemon finds is told at the word of the file."""
    world.start("--max-policies", "3")
    path = write(world, "r.rules", "# a comment\npolicy a block proto tcp dport 1\n\n"
                 "policy b rate-limit 1B/s \\\n    burst 1000000000\n")
    result = refused(world, 1, [f"{path}:4:", "more than 208 days", "~",
                                "nothing was changed"], "apply", path)
    assert "operations[" not in result.stderr, result.stderr
    refused(world, 1, ["limit of 3", "--max-policies"], "apply", "-", input="".join(
        f"policy p{n} block proto tcp dport {n + 1}\n" for n in range(4)))
    refused(world, 1, "nowhere", "apply", "-", input="interface nowhere\n")
    equal(names(world), [], "policies after refusals")
    equal(as_user(40500, [READ], lambda: world.ctl("apply", path, check=False).returncode), 4,
          "apply by a reader")


def many(count, changed=None):
    return "".join(f"policy p{n:06} {'allow' if n == changed else 'block'} proto udp "
                   f"src 10.9.{n // 250 % 256}.{n % 250 + 1} dport {n % 64_000 + 1} sport 7 "
                   f"dst 10.0.{n // 64_000}.1\n" for n in range(count))


def canonical(count):
    """The same with the words in their order."""
    return "".join(f"policy p{n:06} block proto udp src 10.9.{n // 250 % 256}.{n % 250 + 1} "
                   f"dst 10.0.{n // 64_000}.1 sport 7 dport {n % 64_000 + 1}\n" for n in range(count))


def in_many_messages(world):
    """More than fits a message: one revision, and faults at their lines."""
    world.start("--max-policies", str(MANY + 10))
    path = write(world, "many.rules", many(MANY))
    assert path.stat().st_size > 1 << 20, "this fits one message"
    out = world.ctl("apply", path).stdout.splitlines()
    equal(len(out), 102, "lines of the output")
    equal(out[-1], f"policies: {MANY} created, 0 changed, 0 deleted (revision 1)", "sum")
    assert f"{MANY - 100} lines were too many" in out[-2], out[-2]
    equal(world.json("policy", "show")["revision"], 1, "revision")
    out = world.ctl("apply", "-", input=many(MANY, changed=MANY - 5)).stdout.splitlines()
    equal(out[0].split()[:3], ["~", "policy", f"p{MANY - 5:06}"], "the change")
    equal(out[-1], "policies: 0 created, 1 changed, 0 deleted (revision 2)", "sum")
    wrong = many(MANY).replace(f"policy p{MANY - 3:06} block ",
                               f"policy p{MANY - 3:06} rate-limit 1B/s burst 1000000000 ")
    refused(world, 1, [f"<stdin>:{MANY - 2}:", "more than 208 days of the rate"], "apply", "-",
            input=wrong)
    result = subprocess.run([world.build / "client/pepctl_example_apply"], check=True, text=True,
                            input=many(MANY), stdout=subprocess.PIPE,
                            env={**os.environ, "PEPCTL_SOCKET": str(world.socket)})
    equal(result.stdout, "revision 3\n", "the library")
    world.stop()
    world.start("--max-policies", str(MANY + 10))
    equal(world.json("policy", "show")["revision"], 3, "revision after a restart")
    equal(len(names(world)), MANY, "policies after a restart")


def hundred_thousand(world):
    """A large file is enforced and durable, and applied again it is no change."""
    world.start("--max-policies", str(LARGE))
    path = write(world, "large.rules", many(LARGE))
    took = []
    for says in (f"policies: {LARGE} created, 0 changed, 0 deleted (revision 1)",
                 "nothing changed (revision 1)"):
        start = time.monotonic()
        out = world.ctl("apply", path).stdout.splitlines()
        took.append(time.monotonic() - start)
        equal(out[-1], says, "sum")
    start = time.monotonic()
    exported = world.ctl("export").stdout
    took.append(time.monotonic() - start)
    equal(exported, "default allow\n" + canonical(LARGE), "the export")
    equal(world.ctl("diff", path).stdout, "no difference (revision 1)\n", "diff")
    print("{} policies: apply {:.2f} s, again {:.2f} s, export {:.2f} s".format(LARGE, *took))


def drained(terminal):
    """All that was written to it, up to the hang-up: the kernel hands it over in pieces."""
    pieces = []
    with open(terminal, "rb", buffering=0) as file, contextlib.suppress(OSError):
        while piece := file.read(65536):
            pieces.append(piece)
    return b"".join(pieces).decode()


def progress(world):
    """On a terminal, and only when it takes long: here because the daemon is stopped for a while."""
    world.start("--max-policies", str(MANY))
    path = write(world, "many.rules", many(MANY))
    terminal, inside = pty.openpty()
    world.daemon.send_signal(signal.SIGSTOP)
    with subprocess.Popen([world.build / "client/pepctl", "-s", world.socket, "apply", path],
                          stderr=inside, stdout=subprocess.PIPE, text=True) as command:
        time.sleep(0.8)
        world.daemon.send_signal(signal.SIGCONT)
        out = command.communicate(timeout=60)[0]
    equal(command.returncode, 0, "exit status")
    os.close(inside)
    shown = drained(terminal)
    assert "statements sent" in shown and shown.endswith("\r\x1b[K"), shown
    assert f"{MANY} created" in out, out
    result = world.ctl("apply", path)
    equal(result.stderr, "", "progress without a terminal")


def waits_to_send(pid):
    """In poll(), with the connection's buffer full."""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        return file.read().split()[0] in ("7", "271", "73")  # poll, ppoll; ppoll of arm64


def goes_away(world):
    """A client that is killed amid its upload leaves no trace."""
    world.start("--max-policies", str(MANY))
    path = write(world, "many.rules", many(MANY))
    world.daemon.send_signal(signal.SIGSTOP)
    with subprocess.Popen([world.build / "client/pepctl", "-s", world.socket, "apply", path],
                          stdout=subprocess.DEVNULL) as command:
        wait_for("the upload is stuck", lambda: waits_to_send(command.pid))
        command.kill()
    world.daemon.send_signal(signal.SIGCONT)
    equal(names(world), [], "policies")
    assert f"{MANY} created" in world.ctl("apply", path).stdout


if __name__ == "__main__":
    main([fifty_faults, bad_set_files, good_files, wrong_words, makes_it_equal, merges_and_expects, daemon_faults,
          in_many_messages, hundred_thousand, progress, goes_away])
