"""Measures files as they come from other software against polars, whole processes in turn:

    pip install polars==2.1.0
    cargo build --release
    python tests/benches/shapes.py DIR [--transform target/release/transform] [--before OTHER] [--runs 5] [--only quoted,doubles,...]

Makes a file of 120 MB per shape in DIR, the same on every machine, unless it is there. Every contender starts cold, with empty
output and state folders, in the same order each round; ratios are medians over the rounds. polars reads the needed columns only,
by its streaming engine (scan) and at once (read): the faster one counts. All must predict the same, to 1e-9.
"""
import argparse, json, os, random, shutil, statistics as st, subprocess, sys, tempfile, time

POLARS = "2.1.0"
SIZE = 120_000_000
ROWS = 20_000  # of a block, which is written again and again
WORDS = "order shipped late customer asked twice blue crate north depot signed return partly paid see invoice new label".split()


def texts(rng, words):
    return " ".join(rng.choices(WORDS, k=words))


def quoted(rng):
    """60 columns, a third quoted texts with commas and doubled quotes, CRLF."""
    def text():
        return f'"{texts(rng, 2)}, ""{texts(rng, 1)}"", {texts(rng, 1)}"'
    row = lambda i: [text() if c % 3 == 0 else "%.4f" % rng.gauss(0, 100) for c in range(60)]
    names = [f"t{c}" if c % 3 == 0 else f"x{c}" for c in range(60)]
    return names, [f"x{c}" for c in range(60) if c % 3 == 1], row, "\r\n"


def doubles(rng):
    """Ten numbers of 17 digits."""
    names = [f"x{c}" for c in range(10)]
    return ["id", *names], names, lambda i: [str(i), *("%.17g" % rng.gauss(0, 10) for _ in names)], "\n"


def integers(rng):
    """Ten numbers of one to three digits."""
    names = [f"x{c}" for c in range(10)]
    return ["id", *names], names, lambda i: [str(i), *(str(rng.randrange(1000)) for _ in names)], "\n"


def dates(rng):
    """Twelve dates and times that nobody needs, three numbers."""
    def when(c):
        date = f"{rng.randrange(1990, 2027)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        clock = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
        return (date, f"{date} {clock}", f"{date}T{clock}.{rng.randrange(1000):03}Z")[c % 3]
    names = [f"at{c}" for c in range(12)]
    needed = ["price", "amount", "weight"]
    row = lambda i: [*map(when, range(12)), "%.2f" % rng.uniform(0, 500), str(rng.randrange(100)), "%.3f" % rng.uniform(0, 90)]
    return names + needed, needed, row, "\n"


def notes(rng):
    """A note of several lines and two other texts that nobody needs, four numbers."""
    def note():
        lines = "\n".join(texts(rng, rng.randrange(3, 9)) for _ in range(rng.randrange(1, 6)))
        return f'"{lines}, ""{texts(rng, 1)}"""'
    needed = ["x0", "x1", "x2", "x3"]
    row = lambda i: [str(i), texts(rng, 2), note(), *("%.4f" % rng.gauss(0, 100) for _ in needed), texts(rng, 1)]
    return ["id", "name", "note", *needed, "state"], needed, row, "\n"


SHAPES = {f.__name__: f for f in (quoted, doubles, integers, dates, notes)}


