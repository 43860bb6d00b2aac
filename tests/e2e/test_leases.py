#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Bans: addresses that owners hold in sets for a time, with real packets, over restarts and kills."""
import json
import os
import re
import subprocess
import time

from test_lockout import Session, refused
from world import ADMIN, BAN, FAR, NEAR, READ, Receiver, as_user, equal, main, wait_for

PORT = 7777
USER = 40500

# (words, exit status, what stderr says); refused before connecting
WRONG_WORDS = [
    ("ban", 2, "ban: an address, a prefix or a range is missing"), ("ban 192.0.2.300", 2, '"192.0.2.300" is no IPv4'),
    ("ban 10.0.0.1/8", 2, "write 10.0.0.0/8"), ("ban ::1 ttl", 2, "time is missing behind ttl"),
    ("ban ::1 1h", 2, '"1h" is no IPv4 or IPv6 address or prefix; a time goes behind ttl: ttl 1h'),
    ("ban ::1 ttl x", 2, '"x" is no duration'), ("ban ::1 ttl 0s", 2, "until-released is the word"),
    ("ban ::1 ttl 11w ttl 1h", 2, "ttl is given twice"), ("ban ::1 ttl 3651d", 2, "more than ten years"),
    ("ban ::1 ttl 1h until-released", 2, "either ttl or until-released"), ("ban ::1 in", 2, "set is missing behind in"),
    ("ban ::1 in a/b", 2, '"a/b" is no name of a set'), ("ban ::1 owner", 2, "name is missing behind owner"),
    ("ban ::1 owner a/b", 2, '"a/b" is no owner'), ("ban file", 2, "file is missing"),
    ("ban file /nowhere/x", 2, "/nowhere/x: No such file"), ("ban file /dev/null", 2, "/dev/null has no address"),
    ("ban x ::1 y", 2, '"y" is no IPv4'), ("ban ::1 all", 2, '"all"'), ("unban", 2, "is missing"),
    ("unban ::1 ttl 1h", 2, '"ttl" is no IPv4'), ("unban ::1 owner", 2, "name is missing"),
    ("set lease", 2, "name is missing"), ("set lease a", 2, "is missing"), ("set lease a/b ::1", 2, '"a/b" is no name'),
    ("set release a", 2, "is missing"), ("set release a all ::1", 2, "no member goes with it"),
    ("set release a ::1 owner x any-owner", 2, "either owner or any-owner"), ("set reconcile a", 2, "file is missing"),
    ("set reconcile a /dev/null ::1", 2, "members stand in the file"), ("set reconcile a - shorten", 2, '"shorten"'),
    ("set re a", 2, "ambiguous: replace, release, reconcile"), ("ban ::1 --confirm 5s", 2, "this is none"),
]
COMPLETIONS = [
    ("ba", "ban"), ("u", "unban"), ("ban ::1 ", "in file ttl until-released owner shorten"), ("ban ::1 in b", "banned"),
    ("ban ::1 ttl ", ""), ("ban ::1 ttl 1h o", "owner"), ("ban ::1 in banned ttl 1h ", "file until-released owner shorten"),
    ("ban file /etc/hostn", "/etc/hostname"), ("unban ::1 ", "in file owner"), ("set rel", "release"),
    ("set release banned a", "any-owner all"), ("set reconcile banned /etc/hostn", "/etc/hostname"),
    ("set reconcile banned x o", "owner"), ("set lease ", "banned"), ("set lease banned ::1 t", "ttl"),
]


def check_rows(world, rows):
    for words, status, says in rows:
        result = world.ctl(*words.split(), check=False)
        equal(result.returncode, status, f"exit status of pepctl {words}")
        assert says in result.stderr, f"pepctl {words}: {result.stderr!r} does not say {says!r}"


def wrong_words(world):
    check_rows(world, WRONG_WORDS)
    for verb in ("ban", "unban"):
        assert world.ctl(verb, "help").stdout.startswith(f"Usage: pepctl {verb} ADDR...")


def held(world, name="banned"):
    return [(m["member"], m["owner"]) for m in world.json("set", "show", name)["leases"]]


