"""Large inputs, scored on a Ray cluster: what comes out is, byte for byte, what one machine makes of them, whatever dies meanwhile; or
it is said what is wrong, and small inputs are scored all the same."""

import contextlib
import gzip
import json
import re
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

import cluster as clusters
from cluster import Cluster, children, command, parent, send, stopped_part
from harness import MARK, Spool, until
from machine import SOON, fault, healed, start, status

DEBIAN = clusters.DEBIAN
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


def spool(room, cluster, inputs=one_file, **settings):
    """Inputs, a model with a baseline, a shadow, and a spool whose large inputs go to the cluster."""
    parts = room.path("parts")
    engine = {"kind": "ray", "address": cluster.address, "part_size": "1MiB", "python": str(cluster.python), "parts": str(parts)}
    made = plain(room, **{**{f"engine__{key}": value for key, value in engine.items()}, **SOON, **settings})
    made.parts = parts
    (made.folder / "baseline.csv").write_text(csv(PART, lambda i: f"k{i},{i % 9973 / 64},n\n"))
    for slope, flags in ((2, ("--approve", "--baseline", "baseline.csv")), (3, ())):
        model = {"features": ["x"], "coefficients": [slope / 7], "intercept": 0.1}
        (made.folder / "model.json").write_text(json.dumps(model))
        made.run("models", "register", "model.json", "--format", "linear", *flags)
    made.run("experiment", "start", "trial", "--shadow", "2")
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
    return [path for path in spool.parts.rglob("*") if path.is_file()] + spool.leftovers(spool.output, spool.failed, spool.state)


def in_mid_run(spool):
    """Waits until a part is done, and the file isn't."""
    until("a part is done", lambda: any(path.is_file() and path.stat().st_size for path in spool.parts.rglob("*")), 60)


def large(spool):
    """The output that must not be there before it is right."""
    return spool.output / "large.csv.out"


# Undisturbed.

def test_parts_on_nodes_give_the_bytes_of_one_machine(room):
    ray = cluster(room)
    scored = spool(room, ray, all_kinds)
    want = reference(room, scored)
    assert {name for name in want if name.startswith("failed/") and "error" in name} == {"failed/bad.csv.error.json", "failed/open.csv.error.json"}
    assert "failed/strange.csv.held.json" in want and "output/quoted.csv.out" in want, sorted(want)
    said = once(scored, ray, codes=(1,))
    assert "by 2 nodes" in said or len(ray.nodes) == 2, said
    same(made(scored), want)
    cleared(scored, ray)
    # Nothing is to be done twice.
    once(scored, ray, codes=(1,))
    same(made(scored), want)


def test_the_daemon_scores_dropped_files_on_nodes(room):
    ray = cluster(room)
    scored = spool(room, ray, lambda folder: None)
    worker = start(scored, *ray.inside)
    inputs = room.path("inputs")
    all_kinds(inputs)
    for path in sorted(inputs.iterdir()):
        path.rename(scored.input / path.name)
    until("all are done", lambda: status(scored)["pending"] == 0 and status(scored)["done"] >= 5, 120)
    healed(scored)
    assert worker.stop()[0] == 0
    same(made(scored), reference(room, scored))
    cleared(scored, ray)


def test_check_asks_each_node(room):
    ray = cluster(room)
    scored = spool(room, ray)
    check = lambda: subprocess.run([*ray.inside, *scored.argv("check")], cwd=scored.folder, capture_output=True, text=True, timeout=60)
    checked = check()
    assert checked.returncode == 0, checked
    assert all(node.address in checked.stdout + checked.stderr for node in ray.nodes), checked
    cleared(scored, ray)


# What dies.

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


def test_a_node_that_dies_costs_its_parts_alone(room):
    def disturb(scored, ray, process):
        stopped_part(ray.nodes[0])
        ray.end(ray.nodes[0])

    disturbed(room, disturb)


def test_a_raylet_that_dies_costs_its_parts_alone(room):
    def disturb(scored, ray, process):
        node = ray.nodes[0]
        part = stopped_part(node)
        send(node.raylet(), signal.SIGKILL)
        until("its part ends with it", lambda: part not in node.parts_at_work())
        until("the node ends", lambda: not node.alive(), 60)

    disturbed(room, disturb)


def test_a_worker_of_ray_that_dies_takes_its_part_along(room):
    def disturb(scored, ray, process):
        part = stopped_part(ray.nodes[0])
        send(parent(part), signal.SIGKILL)
        until("its part ends with it", lambda: part not in ray.parts_at_work())

    disturbed(room, disturb)


