"""Measures each format of files against polars, DuckDB and pandas, whole processes in turn:

    pip install polars==2.1.0 duckdb==2.0.1 pandas==3.1.1 pyarrow==26.0.1 zstandard==0.25.0
    cargo build --release
    python tests/benches/formats.py DATA [--transform target/release/transform] [--runs 5] [--only big,orders] [--formats parquet,...]
    python tests/benches/formats.py DATA --large

DATA: as the team's shared bench makes it (big/big.csv and linear.json, orders/orders.csv and orders.json). The same rows in each format
are written to DATA/formats/ unless they are there. Every contender starts cold, with empty output and state folders, reads the file,
predicts and writes the predictions in the file's own format, in the same order each round; medians. All must predict the same, to
1e-9. Compressed CSVs also stand beside the sum of `zcat` or `zstdcat` to /dev/null and of the plain file scored. JSON Lines keep their
objects, as transform does; the others write predictions alone. --large: the peak of a Parquet file of 2 GB in row groups of 64 MB.
"""
import argparse, json, os, shutil, statistics as st, subprocess, sys, tempfile, time

FORMATS = ("csv", "csv.gz", "csv.zst", "tsv", "jsonl", "jsonl.gz", "parquet", "arrow")
MODELS = {"big": "linear.json", "orders": "orders.json"}


def make(data, shape, end, target):
    """A process of its own: what it holds would count as the peak of those that are started later."""
    import polars as pl
    rows = pl.read_csv(f"{data}/{shape}/{shape}.csv")
    plain, _, packed = end.partition(".")
    path = f"{target}.part"
    if plain == "parquet":
        rows.write_parquet(path, row_group_size=200_000)
    elif plain == "arrow":
        rows.write_ipc(path, compression="uncompressed", record_batch_size=200_000)
    elif plain == "jsonl":
        rows.write_ndjson(path)
    else:
        rows.write_csv(path, separator="\t" if plain == "tsv" else ",")
    if packed:
        program = {"gz": ["gzip", "-6c"], "zst": ["zstd", "-3qc"]}[packed]
        with open(f"{path}.packed", "wb") as out:
            subprocess.run([*program, path], stdout=out, check=True)
        os.replace(f"{path}.packed", path)
    os.replace(path, target)


def make_large(target):
    import numpy as np, pyarrow as pa, pyarrow.parquet as pq
    rng, rows = np.random.default_rng(7), (64 << 20) // 80
    schema = pa.schema([(f"x{i}", pa.float64()) for i in range(10)])
    with pq.ParquetWriter(f"{target}.part", schema, compression="zstd") as writer:
        for _ in range(32):
            writer.write_table(pa.table({f"x{i}": rng.normal(size=rows) for i in range(10)}), row_group_size=rows)
    os.replace(f"{target}.part", target)


