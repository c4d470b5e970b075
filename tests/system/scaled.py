"""What tests of a cluster have in common: inputs that are cut, spools whose large inputs go to it, what one machine makes of the same,
and how both are compared."""

import contextlib
import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

from cluster import Cluster, children, command
from harness import MARK, Spool, until
from machine import SOON

PYPI = ("numpy==2.4.6", "pyarrow==26.0.1")

PART = 1 << 20
FORMATS = ["*.csv", "*.jsonl", "*.csv.gz", "*.parquet"]
FOLDERS = ("output", "failed", "shadow")
LIMIT = 240


# Inputs.

def record(i):
    """An id, a number and a text with quotes, delimiters and line ends. One number in 500 is none."""
    x = "oops" if i % 500 == 77 else f"{i % 9973 / 64}"
    note = ("plain", 'says "so", and goes on', "of\nthree\n\nlines", "", "\u00e4" * (i % 40))[i % 5]
    return f"k{i}", x, note


def quoted(i):
    key, x, note = record(i)
    text = note.replace('"', '""')
    return f'{key},{x},"{text}"\n' if i % 3 or "\n" in note or '"' in note else f"{key},{x},{note}\n"


def csv(size, line=quoted):
    """A CSV of about so many bytes."""
    lines, length, i = ["id,x,note\n"], 0, 0
    while length < size:
        lines.append(line(i))
        length += len(lines[-1])
        i += 1
    return "".join(lines)


def objects(size):
    text = lambda i: json.dumps(dict(zip(("id", "x", "note"), record(i)))) + "\n"
    return csv(size, text).split("\n", 1)[1]


def parquet(path, rows=400_000, group=20_000):
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    i = np.arange(rows)
    ids = pa.array([f"k{n % 1000}" for n in range(rows)])
    x = pa.array(i % 9973 / 64, mask=i % 500 == 77)
    pq.write_table(pa.table({"id": ids, "x": x, "note": ids}), path, row_group_size=group, use_dictionary=["id", "note"], compression="none")


