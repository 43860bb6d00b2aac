#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The command as a person and a script use it: words, exit statuses, JSON, rights, the library."""
import json
import os
import subprocess
import time

from world import ADMIN, BAN, FAR, NEAR, READ, as_user, equal, main, wait_for

# (words, exit status, what stderr says)
WRONG_WORDS = [
    ("", 2, ""), ("zz", 2, '"zz" is unknown: policy, set, ban, unban, default'), ("policy", 2, ""),
    ("policy zz", 2, '"zz" is unknown: add, set, del, show, flush'),
    ("policy s x", 2, '"s" is ambiguous: set, show'), ("s", 2, '"s" is ambiguous: set, setting, stats'),
    ("top", 2, "top is not in this version"),
    ("policy add", 2, "name is missing"), ("policy add a", 2, "action is missing"),
    ("policy add a/b block", 2, '"a/b" is no name'), ("policy add a drop", 2, '"drop" is no action'),
    ("policy add a block dport 65536", 2, '"65536" is no port'),
    ("policy add a block src 10.0.0.0/33", 2, '"10.0.0.0/33"'),
    ("policy add a block src 10.0.0.1/8", 2, "bits set behind"),
    ("policy add a block color red", 2, '"color" is no keyword'),
    ("policy add a block proto tcp proto udp", 2, "comes twice"),
    ("policy add a block icmp-type 8", 2, "needs proto icmp"),
    ("policy add a rate-limit fast", 2, '"fast" is no rate'),
    ("policy add a rate-limit 5pps per host", 2, '"host" is no scope: policy, src, src/24, dst or flow'),
    ("policy set a", 2, "wants an ACTION"), ("policy set a color red", 2, '"color"'),
    ("policy del", 2, "name is missing"), ("policy del a/b", 2, '"a/b"'),
    ("default", 2, ""), ("default drop", 2, '"drop" is unknown'),
    ("default block eth0", 2, '"eth0" is not iface DEV'), ("default block iface a/b", 2, '"a/b"'),
    ("setting set color red", 2, 'no setting "color"'), ("setting set capture 97", 2, "0 to 96"),
    ("setting set fragments pass", 2, '"match" or "drop"'), ("setting set capture", 2, "missing"),
    ("iface attach", 2, "missing"), ("iface attach a/b", 2, '"a/b"'),
    ("iface attach pep0 mode fast", 2, '"fast" is no mode'), ("iface attach pep0 x", 2, "too many"),
    ("help zz", 2, '"zz" is unknown'), ("help policy zz", 2, '"zz" is unknown'),
    ("policy add -x block", 2, '"-x" looks like an option'), ("policy del -x", 2, "behind --"),
    ("policy set --web log", 2, "behind --"), ("policy show -x", 2, "behind --"),
    ("policy del a -x", 2, "behind --"),
    ("policy flush", 1, "say --yes"), ("panic", 1, "say --yes"),
    ("setting show color", 2, 'no setting "color"'), ("setting show capture x", 2, "too many"),
    ("default show x", 2, "too many"),
    ("events --count 0", 2, "0 events"), ("events src 10.0.0.1 src 10.0.0.2", 2, "src comes twice"),
    ("events --count 1 --count 2", 2, "--count comes twice"), ("events policy a/b", 2, "no name"),
    ("events iface", 2, "its value is missing"), ("events iface a/b", 2, "no interface name"),
    ("events action drop", 2, '"drop" is no action: allow, block, reject, rate-limit, reflect or redirect'),
    ("events color red", 2, '"color" is no keyword'), ("events dport 99999", 2, "99999"),
    ("events --count x", 2, '"x" is no number'), ("events src @x", 2, "not a set"),
    ("info x", 2, "too many"), ("stats x", 2, "too many"), ("completion csh", 2, '"csh" is unknown'),
    ("--timeout 5 info", 2, "no duration"), ("--nope info", 2, "nope"),
    ("history x", 2, '"x" is no revision'), ("history 1 2", 2, "too many"), ("confirm x", 2, '"x" is no revision'),
    ("rollback", 2, "revision is missing"), ("rollback to", 2, "revision is missing"),
    ("rollback -1", 2, '"-1" is no word'), ("rollback 3 4", 2, '"4" is no word of rollback'),
    ("rollback to x", 2, '"x" is no revision'), ("rollback 3 --expect", 2, '"" is no revision'),
    ("rollback 3 comment", 2, "at most 255"), ("rollback 3 --confirm 5s --dry-run", 2, "contradict"),
    ("policy add a block --confirm", 2, "the time is missing, as 60s"), ("default block --confirm 0s", 2, '"0s"'),
    ("default block --confirm=5", 2, "no duration"), ("default block --confirm 8d", 2, "not from"),
    ("--confirm 5 default block", 2, "no duration"),
    ("--confirm 5s info", 2, "and this is none"), ("policy show --confirm 5s", 2, "and this is none"),
    ("panic --confirm 5s", 2, "and this is none"), ("confirm --confirm 5s", 2, "and this is none"),
    ("policy set a dport 5 --confirm 5s", 2, "wants the whole policy"),
]
# The same with a daemon: what it refuses.
REFUSED = [
    ("policy add dns block proto udp dport 53", 1, "policy dns exists"),
    ("policy add a block src @bad", 1, "there is no set bad"),
    ("policy add a rate-limit 5pps per src/33 src 10.0.0.0/8", 2, "33 bits are more than an address has"),
    ("policy show nope", 1, "no policy nope"), ("policy del nope", 1, "no policy nope"),
    ("policy set nope dport 5", 1, "no policy nope"),
    ("policy set dns proto gre", 1, "has no ports"),
    ("iface attach nowhere", 1, "no interface nowhere"), ("iface detach nowhere", 1, "not attached"),
    ("iface show nowhere", 1, "not attached"),
    ("iface attach lo mode native", 1, "no native XDP"),
    ("iface attach pep0 mode offload", 1, "offload"),
]


