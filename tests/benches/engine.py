"""What a cluster costs beside one machine. Needs root (networks and processes of their own for each node) and a release build:

    cargo build --release
    sudo python3 tests/benches/engine.py [--transform target/release/transform] [--runs 5] [--bytes 2000000000] [--only cpu,driver,drop] [--keep DIR] [--model FILE --format xgboost]

A Ray cluster of its own on the loopback, each node with one CPU (tests/system/cluster.py). All in turn, medians. CPU is user and system
time: of the worker, of its bridge, of all processes that score parts, by what the kernel summed up of them in their parents; and apart
from that of Ray's own processes.
"""
import argparse, json, os, random, shutil, signal, statistics, subprocess, sys, tempfile, threading, time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from cluster import Cluster, children, command
from harness import Room, Session

p = argparse.ArgumentParser()
p.add_argument("--transform", type=Path, default=Path("target/release/transform"))
p.add_argument("--runs", type=int, default=5)
p.add_argument("--bytes", type=int, default=2_000_000_000)
p.add_argument("--nodes", default="2,4")
p.add_argument("--drops", type=int, default=300)
p.add_argument("--only", default="cpu,driver,drop")
p.add_argument("--keep", type=Path, help="a folder for the input, which is used again")
p.add_argument("--model", type=Path, help="of the columns x0 to x9, in place of a linear one")
p.add_argument("--format", default="linear")
a = p.parse_args()
program = a.transform.resolve()

FEATURES = [f"x{i}" for i in range(10)]
HEADER = ("id," + ",".join(FEATURES) + "\n").encode()
rng = random.Random(7)
ROWS = [b"%d" % i + b"".join(b",%.6f" % rng.gauss(0, 10) for _ in FEATURES) + b"\n" for i in range(20_000)]
TICK = os.sysconf("SC_CLK_TCK")


def large(folder):
    path = folder / f"large-{a.bytes}.csv"
    if not path.exists():
        block = b"".join(ROWS)
        with open(path, "wb") as file:
            file.write(HEADER)
            while file.tell() < a.bytes:
                file.write(block)
        os.sync()
    return path


class Spool:
    def __init__(self, work, cluster=None, **settings):
        self.root = Path(tempfile.mkdtemp(dir=work))
        self.inside = cluster.inside if cluster else []
        folders = ("input", "output", "failed", "models", "state", "status", "alerts", "shadow")
        keys = {f"{folder}.path": str(self.root / folder) for folder in folders} | {"models.group": "bench", "input.settle": "0s"}
        if cluster:
            keys |= {"engine.kind": "ray", "engine.address": cluster.address, "engine.python": str(cluster.python)}
            keys |= {"engine.parts": str(self.root / "parts")}
        for folder in (*folders, "parts"):
            (self.root / folder).mkdir()
        keys |= {key.replace("__", "."): value for key, value in settings.items()}
        (self.root / "transform.toml").write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
        model = {"features": FEATURES, "coefficients": [i / 7 for i in range(1, 11)], "intercept": 3.25}
        (self.root / "linear.json").write_text(json.dumps(model))
        register = ["models", "register", (a.model or self.root / "linear.json").resolve(), "--format", a.format, "--approve"]
        subprocess.run(self.argv(*register), check=True, capture_output=True)

    def argv(self, *arguments):
        return [*self.inside, program, "--config", self.root / "transform.toml", *arguments]

    def reset(self):
        for folder in ("state", "output", "failed"):
            shutil.rmtree(self.root / folder)
            (self.root / folder).mkdir()


def stat(pid):
    """CPU seconds of a process, and of its children that ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    own, ended = ((int(fields[i]) + int(fields[i + 1])) / TICK for i in (11, 13))
    return own, ended


class Watch(threading.Thread):
    """Looks again and again at what the processes of a cluster have taken; what ends keeps what was seen last."""

    def __init__(self, cluster, worker):
        super().__init__(daemon=True)
        self.cluster, self.worker, self.seen, self.kinds, self.over = cluster, worker, {}, {}, threading.Event()
        self.before = {pid: stat(pid) for pid in cluster.processes()}

    def run(self):
        while not self.over.wait(0.05):
            self.look()

    def look(self):
        for pid in self.cluster.processes():
            took = stat(pid)
            if took and pid != self.worker:
                if pid not in self.kinds:
                    self.kinds[pid] = self.kind(pid)
                self.seen[pid] = took

    def kind(self, pid):
        name = command(pid)
        if b"\0part\0run" in name:
            return "part"  # its parent has it when it ended
        return "bridge" if pid in children(self.worker) else "ray"

    def end(self):
        self.look()
        self.over.set()
        self.join()
        sums = {"bridge": 0.0, "parts": 0.0, "ray": 0.0}
        for pid, (own, ended) in self.seen.items():
            own_before, ended_before = self.before.get(pid) or (0, 0)
            if self.kinds[pid] == "bridge":
                sums["bridge"] += own - own_before
            elif self.kinds[pid] == "ray":
                sums["ray"] += own - own_before
                sums["parts"] += ended - ended_before
        return sums


def once(spool, cluster=None):
    """Seconds: wall, and CPU of the worker, its bridge, the parts, and Ray's processes; peak MiB of the worker."""
    spool.reset()
    begin = time.perf_counter()
    process = subprocess.Popen([str(x) for x in spool.argv("--once")], stderr=subprocess.PIPE)
    watch = cluster and Watch(cluster, process.pid)
    if watch:
        watch.start()
    said = process.stderr.read()
    _, code, use = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    took = watch.end() if watch else {"bridge": 0.0, "parts": 0.0, "ray": 0.0}
    if code:
        sys.exit(said.decode())
    # Of the worker and of what it waited for, which is its bridge.
    worker = use.ru_utime + use.ru_stime - took["bridge"]
    return wall, worker, took["bridge"], took["parts"], took["ray"], use.ru_maxrss / 1024