def command(world):
    """What it says and answers, and that nothing is shortened silently."""
    world.start()
    result = world.ctl("ban", "192.0.2.1", "2001:db8::/32")
    equal(result.stdout, "set banned: 2 banned for 1h (2 new)\n", "the first ban")
    equal(result.stderr, "pepctl: warning: made for the ban: + set banned\n"
          "pepctl: warning: made for the ban: + policy banned block src @banned\n", "what it made")
    equal(world.policy("banned")["line"], "banned block src @banned", "the policy")
    result = world.ctl("ban", "192.0.2.1", "192.0.2.2", "ttl", "10m")
    equal(result.stdout, "set banned: 2 banned for 10m (1 new, 1 as before)\n", "a shorter ban")
    equal(result.stderr, "pepctl: 192.0.2.1 is held for longer already, which stays; shorten makes it less\n",
          "never silently")
    answer = world.json("ban", "192.0.2.1", "ttl", "10m")
    equal((answer["kept"], answer["kept_total"], answer["unchanged"]), (["192.0.2.1"], 1, 1), "kept")
    equal(world.ctl("ban", "192.0.2.1", "ttl", "10m", "shorten").stdout,
          "set banned: 1 banned for 10m (1 renewed)\n", "shorten")
    answer = json.loads(world.ctl("-j", "ban", "192.0.2.0/28", "until-released", "owner", "fail2ban",
                                  "file", "-", input="# mine\n::1\n").stdout)
    equal((answer["set"], answer["ttl"], answer["added"], answer["rejected"]), ("banned", None, 2, []), "JSON")
    listing = world.json("set", "show", "banned")
    equal(listing["members"], [], "the set's own members")
    equal([(m["member"], m["owner"], m["left"] is None) for m in listing["leases"]],
          [("192.0.2.0/28", "fail2ban", True), ("192.0.2.1", "uid:0", False), ("192.0.2.2", "uid:0", False),
           ("::1", "fail2ban", True), ("2001:db8::/32", "uid:0", False)], "leases")
    world.ctl("set", "add", "banned", "9.9.9.9")
    lines = world.ctl("set", "show", "banned").stdout.splitlines()
    equal(lines[0], "9.9.9.9", "the set's own members come first")
    equal(lines[1], "192.0.2.0/28        held by fail2ban until released", "a lease for ever")
    assert re.fullmatch("192.0.2.1           held by uid:0, [0-9ms]+ left", lines[2]), lines[2]
    equal(world.json("set", "show")["sets"][0]["leases"], 5, "count of leases")
    assert "1 IPv4        0 IPv6 members, 5 leases, changed" in world.ctl("set", "show").stdout
    equal(world.ctl("unban", "192.0.2.1", "10.0.0.1").stdout, "set banned: 1 released, 1 not held\n", "unban")
    equal(world.json("unban", "::1", "owner", "else"), {"set": "banned", "released": 0, "missing": 1}, "unban")
    equal(world.ctl("-q", "unban", "::1").stdout, "", "quiet")
    equal(world.ctl("set", "release", "banned", "all", "owner", "fail2ban").stdout,
          "set banned: 1 released\n", "release all")
    equal(held(world), [("192.0.2.2", "uid:0"), ("2001:db8::/32", "uid:0")], "the rest")
    equal(world.json("info")["revision"], 2, "revision: leases are none")
    check_rows(world, [("ban ::1 in nope", 1, "no set nope"), ("unban ::1 in nope", 1, "no set nope"),
                       ("set lease nope ::1", 1, "no set nope"), ("set reconcile nope /dev/null", 1, "no set nope")])
    completions(world)


def completions(world):
    for words, wanted in COMPLETIONS:
        got = world.ctl("completion", "words", "--", *words.split(), *([""] if words.endswith(" ") else []),
                        env={**os.environ, "PEPCTL_SOCKET": str(world.socket)}).stdout
        equal(" ".join(got.split()), wanted, f"completions of {words!r}")


def into_nothing(world):
    """A set that no policy blocks keeps nobody out: said before anybody relies on it."""
    world.start()
    world.ctl("set", "create", "idle", "bannable")
    world.ctl("set", "create", "jail", "bannable")
    for policy in ("allow src @idle", "block dst @idle", "block shadow src @idle"):
        world.ctl("policy", "set", "p", *policy.split())
        check_rows(world, [("ban ::1 in idle", 1, "pepctl policy add NAME block src @idle")])
    for action in ("block", "rate-limit 5pps"):
        world.ctl("policy", "set", "p", *action.split(), "src", "@jail")
        world.ctl("ban", "::1", "in", "jail")
    unguarded = ("pepctl: warning: no policy keeps out any more what set jail has, and bans into it are refused; "
                 "add one, as: pepctl policy add NAME block src @jail\n")
    before = world.json("info")["revision"]
    equal(world.ctl("policy", "del", "p").stderr, unguarded, "the last policy of the set")
    check_rows(world, [("ban ::1 in jail", 1, "no policy keeps out")])
    equal(world.ctl("rollback", before).stderr, "", "rollback to where there is one")
    equal(world.ctl("rollback", before + 1, "--dry-run").stderr, unguarded, "rollback, asked about")
    equal(world.ctl("rollback", before + 1).stderr, unguarded, "rollback")
    equal(world.ctl("set", "lease", "jail", "::2").stdout,
          "set jail: 1 held until released (1 new)\n", "a lease that means no ban")
    world.ctl("unban", "::1", "::2", "in", "jail")