def test_a_part_that_is_killed_is_scored_again(room):
    def disturb(scored, ray, process):
        for node in ray.nodes:
            send(stopped_part(node), signal.SIGKILL)

    disturbed(room, disturb)


def test_a_driver_that_is_killed_leaves_nothing_behind_the_next_run(room):
    ray = cluster(room)
    scored = spool(room, ray)
    want = reference(room, scored)
    process = begin(scored, ray)
    in_mid_run(scored)
    stopped_part(ray.nodes[0])
    process.kill()
    # The nodes hear of it by themselves, of a part that stands still, too.
    until("no part is in work", lambda: not ray.parts_at_work(), 60)
    until("no bridge is left", lambda: not ray.drivers(), 60)
    assert not large(scored).exists()
    once(scored, ray)
    same(made(scored), want)
    cleared(scored, ray)


def bridges(process):
    return [pid for pid in children(process.child.pid) if b"python" in command(pid).split(b"\0")[0]]


def test_a_bridge_that_dies_is_said_or_started_again(room):
    def disturb(scored, ray, process):
        stopped_part(ray.nodes[0])
        [bridge] = bridges(process)
        send(bridge, signal.SIGKILL)

    said = disturbed(room, disturb, codes=(0, 75))
    assert "engine" in said, said


def test_a_daemon_goes_on_behind_a_dead_bridge(room):
    ray = cluster(room)
    scored = spool(room, ray)
    want = reference(room, scored)
    worker = start(scored, *ray.inside)
    in_mid_run(scored)
    [bridge] = bridges(worker)
    send(bridge, signal.SIGKILL)
    until("it is scored", large(scored).exists, 120)
    healed(scored)
    assert worker.stop()[0] == 0
    same(made(scored), want)
    cleared(scored, ray)


def test_stopped_in_mid_run_it_leaves_no_process_and_no_part(room):
    ray = cluster(room)
    scored = spool(room, ray)
    want = reference(room, scored)
    worker = start(scored, *ray.inside)
    in_mid_run(scored)
    stopped_part(ray.nodes[0])
    code, _ = worker.stop(within=15)
    assert code == 0, worker.text()
    cleared(scored, ray)
    assert not large(scored).exists()
    once(scored, ray)
    same(made(scored), want)
    cleared(scored, ray)


def test_a_part_that_takes_long_is_waited_for(room):
    """The others go on meanwhile, and it is right in the end."""

    def disturb(scored, ray, process):
        slow, quick = ray.nodes
        part = stopped_part(slow)
        seen = set()
        until("the other node goes on", lambda: seen.update(quick.parts_at_work()) or len(seen) >= 3, 60)
        send(part, signal.SIGCONT)

    disturbed(room, disturb)


def test_a_node_that_stands_still_is_given_up_and_disturbs_nobody_later(room):
    """What it made of a part that another made meanwhile is never used."""
    ray = cluster(room)
    scored = spool(room, ray)
    want = reference(room, scored)
    process = begin(scored, ray)
    in_mid_run(scored)
    node = ray.nodes[0]
    stopped_part(node)
    node.signal_all(signal.SIGSTOP)
    code = process.wait(150)
    assert code == 0, process.text()
    same(made(scored), want)
    node.signal_all(signal.SIGCONT)
    # It learns that it was given up, and ends.
    until("the node ends", lambda: not node.parts_at_work(), 60)
    same(made(scored), want)
    cleared(scored, ray)
    if node.alive():
        ray.end(node)


def test_an_input_that_changes_in_mid_run_is_scored_as_it_is_in_the_end(room):
    ray = cluster(room)
    scored = spool(room, ray)
    process = begin(scored, ray)
    in_mid_run(scored)
    part = stopped_part(ray.nodes[0])
    text = csv(9 * PART, lambda i: quoted(i + 1))
    (scored.input / "large.csv").write_text(text)
    send(part, signal.SIGCONT)
    process.wait(120)
    once(scored, ray)
    assert large(scored).read_text().split("\n", 2)[1] != "", large(scored)
    got, want = made(scored), reference(room, scored)
    for name in want:
        if name.startswith(FOLDERS):
            assert got[name] == want[name], name
    cleared(scored, ray)


# What is wrong with one node.

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
    """Of the same size and time."""
    other = copy(scored, scored.input)
    file = other / "large.csv"
    text = file.read_text()
    at = text.rindex("1")
    file.write_text(text[:at] + "2" + text[at + 1 :])
    subprocess.run(["touch", "-r", scored.input / "large.csv", file], check=True)
    return [f"mount --bind {other} {scored.input}"]