def check_rows(world, rows):
    for words, status, says in rows:
        result = world.ctl(*words.split(), check=False, stdin=subprocess.DEVNULL)
        equal(result.returncode, status, f"exit status of pepctl {words}")
        assert says in result.stderr, f"pepctl {words}: {result.stderr!r} does not say {says!r}"
        if says:
            assert result.stderr.startswith("pepctl: "), result.stderr


def wrong_words(world):
    """Refused before connecting: there is no daemon at all."""
    check_rows(world, WRONG_WORDS)
    for words in ([], ["setting"], ["completion"]):  # a shell may evaluate what the last one prints
        result = world.ctl(*words, check=False)
        equal((result.returncode, result.stdout), (2, ""), f"what {words} prints")
        assert result.stderr.startswith("Usage:"), result.stderr
    result = world.ctl("info", check=False)
    equal(result.returncode, 3, "exit status without a daemon")
    assert "does not answer" in result.stderr and "systemctl start" in result.stderr, result.stderr


def refusals(world):
    world.start()
    world.ctl("policy", "add", *"dns block proto udp dport 53".split())
    before = world.json("policy", "show")
    check_rows(world, REFUSED)
    equal(world.json("policy", "show"), before, "the ruleset after refusals")


def full_table(world):
    world.start("--max-policies", "3")
    for number in range(3):
        world.ctl("policy", "add", f"p{number}", "block", "proto", "udp", "dport", 100 + number)
    result = world.ctl("policy", "add", *"p3 block proto udp dport 103".split(), check=False)
    equal(result.returncode, 1, "exit status with a full table")
    assert "limit of 3" in result.stderr and "--max-policies" in result.stderr, result.stderr
    world.ctl("policy", "del", "p0")
    world.ctl("policy", "add", *"p3 block proto udp dport 103".split())


