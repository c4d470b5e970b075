"""Measures `transform serve` from outside. Needs wrk, a release build, Python 3.9, and what the peers' bench keeps in DIR:

    python models.py DIR && python load.py DIR --only floor      # of ../shared/bench/serve: model, bodies, answers, floor, pace
    python3 tests/benches/serving.py DIR [--transform target/release/transform] [--runs 5] [--only start,memory,capture,tails,beside]

Prints one line per figure. Server and floor have one core, the client the other; `beside` has all of them for all, and is for root:
the worker scores a file with the niceness and the weight of its unit. What it compares it runs in turn, so ratios are of a round.
Where others work on the machine, `--realtime` (for root) has `tails` go before them: a server that waits for a time slice of
somebody else's waits 4 ms.
"""
import argparse, http.client, json, os, re, shutil, signal, socket, statistics as st, subprocess, tempfile, time

FEATURES = [f"f{i}" for i in range(10)]
CORES = sorted(os.sched_getaffinity(0))
NICE, WEIGHT = 10, 20  # of the worker's unit; others have 0 and 100

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("dir")
p.add_argument("--transform", default="target/release/transform")
p.add_argument("--runs", type=int, default=5)
p.add_argument("--only", default="start,memory,capture,tails,beside")
p.add_argument("--bodies", default="one,hundred", help="of the tails")
p.add_argument("--seconds", type=int, default=60, help="of a round of the tails")
p.add_argument("--realtime", action="store_true")
p.add_argument("--starts", type=int, default=20)
p.add_argument("--requests", type=int, default=1_000_000, help="for the memory")
p.add_argument("--file", type=float, default=2.09e9, help="bytes of the file that is scored meanwhile")
p.add_argument("--rate", type=float, default=300, help="requests a second, of tails and beside")
p.add_argument("--work", help="where a folder for spools and the file is made; a temporary one if not given. It is deleted")
a = p.parse_args()
dir, ours = os.path.abspath(a.dir), os.path.abspath(a.transform)
work = tempfile.mkdtemp(prefix="transform-serving-", dir=a.work)
BODY, ANSWER = (f"{dir}/{folder}/mlflow/one.json" for folder in ("bodies", "answers"))
FIRST = os.SCHED_FIFO, os.sched_param(1)
with open(BODY, "rb") as body, open(ANSWER) as answer:
    ROW, RIGHT = body.read(), json.load(answer)["predictions"]


class Spool:
    """Folders, a configuration and the approved model, for server and worker alike."""

    def __init__(self):
        self.root = tempfile.mkdtemp(dir=work)
        folders = ("input", "output", "failed", "models", "state", "status", "capture")
        for folder in folders:
            os.makedirs(f"{self.root}/{folder}")
        with open(f"{self.root}/transform.toml", "w") as f:
            f.writelines(f'{name}.path = "{self.root}/{name}"\n' for name in folders[:-1])
            # The disk of a bench may be fuller than one where something is captured.
            f.write('models.group = "xgb"\noutput.columns = "prediction"\nserve.auth = "none"\ncapture.max_disk = "99%"\n')
        self.args = [ours, "--config", f"{self.root}/transform.toml"]
        register = ["models", "register", f"{dir}/xgb.json", "--format", "xgboost", "--approve"]
        subprocess.run(self.args + register, check=True, stdout=subprocess.DEVNULL)


