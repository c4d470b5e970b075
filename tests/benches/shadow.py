"""What a shadow costs beside the champion. Needs a release build:

    python3 tests/benches/shadow.py ROWS.csv CHAMPION SHADOW [--format xgboost] [--transform target/release/transform] [--runs 5]

`CHAMPION`, `SHADOW`: artifacts of the same format, that take columns of ROWS.csv. Scores the file with --once alone and beside the shadow in
turn; prints medians of wall and CPU seconds and of peak MiB, and the CPU seconds that the shadow's predictions took, which the ledger has.
"""
import argparse, json, os, shutil, sqlite3, statistics, subprocess, sys, tempfile, time

p = argparse.ArgumentParser()
p.add_argument("rows")
p.add_argument("champion")
p.add_argument("shadow")
p.add_argument("--format", default="linear")
p.add_argument("--transform", default="target/release/transform")
p.add_argument("--runs", type=int, default=5)
a = p.parse_args()
program = os.path.abspath(a.transform)
work = tempfile.mkdtemp(prefix="transform-shadow-")


def spool(name, shadow):
    root = f"{work}/{name}"
    os.makedirs(f"{root}/input")
    folders = ("input", "output", "failed", "models", "state", "status", "shadow", "alerts")
    keys = {f"{folder}.path": f"{root}/{folder}" for folder in folders} | {"models.group": "bench", "input.settle": "0s"}
    with open(f"{root}/transform.toml", "w") as f:
        f.writelines(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    for artifact, flags in ((a.champion, ["--approve"]), (a.shadow, [])):
        command(root, "models", "register", artifact, "--format", a.format, *flags)
    if shadow:
        command(root, "experiment", "start", "trial", "--shadow", "2")
    return root


def command(root, *arguments):
    subprocess.run([program, "--config", f"{root}/transform.toml", *arguments], check=True, capture_output=True)


def once(root):
    """Wall seconds, CPU seconds, peak MiB, CPU seconds of the shadow's predictions."""
    shutil.copy(a.rows, f"{root}/input/rows.csv")
    t = time.perf_counter()
    process = subprocess.Popen([program, "--config", f"{root}/transform.toml", "--once"], stderr=subprocess.PIPE)
    _, status, use = os.wait4(process.pid, 0)
    wall = time.perf_counter() - t
    if status:
        sys.exit(process.stderr.read().decode())
    made = sqlite3.connect(f"{root}/state/ledger.db").execute("SELECT shadow_micros FROM shadows").fetchone() or [0]
    for folder in ("state", "output", "shadow"):
        shutil.rmtree(f"{root}/{folder}", ignore_errors=True)
    return wall, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024, made[0] / 1e6


try:
    alone, beside = spool("alone", False), spool("beside", True)
    runs = [(once(alone), once(beside)) for _ in range(a.runs)]
    for name, side in (("alone", 0), ("beside a shadow", 1)):
        wall, cpu, memory, kernel = (statistics.median(run[side][i] for run in runs) for i in range(4))
        print(f"{name:16} {wall:6.3f} s  {cpu:6.3f} s CPU  {memory:5.1f} MiB  {kernel:6.3f} s of it the shadow's predictions")
finally:
    shutil.rmtree(work)
