#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The daemon is killed (SIGKILL) under load, at any instant: what it has acknowledged is there afterwards,
and of what it has not each change whole or not at all.

Usage: test_kills.py BUILD_DIR [KILLS], as root. Without a number 40, or as many as half a minute has.
"""
import contextlib
import os
import pathlib
import random
import sys
import threading
import time

from world import equal, main, wait_for

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "interop"))
import peer as wire  # noqa: E402  pylint: disable=wrong-import-position

CLIENTS, SEED = 4, 20261129
KILLS, USUAL, SECONDS = "PEP_KILLS", 40, 25


class Client:
    """What one client has: policies, each with a member of a set by the same change; leases."""

    def __init__(self, world, number):
        self.world, self.number = world, number
        self.random = random.Random(SEED + number)
        self.has, self.count, self.acknowledged = {"change": set(), "lease": set()}, 0, 0
        self.pending = None  # kind, what there is when it is done, method, values

    def call(self, method, **values):
        with wire.Peer(str(self.world.socket)) as peer:
            return peer.call(method, **values)

    # --- what it asks for

    def change(self):
        """A policy and a member come or go together."""
        has, self.count = self.has["change"], self.count + 1
        if self.random.random() < len(has) / 60:
            gone = self.random.choice(sorted(has))
            operations = [{"delete_policy": self.name(gone)}, {"remove_members": self.member(gone)}]
            after = has - {gone}
        else:
            after = has | {self.count}
            policy = {"name": self.name(self.count), "action": {"kind": wire.BLOCK},
                      "match": {"src": f"10.9.{self.number}.{self.count % 250}"}}
            operations = [{"put_policy": policy}, {"add_members": self.member(self.count)}]
        return "change", after, "ApplyChanges", {"operations": operations,
                                                 "request_id": f"{self.number}.{self.count}"}

    def lease(self):
        has, host = self.has["lease"], self.random.randrange(30)
        values = {"set": "held", "members": {"text": [f"10.8.{self.number}.{host}"]},
                  "owner": f"o{self.number}"}
        if host in has:
            return "lease", has - {host}, "ReleaseMembers", values
        return "lease", has | {host}, "LeaseMembers", values | {"ttl_nano": 3600 * 10**9}

    def name(self, number):
        return f"c{self.number}-{number}"

    def member(self, number):
        address = f"10.{10 + self.number}.{number >> 8}.{number & 255}"
        return {"set": f"s{self.number}", "members": {"text": [address]}}

    def work(self, until):
        """Until the daemon is gone."""
        with contextlib.suppress(OSError, EOFError), wire.Peer(str(self.world.socket)) as peer:
            while not until.is_set():
                self.pending = self.lease() if self.random.random() < 0.4 else self.change()
                kind, after, method, values = self.pending
                peer.call(method, **values)
                self.has[kind], self.pending = after, None
                self.acknowledged += 1

    # --- what there is

    def members(self):
        found = b""
        token = ""
        while True:
            page = self.call("ListSetMembers", set=f"s{self.number}", page_token=token)
            found += page["members"]["ipv4"]
            token = page["next_page_token"]
            if not token:
                return {found[i + 2] << 8 | found[i + 3] for i in range(0, len(found), 4)}

    def policies(self):
        found, token = set(), ""
        while True:
            page = self.call("ListPolicies", name_prefix=f"c{self.number}-", page_token=token)
            found |= {int(p["policy"]["name"].split("-")[1]) for p in page["policies"]}
            token = page["next_page_token"]
            if not token:
                return found

    def leases(self):
        page = self.call("ListLeases", set="held", owner=f"o{self.number}", page_size=100)
        return {int(m["member"].split("/")[0].rsplit(".", 1)[1]) for m in page["leases"]}

    def check(self, why):
        """Returns whether what had no answer is done."""
        there = {"change": self.policies(), "lease": self.leases()}
        equal(self.members(), there["change"], f"{why}: members beside policies of client {self.number}")
        kind, after = self.pending[:2] if self.pending else (None, None)
        done = kind is not None and there[kind] == after
        for each, has in self.has.items():
            equal(there[each], after if done and each == kind else has,
                  f"{why}: {each}s of client {self.number}, pending {self.pending}")
        return done

    def settle(self, why):
        done = self.check(why)
        if not self.pending:
            return
        kind, after, method, values = self.pending
        before = self.call("ListSets")["revision"]
        answer = self.call(method, **values)  # the same request, by the same id
        if kind == "change":
            assert answer["revision"] <= before if done else answer["revision"] == before + 1, \
                f"{why}: asked again it is revision {answer['revision']} after {before}, done: {done}"
        self.has[kind], self.pending = after, None
        self.check(f"{why}, asked again")


def one_kill(world, clients, chance, why):
    until = threading.Event()
    threads = [threading.Thread(target=client.work, args=(until,)) for client in clients]
    for thread in threads:
        thread.start()
    time.sleep(chance.random() ** 2 * 0.25)
    world.kill()
    until.set()
    for thread in threads:
        thread.join()
    world.start(wait=False)
    wait_for("pepctld answers", lambda: answers(world))
    for client in clients:
        client.settle(why)


def answers(world):
    assert world.daemon.poll() is None, f"pepctld ended:\n{world.log()[-4000:]}"
    with contextlib.suppress(OSError, EOFError), wire.Peer(str(world.socket)) as peer:
        return peer.call("ListSets")
    return None


def kills(world):
    """Policies, members and leases of several clients over every kill."""
    wanted, chance, count = int(os.environ.get(KILLS, USUAL)), random.Random(SEED), 0
    end = None if KILLS in os.environ else time.monotonic() + SECONDS
    world.start()
    with wire.Peer(str(world.socket)) as peer:
        peer.call("ApplyChanges", operations=[{"put_set": {"name": name}} for name in
                                              ["held", *(f"s{i}" for i in range(CLIENTS))]])
    clients = [Client(world, number) for number in range(CLIENTS)]
    while count < wanted and not (end and count and time.monotonic() > end):
        count += 1
        one_kill(world, clients, chance, f"kill {count}")
    print(f"{count} kills from seed {SEED}: {sum(c.acknowledged for c in clients)} changes acknowledged, "
          "0 lost, 0 halves")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[2].isdigit():
        os.environ[KILLS] = sys.argv.pop()
    main([kills])