class Server:
    """A process that answers at a port, from its start on; `with` ends it."""

    def __init__(self, argv, group=None, realtime=False):
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.port = s.getsockname()[1]

        def place():
            join(group)
            if group is None:
                os.sched_setaffinity(0, CORES[:1])
            if realtime:
                os.sched_setscheduler(0, *FIRST)

        argv = [word.replace("{port}", str(self.port)) for word in argv]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=place)
        while not self.is_right():
            if self.process.poll() is not None or time.perf_counter() - self.began > 30:
                raise SystemExit(f"no right answer from {' '.join(argv)}")
            time.sleep(0.0005)
        self.ready_ms = (time.perf_counter() - self.began) * 1e3

    def is_right(self):
        try:
            got = json.loads(self.ask("POST", "/invocations", ROW))["predictions"]
            return [abs(x - y) <= 1e-5 * abs(y) for x, y in zip(got, RIGHT)] == [True]
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return False

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        return connection.getresponse().read().decode()

    def metric(self, name):
        return sum(float(line.split()[-1]) for line in self.ask("GET", "/metrics").splitlines() if re.match(rf"{name}[{{ ]", line))

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def load(self, seconds):
        """Requests and the server's CPU seconds, in a closed loop of 32 connections."""
        script = f"{work}/post.lua"
        with open(script, "w") as f:
            f.write(f'wrk.method, wrk.body = "POST", io.open("{BODY}"):read("*a")\nwrk.headers["Content-Type"] = "application/json"\n'
                    'function done(s) local e = s.errors\nprint(s.requests, s.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout) end\n')
        before = self.cpu()
        argv = ["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{self.port}/invocations"]
        out = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, CORES[-1:])).stdout
        requests, took, errors = map(float, out.splitlines()[-1].split())
        if errors:
            raise SystemExit(f"{errors:.0f} requests failed")
        return requests, took, self.cpu() - before

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def serve(spool, *settings, **place):
    words = (word for s in ("serve.listen=127.0.0.1:{port}", *settings) for word in ("--set", s))
    return Server([*spool.args, "serve", *words], **place)


def floor(threads=1, **place):
    return Server([f"{dir}/target/release/floor", dir, "{port}", str(threads)], **place)


def pace(server, seconds, body="one", place=lambda: None):
    """An open loop of so many seconds: latencies from the moments at which requests were due. It sleeps in between."""
    argv = [f"{dir}/target/release/pace", str(server.port), "/invocations", f"{dir}/bodies/mlflow/{body}.json", str(a.rate), "32", str(seconds),
            "sleep", "Content-Type: application/json"]
    figures = json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, preexec_fn=place).stdout)
    if figures["errors"] or figures["unanswered"]:
        raise SystemExit(f"not all were answered: {figures}")
    return figures


# Control groups, of version 2 or 1.
UNIFIED = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
GROUPS = "/sys/fs/cgroup" if UNIFIED else "/sys/fs/cgroup/cpu"