def helps(world):
    for words in ("policy add --help", "policy add web block --help", "stats --help", "help policy",
                  "help policy add", "iface attach pep0 -h", "help setting", "panic --yes --help",
                  "help", "--help", "policy help", "policy add help", "default help", "set help",
                  "setting help",
                  "iface help", "apply help", "check help", "stats help", "events help", "explain help", "info help", "panic help",
                  "history help", "rollback help", "confirm help", "ban help", "unban help", "completion help"):
        result = world.ctl(*words.split())
        assert result.stdout.startswith("Usage:"), words
    for words, says in (("help policy", ("rate-limit RATE", "[per SCOPE]", "redirect DEV", "dport PORT", "log [1/N]")),
                        ("help setting", ("match|drop", "0-10000000   (10000)", "capture       0-96")),
                        ("events help", ("reflect or redirect", "--since SEQ", "proto PROTO"))):
        for line in says:
            assert line in world.ctl(*words.split()).stdout, f"{words}: {line}"
    assert world.ctl("--version").stdout.startswith("pepctl "), "version"
    flags = subprocess.run([world.build / "server/pepctld", "--help"], check=True,
                           capture_output=True, text=True).stdout
    assert "--max-policies" in flags and "PEPCTL_STATE_DIR" in flags, flags


QUOTES = "''"
COMPLETIONS = [
    ("pol", "policy"), ("-", "--socket --json --quiet --verbose --timeout --version --help"),
    ("-j pol", "policy"), ("policy s", "set show"), ("-j --timeout 5s pol f", "flush"),
    ("policy add x ", "allow block reject rate-limit reflect redirect"), ("policy add ", ""),
    ("policy add x r", "reject rate-limit reflect redirect"), ("pol ad x block proto t", "tcp"),
    ("policy add x block dport ", ""), ("policy add x block d", "dst dport"),
    ("policy add x block dport 9 d", "dst"), ("policy add x rate-limit 5pps b", "burst"),
    ("policy add x rate-limit 5pps pe", "percent per"), ("policy add x rate-limit 5pps per ", "policy src dst flow"),
    ("policy add x redirect pep", "pep0 pep1"), ("policy add x block t", "tcp-flags"),
    ("policy show ", "ssh web"), ("policy del ssh w", "web"), ("policy set s", "ssh"),
    ("policy set ssh s", "src sport shadow"), ("policy set ssh re", "reject reflect redirect"),
    ("policy flush ", "--yes"), ("default block ", "iface"), ("default block iface pep", "pep0 pep1"),
    ("setting set f", "fragments"), ("setting set fragments ", "match drop"),
    ("setting set event-rate ", "10000"), ("setting show c", "capture"), ("setting show capture ", ""),
    ("iface attach pep", "pep0 pep1"), ("iface detach ", "pep0"), ("iface attach pep1 mode n", "native"),
    ("events a", "action"), ("events policy w", "web"), ("events policy web --s", "--since"),
    ("apply /etc/hostn", "/etc/hostname"), ("check /et", "/etc/"),
    ("apply x --d", "--dry-run"), ("apply x --expect ", ""), ("check x ", ""),
    ("apply x --confirm ", ""), ("rollback 1 --con", "--confirm"), ("rollback 1 comment ", ""),
    ("co", "confirm completion"),
    ("stats ", "--watch help"), ("completion z", "zsh"), ("zz ", ""),
]


def completions(world):
    world.start("--iface", "pep0")
    for name, port in (("ssh", 22), ("web", 80)):
        world.ctl("policy", "add", name, *f"block proto tcp dport {port}".split())
    script = world.ctl("completion", "bash").stdout + "".join(
        f"\nCOMP_WORDS=(pepctl -s {world.socket} {words}{QUOTES if words[-1] == ' ' else ''})"
        "\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _pepctl; echo \"${COMPREPLY[*]}\" | tr '\\n' ' '; echo"
        for words, _ in COMPLETIONS)
    result = subprocess.run(
        ["bash"], input=script, text=True, check=True, capture_output=True,
        env={**os.environ, "PATH": f"{world.build}/client:{os.environ['PATH']}"})
    equal(result.stdout.count("\n"), len(COMPLETIONS), "answers")
    for (words, wanted), got in zip(COMPLETIONS, result.stdout.split("\n")):
        equal(" ".join(got.split()), wanted, f"completions of {words!r}")
    for shell in ("zsh", "fish"):
        assert "pepctl completion words --" in world.ctl("completion", shell).stdout, shell


