#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Named sets as a person and a script use them, and what is left of them after a restart."""
import ipaddress
import json
import os
import random
import shutil
import subprocess
import time

from world import FAR, NEAR, equal, main, wait_for

# (words, exit status, what stderr says); refused before connecting
WRONG_WORDS = [
    ("set", 2, ""), ("set zz", 2, '"zz" is unknown: create, add, del, show, import, replace'),
    ("set create", 2, "name is missing"), ("set create a/b", 2, '"a/b" is no name'),
    ("set create a max-ttl", 2, "longest time is missing"), ("set create a max-ttl x", 2, '"x" is no duration'),
    ("set create a 192.0.2.300", 2, '"192.0.2.300" is no IPv4 or IPv6 address or prefix'),
    ("set add", 2, "name is missing"), ("set add a", 2, "is missing"),
    ("set add a 10.0.0.1/8", 2, "write 10.0.0.0/8"), ("set add a @b", 2, '"@b"'),
    ("set add a 192.0.2.9-192.0.2.1", 2, "upside down"), ("set del", 2, "name is missing"),
    ("set del a x", 2, '"x"'), ("set import a", 2, "file is missing"),
    ("set import a /nowhere/x", 2, "/nowhere/x: No such file"), ("set import a b c", 2, "too many"),
    ("set show a b", 2, "too many"),
]
REFUSED = [
    ("set create bad", 1, "set bad exists"), ("set add nope ::1", 1, "no set nope"),
    ("set del nope", 1, "no set nope"), ("set del nope ::1", 1, "no set nope"),
    ("set show nope", 1, "no set nope"), ("policy add p block src @nope", 1, "no set nope"),
]


def check_rows(world, rows):
    for words, status, says in rows:
        result = world.ctl(*words.split(), check=False)
        equal(result.returncode, status, f"exit status of pepctl {words}")
        assert says in result.stderr, f"pepctl {words}: {result.stderr!r} does not say {says!r}"


def wrong_words(world):
    check_rows(world, WRONG_WORDS)
    bad = world.folder / "bad.netset"
    bad.write_text("192.0.2.1\nrubbish\n10.0.0.1/8 # ours\n")
    result = world.ctl("set", "import", "a", bad, check=False)
    equal(result.returncode, 2, "exit status with a bad file")
    for says in (f'{bad}:2:1: "rubbish" is no IPv4', "\n    rubbish\n    ^~~~~~~\n",
                 f"{bad}:3:1: ", "write 10.0.0.0/8", "2 lines of"):
        assert says in result.stderr, result.stderr


def members(world, name):
    return world.json("set", "show", name)["members"]


def command(world):
    world.start()
    equal(world.ctl("set", "create", "bad", "192.0.2.1", "2001:db8::/32").stdout,
          "set bad created (revision 1)\n", "create")
    check_rows(world, REFUSED)
    equal(world.ctl("set", "add", "bad", "10.0.0.0-10.0.0.4", "192.0.2.1").stdout,
          "added to set bad (revision 2)\n", "add")
    equal(world.ctl("set", "add", "bad", "192.0.2.1").stdout,
          "added to set bad (revision 2, nothing changed)\n", "add again")
    equal(world.ctl("set", "show", "bad").stdout,
          "10.0.0.0/30\n10.0.0.4\n192.0.2.1\n2001:db8::/32\n", "show")
    world.ctl("set", "del", "bad", "10.0.0.0/30", "9.9.9.9")
    equal(members(world, "bad"), ["10.0.0.4", "192.0.2.1", "2001:db8::/32"], "members")
    file = world.folder / "list.netset"
    file.write_text("# mine\n198.51.100.7 ; spam\n::1\r\n\n10.0.0.4\n")
    equal(world.ctl("set", "import", "bad", file).stdout,
          "3 members imported into set bad (revision 4)\n", "import")
    equal(world.ctl("set", "replace", "bad", "-", input=file.read_text()).stdout,
          "3 members are now set bad (revision 5)\n", "replace")
    equal(members(world, "bad"), ["10.0.0.4", "198.51.100.7", "::1"], "members")
    world.ctl("set", "replace", "new", file)
    world.ctl("set", "create", "jail", "bannable", "max-ttl", "24h")
    listing = world.json("set", "show")
    equal([(s["name"], s["members"], s["ipv4_members"], s["bannable"]) for s in listing["sets"]],
          [("bad", 3, 2, False), ("jail", 0, 0, True), ("new", 3, 2, False)], "sets")
    equal(listing["sets"][1]["max_ttl"], "1d", "max_ttl")
    text = world.ctl("set", "show").stdout
    assert "set jail" in text and "bannable, max-ttl 1d" in text, text
    world.ctl("set", "del", "new")
    info = world.json("info")["limits"]
    equal((info["sets"], info["max_sets"], info["members"], info["max_members"]), (2, 64, 3, 1000000), "limits")
    # a policy file with a set, through the library
    subprocess.run([world.build / "client/pepctl_example_apply"], text=True, check=True, cwd=world.folder,
                   input="set filed file list.netset\nset braces {\n 192.0.2.7\n}\n",
                   env={**os.environ, "PEPCTL_SOCKET": str(world.socket)}, stdout=subprocess.DEVNULL)
    equal(members(world, "filed"), ["10.0.0.4", "198.51.100.7", "::1"], "members of the file")
    equal(members(world, "braces"), ["192.0.2.7"], "members of the braces")
    file.write_text("::1\nrubbish\n")
    result = subprocess.run([world.build / "client/pepctl_example_apply"], text=True, check=False,
                            cwd=world.folder, input="set filed file list.netset\n", capture_output=True,
                            env={**os.environ, "PEPCTL_SOCKET": str(world.socket)})
    assert result.returncode and '"rubbish" is no IPv4' in result.stderr, result.stderr