class Wire:
    """Datagrams from the first address over there."""

    def __init__(self, world, source=0):
        self.world, self.source = world, FAR[4][source]
        self.receiver = Receiver(4, PORT)

    def passes(self):
        self.receiver.take()
        self.world.send_udp(self.source, NEAR[4][0], PORT, 1)
        return self.receiver.take() == 1


def late(begin, seconds):
    """How long after its time; never before."""
    after = time.monotonic() - begin - seconds
    assert after >= 0, f"a lease of {seconds} s ended {-after:.3f} s early"
    print(f"ended {after:.2f} s late")


def packets(world):
    """Blocked at once, let through after its time and after unban; two owners."""
    world.start("--iface", "pep0")
    wire, other = Wire(world), FAR[4][1]
    assert wire.passes(), "before any ban"
    begin = time.monotonic()
    world.ctl("ban", wire.source, "ttl", "2s")
    assert not wire.passes() or time.monotonic() - begin > 2, "banned, and yet heard"
    wait_for("the end of the ban", wire.passes)
    late(begin, 2)
    equal(held(world), [], "leases after their time")
    world.ctl("ban", other, wire.source)
    assert not wire.passes(), "banned again, and yet heard"
    world.ctl("unban", wire.source)
    assert wire.passes(), "after unban"
    # a prefix that covers it, IPv6 beside it
    world.ctl("ban", f"{wire.source}/31", FAR[6][0], "until-released")
    assert not wire.passes() and world.ping(FAR[6][0], NEAR[6][0], 1) == 0, "a prefix is banned, and yet heard"
    equal(world.ctl("unban", wire.source).stdout, "set banned: 0 released, 1 not held\n", "not that member")
    assert not wire.passes(), "what covers it is still banned"
    world.ctl("unban", f"{wire.source}/31", FAR[6][0])
    assert wire.passes() and world.ping(FAR[6][0], NEAR[6][0], 1) == 1, "after unban"
    owners(world, wire)


def owners(world, wire):
    """It stays until the last one lets go; unban without an owner ends all."""
    world.ctl("unban", FAR[4][1])
    world.ctl("ban", wire.source, "owner", "a", "until-released")
    begin = time.monotonic()
    world.ctl("ban", wire.source, "owner", "b", "ttl", "1s")
    wait_for("the end of one", lambda: held(world) == [(wire.source, "a")])
    late(begin, 1)
    assert not wire.passes(), "one owner still holds it"
    world.ctl("ban", wire.source, "owner", "b")
    world.ctl("unban", wire.source, "owner", "a")
    assert not wire.passes(), "the other one still holds it"
    world.ctl("ban", wire.source, "owner", "a")
    equal(world.ctl("unban", wire.source).stdout, "set banned: 2 released\n", "unban ends all")
    assert wire.passes(), "after all have let go"
    # the ruleset's own stays whoever lets go
    world.ctl("set", "add", "banned", wire.source)
    world.ctl("ban", wire.source, "ttl", "1s")
    world.ctl("unban", wire.source)
    assert not wire.passes(), "the ruleset has it"
    world.ctl("ban", wire.source)
    world.ctl("set", "del", "banned", wire.source)
    assert not wire.passes(), "it is held"
    world.ctl("unban", wire.source)
    assert wire.passes(), "neither has it any more"


