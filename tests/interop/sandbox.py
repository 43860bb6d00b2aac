# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A pepctld of its own for a test: mount, network and process namespaces that
end with the test, whatever happens to it; a bpffs, a socket and folders that
nobody else sees; and a veth pair whose other end is in a second namespace.
"""
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from child import as_user, in_child  # pylint: disable=unused-import
from peer import PATIENCE, Failure, Peer

ADMIN, BAN, READ = 40001, 40002, 40003  # gids that nobody on the host has
NEAR, FAR = "10.77.0.1", "10.77.0.2"    # the filtered interface, and who sends to it
IFACE = "pep0"
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, CLONE_NEWNET = 1, 0x40000000


def run(*command):
    subprocess.run(command, check=True)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def terminate(_number, _frame):
    sys.exit("terminated")


def enter(main):
    """Runs main(Sandbox) of the calling script, whose first argument is pepctld, in a sandbox."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} PEPCTLD [PROTO_DIR]")
    folder = os.environ.get("PEP_SANDBOX")
    if folder:
        sys.exit(inside(main, pathlib.Path(folder)))
    if os.geteuid() != 0:
        sys.exit(f"{sys.argv[0]} makes namespaces and loads programs into the kernel: run it as root")
    signal.signal(signal.SIGTERM, terminate)
    folder = tempfile.mkdtemp(prefix="pepctl-interop-")
    try:
        os.chmod(folder, 0o755)
        # pylint: disable=subprocess-popen-preexec-fn
        result = subprocess.run(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
             sys.executable, *sys.argv], env={**os.environ, "PEP_SANDBOX": folder},
            preexec_fn=die_with_parent, check=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(result.returncode)


def inside(main, folder):
    box = Sandbox(pathlib.Path(sys.argv[1]).resolve(), folder)
    try:
        box.start()
        main(box)
        box.stop()
        return 0
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        print("--- pepctld said:", box.log()[-4000:], sep="\n", file=sys.stderr)
        return 1
    finally:
        box.clean()


class Sandbox:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.socket = str(folder / "pepctl.sock")
        self.daemon = self.far = None

    # --- the daemon

    def start(self):
        bpffs = self.folder / "bpf"
        bpffs.mkdir()
        (self.folder / "state").mkdir()
        run("mount", "-t", "bpf", "bpf", str(bpffs))
        run("ip", "link", "set", "lo", "up")
        with open(self.folder / "log", "wb") as log:
            self.daemon = subprocess.Popen(
                [self.binary, "--socket", self.socket, "--state-dir", self.folder / "state",
                 "--pin-dir", bpffs / "pepctl", "--admin-group", str(ADMIN), "--ban-group",
                 str(BAN), "--read-group", str(READ)], stderr=log, stdout=log,
                env={k: v for k, v in os.environ.items() if not k.startswith("PEPCTL_")})
        self.wait_ready()

    def wait_ready(self):
        """The socket's appearance means ready."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.daemon.poll() is not None:
                raise AssertionError(f"pepctld ended at its start with {self.daemon.returncode}")
            try:
                with Peer(self.socket) as peer:
                    assert peer.call("Check")["status"] == 1, "the daemon is not serving"
                return
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.02)
        raise AssertionError("pepctld's socket did not appear")

    def check_alive(self):
        """What must hold after whatever a client did."""
        assert self.daemon.poll() is None, f"pepctld ended with {self.daemon.returncode}"
        with Peer(self.socket) as peer:
            assert peer.call("Check", service="pepctl.v1.Pepctl")["status"] == 1, "not serving"

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        code = self.daemon.wait(PATIENCE)
        assert code == 0, f"pepctld stopped with {code}"

    def log(self):
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def clean(self):
        for process in filter(None, (self.daemon, self.far)):
            process.kill()
            process.wait()
        subprocess.run(["umount", "--lazy", str(self.folder / "bpf")], check=False,
                       stderr=subprocess.DEVNULL)

    def peer(self):
        return Peer(self.socket)

    # --- the network

    def make_network(self):
        """IFACE with NEAR here, its other end with FAR in a second namespace."""
        self.far = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.wait_far()
        run("ip", "link", "add", IFACE, "type", "veth", "peer", "name", "far0", "netns",
            str(self.far.pid))
        run("ip", "address", "add", f"{NEAR}/24", "dev", IFACE)
        run("ip", "link", "set", IFACE, "up")
        into = ["nsenter", "--net", "--target", str(self.far.pid), "ip"]
        run(*into, "address", "add", f"{FAR}/24", "dev", "far0")
        run(*into, "link", "set", "far0", "up")

    def wait_far(self):
        mine = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.far.pid}/ns/net") == mine:
            time.sleep(0.01)

    def far_away(self, function):
        """Runs it in the second namespace, in a process of its own; returns what it returns."""
        def there():
            fd = os.open(f"/proc/{self.far.pid}/ns/net", os.O_RDONLY)
            assert LIBC.setns(fd, CLONE_NEWNET) == 0, "setns"
            return function()
        return in_child(there)


def refused(code, function, *args, **kwargs):
    """Calls it and returns the Failure, which must have that code."""
    try:
        result = function(*args, **kwargs)
    except Failure as failure:
        assert failure.code == code, f"code {code} was expected, not {failure}"
        assert failure.domain == "pepctl" and failure.reason, f"no ErrorInfo in {failure}"
        return failure
    raise AssertionError(f"code {code} was expected, not success: {result}")


def run_cases(box, cases):
    """Each one, and the daemon must be alive after it."""
    for case in cases:
        try:
            case(box)
            box.check_alive()
        except Exception:
            print(f"FAILED {case.__name__}: {case.__doc__}", file=sys.stderr)
            raise
        print(f"ok {case.__name__}", flush=True)
