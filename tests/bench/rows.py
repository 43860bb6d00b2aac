# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the parts of the bench share: rows, the pinned core, rulesets by the daemon."""
import os
import pathlib
import subprocess
import time

import workload

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build-bench"
BENCH = BUILD / "tests/bench"
NOT_THERE = ("not in this version", "unknown", "no such command")


class Unavailable(Exception):
    """The product under test cannot do it (yet)."""


def row(name, value, unit, target="-", good=None):
    """`good` None: a row to compare with."""
    verdict = "-" if good is None else "ok" if good else "missed"
    print(name, value, unit, target, verdict, flush=True)


def unavailable(names, unit, why):
    """{name: target} that cannot be measured."""
    for name, target in names.items():
        print(name, "not-available", unit, target, "missed", flush=True)
    print("#", str(why).strip().splitlines()[-1] if str(why).strip() else "", flush=True)


def pinned(*command):
    """Everything that is compared runs on the same core."""
    return ["taskset", "-c", "0", *map(str, command)]


def output(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True,
                          text=True, **options).stdout


def seconds(function, *arguments):
    begin = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begin


def apply(world, lines):
    """Makes the running ruleset that of the lines, in one transaction; returns the seconds."""
    path = world.folder / "rules"
    path.write_text("\n".join(["interface pep0", *lines, ""]), encoding="ascii")
    return seconds(command, world, "-q", "apply", path)


def command(world, *words):
    """pepctl; raises Unavailable for what it does not know or does not have."""
    result = world.ctl(*words, check=False)
    if result.returncode == 2 or any(word in result.stderr for word in NOT_THERE):
        raise Unavailable(result.stderr)
    assert result.returncode == 0, result.stderr


def write_addresses(world, members):
    """The usual block list."""
    path = world.folder / "banned.txt"
    path.write_text("".join(f"{workload.address(member)}\n" for member in members),
                    encoding="ascii")
    return path


def load_banned(world, path):
    """
    Has everybody in the file blocked by a set; returns the seconds from the file to that. The
    policy is there before: a set that none uses could be cheaper.
    """
    command(world, "set", "create", "banned")
    command(world, "policy", "add", *"banned block src @banned".split())
    return seconds(command, world, "-q", "set", "import", "banned", path)


def unload_banned(world):
    command(world, "policy", "del", "banned")
    command(world, "set", "del", "banned")


def resident(pid):
    """Kilobytes of what is mapped, without the windows into the kernel's maps."""
    total, counts = 0, True
    for line in open(f"/proc/{pid}/smaps", encoding="ascii"):
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            counts = "bpf-map" not in line
        elif words[0] == "Rss:" and counts:
            total += int(words[1])
    return total


def machine():
    """What the figures are of."""
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="ascii")
                  if line.startswith("model name")), "unknown processor")
    print(f"# Linux {os.uname().release}, {os.cpu_count()} x {model}", flush=True)


def table(path):
    """The rows in a run's output as lines of Markdown; the 99th percentile beside its row."""
    lines = pathlib.Path(path).read_text(encoding="ascii").splitlines()
    found = [line.split() for line in lines if len(line.split()) == 5 and line[0] != "#"]
    tails = {name[:-4]: value for name, value, *_ in found if name.endswith("-p99")}
    yield from (line[2:] for line in lines if line.startswith("# Linux"))
    yield from ("", "| what | figure | p99 | target | |", "| --- | --- | --- | --- | --- |")
    for name, value, unit, target, verdict in found:
        if not name.endswith("-p99"):
            yield f"| {name} | {value} {unit} | {tails.get(name, '')} | {target} | {verdict} |"


def readme(path):
    """Puts the table between the marks in README.md."""
    file = ROOT / "README.md"
    text = file.read_text(encoding="utf-8")
    begin, end = "<!-- figures -->\n", "<!-- end of figures -->\n"
    before, rest = text.split(begin)
    _, after = rest.split(end)
    file.write_text("".join([before, begin, *(line + "\n" for line in table(path)), end, after]),
                    encoding="utf-8")
