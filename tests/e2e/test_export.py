#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""export prints what apply makes the identical ruleset of; diff tells what apply would change."""
import json
import os
import subprocess

from world import READ, as_user, equal, main

SEED, RANDOM = 20_000, 60

RULES = """default block
default allow iface pep1
setting fragments drop
setting event-rate 77
interface pep0 mode auto
set bad {
\t10.0.0.0/8 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7
\t2001:db8::/32
}
set empty
set jail bannable max-ttl 1d { ::1 }
policy last allow priority 4294967295
policy web allow iface pep0,pep1 proto tcp dport 80-443
policy -odd.Name_ rate-limit 20pps burst 40 proto tcp src @bad dport 22 log 1/5 comment "a \\"b\\" \\\\ # ü"
policy .. redirect pep1 mac 02:00:00:00:00:01 vlan 7 percent 12.50
policy syn block proto tcp tcp-flags syn/syn,ack shadow
"""


def apply(world, text, *words):
    return world.ctl("apply", "-", *words, input=text).stdout


def says_it_all(world):
    """What is printed is what was applied, byte for byte, and makes no revision when it is applied."""
    world.start()
    equal(world.ctl("export").stdout, "default allow\n", "an empty ruleset")
    apply(world, RULES)
    equal(world.ctl("export").stdout, RULES, "the export")
    equal(apply(world, RULES), "nothing changed (revision 1)\n", "applied again")
    said = world.json("export")
    equal((said["revision"], len(said["statements"]), said["statements"][6]),
          (1, 13, "set empty"), "export -j")
    # Order is the ruleset's own, not the deciding one; what is added stands last.
    world.ctl("policy", "add", *"new block dport 1".split())
    equal(world.ctl("export").stdout, RULES + "policy new block dport 1\n", "after an addition")
    equal(as_user(40500, [READ], lambda: world.ctl("export").stdout),
          RULES + "policy new block dport 1\n", "export by a reader")
    world.stop()
    world.start()
    equal(apply(world, RULES + "policy new block dport 1\n"), "nothing changed (revision 2)\n",
          "applied after a restart")


def from_the_library(world):
    world.start()
    apply(world, RULES)
    out = subprocess.run([world.build / "tests/e2e/library_export"], check=True, text=True,
                         stdout=subprocess.PIPE,
                         env={**os.environ, "PEPCTL_SOCKET": str(world.socket)}).stdout
    equal(out, RULES, "pepctl_ruleset_export")


def large_sets(world):
    """More members than a line may have words, and than a page has."""
    world.start()
    members = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(300_000)]
    world.ctl("set", "replace", "big", "-", input="\n".join(members))
    text = world.ctl("export").stdout
    equal(text.split()[5:-1], members, "members")
    equal(apply(world, text), "nothing changed (revision 1)\n", "applied again")
    shorter = text.replace("\t10.0.0.0 ", "\t").replace("}", "\t10.99.0.0/16\n}")
    equal(world.ctl("diff", "-", input=shorter).stdout.splitlines(),
          ["- member 10.0.0.0 of set big", "+ member 10.99.0.0/16 of set big"], "diff of members")


def differences(world):
    world.start()
    apply(world, RULES)
    revision = world.json("export")["revision"]
    other = RULES.replace("default block\n", "").replace("setting event-rate 77\n", "")
    other = other.replace("set empty\n", "set fresh { 10.1.1.1 }\n").replace(" bannable", "")
    other = other.replace("policy web allow iface pep0,pep1", "policy web block")
    lines = other.splitlines()
    lines = lines[:-2] + [lines[-1], lines[-2], "policy new allow", "interface pep1 mode generic"]
    other = "\n".join(lines) + "\n"
    changes = [
        "- default block", "+ default allow", "- setting event-rate 77",
        "+ setting event-rate 10000", "+ set fresh", "+ member 10.1.1.1 of set fresh",
        "- set jail bannable max-ttl 1d", "+ set jail max-ttl 1d",
        "- policy web allow iface pep0,pep1 proto tcp dport 80-443",
        "+ policy web block proto tcp dport 80-443",
        "~ policy ..  # another place", "+ policy new allow", "+ interface pep1 mode generic",
        "- set empty"]
    equal(sorted(world.ctl("diff", "-", input=other).stdout.splitlines()), sorted(changes), "diff")
    result = json.loads(world.ctl("-j", "diff", "-", input=other).stdout)
    equal((result["revision"], result["equal"], sorted(result["changes"])),
          (revision, False, sorted(changes)), "diff -j")
    equal(world.ctl("diff", "-", input=RULES).stdout, f"no difference (revision {revision})\n",
          "diff of the same")
    equal(as_user(40500, [READ], lambda: json.loads(
        world.ctl("-j", "diff", "-", input=RULES).stdout)["equal"]), True, "diff by a reader")
    equal(world.json("export")["revision"], revision, "revision after diffs")
    apply(world, other)
    equal(world.json("diff", write(world, other))["equal"], True, "diff of what was applied")


def random_rulesets(world):
    """Through the socket, the state folder and the kernel; unit/export does ten thousand without them."""
    def text(seed, *words):
        return subprocess.run([world.build / "tests/e2e/ruleset_random", str(seed), *words], check=True,
                              text=True, stdout=subprocess.PIPE).stdout
    world.start()
    for seed in range(SEED, SEED + RANDOM):
        rules, what = text(seed), f"seed {seed}"
        apply(world, text(seed, "shuffled"))
        revision = world.json("export")["revision"]
        equal(world.ctl("export").stdout, rules, f"{what}: the export")
        equal(apply(world, rules), f"nothing changed (revision {revision})\n", f"{what}: applied again")
        equal(world.ctl("diff", "-", input=rules).stdout, f"no difference (revision {revision})\n", what)
        if seed % 10 == 0:
            if seed % 20:
                world.kill()
            else:
                world.stop()
            world.start()
            equal(world.ctl("export").stdout, rules, f"{what}: the export after a restart")
            equal(apply(world, rules), f"nothing changed (revision {revision})\n",
                  f"{what}: applied after a restart")
    print(f"seeds {SEED} to {SEED + RANDOM - 1}")


def write(world, text):
    path = world.folder / "other.rules"
    path.write_text(text)
    return path


def wrong_words(world):
    for words, status, says in (("export x", 2, "too many"), ("diff", 2, "missing"),
                                ("diff /nowhere", 2, "cannot be read"), ("export", 3, "answer"),
                                (f"diff {write(world, 'policy a drop')}", 2, "1 error")):
        result = world.ctl(*words.split(), check=False)
        equal(result.returncode, status, f"exit status of {words}")
        assert says in result.stderr, f"{words}: {result.stderr!r} does not say {says!r}"


def lost_output(world):
    """What could not be written is a failure; a reader that has read enough is none."""
    world.start()
    words = [world.build / "client/pepctl", "--socket", world.socket, "export"]
    with open("/dev/full", "wb") as full:
        result = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                                timeout=60)
    equal(result.returncode, 1, "exit status of an export to a full disk")
    assert "could not be written" in result.stderr, f"it says {result.stderr!r}"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        result = subprocess.run(words, stdout=closed, stderr=subprocess.PIPE, text=True,
                                check=False, timeout=60)
    equal((result.returncode, result.stderr), (0, ""), "an export whose reader has gone")


if __name__ == "__main__":
    main([says_it_all, from_the_library, large_sets, differences, random_rulesets,
          lost_output, wrong_words])