def make(name, weight):
    """A control group beside those of the machine's services."""
    group = f"{GROUPS}/transform-serving-{name}"
    os.makedirs(group, exist_ok=True)
    if UNIFIED:
        with open(f"{GROUPS}/cgroup.subtree_control", "w") as f:
            f.write("+cpu")
    with open(f"{group}/cpu.weight" if UNIFIED else f"{group}/cpu.shares", "w") as f:
        f.write(str(weight if UNIFIED else weight * 1024 // 100))
    return group


def join(group):
    if group:
        with open(f"{group}/cgroup.procs", "w") as f:
            f.write(str(os.getpid()))


def around(values):
    """The median, and the least and the most: of five, the true median lies between these with 94%."""
    return f"{st.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def say(*words):
    print(*words, flush=True)


def measure_start():
    spool, took = Spool(), []
    for _ in range(a.starts):
        with serve(spool) as server:
            took.append(server.ready_ms)
    say(f"start: first right answer after {st.median(took):.1f} ms, least {min(took):.1f}, most {max(took):.1f} ({a.starts} starts)")


def measure_memory():
    with serve(Spool()) as server:
        done, seen = 1, [(1, server.resident())]
        while done < a.requests:
            done += server.load(3)[0]
            seen.append((done, server.resident()))
        say("memory: MiB resident after requests:", ", ".join(f"{mib:.1f} after {n:.0f}" for n, mib in seen))


def measure_capture():
    spool, rates, costs, lost = Spool(), [], [], 0
    for _ in range(a.runs):
        rounds = []
        for settings in ((), (f"capture.path={spool.root}/capture",)):
            with serve(spool, *settings) as server:
                server.load(1)
                requests, took, cpu = server.load(4)
                rounds.append((requests / took, cpu / requests * 1e6))
                if settings:
                    lost += server.metric("transform_capture_lost_total")
                    captured = server.metric("transform_captured_total")
        shutil.rmtree(f"{spool.root}/capture")
        os.makedirs(f"{spool.root}/capture")
        (rate_off, cpu_off), (rate_on, cpu_on) = rounds
        rates.append(rate_on / rate_off)
        costs.append(cpu_on / cpu_off)
        say(f"capture: {rate_off:.0f} requests a second without, {rate_on:.0f} with; CPU us a request {cpu_off:.1f} and {cpu_on:.1f}; {captured:.0f} captured, {lost:.0f} lost so far")
    say(f"capture: requests with it by those without {around(rates)}; CPU {around(costs)}; {lost:.0f} lost")


def measure_tails():
    def client():
        os.sched_setaffinity(0, CORES[-1:])
        if a.realtime:
            os.sched_setscheduler(0, *FIRST)

    spool = Spool()
    for body in a.bodies.split(","):
        ratios = []
        for _ in range(a.runs):
            runs = []
            for start in (lambda: floor(realtime=a.realtime), lambda: serve(spool, realtime=a.realtime)):
                with start() as server:
                    pace(server, 1, body, client)
                    runs.append(pace(server, a.seconds, body, client))
            of_floor, of_ours = runs
            ratios.append(of_ours["p99_us"] / of_floor["p99_us"])
            say(f"tails: {body}: floor and server: p50 {of_floor['p50_us']:.0f} and {of_ours['p50_us']:.0f} us, p99 {of_floor['p99_us']:.0f} and"
                f" {of_ours['p99_us']:.0f}, p99.9 {of_floor['p999_us']:.0f} and {of_ours['p999_us']:.0f}; p99 {ratios[-1]:.2f} times")
        say(f"tails: {body}: p99 by the floor's {around(ratios)}")


def large():
    """A spool whose input has one file of so many bytes."""
    spool = Spool()
    import random
    rng = random.Random(7)
    block = "".join(",".join("%.6f" % rng.gauss(0, 10) for _ in FEATURES) + "\n" for _ in range(20_000)).encode()
    with open(f"{spool.root}/input/big.csv", "wb") as f:
        f.write((",".join(FEATURES) + "\n").encode())
        while f.tell() < a.file:
            f.write(block)
    time.sleep(2.1)  # so that it has settled
    return spool


def measure_beside():
    """Alone and while the file is scored: the floor, then the server. Each scoring has state and output of its own."""
    spool = large()
    groups = {name: make(name, weight) for name, weight in (("worker", WEIGHT), ("server", 100), ("client", 100))}
    runs = {}
    try:
        for k in range(a.runs):
            for name in ("floor", "server"):
                with floor(len(CORES), group=groups["server"]) if name == "floor" else serve(spool, group=groups["server"]) as server:
                    client = lambda: join(groups["client"])
                    pace(server, 1, place=client)
                    runs.setdefault(f"{name} alone", []).append(pace(server, 4, place=client))
                    state, output = f"{spool.root}/state-{k}-{name}", f"{spool.root}/output-{k}-{name}"
                    os.mkdir(state), os.mkdir(output)
                    argv = [*spool.args, "--once", "--set", f"state.path={state}", "--set", f"output.path={output}"]
                    worker = subprocess.Popen(argv, stderr=subprocess.DEVNULL, preexec_fn=lambda: (join(groups["worker"]), os.nice(NICE)))
                    time.sleep(0.3)
                    beside = pace(server, 4, place=client)
                    if worker.poll() is not None:
                        raise SystemExit(f"the worker ended before the last answer: take a larger --file, or see {spool.root}")
                    worker.terminate()
                    worker.wait()
                    runs.setdefault(f"{name} beside", []).append(beside)
                    say(f"beside: round {k + 1}, {name}: p50 {beside['p50_us']:.0f} us, p99 {beside['p99_us']:.0f}")
                    shutil.rmtree(state), shutil.rmtree(output)
    finally:
        for group in groups.values():
            os.rmdir(group)
    for name, figures in runs.items():
        say(f"beside: {name}: p50 {around([f['p50_us'] for f in figures])} us, p99 {around([f['p99_us'] for f in figures])} us")
    for when in ("alone", "beside"):
        pairs = zip(runs[f"server {when}"], runs[f"floor {when}"])
        say(f"beside: p99 {when}, by the floor's {around([s['p99_us'] / f['p99_us'] for s, f in pairs])}")


try:
    for figure in a.only.split(","):
        globals()[f"measure_{figure}"]()
finally:
    shutil.rmtree(work)
