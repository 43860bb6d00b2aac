#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Who changed what, the way back, and requests that are made twice."""
import json
import re
import subprocess
import time

from world import ADMIN, READ, as_user, equal, main

REMEMBERED = 100


def refused(world, says, *words, **options):
    result = world.ctl(*words, check=False, **options)
    equal(result.returncode, 1, f"exit status of {words}: {result.stderr}")
    assert says in result.stderr, f"{words}: {result.stderr!r} does not say {says!r}"


def revisions(world):
    return world.json("history")["revisions"]


def tells(world):
    """Number, time, user, command, comment and lines, as text and as JSON."""
    world.start()
    begin = time.time()
    world.ctl("policy", "add", *"a block proto udp dport 1".split())
    as_user(40500, [ADMIN], lambda: world.ctl(
        "apply", "-", "--comment", "täglich", input="policy a block proto udp dport 2\npolicy b block proto tcp\n"))
    said = world.json("history")
    equal(([r["revision"] for r in said["revisions"]][:2], said["revision"]), ([2, 1], 2), "revisions")
    newest, first = said["revisions"][:2]
    equal((newest["uid"], newest["user"], newest["command"], newest["comment"]),
          (40500, None, "pepctl", "täglich"), "who and why")
    equal((first["uid"], first["user"], first["comment"], first["changes"], first["changes_total"]),
          (0, "root", "", ["+ policy a block proto udp dport 1"], 1), "the first")
    equal(sorted(newest["changes"]), ["+ policy a block proto udp dport 2", "+ policy b block proto tcp",
                                      "- policy a block proto udp dport 1"], "the lines")
    equal(world.json("history", "2"), newest, "history of one")
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(begin - 1))
    assert stamp <= first["time"] <= newest["time"] and newest["pid"] > first["pid"] > 0, said
    lines = world.ctl("history").stdout.splitlines()
    local = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"
    assert re.fullmatch(rf"revision 2  {local}  uid 40500  pepctl\[\d+\]  3 changes  # täglich", lines[0]), lines
    assert re.fullmatch(rf"revision 1  {local}  root \(uid 0\)  pepctl\[\d+\]  1 change", lines[1]), lines
    assert lines[-1].startswith("rollback goes back to revision "), lines
    one = world.ctl("history", "1").stdout.splitlines()
    equal(one, [lines[1], "  + policy a block proto udp dport 1"], "history 1")
    assert "  + policy b block proto tcp\n" in world.ctl("-v", "history").stdout
    refused(world, "no revision 3", "history", "3")
    equal(as_user(40500, [READ], lambda: world.ctl("history").stdout.splitlines()), lines, "for a reader")
    for who in ([READ], []):
        equal(as_user(40500, who, lambda: world.ctl("rollback", "1", check=False).returncode), 4, "rollback")
    world.stop()
    world.start()
    equal(world.json("history"), said, "history after a restart")


def back_and_forth(world):
    """The content of an old revision, as a new one; dry runs, and what contradicts."""
    world.start()
    world.ctl("policy", "add", *"a block proto udp dport 1".split())
    before = world.ctl("export").stdout
    world.ctl("apply", "-", input="default block iface pep1\nset s { 192.0.2.1 }\npolicy b block src @s\n")
    after = world.ctl("export").stdout
    dry = world.ctl("rollback", "to", "1", "--dry-run").stdout
    assert "not done: a dry run at revision 2" in dry, dry
    equal(world.ctl("export").stdout, after, "after a dry run")
    refused(world, "not the expected 1", "rollback", "1", "--expect", "1")
    done = world.ctl("rollback", "to", "1", "comment", "too early", "--expect", "2").stdout
    equal(done.splitlines()[:-1], dry.splitlines()[:-1], "changes of the dry run and of the real one")
    for line in ("+ policy a block proto udp dport 1", "- policy b block src @s", "- set s"):
        assert line in done.splitlines(), done
    assert done.endswith("(revision 3)\n"), done
    equal(world.ctl("export").stdout, before, "after the rollback")
    equal((revisions(world)[0]["comment"], revisions(world)[0]["revision"]), ("too early", 3), "history")
    said = world.json("rollback", "2")
    equal((said["revision"], said["dry_run"]), (4, False), "rollback -j")
    equal(world.ctl("export").stdout, after, "forth again")
    equal(world.ctl("-q", "rollback", "3").stdout, "", "rollback -q")
    refused(world, "99", "rollback", "99")
    world.stop()
    world.start()
    world.ctl("rollback", "to", "4")
    equal(world.ctl("export").stdout, after, "after a restart")