def reconcile(world):
    """These are all of mine: in one step, and nobody else's."""
    world.start("--iface", "pep0")
    wire = Wire(world)
    file = world.folder / "mine.netset"
    world.ctl("ban", "9.9.9.9", "owner", "else")
    file.write_text(f"192.0.2.1\n{wire.source}\n::1 # six\n")
    equal(world.ctl("set", "reconcile", "banned", file, "owner", "feed", "ttl", "1h").stdout,
          "set banned: 3 held for 1h (3 new)\n", "the first time")
    assert not wire.passes(), "held, and yet heard"
    file.write_text("192.0.2.1\n192.0.2.2\n")
    equal(world.ctl("set", "reconcile", "banned", file, "owner", "feed", "ttl", "2h").stdout,
          "set banned: 2 held for 2h (1 new, 1 renewed, 2 released)\n", "the second time")
    assert wire.passes(), "released, and yet blocked"
    equal(held(world), [("9.9.9.9", "else"), ("192.0.2.1", "feed"), ("192.0.2.2", "feed")], "leases")
    result = world.ctl("set", "reconcile", "banned", file, "owner", "feed", "ttl", "1h")
    equal(result.stderr.count("held for longer already"), 2, "never silently")
    file.write_text("192.0.2.1\nrubbish\n")
    result = world.ctl("set", "reconcile", "banned", file, "owner", "feed", check=False)
    equal((result.returncode, "mine.netset:2:1" in result.stderr), (2, True), "a bad line")
    world.ctl("set", "reconcile", "banned", "/dev/null", "owner", "feed")
    equal(held(world), [("9.9.9.9", "else")], "an empty file releases all")
    file.write_text("".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(900000)))
    result = world.ctl("set", "reconcile", "banned", file, check=False)
    equal((result.returncode, "more than a message of 4 MiB" in result.stderr), (1, True), "more than a frame")


def apart_from_revisions(world):
    """What files and rollbacks leave alone."""
    world.start()
    world.ctl("ban", "192.0.2.1", "until-released")
    world.ctl("set", "add", "banned", "9.9.9.9")
    revision = world.json("info")["revision"]
    assert "192.0.2.1" not in world.ctl("export").stdout, "an export has leases"
    rules = world.folder / "my.rules"
    rules.write_text("set banned { 8.8.8.8 }\npolicy banned block src @banned\n")
    world.ctl("apply", rules)
    equal(world.json("set", "show", "banned")["members"], ["8.8.8.8"], "members")
    equal(held(world), [("192.0.2.1", "uid:0")], "leases after a replacement")
    world.ctl("rollback", revision)
    equal(world.json("set", "show", "banned")["members"], ["9.9.9.9"], "members")
    equal(held(world), [("192.0.2.1", "uid:0")], "leases after a rollback")
    # they go on while a change waits to be confirmed
    world.ctl("--confirm", "60s", "policy", "add", "x", "block", "proto", "udp", "dport", "9")
    world.ctl("ban", "192.0.2.2", "ttl", "1s")
    wait_for("the end of a ban meanwhile", lambda: held(world) == [("192.0.2.1", "uid:0")])
    world.ctl("confirm")
    result = world.ctl("set", "del", "banned", check=False)
    equal(result.returncode, 1, "exit status of deleting a set that is in use")


def restarts(world):
    """Leases are there after a clean end and after a kill; what ran out meanwhile is not."""
    world.start("--iface", "pep0")
    wire = Wire(world)
    world.ctl("ban", wire.source, "until-released", "owner", "a")
    world.ctl("ban", "192.0.2.1", "ttl", "1h")
    for end in (world.stop, world.kill):
        begin = time.monotonic()
        world.ctl("ban", "192.0.2.9", "ttl", "1s")
        end()
        assert not wire.passes(), "without a daemon, and yet heard"
        time.sleep(max(0, 1.1 - (time.monotonic() - begin)))
        world.start()
        assert not wire.passes(), "after a start, and yet heard"
        wait_for("the end of what ran out meanwhile",
                 lambda: held(world) == [(wire.source, "a"), ("192.0.2.1", "uid:0")])
        left = [m["left"] for m in world.json("set", "show", "banned")["leases"]]
        assert left[0] is None and left[1] and left[1] != "1h", left
    world.ctl("unban", wire.source)
    world.kill()
    assert wire.passes(), "let go, and yet blocked"
    world.start()
    assert wire.passes() and held(world) == [("192.0.2.1", "uid:0")], "it came back"


def ends_while_down(world):
    """The packet program goes by what it has until the daemon comes back, which ends it then."""
    world.start("--iface", "pep0")
    wire = Wire(world)
    begin = time.monotonic()
    world.ctl("ban", wire.source, "ttl", "1s")
    world.kill()
    time.sleep(max(0, 1.1 - (time.monotonic() - begin)))
    world.start()
    wait_for("the end of the ban", wire.passes)
    late(begin, 1)
    equal(held(world), [], "leases")