def contend(who, source, end, model, target):
    """A contender's whole process."""
    m = json.load(open(model))
    features, weights, intercept = m["features"], m["coefficients"], m["intercept"]
    plain, _, packed = end.partition(".")
    tab = "\t" if plain == "tsv" else ","
    if who == "polars":
        import polars as pl
        e = (pl.sum_horizontal([pl.col(c) * w for c, w in zip(features, weights)]) + intercept).alias("prediction")
        scan = {"parquet": pl.scan_parquet, "arrow": pl.scan_ipc, "jsonl": pl.scan_ndjson}.get(plain, lambda p: pl.scan_csv(p, separator=tab))
        rows = scan(source).with_columns(e) if plain == "jsonl" else scan(source).select(e)
        out = {"csv.gz": "gzip", "csv.zst": "zstd", "jsonl.gz": "gzip"}.get(end, "uncompressed")
        if plain == "parquet":
            rows.sink_parquet(target)
        elif plain == "arrow":
            rows.sink_ipc(target)
        elif plain == "jsonl":
            rows.sink_ndjson(target, compression=out)
        else:
            rows.sink_csv(target, separator=tab, compression=out)
    elif who == "duckdb":
        import duckdb
        e = " + ".join([f'"{c}" * {w!r}' for c, w in zip(features, weights)]) + f" + {intercept!r}"
        packing = {"gz": ", COMPRESSION gzip", "zst": ", COMPRESSION zstd"}.get(packed, "")
        source, form = {"parquet": (f"read_parquet('{source}')", "FORMAT parquet"), "jsonl": (f"read_json('{source}')", "FORMAT json" + packing)}.get(
            plain, (f"read_csv('{source}', delim='{tab}', header=true)", f"FORMAT csv, HEADER, DELIMITER '{tab}'" + packing))
        kept = "*, " if plain == "jsonl" else ""
        duckdb.sql(f"COPY (SELECT {kept}{e} AS prediction FROM {source}) TO '{target}' ({form})")
    else:
        import pandas as pd
        read = {"parquet": lambda p: pd.read_parquet(p, columns=features), "arrow": lambda p: pd.read_feather(p, columns=features),
                "jsonl": lambda p: pd.read_json(p, lines=True)}.get(plain, lambda p: pd.read_csv(p, sep=tab, usecols=features))
        rows = read(source)
        rows["prediction"] = sum(rows[c] * w for c, w in zip(features, weights)) + intercept
        rows = rows if plain == "jsonl" else rows[["prediction"]]
        write = {"parquet": rows.to_parquet, "arrow": rows.to_feather, "jsonl": lambda p: rows.to_json(p, orient="records", lines=True)}
        write.get(plain, lambda p: rows.to_csv(p, sep=tab, index=False))(target)


def sample(path, end):
    """Prints how many predictions a file has, and their sum, in a process of its own."""
    import polars as pl
    plain = end.partition(".")[0]
    read = {"parquet": pl.read_parquet, "arrow": pl.read_ipc, "jsonl": pl.read_ndjson}.get(plain, pl.read_csv)
    if plain == "tsv":
        read = lambda p: pl.read_csv(p, separator="\t")
    found = read(path)["prediction"]
    print(json.dumps([len(found), found.abs().sum(), found[0], found[-1]]))


STEPS = {"--made": make, "--made-large": make_large, "--contend": contend, "--sample": sample}
if sys.argv[1:2] and sys.argv[1] in STEPS:
    STEPS[sys.argv[1]](*sys.argv[2:])
    sys.exit()

p = argparse.ArgumentParser()
p.add_argument("data")
p.add_argument("--transform", default="target/release/transform")
p.add_argument("--runs", type=int, default=5)
p.add_argument("--only", default=",".join(MODELS))
p.add_argument("--formats", default=",".join(FORMATS))
p.add_argument("--peers", default="polars,duckdb,pandas")
p.add_argument("--large", action="store_true")
a = p.parse_args()
data = os.path.abspath(a.data)
work = tempfile.mkdtemp(prefix="transform-formats-")
own = [sys.executable, os.path.abspath(__file__)]