def forgets(world):
    """The last hundred, page by page; what is older cannot be gone back to."""
    world.start()
    for number in range(REMEMBERED + 20):
        world.ctl("setting", "set", "capture", number % 90)
    said = world.json("history")
    numbers = [r["revision"] for r in said["revisions"]]
    equal(numbers, list(range(REMEMBERED + 19, 19, -1)), "revisions that are remembered")
    assert 19 <= said["oldest"] <= 20, said["oldest"]
    equal(world.ctl("history").stdout.count("\n"), REMEMBERED + 1, "lines")
    refused(world, "10", "rollback", "10")
    refused(world, "no revision 10", "history", "10")
    world.ctl("rollback", said["oldest"])


def long_pages(world):
    """More text than one answer has: all of it comes."""
    world.start()
    for number in range(25):
        world.ctl("apply", "-", input="".join(
            f'policy p{n:03} block proto udp dport {n + 1 + number} comment "{"x" * 250}"\n' for n in range(300)))
    said = revisions(world)
    equal([r["revision"] for r in said], list(range(25, 0, -1)), "revisions")
    assert all(len(r["changes"]) == 100 and r["changes_total"] >= 300 for r in said), "lines"
    shown = world.ctl("history", "1").stdout
    assert "… and more: 200 lines were too many to tell\n" in shown, shown[-300:]


def twice(world):
    """A request with an id is done once, also over a restart."""
    world.start()
    rules = {"input": "policy a block proto udp\n"}
    words = ["apply", "-", "--merge", "--request-id", "nightly-1"]
    assert "(revision 1)" in world.ctl(*words, **rules).stdout
    world.ctl("policy", "del", "a")
    shown = world.ctl(*words, **rules).stdout
    assert "the answer to the same request before" in shown and "(revision 1)" in shown, shown
    world.stop()
    world.start()
    said = json.loads(world.ctl("-j", *words, **rules).stdout)
    equal((said["repeated"], said["revision"]), (True, 1), "apply -j after a restart")
    equal(world.json("policy", "show")["policies"], [], "policies")
    refused(world, "nightly-1", *words, input="policy a block proto tcp\n")
    words = ["rollback", "1", "--request-id", "back-1"]
    assert "(revision 3)" in world.ctl(*words).stdout
    world.ctl("policy", "del", "a")
    assert "the answer to the same request before" in world.ctl(*words).stdout
    equal(world.json("info")["revision"], 4, "revision")


def completes(world):
    world.start()
    for number in range(3):
        world.ctl("setting", "set", "capture", number + 1)
    world.ctl("setting", "set", "capture", "9", "--confirm", "10m", stdin=subprocess.DEVNULL)
    for words, wanted in (("history ", {"4", "3", "2", "1"}), ("confirm ", {"4"}), ("confirm 4 ", set()),
                          ("rollback t", {"to"}), ("rollback to 3", {"3"}), ("rollback to 3 --req", {"--request-id"}),
                          ("rollback 3 --confirm ", set())):
        offered = set(world.ctl("completion", "words", "--", *words.split(" ")).stdout.split())
        equal(offered, wanted, f"completions of {words!r}")


if __name__ == "__main__":
    main([tells, back_and_forth, forgets, long_pages, twice, completes])
