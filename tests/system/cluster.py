"""A Ray cluster in a network of its own. Each node is as a machine: it has its own processes, which end with it at once, its own view
of the file system, and an address on the loopback, which is all of the network that there is."""

import os
import signal
from pathlib import Path

from harness import Process, python_with, until

DEBIAN = {"ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux"}

# That of the pinned range that SCALE.md names.
RAY = "ray==2.60.0"
PORT = 6379
# What Ray's store of objects takes of a node, in bytes: no less is possible. No row is ever in it.
STORE = 80 << 20
# A node that is gone is known as gone after some five seconds instead of fifteen.
ENVIRONMENT = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_USAGE_STATS_ENABLED": "0",
    **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
}

NETWORK = "ip link set lo up && echo up && exec sleep infinity"
# What is mounted in it is seen in this node alone.
NODE = """
mount -t tmpfs -o size=256m none /dev/shm
{mounts}
exec "$@"
"""


class Cluster:
    """A head, which runs no tasks, and nodes with one CPU each."""

    def __init__(self, room, nodes=2):
        self.room = room
        self.python = python_with(RAY)
        self.nodes = []
        self.started = 0
        self.network = room.start("network", "unshare", "--net", "sh", "-c", NETWORK)
        self.network.says("up")
        # Enters the network by exec: what runs behind it has the pid of what was started, and sees the machine's own files.
        self.inside = ["nsenter", f"--net=/proc/{self.network.child.pid}/ns/net", "--", "env", "-u", "PYTHONPATH"]
        self.head = self.start(["--head", "--port", str(PORT), "--num-cpus", "0", "--include-dashboard", "false"])
        self.head.ready()
        self.address = f"{self.head.address}:{PORT}"
        self.add(*[()] * nodes)

    def start(self, arguments, mounts=()):
        self.started += 1
        address = f"127.0.0.{self.started + 1}"
        # A path of a socket has 107 bytes at most.
        files = self.room.path(f"r{self.started}")
        own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec", NODE.format(mounts="\n".join(mounts)), "sh"]
        ray = [self.python.parent / "ray", "start", "--block", "--node-ip-address", address, "--temp-dir", files]
        argv = [*self.inside, *own, *ray, "--object-store-memory", str(STORE), *arguments]
        node = Node(self.room.folder / f"node-{self.started}.log", argv, env=ENVIRONMENT)
        node.address = address
        self.room.processes.append(node)
        return node

    def add(self, *mounts):
        """A node for each of these lists of commands that mount something."""
        added = [self.start(["--address", self.address, "--num-cpus", "1"], commands) for commands in mounts]
        for node in added:
            node.ready()
        self.nodes += added
        return added

    def whole(self, nodes=2):
        """Has so many nodes, none with mounts of a test: those that died or were ended are replaced."""
        self.nodes = [node for node in self.nodes if node.alive()]
        if len(self.nodes) < nodes:
            self.add(*[()] * (nodes - len(self.nodes)))
        return self

    def end(self, node):
        """As if its plug were pulled: all of its processes at once."""
        node.kill()
        self.nodes.remove(node)
        until("its processes are gone", lambda: not node.processes())

    def processes(self):
        """Of the whole cluster and of what runs beside it: the pids in its network."""
        network = link(self.network.child.pid, "net")
        return [pid for pid in pids() if link(pid, "net") == network]

    def parts_at_work(self):
        """The pids of `transform part run`, whoever their parents are."""
        return [pid for pid in self.processes() if is_part(pid)]

    def drivers(self):
        """The pids of what runs beside the nodes: workers and their bridges."""
        nodes = {process.child.pid for process in (self.network, self.head, *self.nodes)}
        own = link(os.getpid(), "pid")
        return [pid for pid in self.processes() if link(pid, "pid") == own and pid not in nodes]


class Node(Process):
    def ready(self):
        self.says("Ray runtime started", within=60)
        [child] = children(self.child.pid)
        self.own = link(child, "pid")

    def processes(self):
        return [pid for pid in pids() if link(pid, "pid") == self.own]

    def parts_at_work(self):
        return [pid for pid in self.processes() if is_part(pid)]

    def raylet(self):
        [pid] = [pid for pid in self.processes() if command(pid).split(b"\0")[0].endswith(b"/raylet")]
        return pid

    def signal_all(self, number):
        for pid in self.processes():
            send(pid, number)

    def mount(self, script):
        """Mounts something in its view of the file system, while it runs."""
        pid = self.raylet()
        argv = ["nsenter", f"--mount=/proc/{pid}/ns/mnt", "--", "sh", "-ec", script]
        mounted = Process(self.log.with_suffix(".mounts"), argv)
        assert mounted.wait(30) == 0, mounted.text()


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def link(pid, namespace):
    """None of one that ended meanwhile."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{namespace}")
    except OSError:
        return None


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_part(pid):
    return b"\0part\0run\0" in command(pid)


def parent(pid):
    """None of one that ended meanwhile."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def children(pid):
    """Of all its threads."""
    return [child for child in pids() if parent(child) == pid]


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def stopped_part(node, within=60):
    """Waits until this node has a part in work, and stops it there: what is done next finds it unfinished."""

    def stop():
        for pid in node.parts_at_work():
            if send(pid, signal.SIGSTOP):
                return pid
        return None

    return until(f"{node.address} scores a part", stop, within)
