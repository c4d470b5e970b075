"""What a version on trial costs beside the champion. Needs a release build:

    python3 tests/benches/trials.py ROWS.csv CHAMPION TRIED [--format xgboost] [--key COLUMN] [--transform target/release/transform] [--runs 5]

`CHAMPION`, `TRIED`: artifacts of the same format, that take columns of ROWS.csv. Scores the file with --once alone, beside a shadow and,
with --key, in an A/B test of half the keys, in turn; prints medians of wall and CPU seconds and of peak MiB, and the CPU seconds that
the predictions of both took, which the ledger has.
"""
import argparse, json, os, shutil, sqlite3, statistics, subprocess, sys, tempfile, time

p = argparse.ArgumentParser()
p.add_argument("rows")
p.add_argument("champion")
p.add_argument("tried")
p.add_argument("--key")
p.add_argument("--format", default="linear")
p.add_argument("--transform", default="target/release/transform")
p.add_argument("--runs", type=int, default=5)
a = p.parse_args()
program = os.path.abspath(a.transform)
work = tempfile.mkdtemp(prefix="transform-shadow-")


def spool(name, *start):
    root = f"{work}/{name}"
    os.makedirs(f"{root}/input")
    folders = ("input", "output", "failed", "models", "state", "status", "shadow", "alerts")
    keys = {f"{folder}.path": f"{root}/{folder}" for folder in folders} | {"models.group": "bench", "input.settle": "0s", "output.model_version": True}
    with open(f"{root}/transform.toml", "w") as f:
        f.writelines(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    for artifact, flags in ((a.champion, ["--approve"]), (a.tried, [])):
        command(root, "models", "register", artifact, "--format", a.format, *flags)
    if start:
        command(root, "experiment", "start", "trial", *start)
    return root


def command(root, *arguments):
    subprocess.run([program, "--config", f"{root}/transform.toml", *arguments], check=True, capture_output=True)


def once(root):
    """Wall seconds, CPU seconds, peak MiB, CPU seconds of the predictions of champion and tried."""
    shutil.copy(a.rows, f"{root}/input/rows.csv")
    t = time.perf_counter()
    process = subprocess.Popen([program, "--config", f"{root}/transform.toml", "--once"], stderr=subprocess.PIPE)
    _, status, use = os.wait4(process.pid, 0)
    wall = time.perf_counter() - t
    if status:
        sys.exit(process.stderr.read().decode())
    made = sqlite3.connect(f"{root}/state/ledger.db").execute("SELECT champion_nanos, tried_nanos FROM trials").fetchone() or [0, 0]
    for folder in ("state", "output", "shadow"):
        shutil.rmtree(f"{root}/{folder}", ignore_errors=True)
    return wall, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024, made[0] / 1e9, made[1] / 1e9


try:
    spools = {"alone": spool("alone"), "beside a shadow": spool("shadow", "--shadow", "2")}
    if a.key:
        spools["in an A/B test"] = spool("test", "--challenger", "2", "--share", "50%", "--key", a.key)
    runs = [[once(root) for root in spools.values()] for _ in range(a.runs)]
    for side, name in enumerate(spools):
        wall, cpu, memory, *kernels = (statistics.median(run[side][i] for run in runs) for i in range(5))
        kernels = " + ".join(f"{kernel:.3f}" for kernel in kernels)
        print(f"{name:16} {wall:6.3f} s  {cpu:6.3f} s CPU  {memory:5.1f} MiB  {kernels} s of it predictions")
finally:
    shutil.rmtree(work)
