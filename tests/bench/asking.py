# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Another client, who asks while something large is under way."""
import multiprocessing

import peer
from rows import row, seconds


def ask(path, done, report):
    client, took = peer.Peer(path), []
    while not done.is_set():
        took.append(seconds(client.call, "GetStats"))
    client.close()
    report.send(took)


class Asking:
    """
    Calls GetStats all the while. A process of its own: a thread would wait for the interpreter's
    lock twice a call, up to 5 ms each, as long as the other client works.
    """

    def __init__(self, world):
        self.done = multiprocessing.Event()
        self.report, theirs = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.Process(
            target=ask, args=(str(world.socket), self.done, theirs))
        self.took = []

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.took = self.report.recv()
        self.process.join()

    def row(self, name):
        worst = sorted(self.took)[len(self.took) * 99 // 100] * 1000
        row(name, f"{worst:.2f}", f"ms-at-p99-of-{len(self.took)}", "<=5", worst <= 5)