def daemon_flags(world):
    for flags, says in ((["--max-policies", "0"], "1 to 1000000"), (["--ring-size", "5000"], "power"),
                        (["--iface", "a/b"], "interface name"), (["--iface", "a:fast"], "mode"),
                        (["--log-level", "loud"], "error, warn"), (["--pin-dir", "x"], "absolute"),
                        (["extra"], "too many"), (["--nope"], "nope"),
                        (["--memory-limit", "x"], "256Mi"), (["--max-members", "5000000"], "1 to 4000000"),
                        (["--max-buckets", "0"], "1 to 16777216")):
        world.start(*flags, wait=False)
        equal(world.daemon.wait(20), 2, f"exit status of pepctld {flags}")
        assert says in world.log(), world.log()
    environment = {**os.environ, "PEPCTL_RING_SIZE": "77"}
    result = subprocess.run([world.build / "server/pepctld"], env=environment, check=False,
                            capture_output=True, text=True)
    equal(result.returncode, 2, "exit status with a wrong environment")
    world.start("--pin-dir", "/tmp/no-bpffs", wait=False)
    equal(world.daemon.wait(20), 1, "exit status without a bpffs")
    assert "mount -t bpf bpf" in world.log(), world.log()
    result = subprocess.run(
        ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", world.build / "server/pepctld",
         "--state-dir", world.folder / "s3", "--pin-dir", world.pins], check=False,
        capture_output=True, text=True)
    equal(result.returncode, 1, "exit status without capabilities")
    assert "CAP_NET_ADMIN CAP_BPF CAP_PERFMON" in result.stderr, result.stderr
    world.daemon = None


def short_words_and_json(world):
    world.start("--iface", "pep0")
    equal(world.ctl("pol", "ad", *"web block proto tcp dport 80".split()).stdout,
          "policy web added (revision 2)\n", "pol ad")
    equal(world.ctl("-q", "pol", "add", *"ssh allow proto tcp dport 22".split()).stdout, "", "-q")
    listing = world.json("policy", "show")
    equal((listing["revision"], listing["default"], [p["name"] for p in listing["policies"]]),
          (3, "allow", ["web", "ssh"]), "policy show")
    web = listing["policies"][0]
    equal((web["action"], web["priority"], web["match"], web["packets"], web["last_hit"]),
          ("block", 1000, {"dport": "80", "proto": "tcp"}, 0, None), "a policy")
    world.ctl("policy", "set", "web", "dport", "8080", "comment", "moved")
    equal(world.policy("web")["line"], 'web block proto tcp dport 8080 comment "moved"', "set")
    world.ctl("policy", "set", *"web allow proto tcp dport 81".split())
    equal(world.policy("web")["line"], "web allow proto tcp dport 81", "set as a whole")
    equal(world.policy("web")["position"], 1, "place")
    world.ctl("policy", "set", *"new block proto tcp dport 99".split())
    iface = world.json("iface", "show")["interfaces"][0]
    equal((iface["name"], iface["mode"], iface["driver"], iface["state"]),
          ("pep0", "native", "veth", "attached"), "iface show")
    stats = world.json("stats")
    for key in ("packets_total", "packets_allowed", "packets_blocked", "bytes_total",
                "policy_lookups", "parse_errors", "block_rate"):
        assert isinstance(stats[key], (int, float)), key
    equal({p["name"] for p in stats["policies"]}, {"web", "ssh", "new"}, "policies of stats")
    world.ctl("policy", "flush", "--yes")
    equal(world.json("policy", "show")["policies"], [], "policies")
    equal(world.json("setting", "set", "capture", "64")["revision"], world.json("info")["revision"], "")


