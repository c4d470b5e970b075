"""Measures the worker from outside, as its users meet it. Needs nothing but Python 3.9 and a release build:

    cargo build --release
    python3 tests/benches/worker.py [--transform target/release/transform] [--runs 5] [--only memory,drop,...] [--keep DIR]

Prints one line per figure. All files are made in DIR (else a temporary folder, 12 GB at most) and never deleted while
something is measured: ext4 without a journal searches past every inode that was freed in the last minutes.
"""
import argparse, json, os, random, resource, shutil, signal, socket, statistics as st, subprocess, sys, tempfile, time

FEATURES = [f"x{i}" for i in range(10)]
HEADER = ("id," + ",".join(FEATURES) + "\n").encode()

p = argparse.ArgumentParser()
p.add_argument("--transform", default="target/release/transform")
p.add_argument("--runs", type=int, default=5)
p.add_argument("--only", default="memory,start,idle,drop,finished,bytes,files")
p.add_argument("--finished", type=int, default=100_000, help="files in the folder that is full already")
p.add_argument("--keep", help="a folder to work in, on the disk to be measured; it is left behind, and its inputs are used again")
a = p.parse_args()
ours = os.path.abspath(a.transform)
work = os.path.abspath(a.keep) if a.keep else tempfile.mkdtemp(prefix="transform-bench-")
os.makedirs(work, exist_ok=True)

rng = random.Random(7)
ROWS = [b"%d" % i + b"".join(b",%.6f" % rng.gauss(0, 10) for _ in FEATURES) + b"\n" for i in range(20_000)]
BLOCK = b"".join(ROWS)
SMALL = HEADER + b"".join(ROWS[:100])


class Spool:
    """Folders, a configuration and an approved model of their own."""

    def __init__(self, inputs=None):
        self.root = tempfile.mkdtemp(dir=work)
        for d in ("models", "state", "output", "failed", "input"):
            os.makedirs(f"{self.root}/{d}")
        self.inputs = inputs or f"{self.root}/input"
        self.output = f"{self.root}/output"
        self.args = [ours, "--config", f"{self.root}/transform.toml"]
        with open(f"{self.root}/transform.toml", "w") as f:
            f.write(f'[input]\npath = "{self.inputs}"\n[output]\npath = "{self.output}"\n'
                    f'[failed]\npath = "{self.root}/failed"\n[models]\npath = "{self.root}/models"\ngroup = "bench"\n'
                    f'[state]\npath = "{self.root}/state"\n[status]\npath = "{self.root}/status"\n')
        with open(f"{self.root}/linear.json", "w") as f:
            json.dump({"features": FEATURES, "coefficients": [i / 7 for i in range(1, 11)], "intercept": 3.25}, f)
        register = ["models", "register", f"{self.root}/linear.json", "--format", "linear", "--approve"]
        subprocess.run(self.args + register, check=True, stdout=subprocess.DEVNULL)

    def once(self):
        """Wall seconds, CPU seconds and peak MiB of `--once`."""
        t = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1), os.dup2(null, 2)
            os.execv(ours, self.args + ["--once"])
        _, status, use = os.wait4(pid, 0)
        if status:
            sys.exit(f"--once failed in {self.root}")
        return time.perf_counter() - t, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024

    def daemon(self):
        """Starts the worker. Returns the process and the seconds until it said READY."""
        path = f"{self.root}/notify"
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(path)
        t = time.perf_counter()
        worker = subprocess.Popen(self.args, env={**os.environ, "NOTIFY_SOCKET": path}, stderr=subprocess.DEVNULL)
        while b"READY=1" not in notify.recv(4096):
            pass
        took = time.perf_counter() - t
        notify.close(), os.unlink(path)
        return worker, took


def stop(worker):
    worker.send_signal(signal.SIGTERM)
    worker.wait()


def large(bytes_):
    """A folder with one CSV of about so many bytes."""
    folder = f"{work}/bytes-{bytes_}"
    if not os.path.exists(folder):
        os.makedirs(folder)
        with open(f"{folder}/big.csv", "wb") as f:
            f.write(HEADER)
            while f.tell() < bytes_:
                f.write(BLOCK[: BLOCK.rfind(b"\n", 0, bytes_ - f.tell()) + 1] or ROWS[0])
        os.sync()
    return folder


def many(files):
    """A folder with so many CSVs of 100 rows."""
    folder = f"{work}/files-{files}"
    if not os.path.exists(folder):
        os.makedirs(folder)
        for i in range(files):
            with open(f"{folder}/f{i:06d}.csv", "wb") as f:
                f.write(SMALL)
        os.sync()
        time.sleep(2.1)  # so that all have settled
    return folder