def killed_amid_bans(world):
    """Whatever was acknowledged is there after a kill at any moment, and no half of anything else."""
    world.start()
    world.ctl("ban", "192.0.2.1", "until-released")
    for turn in range(4):
        before = set(held(world))
        script = subprocess.Popen(
            ["bash", "-c", f"for i in $(seq 0 250); do {world.build}/client/pepctl --socket {world.socket} "
             f"-q ban 10.9.{turn}.$i 10.10.{turn}.$i owner o$(($i % 7)) 2>/dev/null || exit; echo $i; done"],
            stdout=subprocess.PIPE, text=True)
        time.sleep(0.2 + 0.1 * turn)
        world.kill()
        told = len(script.communicate()[0].split())
        world.start()
        now = set(held(world))
        new = now - before
        assert told > 0, "nothing was acknowledged at all"
        assert before <= now and 2 * told <= len(new) <= 2 * told + 2 and len(new) % 2 == 0, (told, len(new))
        assert all((f"10.{n}.{turn}.{i}", f"o{i % 7}") in new for i in range(told) for n in (9, 10))


def ban_group(world):
    """It holds in bannable sets, within their limits, as itself, and ends nothing of others."""
    world.start()
    world.ctl("set", "create", "jail", "bannable", "max-ttl", "2h")
    world.ctl("set", "create", "plain")
    world.ctl("policy", "add", "jail", "block", "src", "@jail")
    world.ctl("policy", "add", "plain", "block", "src", "@plain")

    def user(*words, groups=(BAN,)):
        return as_user(USER, list(groups), lambda: world.ctl(*words, check=False))

    def denied(status, says, *words, groups=(BAN,)):
        result = user(*words, groups=groups)
        assert result.returncode == status and says in result.stderr, (words, result)

    equal(user("ban", "192.0.2.1", "in", "jail").stdout, "set jail: 1 banned for 1h (1 new)\n", "ban")
    denied(1, "no set banned", "ban", "::1")
    denied(4, "not bannable", "ban", "::1", "in", "plain")
    denied(1, "at most 2h", "ban", "::1", "in", "jail", "ttl", "3h")
    denied(1, "until released", "ban", "::1", "in", "jail", "until-released")
    denied(4, f"holds as uid:{USER}", "ban", "::1", "in", "jail", "owner", "root")
    denied(4, "needs root", "set", "add", "jail", "::1")
    denied(4, "needs root", "ban", "::1", "in", "jail", groups=(READ,))
    denied(4, "needs root", "unban", "::1", "in", "jail", groups=(READ,))
    denied(4, "", "ban", "::1", "in", "jail", groups=())
    result = user("ban", "10.0.0.0/8", "192.0.2.2", "2001:db8::/32", "192.0.2.0/24", "in", "jail")
    equal(result.returncode, 1, "exit status when some are refused")
    equal(result.stdout, "set jail: 2 banned for 1h (2 new)\n", "those that are not")
    for says in ("10.0.0.0/8 is not held: it is wider than /24", "2001:db8::/32 is not held: it is wider than /48"):
        assert says in result.stderr, result.stderr
    answer = user("-j", "ban", "10.0.0.0/8", "in", "jail")
    equal([m["member"] for m in json.loads(answer.stdout)["rejected"]], ["10.0.0.0/8"], "rejected")
    world.ctl("ban", "192.0.2.1", "in", "jail")
    result = user("unban", "192.0.2.1", "in", "jail")
    equal(result.stdout, "set jail: 1 released\n", "unban by who may end only its own")
    assert "only what you hold yourself was released" in result.stderr, result.stderr
    assert ("192.0.2.1", "uid:0") in held(world, "jail"), "what root holds"
    equal(user("set", "release", "jail", "all").stdout, "set jail: 2 released\n", "all of one's own")
    equal(user("ban", "::1", "in", "jail", groups=(ADMIN,)).returncode, 0, "the admin group")
    equal(json.loads(user("-j", "set", "show", "jail", groups=(READ,)).stdout)["leases"][1]["owner"],
          f"uid:{USER}", "the read group looks")


