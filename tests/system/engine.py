"""Large inputs, scored on a Ray cluster: what comes out is, byte for byte, what one machine makes of them, whatever dies meanwhile; or
it is said what is wrong, and small inputs are scored all the same. `engine_faults` has more that goes wrong."""

import re
import subprocess

from cluster import DEBIAN, stopped_part
from harness import until
from machine import healed, start, status
from scaled import (
    LIMIT, PYPI, UNFIT, all_kinds, another_manifest, begin, cleared, cluster, disturbed, in_mid_run, large,
    made, once, reference, same, spool, unavailable, with_a_bad_node,
)


def test_parts_on_nodes_give_the_bytes_of_one_machine(room):
    ray = cluster(room)
    scored = spool(room, ray, all_kinds)
    want = reference(room, scored)
    assert {name for name in want if name.startswith("failed/") and "error" in name} == {"failed/bad.csv.error.json", "failed/open.csv.error.json"}
    assert "failed/strange.csv.held.json" in want and "output/quoted.csv.out" in want, sorted(want)
    once(scored, ray, codes=(1,))
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


def test_arms_are_those_of_one_machine(room):
    """Keys decide which of two versions answers a row."""
    ray = cluster(room)
    test = ("--challenger", "2", "--share", "30%", "--key", "id")
    scored = spool(room, ray, all_kinds, test, output__model_version=True)
    want = reference(room, scored)
    assert want["history"]["quoted.csv"]["arms"]["challenger"]["rows"] > 1000, want["history"]["quoted.csv"]
    once(scored, ray, codes=(1,))
    same(made(scored), want)
    cleared(scored, ray)


def test_check_asks_each_node(room):
    ray = cluster(room)
    scored = spool(room, ray)
    check = lambda: subprocess.run([*ray.inside, *scored.argv("check")], cwd=scored.folder, capture_output=True, text=True, timeout=60)
    checked = check()
    assert checked.returncode == 0, checked
    assert all(node.address in checked.stdout + checked.stderr for node in ray.nodes), checked
    cleared(scored, ray)


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


def test_a_node_that_dies_costs_its_parts_alone(room):
    def disturb(scored, ray, process):
        stopped_part(ray.nodes[0])
        ray.end(ray.nodes[0])

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


def test_a_stale_model_on_one_node_is_never_used(room):
    with_a_bad_node(room, another_manifest, "model")


def test_a_dead_address_is_named(room):
    unavailable(room, "engine_unavailable", "127.0.0.2:6380", 75, address="127.0.0.2:6380")


def test_another_ray_is_named(room):
    bare = room.folder / "other"
    subprocess.run(["python3", "-m", "venv", "--without-pip", bare], check=True)
    [packages] = bare.glob("lib/python*/site-packages")
    (packages / "ray").mkdir()
    (packages / "ray" / "__init__.py").write_text('__version__ = "1.13.0"\ndef remote(**_): return lambda f: f\n')
    unavailable(room, "", r"has Ray 1\.13\.0", 64, 75, python=bare / "bin" / "python")

for name in [name for name in vars() if name.startswith("test_")]:
    vars()[name].limit = LIMIT
