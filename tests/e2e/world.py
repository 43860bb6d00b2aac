# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The real binaries in namespaces of their own: here runs pepctld with pep0 and
pep1, far away is who sends. Everything ends with the test, whatever happens.

Usage of a test: test_NAME.py BUILD_DIR, as root.
"""
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from child import as_user, in_child  # pylint: disable=unused-import

PATIENCE = 20.0  # seconds for what must happen at last; never a measure
ADMIN, BAN, READ = 40001, 40002, 40003
NEAR = {4: ["10.77.0.1", "10.77.0.3"], 6: ["fd77::1", "fd77::3"]}
FAR = {4: ["10.77.0.2", "10.77.0.4"], 6: ["fd77::2", "fd77::4"]}
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


def wait_for(what, condition):
    """The first true value of the condition."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"did not happen: {what}")
        time.sleep(0.02)


def equal(value, wanted, what):
    assert value == wanted, f"{what}: {value!r} instead of {wanted!r}"


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def offloads_off(iface):
    """Each packet stays one, with its checksum written: TX/RX checksum, SG, TSO, GSO, GRO off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in (0x17, 0x1f, 0x24, 0x2c, 0x19):
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP", iface.encode(), ctypes.addressof(value))
            with contextlib.suppress(OSError):
                fcntl.ioctl(s, 0x8946, request)


def mac_of(iface):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return fcntl.ioctl(s, 0x8927, struct.pack("24s", iface.encode()))[18:24]


class World:
    def __init__(self, build, folder):
        self.build, self.folder = pathlib.Path(build).resolve(), pathlib.Path(folder)
        self.socket = self.folder / "pepctl.sock"
        self.pins = self.folder / "bpf" / "pepctl"
        self.daemon = self.far = None
        (self.folder / "bpf").mkdir()
        run("mount", "-t", "bpf", "bpf", self.folder / "bpf")
        run("mount", "-t", "tmpfs", "tmpfs", "/run")

    # --- the daemon and the command

    def start(self, *flags, wait=True, program="server/pepctld"):
        with open(self.folder / "log", "ab") as log:
            self.daemon = subprocess.Popen(
                [self.build / program, "--socket", self.socket, "--state-dir",
                 self.folder / "state", "--pin-dir", self.pins, "--admin-group", str(ADMIN),
                 "--ban-group", str(BAN), "--read-group", str(READ), *flags],
                stdout=log, stderr=log)
        if wait:
            wait_for("pepctld answers", lambda: self.daemon.poll() is not None or
                     self.ctl("info", check=False).returncode != 3)
            assert self.daemon.poll() is None, f"pepctld ended:\n{self.log()}"

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        equal(self.daemon.wait(PATIENCE), 0, "exit status of pepctld")
        self.daemon = None

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()

    def ctl(self, *words, check=True, **options):
        result = subprocess.run(
            [self.build / "client/pepctl", "--socket", self.socket, *map(str, words)],
            capture_output=True, text=True, check=False, timeout=60, **options)
        if check:
            assert result.returncode == 0, f"pepctl {' '.join(map(str, words))}: {result.stderr}"
        return result

    def json(self, *words):
        return json.loads(self.ctl("-j", *words).stdout)

    def apply(self, script):
        """Makes the ruleset equal to a policy file, in one transaction, through the library."""
        run(self.build / "client/pepctl_example_apply", input=script, text=True,
            env={**os.environ, "PEPCTL_SOCKET": str(self.socket)}, stdout=subprocess.DEVNULL)

    def policy(self, name):
        return self.json("policy", "show", name)

    def log(self):
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def subscribe(self, *words):
        """`pepctl -j events`, subscribed: its first marker has come."""
        process = subprocess.Popen(
            [self.build / "client/pepctl", "--socket", self.socket, "-j", "events", *words],
            stdout=subprocess.PIPE, text=True)
        first = json.loads(process.stdout.readline())
        equal(first["type"], "marker", "first message of a subscription")
        return process

    # --- the network

    def make_network(self):
        run("ip", "link", "set", "lo", "up")
        self.far = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        mine = os.readlink("/proc/self/ns/net")
        wait_for("a second namespace",
                 lambda: os.readlink(f"/proc/{self.far.pid}/ns/net") != mine)
        for near, far in (("pep0", "far0"), ("pep1", "far1")):
            run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns",
                self.far.pid)
            self.set_up(near, lambda *words: run("ip", *words))
            self.set_up(far, self.far_ip)
            offloads_off(near)
            self.far_away(lambda far=far: offloads_off(far))
        for family, bits in ((4, 24), (6, 64)):
            for address in NEAR[family]:
                self.add_address(lambda *w: run("ip", *w), address, bits, "pep0")
            for address in FAR[family]:
                self.add_address(self.far_ip, address, bits, "far0")

    @staticmethod
    def set_up(iface, ip):
        ip("link", "set", iface, "up")

    @staticmethod
    def add_address(ip, address, bits, iface):
        words = ["address", "add", f"{address}/{bits}", "dev", iface]
        ip(*words, *(["nodad"] if ":" in address else []))

    def far_ip(self, *words):
        run("nsenter", "--net", "--target", self.far.pid, "ip", *words)

    def far_program(self, iface):
        """A program that passes everything: what XDP_TX and redirects need at the other end of a veth."""
        self.far_ip("link", "set", "dev", iface, "xdpdrv", "obj", self.build / "bpf/packet_filter.o",
                    "sec", "xdp.frags")

    def far_away(self, function):
        """Runs it over there in a process of its own; returns what it returns."""
        def there():
            fd = os.open(f"/proc/{self.far.pid}/ns/net", os.O_RDONLY)
            assert LIBC.setns(fd, CLONE_NEWNET) == 0, "setns"
            return function()
        return in_child(there)

    # --- traffic: from far away to here

    def send_udp(self, source, target, dport, count, sport=0):
        def there():
            with socket.socket(family_of(source), socket.SOCK_DGRAM) as s:
                s.bind((source, sport))
                for number in range(count):
                    s.sendto(b"datagram %d" % number, (target, dport))
        self.far_away(there)

    def tcp(self, source, target, port, timeout=1.5, sport=0):
        """Whether an echo over a new connection works."""
        def there():
            with socket.socket(family_of(source), socket.SOCK_STREAM) as s:
                s.settimeout(timeout)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((source, sport))
                try:
                    s.connect((target, port))
                    s.sendall(b"echo")
                    return s.recv(4) == b"echo"
                except OSError:
                    return False
        return self.far_away(there)

    def ping(self, source, target, count):
        """How many echo replies come back."""
        result = subprocess.run(
            ["nsenter", "--net", "--target", str(self.far.pid), "ping", "-I", source, "-c",
             str(count), "-i", "0.05", "-W", "1", target],
            capture_output=True, text=True, check=False)
        return int(result.stdout.split(" received")[0].rsplit(" ", 1)[-1])

    @contextlib.contextmanager
    def echo_server(self, family, port):
        with socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("::" if family == 6 else "0.0.0.0", port))
            s.listen()
            pid = os.fork()
            if pid == 0:
                with contextlib.suppress(OSError):
                    while True:
                        peer = s.accept()[0]
                        peer.settimeout(5)
                        with contextlib.suppress(OSError):
                            peer.sendall(peer.recv(4))
                        peer.close()
                os._exit(0)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def clean(self):
        for process in filter(None, (self.daemon, self.far)):
            process.kill()
            process.wait()


def identity(world):
    """What was counted adds up, here and over all."""
    stats = world.json("stats")
    for c in [stats, *stats["interfaces"]]:
        equal(c["packets_total"], c["packets_allowed"] + c["packets_blocked"] +
              c["packets_reflected"] + c["packets_redirected"], "packets_total")
        equal(c["packets_blocked"], sum(c[key] for key in c if key.startswith("blocked_by_") or
              key in ("blocked_malformed", "blocked_fragments", "blocked_headers",
                      "blocked_failed")), "packets_blocked")
    events = stats["events"]
    equal(events["numbered"], events["received"] + events["suppressed"] + events["ring_full"],
          "events numbered")
    return stats


class Receiver:
    """UDP sockets here that count what arrives."""

    def __init__(self, family, *ports):
        self.sockets = []
        for port in ports:
            s = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
            s.bind(("::" if family == 6 else "0.0.0.0", port))
            s.setblocking(False)
            self.sockets.append(s)

    def take(self):
        count = 0
        for s in self.sockets:
            with contextlib.suppress(BlockingIOError):
                while True:
                    s.recv(2048)
                    count += 1
        return count

    def close(self):
        for s in self.sockets:
            s.close()


def read_until_marker(process, policy=None):
    """Events that have come up to now: until the stream is silent for a moment. Kills the reader."""
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    events = [json.loads(line) for line in process.stdout if line.endswith("}\n")]
    process.wait()
    return [e for e in events if policy is None or e.get("policy") == policy]


def main(cases):
    """Each case is a function of a World, alone in its own namespaces."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} BUILD_DIR [CASE]")
    if "PEP_WORLD" in os.environ:
        sys.exit(inside({case.__name__: case for case in cases}[sys.argv[2]]))
    if os.geteuid() != 0:
        sys.exit(f"{sys.argv[0]} makes namespaces and loads programs into the kernel: run it as root")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it leaves behind without it
    wanted = sys.argv[2:] or [case.__name__ for case in cases]
    failed = [name for name in wanted if not run_case(name)]
    sys.exit(f"failed: {' '.join(failed)}" if failed else 0)


def run_case(name):
    folder = tempfile.mkdtemp(prefix="pepctl-e2e-")
    os.chmod(folder, 0o755)
    try:
        code = subprocess.run(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
             sys.executable, sys.argv[0], sys.argv[1], name],
            env={k: v for k, v in os.environ.items() if not k.startswith("PEPCTL_")} |
            {"PEP_WORLD": folder}, check=False).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("ok" if code == 0 else "FAILED", name, flush=True)
    return code == 0


def inside(case):
    world = World(sys.argv[1], os.environ["PEP_WORLD"])
    try:
        world.make_network()
        case(world)
        if world.daemon:
            world.stop()
        return 0
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        print("--- pepctld said:", world.log()[-4000:], sep="\n", file=sys.stderr)
        return 1
    finally:
        world.clean()
        subprocess.run(["umount", "--lazy", str(world.folder / "bpf")], check=False)