def all_kinds(folder):
    """Of each way in which an input is cut or isn't, and of each end that it may come to."""
    (folder / "quoted.csv").write_text(csv(6 * PART))
    (folder / "objects.jsonl").write_text(objects(3 * PART))
    parquet(folder / "table.parquet")
    # Of digits that don't become small.
    packed = csv(4 * PART, lambda i: f"k{i},{i % 9973 / 64 + i * 2654435761 % 2**32 / 2**38:.14f},n\n")
    (folder / "packed.csv.gz").write_bytes(gzip.compress(packed.encode(), 1))
    (folder / "bad.csv").write_text(csv(2 * PART, lambda i: f"k{i},{i % 7 or 'oops'},n\n"))
    (folder / "open.csv").write_text(csv(3 * PART) + 'k,1,"and no end\n' + "k,1,n\n" * (PART // 3))
    # Unlike the baseline: held.
    (folder / "strange.csv").write_text(csv(3 * PART, lambda i: f"k{i},{5000 + i % 100},n\n"))
    (folder / "small.csv").write_text(csv(2000))


def one_file(folder):
    (folder / "large.csv").write_text(csv(10 * PART))
    (folder / "small.csv").write_text(csv(2000))


# Spools.

def cluster(room):
    return room.session.share(Cluster).whole()


def spool(room, cluster, inputs=one_file, trial=("--shadow", "2"), **settings):
    """Inputs, a model with a baseline, another on trial, and a spool whose large inputs go to the cluster."""
    parts = room.path("parts")
    engine = {"kind": "ray", "address": cluster.address, "part_size": "1MiB", "python": str(cluster.python), "parts": str(parts)}
    made = plain(room, **{**{f"engine__{key}": value for key, value in engine.items()}, **SOON, **settings})
    made.parts = parts
    (made.folder / "baseline.csv").write_text(csv(PART, lambda i: f"k{i},{i % 9973 / 64},n\n"))
    for slope, flags in ((2, ("--approve", "--baseline", "baseline.csv")), (3, ())):
        model = {"features": ["x"], "coefficients": [slope / 7], "intercept": 0.1}
        (made.folder / "model.json").write_text(json.dumps(model))
        made.run("models", "register", "model.json", "--format", "linear", *flags)
    made.run("experiment", "start", "trial", *trial)
    inputs(made.input)
    return made


def plain(room, **settings):
    settings = {"input__include": FORMATS, "output__columns": "all", "models__group": "lines", **settings}
    made = Spool(room, **{"alerts__path": "alerts", "shadow__path": "shadow", **settings})
    made.paths |= {"alerts": made.folder / "alerts", "shadow": made.folder / "shadow"}
    return made


def reference(room, of):
    """What one machine makes of the same inputs by the same models."""
    settings = {key.replace(".", "__"): value for key, value in of.settings.items() if not key.startswith("engine.")}
    twin = plain(room, **{key: value for key, value in settings.items() if not key.endswith("__path")})
    for folder in ("models", "input"):
        shutil.copytree(of.paths[folder], twin.paths[folder], dirs_exist_ok=True)
    process = room.start("local", *twin.argv("--once"), cwd=twin.folder)
    assert process.wait(120) in (0, 1), process.text()
    return made(twin)


def made(spool):
    """All that came of the inputs, but for when."""
    found = {"history": {}, "alerts": []}
    for folder in FOLDERS:
        for path in spool.paths[folder].rglob("*"):
            if path.is_file() and path.name != MARK:
                name = f"{folder}/{path.relative_to(spool.paths[folder])}"
                found[name] = path.read_bytes().replace(str(spool.folder).encode(), b"SPOOL")
    for done in json.loads(spool.run("history", "--json")):
        timeless = {key: value for key, value in done.items() if key not in ("transformation", "at", "took_seconds")}
        # Once for each input: neither again, nor for nothing.
        assert done["input"] not in found["history"], done
        found["history"][done["input"]] = timeless
    for path in spool.alerts.glob("*.json"):
        event = json.loads(path.read_text())
        found["alerts"].append({key: value for key, value in event.items() if key not in ("at", "since", "standing")})
    found["alerts"].sort(key=json.dumps)
    with contextlib.closing(sqlite3.connect(spool.state / "ledger.db")) as ledger:
        for table, but in (("counts", ("id", "first_seen")), ("trials", ("at", "champion_nanos", "tried_nanos")), ("faults", ())):
            rows = ledger.execute(f"SELECT * FROM {table} ORDER BY input")
            names = [column[0] for column in rows.description]
            found[table] = [{n: v for n, v in zip(names, row) if n not in but} for row in rows]
    return found


def same(got, want):
    assert sorted(got) == sorted(want), sorted(set(got) ^ set(want))
    differ = [name for name in want if got[name] != want[name]]
    assert not differ, {name: (str(got[name])[:2000], str(want[name])[:2000]) for name in differ}


def once(spool, cluster, codes=(0,), within=120):
    """A pass beside the cluster. Returns what it said."""
    process = begin(spool, cluster)
    code = process.wait(within)
    assert code in codes, f"exited with {code} instead of {codes}: {process.text()}"
    return process.text()


def begin(spool, cluster):
    return spool.room.start("once", *cluster.inside, *spool.argv("--once", "--log-level", "info"), cwd=spool.folder)


def cleared(spool, cluster):
    """Nothing is left over: no part, no draft, no process of a driver or on a node."""
    until("no part is in work", lambda: not cluster.parts_at_work())
    until("no bridge is left", lambda: not cluster.drivers())
    until("no part is left", lambda: not leftovers(spool))


def leftovers(spool):
    return parts_of(spool) + spool.leftovers(spool.output, spool.failed, spool.state)


def parts_of(spool):
    """Files of parts, done or not; folders may go while they are looked for."""
    return [Path(folder, name) for folder, _, names in os.walk(spool.parts) for name in names]


def begun(spool):
    return [path for path in parts_of(spool) if not path.name.startswith(".")]


def in_mid_run(spool):
    """Waits until a part is begun, which no question to nodes is."""
    until("a part is there", lambda: begun(spool), 60)


def large(spool):
    """The output that must not be there before it is right."""
    return spool.output / "large.csv.out"


def disturbed(room, disturb, codes=(0,), **settings):
    """A run that something is done to in its middle, in the end gives the reference."""
    ray = cluster(room)
    scored = spool(room, ray, **settings)
    want = reference(room, scored)
    process = begin(scored, ray)
    in_mid_run(scored)
    disturb(scored, ray, process)
    code = process.wait(120)
    assert code in codes, f"exited with {code}: {process.text()}"
    if code:
        assert not large(scored).exists()
        once(scored, ray)
    same(made(scored), want)
    cleared(scored, ray)
    return process.text()


def bridges(process):
    return [pid for pid in children(process.child.pid) if b"python" in command(pid).split(b"\0")[0]]


# A node that is unlike the others: commands that mount something in it.

def copy(scored, path):
    """Of a folder or file, in the room."""
    at = scored.room.folder / f"copy-of-{path.name}-{len(list(scored.room.folder.iterdir()))}"
    (shutil.copytree if path.is_dir() else shutil.copy)(path, at)
    return at


def no_inputs(scored):
    return [f"mount -t tmpfs none {scored.input}"]


def no_parts(scored):
    return [f"mount -t tmpfs none {scored.parts}"]


def another_artifact(scored):
    stale = copy(scored, scored.models)
    artifact = stale / "lines" / "1" / "linear.json"
    artifact.write_text(artifact.read_text().replace("0.1", "0.2"))
    return [f"mount --bind {stale} {scored.models}"]


def another_manifest(scored):
    stale = copy(scored, scored.models)
    manifest = stale / "lines" / "1" / "model.toml"
    manifest.write_text(manifest.read_text() + "# of another day\n")
    return [f"mount --bind {stale} {scored.models}"]


def no_version(scored):
    stale = copy(scored, scored.models)
    shutil.rmtree(stale / "lines" / "1")
    return [f"mount --bind {stale} {scored.models}"]


def another_program(scored):
    other = copy(scored, Path(scored.room.transform))
    with open(other, "ab") as file:
        file.write(b"another")
    return [f"mount --bind {other} {scored.room.transform}"]


def other_bytes(scored):
    """Of the same size and time, and others everywhere."""
    other = copy(scored, scored.input)
    file = other / "large.csv"
    file.write_text(file.read_text().replace("k1", "k2"))
    subprocess.run(["touch", "-r", scored.input / "large.csv", file], check=True)
    return [f"mount --bind {other} {scored.input}"]


# What is said of each.
UNFIT = {
    no_inputs: "input",
    no_parts: "parts",
    another_artifact: "model",
    another_manifest: "model",
    no_version: "model",
    another_program: "install the same",
}


def with_a_bad_node(room, mounts, words):
    """One good node, and one with these mounts. The good one does it all, and the other is named."""
    ray = cluster(room)
    scored = spool(room, ray)
    want = reference(room, scored)
    ray.end(ray.nodes[0])
    [bad] = ray.add(mounts(scored))
    try:
        said = once(scored, ray)
        assert bad.address in said and re.search(words, said), said
        same(made(scored), want)
        cleared(scored, ray)
    finally:
        ray.end(bad)


def unavailable(room, code, words, *codes, **engine):
    """Small inputs are scored, large ones wait, and it is said what is wrong. Without the engine, one machine scores them, too."""
    ray = cluster(room)
    scored = spool(room, ray, **{f"engine__{key}": str(value) for key, value in engine.items()})
    want = reference(room, scored)
    said = once(scored, ray, codes=codes)
    assert code in said and re.search(words, said), said
    assert not large(scored).exists()
    small = "output/small.csv.out"
    assert (scored.output / "small.csv.out").read_bytes() == want[small], said
    cleared(scored, ray)
    local = room.start("local", *scored.argv("--once", "--set", "engine.kind=local"), cwd=scored.folder)
    assert local.wait(60) == 0, local.text()
    same(made(scored), want)