def events(world):
    """A commit is told in lines, not in members."""
    world.start()
    reader = world.subscribe()
    world.ctl("set", "create", "bad", "192.0.2.0-192.0.2.254")
    event = next(e for e in map(json.loads, reader.stdout) if e["type"] == "change")
    equal(event["changes"], ["+ set bad", "+ 8 members of set bad"], "changes")
    reader.kill()
    reader.wait()


def addresses(count, seed):
    rng = random.Random(seed)
    return sorted({ipaddress.ip_address(rng.randrange(1 << 24, 223 << 24)) for _ in range(count)})


def survive(world):
    """Small and large sets, over clean ends and kills; files of sets that are gone are removed."""
    world.start("--max-members", "400000")
    many = [str(a) for a in addresses(100000, 1)]
    file = world.folder / "many.netset"
    file.write_text("\n".join(many))
    begin = time.monotonic()
    world.ctl("set", "import", "many", file)
    print(f"{len(many)} members in {time.monotonic() - begin:.2f} s")
    world.ctl("set", "create", "few", "bannable", "192.0.2.1", "::1")
    before = world.json("set", "show")
    for end in (world.stop, world.kill):
        end()
        world.start("--max-members", "400000")
        equal(world.json("set", "show"), before, "sets after a restart")
        equal(members(world, "many"), many, "members after a restart")
        equal(members(world, "few"), ["192.0.2.1", "::1"], "members after a restart")
        equal(world.json("info")["revision"], world.json("info")["enforced_revision"], "revision")
    parts = sorted(os.listdir(world.folder / "state/sets"))
    equal(parts, ["many.1"], "parts")
    world.ctl("set", "del", "many", many[7])
    world.kill()
    world.start("--max-members", "400000")
    equal(members(world, "many"), many[:7] + many[8:], "members after a kill")
    world.stop()
    equal(os.listdir(world.folder / "state/sets"), ["many.3"], "parts after a change")
    world.start("--max-members", "400000")
    world.ctl("set", "del", "many")
    world.stop()
    equal(os.listdir(world.folder / "state/sets"), [], "parts after the set has gone")


def killed_amid_changes(world):
    """Whatever was acknowledged is there after a kill at any moment, and no half of anything else."""
    world.start("--max-members", "100000")
    file = world.folder / "many.netset"
    file.write_text("".join(f"10.1.{n >> 8}.{n & 255}\n" for n in range(3000)))
    world.ctl("set", "import", "large", file)
    world.ctl("set", "create", "small")
    sizes = {"large": 3000, "small": 0}
    for turn in range(6):
        name = ("large", "small")[turn % 2]
        script = subprocess.Popen(
            ["bash", "-c", f"for i in $(seq 0 200); do {world.build}/client/pepctl --socket {world.socket} "
             f"-q set add {name} 10.9.{turn}.$i 2>/dev/null || exit; echo $i; done"],
            stdout=subprocess.PIPE, text=True)
        script.stdout.readline()
        time.sleep(0.05 * turn)
        world.kill()
        told = 1 + len(script.communicate()[0].split())
        world.start("--max-members", "100000")
        now = {s["name"]: s["members"] for s in world.json("set", "show")["sets"]}
        assert sizes[name] + told <= now[name] <= sizes[name] + told + 1, (name, sizes, told, now)
        got = set(members(world, name))
        assert all(f"10.9.{turn}.{i}" in got for i in range(told)), "an acknowledged member is gone"
        sizes = now