def lockout(world):
    """A ban of who is connected to a protected port is refused with the flow named."""
    world.start("--iface", "pep0:native")
    session = Session(world)
    flow = f"the established connection from {FAR[4][0]} port {session.port} to {NEAR[4][0]} port 22"
    for words in (f"ban {FAR[4][0]}", "ban 10.77.0.0/24 192.0.2.1 until-released"):
        refused(world, words, f"policy banned would drop on pep0 {flow}")
    equal(world.json("policy", "show")["policies"], [], "what a refused ban has made")
    equal(world.json("set", "show")["sets"], [], "what a refused ban has made")
    world.ctl("ban", "192.0.2.7")
    refused(world, f"set lease banned {FAR[4][0]}", flow)
    (world.folder / "list").write_text(FAR[4][0])
    refused(world, f"set reconcile banned {world.folder}/list", flow)
    equal(held(world), [("192.0.2.7", "uid:0")], "leases after refusals")
    assert session.works(), "the session after so many refusals"
    world.ctl("ban", FAR[4][0], "--force")
    assert not session.works(), "the session, forced"
    world.ctl("ban", FAR[4][0], "ttl", "2h")  # it is cut off already
    world.ctl("unban", FAR[4][0])
    wait_for("the session comes back", session.works)
    # what lets it through is not let go of, but ends in its time
    world.ctl("set", "create", "friends")
    world.ctl("policy", "add", "friends", *"allow src @friends proto tcp dport 22".split())
    world.ctl("set", "lease", "friends", FAR[4][0])
    world.ctl("default", "block")
    refused(world, "set release friends all", f"the default action would drop on pep0 {flow}")
    world.ctl("set", "lease", "friends", FAR[4][0], "ttl", "1s", "shorten")
    wait_for("the end of a lease", lambda: held(world, "friends") == [])
    assert not session.works(), "the session, with nothing that lets it through"
    session.close()


def many(world):
    """More than a message; each piece a step of its own; shown whole."""
    world.start("--max-members", "400000")
    file = world.folder / "many.netset"
    file.write_text("".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(150000)))
    begin = time.monotonic()
    equal(world.ctl("ban", "file", file).stdout, "set banned: 150000 banned for 1h (150000 new)\n", "ban file")
    print(f"150000 bans in {time.monotonic() - begin:.2f} s")
    result = world.ctl("ban", "file", file, "ttl", "1m")
    equal((result.stderr.count("held for longer already, which"), result.stderr.splitlines()[-1]),
          (10, "pepctl: 149990 more are held for longer already"), "those that stay")
    listing = world.json("set", "show", "banned")["leases"]
    equal((len(listing), len({m["member"] for m in listing})), (150000, 150000), "leases shown")
    equal(world.json("set", "show")["sets"][0]["leases"], 150000, "leases counted")
    world.kill()
    world.start("--max-members", "400000")
    equal(world.json("set", "show")["sets"][0]["leases"], 150000, "leases after a kill")
    equal(world.ctl("unban", "file", file).stdout, "set banned: 150000 released\n", "unban file")


LIBRARY = """ban: 2 added 0 refreshed 0 unchanged 0 released 0 missing 0 rejected 0 kept
shorter: 0 added 0 refreshed 1 unchanged 0 released 0 missing 0 rejected 1 kept
 [192.0.2.1 ] are the notes
shorten: 0 added 1 refreshed 0 unchanged 0 released 0 missing 0 rejected 0 kept
set: 1 INVALID set
owner: 1 INVALID owner
member: 1 INVALID members[1]
nowhere: 2 NO_SET -
others: 3 added 0 refreshed 0 unchanged 0 released 0 missing 0 rejected 0 kept
reconcile: 0 added 0 refreshed 1 unchanged 2 released 0 missing 0 rejected 1 kept
 banned 3 are the sets
 192.0.2.1 uid:0 expires
 192.0.2.2 uid:0 expires
 192.0.2.2 x stays
release: 0 added 0 refreshed 0 unchanged 1 released 1 missing 0 rejected 0 kept
all: 0 added 0 refreshed 0 unchanged 2 released 0 missing 0 rejected 0 kept
"""


def library(world):
    """The same through libpepctl."""
    world.start()
    said = subprocess.run([world.build / "tests/e2e/library_leases"], text=True, check=True, capture_output=True,
                          env={**os.environ, "PEPCTL_SOCKET": str(world.socket)}).stdout
    equal(said, LIBRARY, "what the library says")


if __name__ == "__main__":
    main([wrong_words, command, into_nothing, packets, reconcile, apart_from_revisions, restarts, ends_while_down,
          killed_amid_bans, ban_group, lockout, many, library])
