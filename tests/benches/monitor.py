"""What watching costs, and what others take for the check alone. Needs a release build, and of each peer a virtual environment:

    for p in 'evidently==0.7.21 pandas==2.3.3' 'whylogs[viz]==1.6.4 pandas==2.3.3' 'nannyml==0.13.1 statsmodels'; do
        n=${p%%[=[]*}; python3.11 -m venv PEERS/$n; PEERS/$n/bin/pip install $p
    done
    python3 tests/benches/monitor.py ORDERS.csv --peers PEERS [--transform target/release/transform] [--runs 5]

`ORDERS.csv`: of the team's `make_data.py orders`, a million rows, of which the first hundred thousand are the reference. Seven columns are
watched: five numbers and two categories. Scores the file with [monitor] off and on in turn; then each peer compares the same columns
of all rows with the reference's, from a CSV that has these columns alone. Prints wall seconds, CPU seconds and peak MiB, medians; of
peers also the seconds of the check alone, without import and reading.
"""
import argparse, csv, json, os, resource, statistics, subprocess, sys, tempfile, time

NUMBERS = ["quantity", "unit_price", "discount", "shipping_days", "weight_kg"]
CATEGORIES = {"currency": None, "country": None}
REFERENCE = 100_000

PEERS = {
    "evidently": """
from evidently import Report, Dataset, DataDefinition
from evidently.presets import DataDriftPreset
definition = DataDefinition(numerical_columns=NUMBERS, categorical_columns=CATEGORIES)
Report([DataDriftPreset()]).run(Dataset.from_pandas(now, data_definition=definition),
                                Dataset.from_pandas(known, data_definition=definition)).dict()
""",
    "whylogs": """
import whylogs
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores
calculate_drift_scores(target_view=whylogs.log(pandas=now).view(), reference_view=whylogs.log(pandas=known).view(), with_thresholds=True)
""",
    "nannyml": """
import nannyml
drift = nannyml.UnivariateDriftCalculator(column_names=NUMBERS + CATEGORIES, treat_as_categorical=CATEGORIES, chunk_number=1)
drift.fit(known); drift.calculate(now).to_df()
""",
}

p = argparse.ArgumentParser()
p.add_argument("orders")
p.add_argument("--peers")
p.add_argument("--transform", default="target/release/transform")
p.add_argument("--runs", type=int, default=5)
p.add_argument("--only", default=",".join(PEERS))
a = p.parse_args()
work = tempfile.mkdtemp(prefix="transform-monitor-")


def run(command, **options):
    """Wall seconds, CPU seconds, peak MiB; and what it printed."""
    t = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, use = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed: {err[-2000:]}")
    return (time.perf_counter() - t, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024), out


def spool(monitor):
    root = os.path.join(work, monitor)
    for folder in ("input", "output", "failed", "models", "state"):
        os.makedirs(f"{root}/{folder}")
    os.link(os.path.join(work, "orders.csv"), f"{root}/input/orders.csv")
    with open(f"{root}/t.toml", "w") as f:
        f.write("".join(f'[{s}]\npath = "{root}/{s}"\n' for s in ("input", "output", "failed", "state", "status", "alerts")))
        f.write(f'[models]\npath = "{root}/models"\ngroup = "orders"\n[monitor]\n')
        f.write("".join(f'{area} = "{monitor}"\n' for area in ("data", "drift", "bias", "performance")))
    command = [os.path.abspath(a.transform), "--config", f"{root}/t.toml"]
    flags = ["--format", "pipeline", "--approve", "--baseline", f"{work}/reference.csv"]
    run(command + ["models", "register", f"{work}/model.json"] + flags)
    return command


with open(a.orders, newline="") as f, open(f"{work}/orders.csv", "w", newline="") as out, \
        open(f"{work}/reference.csv", "w", newline="") as reference:
    wanted = NUMBERS + list(CATEGORIES)
    writers = [csv.writer(out), csv.writer(reference)]
    [w.writerow(wanted) for w in writers]
    rows = csv.DictReader(f)
    seen = {name: set() for name in CATEGORIES}
    for i, row in enumerate(rows):
        cells = [row[name] for name in wanted]
        [seen[name].add(row[name]) for name in CATEGORIES]
        writers[0].writerow(cells)
        if i < REFERENCE:
            writers[1].writerow(cells)
inputs = [{"name": n, "missing": {"fill": 0}} for n in NUMBERS]
inputs += [{"name": n, "categories": sorted(seen[n] - {""}), "missing": "ignore", "unknown": "ignore"} for n in CATEGORIES]
terms = [{"name": n, "factors": [{"input": n}], "mean": 0, "scale": 1, "coefficient": 2} for n in NUMBERS]
with open(f"{work}/model.json", "w") as f:
    json.dump({"inputs": inputs, "terms": terms, "intercept": 0, "output": "number"}, f)

commands = {monitor: spool(monitor) for monitor in ("off", "warn")}
taken = {monitor: [] for monitor in commands}
for _ in range(a.runs):
    for monitor, command in commands.items():
        taken[monitor].append(run(command + ["--once", "--all"])[0])
ratio = statistics.median(on[1] / off[1] for on, off in zip(taken["warn"], taken["off"]))
medians = {monitor: [statistics.median(x) for x in zip(*times)] for monitor, times in taken.items()}
for monitor, (wall, cpu, memory) in medians.items():
    print(f"transform, monitor {monitor:9} {wall:8.3f} s {cpu:8.3f} s CPU {memory:7.0f} MiB")
print(f"watching takes {ratio:.2f} times the CPU of not watching")
for name in a.only.split(",") if a.peers else []:
    code = f"""
import time, pandas
NUMBERS, CATEGORIES = {NUMBERS!r}, {list(CATEGORIES)!r}
known, now = pandas.read_csv({work + "/reference.csv"!r}), pandas.read_csv({work + "/orders.csv"!r})
t = time.perf_counter()
{PEERS[name]}
print("check", time.perf_counter() - t)
"""
    (wall, cpu, memory), out = run([f"{a.peers}/{name}/bin/python", "-W", "ignore", "-c", code])
    check = float(out.split()[-1])
    ours = medians["warn"]
    print(f"{name:28} {wall:8.3f} s {cpu:8.3f} s CPU {memory:7.0f} MiB, the check alone {check:.2f} s: "
          f"{check / ours[0]:.0f} times ours whole, {memory / ours[2]:.0f} times the memory")
