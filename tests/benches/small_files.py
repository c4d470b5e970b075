"""What watching small files costs: time, and bytes of ledger a file, which is then pruned. Needs a release build:

    python3 tests/benches/small_files.py [--transform target/release/transform] [--files 100000] [--days 4]

Files of 20 rows, a linear model of nine numbers, so ten columns with the prediction; a window of 500 rows is 25 of them. The same files
are scored by --once with [monitor] off and on ("warn"), each with a ledger of its own. Then days go by, each with as many files under new
names, while those of the day before are gone and `state.history` is a day: the ledger's times are put two days back in between.
"""
import argparse, json, os, random, shutil, sqlite3, subprocess, sys, tempfile, time

COLUMNS = [f"x{i}" for i in range(9)]
ROWS = 20
DAY = 24 * 3600 * 1_000_000

p = argparse.ArgumentParser()
p.add_argument("--transform", default="target/release/transform")
p.add_argument("--files", type=int, default=100_000)
p.add_argument("--days", type=int, default=4)
a = p.parse_args()
work = tempfile.mkdtemp(prefix="transform-small-")
draw = random.Random(7)


def rows(count):
    lines = (",".join(f"{draw.gauss(50, 10):.3f}" for _ in COLUMNS) for _ in range(count))
    return ",".join(COLUMNS) + "\n" + "\n".join(lines) + "\n"


def run(command):
    """Wall and CPU seconds."""
    t = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    err = process.stderr.read()
    _, status, use = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed: {err[-2000:]}")
    return time.perf_counter() - t, use.ru_utime + use.ru_stime


def spool(monitor):
    root = f"{work}/{monitor}"
    for folder in ("input", "output", "failed", "models", "state"):
        os.makedirs(f"{root}/{folder}")
    with open(f"{root}/t.toml", "w") as f:
        f.write("".join(f'[{s}]\npath = "{root}/{s}"\n' for s in ("input", "output", "failed", "status", "alerts")))
        f.write(f'[state]\npath = "{root}/state"\nhistory = "1d"\n[models]\npath = "{root}/models"\ngroup = "small"\n[monitor]\n')
        f.write("".join(f'{area} = "{monitor}"\n' for area in ("data", "drift", "bias", "performance")))
    command = [os.path.abspath(a.transform), "--config", f"{root}/t.toml"]
    flags = ["--format", "pipeline", "--approve", "--baseline", f"{work}/reference.csv"]
    run(command + ["models", "register", f"{work}/model.json"] + flags)
    return root, command


def drop(root, day):
    """The same for each spool: a few hundred contents, each file with its own first cell."""
    for i in range(a.files):
        with open(f"{root}/input/{day}-{i:06}.csv", "w") as f:
            head, rest = contents[i % len(contents)]
            f.write(f"{head}{i % 9973 / 100:.2f}{rest}")


def ledger(root):
    """Bytes of the database; and of the pages in it that are free."""
    with sqlite3.connect(f"{root}/state/ledger.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages, free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size"))
    return pages * size, free * size


def age(root):
    """Puts the ledger two days back: every time in it."""
    with sqlite3.connect(f"{root}/state/ledger.db") as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for column in [c[1] for c in db.execute(f"PRAGMA table_info({table})")]:
                if column in ("at", "first_seen", "since"):
                    db.execute(f"UPDATE {table} SET {column} = {column} - {2 * DAY}")
        db.execute("UPDATE meta SET value = CAST(value AS INTEGER) - ? WHERE key = 'pruned'", [2 * DAY])


with open(f"{work}/reference.csv", "w") as f:
    f.write(rows(20_000))
terms = [{"name": n, "factors": [{"input": n}], "mean": 0, "scale": 1, "coefficient": 2} for n in COLUMNS]
with open(f"{work}/model.json", "w") as f:
    json.dump({"inputs": [{"name": n, "missing": {"fill": 0}} for n in COLUMNS], "terms": terms, "intercept": 0, "output": "number"}, f)
contents = []
for _ in range(500):
    head, line, rest = rows(ROWS).split("\n", 2)
    contents.append((head + "\n", line[line.index(","):] + "\n" + rest))

sizes, spools = {}, {}
for monitor in ("off", "warn"):
    root, command = spools[monitor] = spool(monitor)
    before = ledger(root)[0] if os.path.exists(f"{root}/state/ledger.db") else 0
    drop(root, 0)
    wall, cpu = run(command + ["--once"])
    sizes[monitor] = ledger(root)[0] - before
    print(f"monitor {monitor:5} {wall:7.2f} s {cpu:7.2f} s CPU, ledger {sizes[monitor] / 1e6:6.1f} MB, {sizes[monitor] / a.files:.0f} bytes a file",
          flush=True)
print(f"watching adds {(sizes['warn'] - sizes['off']) / a.files:.0f} bytes a file")
root, command = spools["warn"]
for day in range(1, a.days):
    age(root)
    for folder in ("input", "output"):
        shutil.rmtree(f"{root}/{folder}")
        os.mkdir(f"{root}/{folder}")
    drop(root, day)
    wall, cpu = run(command + ["--once"])
    size, free = ledger(root)
    print(f"day {day + 1}: {wall:7.2f} s, ledger {size / 1e6:6.1f} MB, of which free {free / 1e6:.1f}", flush=True)
shutil.rmtree(work)