def medians(runs):
    return [statistics.median(column) for column in zip(*runs)]


def measure_cpu(room, work):
    path = large(work)
    local = Spool(work)
    os.link(path, local.root / "input" / "large.csv")
    for nodes in map(int, a.nodes.split(",")):
        cluster = Cluster(room, nodes)
        spool = Spool(work, cluster)
        os.link(path, spool.root / "input" / "large.csv")
        once(local), once(spool, cluster)
        pairs = [(once(local), once(spool, cluster)) for _ in range(a.runs)]
        alone, beside = medians([pair[0] for pair in pairs]), medians([pair[1] for pair in pairs])
        ratio = statistics.median(sum(b[1:4]) / b_alone[1] for b_alone, b in pairs)
        print(f"cpu: {a.bytes / 1e9:.1f} GB alone {alone[0]:.2f} s, CPU {alone[1]:.2f} s, {alone[5]:.0f} MiB", flush=True)
        print(f"cpu: {nodes} nodes {beside[0]:.2f} s, CPU {sum(beside[1:4]):.2f} s ({ratio:.2f} times): worker {beside[1]:.2f},"
              f" bridge {beside[2]:.2f}, parts {beside[3]:.2f}; Ray's own {beside[4]:.2f}; worker's peak {beside[5]:.0f} MiB", flush=True)
        room.kill_all()


def measure_driver(room, work):
    """By sizes of parts: what a gigabyte and what a part take of the worker."""
    path = large(work)
    cluster = Cluster(room, 2)
    found = []
    for size in (8 << 20, 64 << 20, 256 << 20):
        spool = Spool(work, cluster, engine__part_size=f"{size >> 20}MiB")
        os.link(path, spool.root / "input" / "large.csv")
        once(spool, cluster)
        wall, worker, bridge, parts, ray, peak = medians([once(spool, cluster) for _ in range(a.runs)])
        count = -(-path.stat().st_size // size)
        found.append((count, worker, bridge))
        print(f"driver: parts of {size >> 20} MiB ({count}): {wall:.2f} s; CPU: worker {worker:.3f}, bridge {bridge:.3f}, parts {parts:.2f}; {peak:.0f} MiB",
              flush=True)
    (few, least, _), (many, most, _) = found[-1], found[0]
    part = (most - least) / (many - few)
    print(f"driver: {part * 1e3:.2f} ms a part, {(least - few * part) / (path.stat().st_size / 1e9):.3f} s a GB; bridge"
          f" {(found[0][2] - found[-1][2]) / (many - few) * 1e3:.2f} ms a part", flush=True)
    room.kill_all()


def measure_drop(room, work):
    """A small file, from close() to its output's name: with an engine and without, in turn."""
    small = HEADER + b"".join(ROWS[:100])
    cluster = Cluster(room, 2)
    spools = {"without an engine": Spool(work), "with one": Spool(work, cluster)}
    workers = [subprocess.Popen([str(x) for x in spool.argv()], stderr=subprocess.DEVNULL) for spool in spools.values()]
    times = {name: [] for name in spools}
    try:
        time.sleep(3)
        for n in range(a.drops):
            for name, spool in spools.items():
                output = spool.root / "output" / f"{n}.csv.out"
                with open(spool.root / "input" / f"{n}.csv", "wb", buffering=0) as file:
                    file.write(small)
                    begin = time.perf_counter()
                while not output.exists():
                    time.sleep(50e-6)
                times[name].append((time.perf_counter() - begin) * 1e3)
                time.sleep(random.uniform(0.01, 0.04))
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.wait(20)
    for name, taken in times.items():
        taken.sort()
        print(f"drop, {name}: p50 {statistics.median(taken):.2f} ms, p99 {taken[len(taken) * 99 // 100]:.2f} ms ({len(taken)} drops)", flush=True)
    room.kill_all()


with Session(program) as session, Room(session, limit=None) as room:
    work = a.keep.resolve() if a.keep else room.path("work")
    work.mkdir(parents=True, exist_ok=True)
    for figure in a.only.split(","):
        globals()[f"measure_{figure}"](room, work)