def names_behind_dashes(world):
    world.start()
    world.ctl("policy", "add", "--", *"-x block proto udp".split())
    equal(world.json("policy", "show", "--", "-x")["line"], "-x block proto udp", "a name with a dash")
    world.ctl("policy", "del", "--", "-x")
    world.ctl("--", "policy", "add", *"-y block proto tcp comment --".split())
    equal(world.json("policy", "show", "--", "-y")["line"], '-y block proto tcp comment "--"', "dashes first")
    world.ctl("--", "policy", "flush", "--yes")
    world.ctl("policy", "add", "help-me", "--", *"block proto udp comment --help".split())
    equal(world.policy("help-me")["line"], 'help-me block proto udp comment "--help"', "a comment")


def deletes_all_or_none(world):
    world.start()
    for name, port in (("a", 1), ("b", 2), ("c", 3)):
        world.ctl("policy", "add", name, *f"block proto udp dport {port}".split())
    result = world.ctl("policy", "del", "a", "nope", "b", check=False)
    equal((result.returncode, "no policy nope" in result.stderr), (1, True), "a name that is unknown")
    equal([p["name"] for p in world.json("policy", "show")["policies"]], ["a", "b", "c"], "policies")
    equal(world.ctl("policy", "del", "a", "b").stdout, "2 policies deleted (revision 4)\n", "del")
    equal(world.ctl("policy", "del", "c").stdout, "policy c deleted (revision 5)\n", "del")


def sets_fields(world):
    """A new action keeps the match, an action with a match replaces, log and nolog replace each other."""
    world.start()
    world.ctl("policy", "add", *"c1 block proto udp dport 9 log 1/5 comment why".split())
    for words, line in (
            ("rate-limit 100pps burst 7", 'rate-limit 100pps burst 7 proto udp dport 9 log 1/5 comment "why"'),
            ("nolog", 'rate-limit 100pps burst 7 proto udp dport 9 nolog comment "why"'),
            ("redirect pep1 mac 02:00:00:00:00:01 log",
             'redirect pep1 mac 02:00:00:00:00:01 proto udp dport 9 log comment "why"'),
            ("allow nolog comment log", 'allow proto udp dport 9 nolog comment "log"'),
            ("comment nolog", 'allow proto udp dport 9 nolog comment "nolog"'),
            ("block proto tcp dport 8", "block proto tcp dport 8")):
        world.ctl("policy", "set", "c1", *words.split())
        equal(world.policy("c1")["line"], "c1 " + line, f"policy set c1 {words}")
    result = world.ctl("policy", "set", "c2", "block", check=False)
    equal((result.returncode, "no policy c2" in result.stderr), (1, True), "an action for no policy")


def defaults_and_settings(world):
    world.start()
    result = world.ctl("iface", "show")
    equal((result.stdout, "no interface is attached" in result.stderr), ("", True), "iface show")
    equal(world.json("iface", "show"), {"interfaces": [], "patterns": []}, "iface show")
    for dev in ("pep0", "pep1"):
        world.ctl("iface", "attach", dev)
    world.ctl("default", "block", "iface", "pep1")
    own = [{"iface": "pep1", "action": "block"}]
    listing = world.json("policy", "show")
    equal((listing["default"], listing["interface_defaults"]), ("allow", own), "policy show")
    equal({i["name"]: i["default"] for i in world.json("iface", "show")["interfaces"]},
          {"pep0": "allow", "pep1": "block"}, "iface show")
    equal(world.json("default", "show"), {"default": "allow", "interface_defaults": own}, "default show")
    equal(world.ctl("default", "show").stdout, "default allow\ndefault block iface pep1\n", "default show")
    equal(world.json("setting", "show", "event-rate"), {"event-rate": 10000}, "setting show")
    equal(world.json("setting", "show")["fragments"], "match", "setting show")
    shown = world.ctl("setting", "show", "capture").stdout
    assert shown.startswith("setting capture       0 ") and shown.count("\n") == 1, shown
    world.ctl("policy", "add", *"web block proto tcp dport 80".split())
    assert "last hit never, place 1" in world.ctl("-v", "policy", "show").stdout, "policy show -v"