def measure(argv):
    """Wall and CPU seconds, and peak MiB, of a process."""
    t = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        log = os.open(f"{work}/log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        null = os.open("/dev/null", os.O_WRONLY)
        os.dup2(null, 1), os.dup2(log, 2)
        os.execvp(argv[0], argv)
    _, status, use = os.wait4(pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(argv)}\n{open(f'{work}/log').read()}")
    return time.perf_counter() - t, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024


class Worker:
    """transform with folders of its own, over one file."""

    def __init__(self, source, model, memory=None):
        self.root = tempfile.mkdtemp(dir=work)
        for d in ("output", "failed", "models", "state", "input"):
            os.makedirs(f"{self.root}/{d}")
        self.name = os.path.basename(source)
        os.link(source, f"{self.root}/input/{self.name}") if os.stat(source).st_dev == os.stat(self.root).st_dev else shutil.copy(source, f"{self.root}/input")
        self.args = [os.path.abspath(a.transform), "--config", f"{self.root}/transform.toml"]
        with open(f"{self.root}/transform.toml", "w") as f:
            f.write(f'[input]\npath = "{self.root}/input"\ninclude = ["{self.name}"]\nsettle = "0s"\n[output]\npath = "{self.root}/output"\ncolumns = "prediction"\n'
                    f'[failed]\npath = "{self.root}/failed"\n[models]\npath = "{self.root}/models"\ngroup = "bench"\n'
                    f'[state]\npath = "{self.root}/state"\n' + (f'[worker]\nmemory = "{memory}"\n' if memory else ""))
        register = ["models", "register", model, "--format", "linear", "--approve"]
        subprocess.run(self.args + register, check=True, stdout=subprocess.DEVNULL)

    def run(self):
        for d in ("state", "output", "failed"):
            shutil.rmtree(f"{self.root}/{d}")
            os.makedirs(f"{self.root}/{d}")
        return measure(self.args + ["--once"])

    def output(self):
        (name,) = (n for n in os.listdir(f"{self.root}/output") if not n.startswith("."))
        return f"{self.root}/output/{name}"


def predictions(path, end):
    return json.loads(subprocess.run([*own, "--sample", path, end], check=True, capture_output=True).stdout)


def source_of(shape, end):
    folder = f"{data}/formats/{shape}"
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/{shape}.{end}"
    if not os.path.exists(path):
        subprocess.run([*own, "--made", data, shape, end, path], check=True)
        os.sync()
    return path


def compare(shape, end, plain_wall):
    """Returns transform's wall seconds."""
    source, model = source_of(shape, end), f"{data}/{MODELS[shape]}"
    worker = Worker(source, model)
    contenders = {"transform": worker.run}
    targets = {}
    for peer in a.peers.split(","):
        # DuckDB has no Arrow files without an extension.
        if (peer, end) != ("duckdb", "arrow"):
            targets[peer] = f"{work}/{peer}.{end}"
            argv = [*own, "--contend", peer, source, end, model, targets[peer]]
            contenders[peer] = lambda argv=argv: measure(argv)
    unpack = {"gz": "zcat", "zst": "zstdcat"}.get(end.partition(".")[2])
    if unpack:
        contenders[unpack] = lambda: measure([unpack, source])
    runs = {name: [] for name in contenders}
    for round_ in range(a.runs):
        for name, run in contenders.items():
            if name in targets and os.path.exists(targets[name]):
                os.remove(targets[name])
            runs[name].append(run())
        if round_ == 0:
            ours = predictions(worker.output(), end)
            for name, target in targets.items():
                theirs = predictions(target, end)
                if ours[0] != theirs[0] or any(abs(x - y) > 1e-9 * max(1, abs(y)) for x, y in zip(ours[1:], theirs[1:])):
                    # pandas writes ten digits behind the point of JSON.
                    print(f"{shape}.{end}: {name} says otherwise: {ours} and {theirs}")
    print(f"\n{shape}.{end}, {os.path.getsize(source) / 1e6:.0f} MB: wall s, CPU s, peak MiB; times what transform takes, wall")
    medians = {name: [st.median(values) for values in zip(*run)] for name, run in runs.items()}
    for name, (wall, cpu, peak) in medians.items():
        print(f"  {name:10} {wall:7.3f} {cpu:7.3f} {peak:6.0f}   {wall / medians['transform'][0]:5.2f}", flush=True)
    if unpack and plain_wall:
        print(f"  times the sum of {unpack} and the plain file scored: {medians['transform'][0] / (medians[unpack][0] + plain_wall):.2f} (at most 1.2)")
    shutil.rmtree(worker.root)
    return medians["transform"][0]


def large():
    path = f"{data}/formats/large.parquet"
    os.makedirs(f"{data}/formats", exist_ok=True)
    if not os.path.exists(path):
        subprocess.run([*own, "--made-large", path], check=True)
    for memory in (None, "256MiB"):
        wall, cpu, peak = Worker(path, f"{data}/linear.json", memory).run()
        print(f"{os.path.getsize(path) / 1e9:.2f} GB of Parquet, row groups of 64 MiB, worker.memory {memory or 'as it is'}: {wall:.2f} s, {cpu:.2f} s of CPU, {peak:.0f} MiB")


try:
    if a.large:
        large()
    else:
        for shape in a.only.split(","):
            plain = {}
            for end in a.formats.split(","):
                plain[end] = compare(shape, end, plain.get(end.partition(".")[0]))
finally:
    shutil.rmtree(work)