def make(shape, folder):
    """The shape's file in a folder of its own, and its model."""
    names, needed, row, end = SHAPES[shape](random.Random(7))
    if not os.path.exists(f"{folder}/{shape}.json"):
        os.makedirs(f"{folder}/{shape}", exist_ok=True)
        block = "".join(",".join(row(i)) + end for i in range(ROWS)).encode()
        with open(f"{folder}/{shape}/{shape}.csv", "wb") as f:
            f.write((",".join(names) + end).encode())
            for _ in range(SIZE // len(block) + 1):
                f.write(block)
        with open(f"{folder}/{shape}.json", "w") as f:
            json.dump({"features": needed, "coefficients": [i / 7 for i in range(1, len(needed) + 1)], "intercept": 3.25}, f)
        os.sync()
    return f"{folder}/{shape}", f"{folder}/{shape}.json"


def polars(way, source, model, target):
    """A contender's whole process."""
    import polars as pl
    m = json.load(open(model))
    features = m["features"]
    e = (pl.sum_horizontal([pl.col(c) * w for c, w in zip(features, m["coefficients"])]) + m["intercept"]).alias("prediction")
    if way == "scan":
        pl.scan_csv(source).select(e).sink_csv(target)
    else:
        pl.read_csv(source, columns=features).select(e).write_csv(target)


if sys.argv[1:2] == ["--polars"]:
    polars(*sys.argv[2:])
    sys.exit()

p = argparse.ArgumentParser()
p.add_argument("folder")
p.add_argument("--transform", default="target/release/transform")
p.add_argument("--before", help="another version, measured beside it")
p.add_argument("--runs", type=int, default=5)
p.add_argument("--only", default=",".join(SHAPES))
p.add_argument("--make", action="store_true", help="make the files only")
a = p.parse_args()
work = tempfile.mkdtemp(prefix="transform-shapes-")


def measure(argv):
    """Wall and CPU seconds, and peak MiB, of a process."""
    t = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        log = os.open(f"{work}/log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1), os.dup2(log, 2)
        os.execv(argv[0], argv)
    _, status, use = os.wait4(pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(argv)}\n{open(f'{work}/log').read()}")
    return time.perf_counter() - t, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024


class Worker:
    """One version of the worker, with folders, a configuration and an approved model of its own."""

    def __init__(self, binary, name, source, model):
        self.root = f"{work}/{name}"
        for d in ("models", "state", "output", "failed"):
            os.makedirs(f"{self.root}/{d}")
        self.args = [os.path.abspath(binary), "--config", f"{self.root}/transform.toml"]
        with open(f"{self.root}/transform.toml", "w") as f:
            f.write(f'[input]\npath = "{source}"\n[output]\npath = "{self.root}/output"\ncolumns = "prediction"\n'
                    f'[failed]\npath = "{self.root}/failed"\n[models]\npath = "{self.root}/models"\ngroup = "bench"\n'
                    f'[state]\npath = "{self.root}/state"\n')
        register = ["models", "register", model, "--format", "linear", "--approve"]
        subprocess.run(self.args + register, check=True, stdout=subprocess.DEVNULL)

    def run(self):
        for d in ("state", "output", "failed"):
            shutil.rmtree(f"{self.root}/{d}")
            os.makedirs(f"{self.root}/{d}")
        return measure(self.args + ["--once"])

    def predictions(self, name):
        return numbers(f"{self.root}/output/{name}.csv.out")


def numbers(path):
    with open(path) as f:
        next(f)
        return [float(line) for line in f]


def agree(shape, ours, theirs):
    off = [i for i, (x, y) in enumerate(zip(ours, theirs)) if not abs(x - y) <= 1e-9 * max(1, abs(y))]
    if len(ours) != len(theirs) or off:
        sys.exit(f"{shape}: {len(ours)} and {len(theirs)} predictions, {len(off)} of them others, the first in row {off[:1]}")


def compare(shape, folder):
    source, model = make(shape, folder)
    file, target = f"{source}/{shape}.csv", f"{work}/theirs.csv"
    versions = {"transform": Worker(a.transform, f"{shape}-now", source, model)}
    if a.before:
        versions["before"] = Worker(a.before, f"{shape}-before", source, model)
    contenders = {name: worker.run for name, worker in versions.items()}
    for way in ("scan", "read"):
        argv = [sys.executable, os.path.abspath(__file__), "--polars", way, file, model, target]
        contenders[f"polars {way}"] = lambda argv=argv: measure(argv)
    runs = {name: [] for name in contenders}
    for round_ in range(a.runs):
        for name, run in contenders.items():
            if os.path.exists(target):
                os.remove(target)
            runs[name].append(run())
            if round_ == 0 and name.startswith("polars"):
                for worker in versions.values():
                    agree(shape, worker.predictions(shape), numbers(target))
    print(f"\n{shape}, {os.path.getsize(file) / 1e6:.0f} MB: wall s, CPU s, peak MiB; times what transform takes, wall and CPU")
    for name, run in runs.items():
        wall, cpu, peak = map(st.median, zip(*run))
        ratios = [st.median(other[i] / own[i] for other, own in zip(run, runs["transform"])) for i in (0, 1)]
        print(f"  {name:12} {wall:7.3f} {cpu:7.3f} {peak:6.0f}   {ratios[0]:5.2f} {ratios[1]:5.2f}", flush=True)


try:
    if not a.make:
        import polars as pl
        if pl.__version__ != POLARS:
            sys.exit(f"polars {pl.__version__} is installed; the figures are of {POLARS}: pip install polars=={POLARS}")
    for shape in a.only.split(","):
        make(shape, os.path.abspath(a.folder)) if a.make else compare(shape, os.path.abspath(a.folder))
finally:
    shutil.rmtree(work)
