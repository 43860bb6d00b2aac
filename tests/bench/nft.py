# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What pepctl holds, for nftables: the same set, and the same policies as linear rules."""
import subprocess

import workload


def table(*body):
    return "\n".join(["table netdev bench {", *body, "}", ""])


def chain(iface, *rules):
    return "\n".join(["chain ingress {",
                      f"type filter hook ingress device {iface} priority 0; policy accept;",
                      *rules, "}"])


def set_file(iface, members):
    """Whoever is in the set is dropped."""
    elements = ",\n".join(map(workload.address, members))
    return table(f"set banned {{ type ipv4_addr; elements = {{ {elements} }}; }}",
                 chain(iface, "ip saddr @banned drop"))


def rule(rung, one):
    """A policy of a classical shape."""
    words, ports = [], "udp" if one.proto == 17 else "tcp"
    for field in workload.SHAPES[rung].split():
        value = getattr(one, field)
        if field in ("src", "dst"):
            words.append(f"ip {field[0]}addr {workload.address(value)}")
        elif field in ("sport", "dport"):
            words.append(f"{ports} {field} {value}")
        elif workload.SHAPES[rung] == "proto":
            words.append(f"meta l4proto {value}")
    return " ".join([*words, "drop"])


def rules_file(iface, rules):
    return table(chain(iface, *(rule(rung, one) for rung, one in rules)))


def load(path):
    subprocess.run(["nft", "-f", path], check=True)


def flush():
    subprocess.run(["nft", "flush", "ruleset"], check=True)