# What is said of each.
UNFIT = {
    no_inputs: "engine_input|input",
    no_parts: "parts",
    another_artifact: "model",
    another_manifest: "model",
    no_version: "model",
    another_program: "install the same",
}


def test_check_names_each_node_that_is_unfit(room):
    ray = cluster(room)
    scored = spool(room, ray)
    # A sample of the inputs that has stood for a while.
    subprocess.run(["touch", "-d", "1 hour ago", *scored.input.iterdir()], check=True)
    unfit = dict(zip(UNFIT, ray.add(*[mounts(scored) for mounts in UNFIT])))
    try:
        argv = [*ray.inside, *scored.argv("check")]
        ran = subprocess.run(argv, cwd=scored.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        assert ran.returncode in (64, 75), ran
        lines = {node.address: [line for line in ran.stdout.splitlines() if node.address in line] for node in ray.nodes}
        for mounts, node in unfit.items():
            assert any(re.search(UNFIT[mounts], line) for line in lines[node.address]), (mounts.__name__, ran.stdout)
        for node in set(ray.nodes) - set(unfit.values()):
            assert all(line.startswith("ok") or "the same program" in line for line in lines[node.address]), ran.stdout
        cleared(scored, ray)
    finally:
        for node in unfit.values():
            ray.end(node)


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


def test_a_stale_model_on_one_node_is_never_used(room):
    with_a_bad_node(room, another_manifest, "model")


def test_a_node_that_does_not_see_the_inputs_is_named(room):
    with_a_bad_node(room, no_inputs, "input")


def test_a_node_with_other_bytes_of_an_input_never_scores_them(room):
    with_a_bad_node(room, other_bytes, "input|large.csv")


def test_a_node_that_does_not_see_the_parts_is_named(room):
    with_a_bad_node(room, no_parts, "parts")


def test_a_node_with_another_program_is_named(room):
    with_a_bad_node(room, another_program, "install the same")


def test_a_full_disk_of_one_node_stops_nobody(room):
    def disturb(scored, ray, process):
        node = ray.nodes[0]
        part = stopped_part(node)
        node.mount(f"mount -t tmpfs -o size=16k none {scored.parts}")
        send(part, signal.SIGCONT)

    ray = cluster(room)
    node = ray.nodes[0]
    try:
        disturbed(room, disturb)
    finally:
        ray.end(node)


def test_parts_that_one_node_keeps_to_itself_are_not_missed(room):
    """It writes them where nobody else sees them."""

    def disturb(scored, ray, process):
        ray.nodes[0].mount(f"mount -t tmpfs none {scored.parts}")

    ray = cluster(room)
    node = ray.nodes[0]
    try:
        disturbed(room, disturb)
    finally:
        ray.end(node)


# An engine that isn't there.

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


def test_a_dead_address_is_named(room):
    unavailable(room, "engine_unavailable", "127.0.0.99:6379", 75, address="127.0.0.99:6379")


def test_a_missing_python_is_named(room):
    unavailable(room, "engine_unavailable", "/nowhere/python", 64, 75, python="/nowhere/python")


def test_a_python_without_ray_is_named(room):
    python = room.folder / "bare" / "bin" / "python"
    subprocess.run(["python3", "-m", "venv", "--without-pip", python.parent.parent], check=True)
    unavailable(room, "engine_", "(?i)ray", 64, 75, python=python)


def test_another_ray_is_named(room):
    bare = room.folder / "other"
    subprocess.run(["python3", "-m", "venv", "--without-pip", bare], check=True)
    [packages] = bare.glob("lib/python*/site-packages")
    (packages / "ray").mkdir()
    (packages / "ray" / "__init__.py").write_text('__version__ = "1.13.0"\ndef remote(**_): return lambda f: f\n')
    unavailable(room, "engine_version", r"1\.13\.0", 64, python=bare / "bin" / "python")


def test_a_daemon_heals_when_the_engine_comes(room):
    ray = Cluster(room, nodes=0)
    scored = spool(room, ray)
    want = reference(room, scored)
    worker = start(scored, *ray.inside)
    until("small inputs are scored", (scored.output / "small.csv.out").exists, 60)
    fault(scored, "engine_unavailable")
    ray.add(())
    until("it is scored", large(scored).exists, 120)
    healed(scored)
    assert worker.stop()[0] == 0
    same(made(scored), want)
    cleared(scored, ray)


for name in [name for name in vars() if name.startswith("test_")]:
    vars()[name].limit = LIMIT