def damaged(world):
    """A part that is gone or cut is told by name, and nothing is started with less."""
    world.start()
    file = world.folder / "many.netset"
    file.write_text("".join(f"10.0.{n >> 8}.{n & 255}\n" for n in range(2000)))
    world.ctl("set", "import", "many", file)
    world.stop()
    part = world.folder / "state/sets/many.1"
    whole = part.read_text()
    for text, says in ((whole[:len(whole) // 2 - 3], "set many: sets/many.1"),
                       (whole.replace("10.0.0.9\n", ""), "set many: sets/many.1: it has not the checksum"),
                       (whole[:whole.index("#@")].replace("10.0.0.9\n", ""), "has 1999 members and not 2000"),
                       (None, "set many: sets/many.1: No such file")):
        part.unlink(missing_ok=True)
        if text is not None:
            part.write_text(text)
        world.start(wait=False)
        equal(world.daemon.wait(20), 1, "exit status with a damaged part")
        assert says in world.log(), world.log()
    part.write_text(whole)
    world.start()
    equal(len(members(world, "many")), 2000, "members")


LIBRARY = """create: revision 1
again: 3 SET_EXISTS operations[0].create_set
add: revision 2
wrong: 1 INVALID members[1]
name: 1 INVALID name
remove: revision 3
 10.0.0.0/29 192.0.2.1 are the members
replace: revision 4
 bad 0 1 are the sets
delete: revision 5
members: 2 NO_SET -
"""


def library(world):
    """The same through libpepctl."""
    world.start()
    said = subprocess.run([world.build / "tests/e2e/library_sets"], text=True, check=True,
                          capture_output=True,
                          env={**os.environ, "PEPCTL_SOCKET": str(world.socket)}).stdout
    equal(said, LIBRARY, "what the library says")


def policy_files(world):
    """apply and check with sets: in braces, and in files beside the policy file."""
    world.start()
    (world.folder / "lists").mkdir()
    (world.folder / "lists/many.netset").write_text("".join(f"10.2.{n >> 8}.{n & 255}\n" for n in range(40000)))
    rules = world.folder / "my.rules"
    rules.write_text("set bad {\n  192.0.2.1 192.0.2.2   # two\n  ::1\n}\nset many file lists/many.netset\n"
                     "set jail bannable max-ttl 1h\n")
    assert "3 statements" in world.ctl("check", rules).stdout
    said = world.ctl("apply", rules).stdout
    assert "+ set many\n+ 40000 members of set many\n" in said and "+ 3 members of set bad\n" in said, said
    equal({s["name"]: s["members"] for s in world.json("set", "show")["sets"]},
          {"bad": 3, "many": 40000, "jail": 0}, "sets")
    revision = world.json("info")["revision"]
    world.ctl("apply", rules)
    equal(world.json("info")["revision"], revision, "revision after the same again")
    rules.write_text("set bad { 192.0.2.1 192.0.2.9 }\n")
    said = world.ctl("apply", rules).stdout
    for line in ("- 40000 members of set many", "- set many", "- set jail", "- 2 members of set bad",
                 "+ 1 member of set bad"):
        assert f"{line}\n" in said, said
    (world.folder / "lists/many.netset").write_text("10.0.0.1\nrubbish\n")
    rules.write_text("set many file lists/many.netset\n")
    for verb in ("apply", "check"):
        result = world.ctl(verb, rules, check=False)
        equal(result.returncode, 2, "exit status with a bad list")
        assert "lists/many.netset:2:1: \"rubbish\" is no IPv4" in result.stderr, result.stderr
    rules.write_text("set bad\npolicy p block src @worse\n")
    result = world.ctl("apply", rules, check=False)
    equal(result.returncode, 1, "exit status with a set that is not there")
    assert ":2:" in result.stderr and "no set worse" in result.stderr, result.stderr


def limits(world):
    world.start("--max-members", "10")
    world.ctl("set", "create", "a", *(f"192.0.2.{n}" for n in range(10)))
    result = world.ctl("set", "add", "a", "::1", check=False)
    equal(result.returncode, 1, "exit status when full")
    assert "limit of 10" in result.stderr and "--max-members" in result.stderr, result.stderr
    file = world.folder / "many.rules"
    file.write_text("".join(f"set s{number}\n" for number in range(63)))
    world.ctl("apply", "--merge", file)
    result = world.ctl("set", "create", "more", check=False)
    equal(result.returncode, 1, "exit status with all sets")
    assert "64 sets" in result.stderr, result.stderr


def memory_limit(world):
    """A set that needs more than may be used changes nothing, and smaller ones go on."""
    world.start()
    fixed = world.json("info")["limits"]["memory_bytes"]
    equal(world.json("info")["limits"]["memory_limit"], 0, "the limit")
    assert fixed > 1 << 20, fixed
    world.stop()
    world.start("--memory-limit", str(fixed - 1), wait=False)
    equal(world.daemon.wait(20), 1, "exit status when the first tables do not fit")
    assert f"--memory-limit is {fixed - 1}" in world.log(), world.log()
    world.start("--memory-limit", str(fixed + (4 << 20)), "--iface", "pep0")
    world.ctl("set", "create", "few", FAR[4][0])
    world.ctl("policy", "add", *"keep block src @few".split())
    before = world.json("info")
    file = world.folder / "large.netset"
    file.write_text("\n".join(map(str, addresses(300000, 3))))
    result = world.ctl("set", "import", "large", file, check=False)
    equal(result.returncode, 1, "exit status beyond the memory")
    assert "--memory-limit" in result.stderr, result.stderr
    after = world.json("info")
    for what in ("revision", "limits"):
        equal(after[what], before[what], what)
    assert not world.ping(FAR[4][0], NEAR[4][0], 1), "who was blocked passes"
    world.ctl("set", "add", "few", "192.0.2.1")
    world.stop()
    world.start("--memory-limit", str(fixed + (4 << 20)))
    limits_now = world.json("info")["limits"]
    assert fixed < limits_now["memory_bytes"] <= limits_now["memory_limit"], limits_now


def starts_beyond_memory(world):
    """What was accepted comes back, though its tables need more while they are made, or the limit is lower now."""
    world.start("--iface", "pep0")
    fixed = world.json("info")["limits"]["memory_bytes"]
    world.ctl("set", "create", "few", FAR[4][0])
    world.ctl("policy", "add", *"keep block src @few".split())
    file = world.folder / "large.netset"
    file.write_text("\n".join(map(str, addresses(300000, 3))))
    world.ctl("set", "import", "large", file)
    used, members = (world.json("info")["limits"][key] for key in ("memory_bytes", "members"))
    for limit in (used, fixed + (1 << 20)):
        for pins in ("kept", "lost"):
            world.kill()
            if pins == "lost":
                shutil.rmtree(world.pins)
            world.start("--memory-limit", str(limit))
            equal(world.json("info")["limits"]["members"], members, f"members with {limit}, pins {pins}")
            assert not world.ping(FAR[4][0], NEAR[4][0], 1), "who was blocked passes"
            now = world.json("info")["limits"]["memory_bytes"]
            # When it was asked before, the smaller tables that these replaced could still be there.
            assert used - (1 << 20) <= now < 3 * used, f"{now} bytes with {limit}, pins {pins}, {used} before"
    assert f"--memory-limit is {limit}: no set can grow" in world.log(), world.log()
    file.write_text("\n".join(map(str, addresses(300000, 4))))
    result = world.ctl("set", "import", "more", file, check=False)
    equal(result.returncode, 1, "exit status beyond the memory")
    assert "--memory-limit" in result.stderr, result.stderr
    world.ctl("set", "del", "large")
    world.kill()
    world.start("--memory-limit", str(limit))
    now = world.json("info")["limits"]["memory_bytes"]
    assert fixed < now < limit, f"{now} bytes, the large tables have gone"


def readers_go_on(world):
    """While a large set is loaded, others are answered."""
    world.start()
    file = world.folder / "many.netset"
    file.write_text("\n".join(map(str, addresses(200000, 2))))
    load = subprocess.Popen([world.build / "client/pepctl", "--socket", world.socket, "set", "import",
                             "many", file])
    asked, during, slowest = 0, 0, 0.0
    while load.poll() is None:
        begin = time.monotonic()
        busy = world.json("set", "show")["sets"] == []
        asked, during, slowest = asked + 1, during + busy, max(slowest, time.monotonic() - begin)
    equal(load.returncode, 0, "exit status of the load")
    print(f"{asked} calls during the load, {during} before it was in force, slowest {slowest * 1000:.0f} ms")
    assert during > 3, "the daemon answered nobody while it loaded"
    wait_for("the set", lambda: world.json("set", "show")["sets"])


if __name__ == "__main__":
    main([wrong_words, command, events, survive, killed_amid_changes, damaged, library, policy_files, limits,
          memory_limit, starts_beyond_memory, readers_go_on])