def drop(spool, n, name):
    """Milliseconds from close() to the output's final name, for n drops at random moments."""
    times = []
    for i in range(n):
        f = open(f"{spool.inputs}/{name}{i}.csv", "wb", buffering=0)
        f.write(SMALL)
        t = time.perf_counter()
        f.close()
        while not os.path.exists(f"{spool.output}/{name}{i}.csv.out"):
            time.sleep(50e-6)  # a look in a tight loop would take a core from the worker
            if time.perf_counter() - t > 30:
                sys.exit(f"{name}{i}: no output within 30 s")
        times.append((time.perf_counter() - t) * 1e3)
        time.sleep(random.uniform(0.01, 0.06))
    times.sort()
    return f"p50 {times[n // 2]:.2f} ms, p99 {times[n * 99 // 100]:.2f} ms, longest {times[-1]:.2f} ms ({n} drops)"


def medians(runs):
    return [st.median(column) for column in zip(*runs)]


def say(*words):
    print(*words, flush=True)


def measure_memory():
    for size in (209_000_000, 2_090_000_000):
        folder = large(size)
        wall, cpu, peak = medians([Spool(folder).once() for _ in range(min(a.runs, 3))])
        say(f"memory: {size / 1e6:.0f} MB file: peak {peak:.0f} MiB, {wall:.2f} s wall, {cpu:.2f} s CPU")


def measure_start():
    took = []
    for _ in range(a.runs):
        worker, seconds = Spool().daemon()
        took.append(seconds * 1e3)
        stop(worker)
    say(f"start: READY after {st.median(took):.1f} ms, longest {max(took):.1f} ms (empty folder, {a.runs} starts)")


def measure_idle():
    worker, _ = Spool().daemon()
    time.sleep(5)
    ticks = lambda: sum(map(int, open(f"/proc/{worker.pid}/stat").read().rsplit(")", 1)[1].split()[11:13]))
    before = ticks()
    time.sleep(60)
    resident = [line for line in open(f"/proc/{worker.pid}/status") if line.startswith("VmRSS")][0].split()[1]
    ms = (ticks() - before) * 1000 / os.sysconf("SC_CLK_TCK")
    say(f"idle: {int(resident) / 1024:.1f} MiB resident, {ms:.0f} ms of CPU in 60 s")
    stop(worker)


def measure_drop():
    spool = Spool()
    worker, _ = spool.daemon()
    time.sleep(0.5)
    say("drop, idle:", drop(spool, 500, "idle"))
    os.link(f"{large(2_090_000_000)}/big.csv", f"{spool.inputs}/.big")
    started = time.perf_counter()
    os.rename(f"{spool.inputs}/.big", f"{spool.inputs}/big.csv")
    done = lambda: os.path.exists(f"{spool.output}/big.csv.out")
    n = 0
    lines = []
    while not done():
        lines.append(drop_while(spool, done, n))
        n += 1
    times = sorted(t for line in lines for t in line)
    say(f"drop, while 2 GB are scored ({time.perf_counter() - started:.1f} s): p50 {times[len(times) // 2]:.2f} ms,"
        f" p99 {times[len(times) * 99 // 100]:.2f} ms, longest {times[-1]:.2f} ms ({len(times)} drops)")
    stop(worker)


def drop_while(spool, done, n):
    times = []
    for i in range(20):
        if done():
            break
        name = f"busy{n}-{i}.csv"
        f = open(f"{spool.inputs}/{name}", "wb", buffering=0)
        f.write(SMALL)
        t = time.perf_counter()
        f.close()
        while not os.path.exists(f"{spool.output}/{name}.out"):
            time.sleep(50e-6)
        times.append((time.perf_counter() - t) * 1e3)
        time.sleep(random.uniform(0.005, 0.02))
    return times


def measure_finished():
    spool = Spool(many(a.finished))
    first = spool.once()[0]
    wall, cpu, peak = medians([spool.once() for _ in range(a.runs)])
    say(f"finished: --once over {a.finished} finished files {wall:.3f} s wall, {cpu:.2f} s CPU, {peak:.0f} MiB"
        f" (the first, which scored them, {first:.1f} s)")
    worker, took = spool.daemon()
    time.sleep(1)
    say(f"finished: READY after {took * 1e3:.0f} ms; drop:", drop(spool, 500, f"late{os.getpid()}-"))
    stop(worker)


def measure_bytes():
    for size in (1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 2_000_000_000):
        folder = large(size)
        wall, cpu, peak = medians([Spool(folder).once() for _ in range(a.runs if size < 1e9 else 3)])
        say(f"growth: {size / 1e6:6.0f} MB   {wall:7.3f} s   {cpu:7.3f} s CPU   {size / wall / 1e6:5.0f} MB/s   {peak:3.0f} MiB")


def measure_files():
    for files in (1, 10, 100, 1_000, 5_000, 20_000, 100_000):
        folder = many(files)
        wall, cpu, peak = medians([Spool(folder).once() for _ in range(a.runs if files < 20_000 else 1)])
        say(f"growth: {files:6d} files   {wall:7.3f} s   {cpu:7.3f} s CPU   {wall / files * 1e6:6.0f} µs a file   {peak:3.0f} MiB")


resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
for figure in a.only.split(","):
    globals()[f"measure_{figure}"]()
if not a.keep:
    shutil.rmtree(work)