def absent_interfaces(world):
    """Accepted, for it may come; but said."""
    world.far_program("far1")
    world.start("--iface", "pep0")
    for words, says in (("policy add away redirect nope0 proto udp dport 7", "no interface nope0 now"),
                        ("policy set away redirect nope1", "no interface nope1 now"),
                        ("default block iface nope2", "no interface nope2 now")):
        result = world.ctl(*words.split())
        assert result.stderr.startswith("pepctl: warning: ") and says in result.stderr, result.stderr
        assert "revision" in result.stdout, result.stdout
    for words in ("policy set away redirect pep1", "default block iface pep1", "default unset iface nope2"):
        equal(world.ctl(*words.split()).stderr, "", f"stderr of {words}")


def many_policies(world):
    """More than a page; in deciding order; the command is not slow about it."""
    world.start()
    names = [f"p{number:05}" for number in range(3000)]
    script = "".join(f"policy {name} block proto udp dport {10000 + number}\n"
                     for number, name in enumerate(names))
    world.apply(script)
    listing = world.json("policy", "show")
    equal([p["name"] for p in listing["policies"]], names, "names")
    world.stop()
    world.start()
    equal([p["name"] for p in world.json("policy", "show")["policies"]], names, "names after a restart")


def rights(world):
    world.start()

    def call(groups, *words):
        return as_user(40500, groups, lambda: world.ctl(*words, check=False).returncode)

    equal(call([], "info"), 4, "a user in no group")
    for group in (READ, BAN, ADMIN):
        equal(call([group], "info"), 0, "reading")
        equal(call([group], "policy", "show"), 0, "reading")
    for group in (READ, BAN):
        for words in ("policy add a block proto tcp", "default block", "iface attach pep0",
                      "setting set capture 1", "policy flush --yes"):
            equal(call([group], *words.split()), 4, f"{words} by a reader")
    equal(call([ADMIN], *"policy add a block proto tcp".split()), 0, "an admin")
    equal(call([40500, ADMIN], "policy", "del", "a"), 0, "an admin by a supplementary group")
    equal(call([ADMIN], "panic", "--yes"), 4, "panic without root")


def agent_example(world):
    world.start("--iface", "pep0")
    agent = subprocess.Popen(
        [world.build / "client/pepctl_example_agent", FAR[4][0], "5", "20"], text=True,
        env={**os.environ, "PEPCTL_SOCKET": str(world.socket)}, stdout=subprocess.PIPE)
    wait_for("the agent's policy",
             lambda: world.ctl("policy", "show", "agent-example", check=False).returncode == 0)
    time.sleep(0.1)
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 8)
    out = agent.communicate(timeout=60)[0]
    equal(agent.returncode, 0, f"the agent: {out}")
    assert out.count("blocked 10.77.0.2") >= 5, out
    equal(world.json("policy", "show")["policies"], [], "policies after the agent")


def watch_and_broken_pipes(world):
    world.start("--iface", "pep0")
    watch = subprocess.Popen([world.build / "client/pepctl", "-s", world.socket, "-j", "stats",
                              "--watch"], stdout=subprocess.PIPE, text=True)
    for _ in range(2):
        assert "block_rate" in json.loads(watch.stdout.readline())
    watch.stdout.close()
    equal(watch.wait(20), 0, "stats --watch whose reader has gone")
    result = subprocess.run(f"{world.build}/client/pepctl -s {world.socket} policy show | true",
                            shell=True, check=False, capture_output=True, text=True)
    equal((result.returncode, result.stderr), (0, ""), "a reader that has gone")


if __name__ == "__main__":
    main([wrong_words, refusals, full_table, helps, completions, daemon_flags, short_words_and_json,
          names_behind_dashes, deletes_all_or_none, sets_fields, defaults_and_settings,
          absent_interfaces, many_policies,
          rights, agent_example, watch_and_broken_pipes])
