"""What else goes wrong with a cluster: the tests of `engine` are those that every change has to pass."""

import signal
import subprocess

from cluster import Cluster, DEBIAN, parent, send, stopped_part
from harness import until
from machine import healed, start, status
from scaled import (
    FOLDERS, LIMIT, PART, PYPI, another_program, begin, begun, bridges, cleared, cluster, csv, disturbed, in_mid_run, large,
    made, no_inputs, no_parts, once, other_bytes, quoted, reference, same, spool, unavailable, with_a_bad_node,
)


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


def test_a_part_that_takes_long_is_waited_for(room):
    """The others go on meanwhile, and it is right in the end."""

    def disturb(scored, ray, process):
        part = stopped_part(ray.nodes[0])
        seen = set()
        until("the other node goes on", lambda: seen.update(begun(scored)) or len(seen) >= 3, 60)
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
    got, want = made(scored), reference(room, scored)
    for name in want:
        if name.startswith(FOLDERS):
            assert got[name] == want[name], name
    cleared(scored, ray)


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


def test_a_missing_python_is_named(room):
    unavailable(room, "", "/nowhere/python", 64, 75, python="/nowhere/python")


def test_a_python_without_ray_is_named(room):
    python = room.folder / "bare" / "bin" / "python"
    subprocess.run(["python3", "-m", "venv", "--without-pip", python.parent.parent], check=True)
    unavailable(room, "", "has no Ray", 64, 75, python=python)


def test_a_daemon_heals_when_the_engine_comes(room):
    ray = Cluster(room, nodes=0)
    scored = spool(room, ray)
    want = reference(room, scored)
    worker = start(scored, *ray.inside)
    until("small inputs are scored", (scored.output / "small.csv.out").exists, 60)
    until("it is said", lambda: any(fault["code"] == "engine_unavailable" for fault in status(scored)["faults"]), 100)
    ray.add(())
    until("it is scored", large(scored).exists, 120)
    healed(scored)
    assert worker.stop()[0] == 0
    same(made(scored), want)
    cleared(scored, ray)

for name in [name for name in vars() if name.startswith("test_")]:
    vars()[name].limit = LIMIT
