#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""pepctld --metrics: the page, who gets it, and what a wrong address says."""
import http.client
import re
import socket
import subprocess

from world import FAR, NEAR, equal, main, wait_for

SAMPLE = re.compile(r'(pepctl_[a-z_]+)(?:\{(.*)\})? (\d+)$')


def page(host, port, path="/metrics", method="GET"):
    connection = http.client.HTTPConnection(host, port, timeout=120)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def samples(body):
    """{name{labels}: value}; each is of a metric with a type, which is told once and before it."""
    found, types = {}, {}
    for line in body.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in types, f"{name} comes twice"
            types[name] = kind
        elif not line.startswith("# HELP "):
            name, labels, value = SAMPLE.match(line).groups()
            equal(types[name], "counter" if name.endswith("_total") else "gauge", f"the type of {name}")
            key = name + (f"{{{labels}}}" if labels else "")
            assert key not in found, f"{key} comes twice"
            found[key] = int(value)
    return found


def figures(world):
    world.start("--iface", "pep0", "--metrics", "127.0.0.1:9733")
    world.ctl("policy", "add", *"no block proto udp dport 9".split())
    world.ctl("set", "create", "some", "192.0.2.1", "192.0.2.2")
    world.send_udp(FAR[4][0], NEAR[4][0], 9, 30)
    wait_for("30 blocks", lambda: world.json("stats")["packets_blocked"] == 30)
    answer, body = page("127.0.0.1", 9733)
    equal(answer.status, 200, "status")
    equal(answer.getheader("Content-Type"), "text/plain; version=0.0.4", "type")
    found, stats = samples(body), world.json("stats")
    equal(found['pepctl_packets_total{interface="pep0",verdict="blocked"}'], 30, "blocked")
    equal(found['pepctl_blocked_packets_total{interface="pep0",reason="policy"}'], 30, "by a policy")
    equal(found['pepctl_blocked_packets_total{interface="pep0",reason="rate"}'], 0, "by a rate")
    equal(found['pepctl_bytes_total{interface="pep0",verdict="blocked"}'], stats["bytes_blocked"], "bytes")
    equal(found['pepctl_events_total{result="received"}'], 30, "events")
    equal((found["pepctl_policies"], found["pepctl_set_members"]), (1, 2), "policies and members")
    equal(found["pepctl_revision"], stats["revision"], "the revision")
    equal(found["pepctl_kernel_table_bytes"], world.json("info")["limits"]["memory_bytes"], "memory")
    equal(page("127.0.0.1", 9733, "/")[0].status, 404, "another page")
    equal(page("127.0.0.1", 9733, method="POST")[0].status, 405, "another method")
    equal(page("127.0.0.1", 9733, method="HEAD")[1], "", "a body of HEAD")


def sockets_of(world):
    """Connections of --metrics that the daemon has taken."""
    return sum(f"pid={world.daemon.pid}," in line for line in subprocess.run(
        ["ss", "-Htnp", "state", "established", "sport", "9733"], text=True, check=True,
        capture_output=True).stdout.splitlines())


def crowd(world):
    """Connections that say nothing are closed in time: others are answered, and so is the command."""
    world.start("--metrics", "[::1]:9733")
    silent = [socket.create_connection(("::1", 9733)) for _ in range(30)]
    silent[0].sendall(b"GET /metrics HT")
    world.ctl("policy", "add", *"no block proto udp dport 9".split())
    answer, body = page("::1", 9733)
    equal(answer.status, 200, "status")
    equal(samples(body)["pepctl_policies"], 1, "policies")
    for one in silent:
        one.close()
    world.stop()


def crowd_leaves(world):
    """As many as there may be at a time, and more, end at once: the next one is answered."""
    world.start("--metrics", "127.0.0.1:9733")
    for count in (16, 17, 24):
        silent = [socket.create_connection(("127.0.0.1", 9733)) for _ in range(count)]
        wait_for("all that may be", lambda: sockets_of(world) >= 16)
        for one in silent:
            one.close()
        equal(page("127.0.0.1", 9733)[0].status, 200, f"status after {count}")


def wrong_addresses(world):
    taken = socket.create_server(("127.0.0.1", 9734))
    wrong = ["x", "9733", "127.0.0.1", "127.0.0.1:", "::1:9733", "[::1:9733", "[]:9733", "localhost:9733",
             "127.0.0.1:70000", "127.0.0.1:0", "127.0.0.1:1x", "[" + ":" * 80 + "]:1"]
    for address, says, status in (*((one, "no address", 2) for one in wrong),
                                  ("192.0.2.1:9733", "Cannot assign", 1),
                                  ("127.0.0.1:9734", "Address already in use", 1)):
        world.start("--metrics", address, wait=False)
        equal(world.daemon.wait(20), status, f"exit status of --metrics {address}")
        assert f"--metrics {address}: " in world.log() and says in world.log(), world.log()
    taken.close()
    world.start()


if __name__ == "__main__":
    main([figures, crowd, crowd_leaves, wrong_addresses])
