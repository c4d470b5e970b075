"""Input, output, failed and models folders on a mounted bucket: what DESIGN.md promises of mounts, under attack."""

import json
import os
import signal
import socket
import threading
import time

from harness import Spool, always, is_mounted, line, until, xs
from mounts import Mountpoint, Rclone, S3fs
from s3 import Bucket

DEBIAN = {"s3fs": "s3fs", "rclone": "rclone", "fusermount3": "fuse3", "fuse": "libfuse2"}
# The last that run on Python 3.9.
PYPI = ("moto[server]==5.1.22", "boto3==1.42.97", "fusepy==3.0.1")

POLL = 0.5
FOLDERS = ("input", "output", "failed", "models")


def on(mount, *names, **settings):
    """A spool of which these folders are on the mount; `2 x + 1` is approved."""
    for name in names:
        (mount.path / name).mkdir(exist_ok=True)
    spool = Spool(mount.room, **{name: mount.path / name for name in names}, **settings)
    spool.approve_line(2, 1)
    return spool


def mounted(room, kind):
    """The bucket as its owner has it, and as it is mounted."""
    if kind is Mountpoint:
        mount = Mountpoint(room, "--allow-overwrite", "--allow-delete")
        return mount, mount
    bucket = Bucket(room)
    return bucket, kind(room, bucket)


def scored(bucket, key, slope, intercept, values, within=30):
    """Waits until the owner of the bucket sees the output."""
    want = line(slope, intercept, values)
    until(f"{key} is scored", lambda: bucket.get(f"output/{key}.out") == want, within)


def converges(spool, **want):
    until(f"status says {want}", lambda: spool.counts().items() >= want.items())


# --- It works.


def all_folders(room, kind):
    bucket, mount = mounted(room, kind)
    spool = on(mount, *FOLDERS)
    worker = spool.worker()
    bucket.put("input/a.csv", xs([1, 2, 3]))
    bucket.put("input/b.csv", "id\n1\n")
    scored(bucket, "a.csv", 2, 1, [1, 2, 3])
    report = until("there is a report", lambda: bucket.get("failed/b.csv.error.json"))
    assert json.loads(report)["code"] == "no_such_column", report
    converges(spool, done=1, failed=1, pending=0)
    # Mended, it is scored, and the report goes.
    bucket.put("input/b.csv", xs([4]))
    scored(bucket, "b.csv", 2, 1, [4])
    until("the report is gone", lambda: not bucket.keys("failed/b.csv"))
    # Another version is approved, through the mount.
    spool.approve_line(3, 0)
    scored(bucket, "a.csv", 3, 0, [1, 2, 3])
    scored(bucket, "b.csv", 3, 0, [4])
    # What was deleted comes back.
    (mount.path / "output" / "a.csv.out").unlink()
    scored(bucket, "a.csv", 3, 0, [1, 2, 3])
    converges(spool, done=2, failed=0, pending=0)
    assert worker.stop()[0] == 0
    until("nothing is left over", lambda: not [k for k in bucket.keys() if ".transform-" in k])
    assert not spool.leftovers(spool.state)
    assert "nothing to do" in spool.run("--once")


def test_s3fs_holds_all_four_folders(room):
    all_folders(room, S3fs)


def test_rclone_holds_all_four_folders(room):
    all_folders(room, Rclone)


def test_mountpoint_holds_all_four_folders(room):
    all_folders(room, Mountpoint)


def behind_its_back(room, kind):
    poll = 2
    bucket, mount = mounted(room, kind)
    spool = on(mount, "input", input__poll_interval=f"{poll}s")
    worker = spool.worker()
    for i in range(4):
        bucket.put(f"input/{i}.csv", xs([i]))
        put = time.monotonic()
        # A local folder: what the mount for outputs takes is not counted.
        until("it is scored", lambda: (spool.output / f"{i}.csv.out").exists())
        took = time.monotonic() - put
        # Three seconds are for scoring it on a machine that does other things too.
        assert took < 2 * poll + mount.stale + 3, f"found after {took:.2f} s"
    assert worker.stop()[0] == 0


def test_s3fs_objects_put_behind_its_back_are_found_within_two_polls(room):
    behind_its_back(room, S3fs)


def test_rclone_objects_put_behind_its_back_are_found_within_two_polls(room):
    behind_its_back(room, Rclone)


def test_mountpoint_objects_put_behind_its_back_are_found_within_two_polls(room):
    behind_its_back(room, Mountpoint)


def whole_outputs(room, kind):
    """A reader that looks all the time sees no output, or one that is whole."""
    bucket, mount = mounted(room, kind)
    spool = on(mount, "input", "output", "failed")
    values = list(range(60_000))
    wholes = {None, *(line(slope, 1, values) for slope in (2, 3, 4))}
    torn, looks, done = [], [], threading.Event()

    def read():
        while not done.is_set():
            text = bucket.get("output/a.csv.out")
            looks.append(text)
            if text not in wholes:
                torn.append(text)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        worker = spool.worker()
        bucket.put("input/a.csv", xs(values))
        for slope in (2, 3, 4):
            if slope > 2:
                spool.approve_line(slope, 1)
            until("the reader sees it", lambda: looks and looks[-1] == line(slope, 1, values), 60)
    finally:
        done.set()
        reader.join()
    assert not torn, f"{len(torn)} of {len(looks)} looks saw a torn output, of {[len(t) for t in torn]} bytes"
    assert len(looks) > 20, len(looks)
    assert worker.stop()[0] == 0


def test_s3fs_outputs_appear_whole(room):
    whole_outputs(room, S3fs)


def test_rclone_outputs_appear_whole(room):
    whole_outputs(room, Rclone)


def test_mountpoint_outputs_appear_whole(room):
    whole_outputs(room, Mountpoint)


def changed_again(room, kind):
    """Also when it has the same size, and comes at the moment at which the one before was scored."""
    bucket, mount = mounted(room, kind)
    spool = on(mount, "input", "output")
    worker = spool.worker()
    for value in (1, 2, 3, 44):
        bucket.put("input/a.csv", xs([value]))
        scored(bucket, "a.csv", 2, 1, [value])
    converges(spool, done=1, pending=0)
    assert worker.stop()[0] == 0


def test_s3fs_a_changed_object_is_scored_again(room):
    changed_again(room, S3fs)


def test_rclone_a_changed_object_is_scored_again(room):
    changed_again(room, Rclone)


def test_mountpoint_a_changed_object_is_scored_again(room):
    changed_again(room, Mountpoint)


# --- It fails.


def server_killed(room, kind):
    bucket, mount = mounted(room, kind)
    spool = on(mount, "input", "output", "failed", worker__retry_max_backoff="1s")
    worker = spool.worker()
    names = [f"{i}.csv" for i in range(40)]
    for i, name in enumerate(names):
        bucket.put(f"input/{name}", xs([i]))
    until("the first are scored", lambda: bucket.keys("output/"))
    bucket.front.kill()
    faults = until("status says so", lambda: told(spool))
    assert worker.alive()
    bucket.front.start()
    for i, name in enumerate(names):
        scored(bucket, name, 2, 1, [i], 60)
    bucket.put("input/later.csv", xs([7]))
    scored(bucket, "later.csv", 2, 1, [7])
    converges(spool, done=len(names) + 1, failed=0, pending=0)
    until("the fault is over", lambda: not spool.status()["faults"])
    assert worker.stop()[0] == 0
    return faults


def told(spool):
    """What `status` says went wrong with the folders."""
    status = spool.status()
    return status["faults"] or status["input_error"]


def test_s3fs_the_server_is_killed_in_mid_run_and_restarted(room):
    server_killed(room, S3fs)


def test_rclone_the_server_is_killed_in_mid_run_and_restarted(room):
    server_killed(room, Rclone)


def mount_killed(room, kind):
    bucket, mount = mounted(room, kind)
    spool = on(mount, *FOLDERS, worker__retry_max_backoff="1s")
    worker = spool.worker()
    bucket.put("input/a.csv", xs([1]))
    scored(bucket, "a.csv", 2, 1, [1])
    mount.die()
    until("status says so", lambda: "not connected" in json.dumps(spool.status()))
    assert worker.alive()
    spool.run("--once", code=75)
    bucket.put("input/b.csv", xs([2]))
    mount.remount()
    scored(bucket, "b.csv", 2, 1, [2])
    until("the fault is over", lambda: not spool.status()["faults"])
    converges(spool, done=2, failed=0, pending=0)
    assert worker.stop()[0] == 0


def test_s3fs_the_mount_dies_and_is_mounted_again(room):
    mount_killed(room, S3fs)


def test_rclone_the_mount_dies_and_is_mounted_again(room):
    mount_killed(room, Rclone)


def test_mountpoint_the_mount_dies_and_is_mounted_again(room):
    mount_killed(room, Mountpoint)


def unmounted(room, kind):
    """An unmounted bucket is not an empty folder: nothing counts as deleted, nothing is written below it."""
    bucket, mount = mounted(room, kind)
    spool = on(mount, "input", "output", "failed", worker__retry_max_backoff="1s")
    worker = spool.worker()
    bucket.put("input/a.csv", xs([1]))
    bucket.put("input/bad.csv", "id\n1\n")
    scored(bucket, "a.csv", 2, 1, [1])
    converges(spool, done=1, failed=1)
    before = bucket.keys()
    mount.unmount()
    until("status says so", lambda: told(spool))
    # Nothing is made below the missing mount: it would be in its way.
    assert worker.stop()[0] == 0
    assert "was on a mount" in spool.run("--once", code=75)
    spool.run("check", code=75)
    assert not os.listdir(mount.path)
    mount.mount()
    worker = spool.worker()
    mount.unmount()
    # The folders of the spool, as somebody may have made them before the first mount.
    for name in ("input", "output", "failed"):
        (mount.path / name).mkdir()
    (mount.path / "input" / "below.csv").write_text(xs([5]))
    fault = until("status says so", lambda: spool.status()["faults"])[0]
    assert fault["code"] == "mount" and "unmounted" in fault["message"], fault
    polls = worker.text().count("\n")
    always("the worker waits", worker.alive, 3 * POLL)
    assert worker.text().count("\n") <= polls + 1, "it says so once"
    # Nor does a worker that starts now take it for empty.
    assert worker.stop()[0] == 0
    assert "was on a mount" in spool.run("--once", code=75)
    assert not list((mount.path / "output").iterdir()) + list((mount.path / "failed").iterdir())
    (mount.path / "input" / "below.csv").unlink()
    for name in ("input", "output", "failed"):
        (mount.path / name).rmdir()
    mount.mount()
    worker = spool.worker()
    converges(spool, done=1, failed=1, pending=0)
    assert bucket.keys() == before
    bucket.put("input/b.csv", xs([2]))
    scored(bucket, "b.csv", 2, 1, [2])
    # A worker that runs goes on when the mount is back.
    mount.unmount()
    until("status says so", lambda: spool.status()["faults"])
    mount.mount()
    bucket.put("input/c.csv", xs([3]))
    scored(bucket, "c.csv", 2, 1, [3])
    until("the fault is over", lambda: not spool.status()["faults"])
    assert worker.stop()[0] == 0


def test_s3fs_an_unmounted_bucket_is_not_an_empty_folder(room):
    unmounted(room, S3fs)


def test_rclone_an_unmounted_bucket_is_not_an_empty_folder(room):
    unmounted(room, Rclone)


def test_mountpoint_an_unmounted_bucket_is_not_an_empty_folder(room):
    unmounted(room, Mountpoint)


def hanging(room, kind):
    """A mount that answers nothing doesn't keep the worker from ending, and it goes on when the mount does."""
    bucket, mount = mounted(room, kind)
    spool = on(mount, "input", "output", "failed")
    worker = spool.worker()
    bucket.put("input/a.csv", xs([1]))
    scored(bucket, "a.csv", 2, 1, [1])
    mount.hang()
    bucket.put("input/b.csv", xs([2]))
    always("the worker waits", worker.alive, 3 * POLL)
    mount.go_on()
    scored(bucket, "b.csv", 2, 1, [2])
    converges(spool, done=2, pending=0)
    mount.hang_between(worker)
    until("the worker waits for it", worker.waits_for_a_mount)
    code, took = worker.stop(within=12)
    assert code == 0 and took <= 10, (code, took)
    mount.go_on()
    worker = spool.worker()
    bucket.put("input/c.csv", xs([3]))
    scored(bucket, "c.csv", 2, 1, [3])
    assert worker.stop()[0] == 0


def test_s3fs_a_hanging_mount_never_blocks_a_stop(room):
    hanging(room, S3fs)


def test_rclone_a_hanging_mount_never_blocks_a_stop(room):
    hanging(room, Rclone)


def test_mountpoint_a_hanging_mount_never_blocks_a_stop(room):
    hanging(room, Mountpoint)


def test_mountpoint_a_mount_that_hangs_at_start_never_blocks_a_stop(room):
    bucket, mount = mounted(room, Mountpoint)
    spool = on(mount, "input", "output", "failed")
    bucket.put("input/a.csv", xs([1]))
    mount.hang()
    worker = spool.worker(ready=False)
    until("the worker waits for it", worker.waits_for_a_mount)
    code, took = worker.stop(within=12)
    assert code == 0 and took <= 10, (code, took)
    worker = spool.worker(ready=False)
    until("the worker waits for it", worker.waits_for_a_mount)
    mount.go_on()
    scored(bucket, "a.csv", 2, 1, [1])
    assert worker.stop()[0] == 0


def hanging_over_a_request(room, kind):
    """Linux has no way to give up a request that the mount's process has taken: nor by SIGKILL. The worker says that it is
    stopped, and is gone as soon as the mount answers or dies; nothing is lost."""
    bucket, mount = mounted(room, kind)
    spool = on(mount, "input", "output", "failed")
    worker = spool.worker()
    values = list(range(60_000))
    for end in (mount.go_on, mount.die):
        bucket.put("input/a.csv", xs(values))
        mount.hang_over(worker)
        worker.signal(signal.SIGTERM)
        if end == mount.die:
            # It may have been a request that can be given up.
            until("it is over or says so", lambda: not worker.alive() or "stopped while" in worker.text(), 12)
        end()
        assert worker.wait(2) == 0
        if end == mount.die:
            mount.remount()
        worker = spool.worker()
        scored(bucket, "a.csv", 2, 1, values)
        values.append(7)
    assert worker.stop()[0] == 0
    assert not spool.leftovers(spool.state, spool.output, spool.failed)


def test_s3fs_a_mount_that_hangs_over_a_request_holds_nothing_but_it(room):
    hanging_over_a_request(room, S3fs)


def test_rclone_a_mount_that_hangs_over_a_request_holds_nothing_but_it(room):
    hanging_over_a_request(room, Rclone)


def test_mountpoint_a_mount_that_hangs_over_a_request_holds_nothing_but_it(room):
    hanging_over_a_request(room, Mountpoint)


def test_a_hanging_mount_is_told_of(room):
    """By `status` within seconds, by the log after half a minute; and when it is over."""
    _, mount = mounted(room, Mountpoint)
    spool = on(mount, "input", "output", "failed")
    worker = spool.worker()
    mount.put("input/a.csv", xs([1]))
    scored(mount, "a.csv", 2, 1, [1])
    mount.hang()
    # It may be one of these two that waits first: the look at the input folder, or the configuration's own.
    told = room.start("status", *spool.argv("status"), cwd=spool.folder)
    worker.says("doesn't answer", 60)
    assert "does its mount hang?" in told.text(), told.text()
    mount.go_on()
    worker.says("it answers again")
    mount.put("input/b.csv", xs([2]))
    scored(mount, "b.csv", 2, 1, [2])
    converges(spool, done=2, pending=0)
    assert worker.stop()[0] == 0


def hanging_server(room, kind):
    """The server takes requests and answers none, as behind a firewall that drops."""
    bucket, mount = mounted(room, kind)
    spool = on(mount, "input", "output", "failed", worker__retry_max_backoff="1s")
    worker = spool.worker()
    for i in range(20):
        bucket.put(f"input/{i}.csv", xs([i]))
    until("the first are scored", lambda: bucket.keys("output/"))
    bucket.front.process.signal(signal.SIGSTOP)
    until("the worker waits for it", worker.waits_for_a_mount)
    always("the worker lives", worker.alive, 3)
    bucket.front.process.signal(signal.SIGCONT)
    for i in range(20):
        scored(bucket, f"{i}.csv", 2, 1, [i], 60)
    converges(spool, done=20, failed=0, pending=0)
    assert worker.stop()[0] == 0


def test_s3fs_the_server_hangs_and_goes_on(room):
    hanging_server(room, S3fs)


def test_rclone_the_server_hangs_and_goes_on(room):
    hanging_server(room, Rclone)


def state_refused(room, kind):
    _, mount = mounted(room, kind)
    (mount.path / "state").mkdir()
    spool = Spool(room, state=mount.path / "state")
    assert "it must be on a local disk" in spool.run("--once", code=64)
    assert "it must be on a local disk" in spool.run("check", code=64)
    assert spool.worker(ready=False).wait(10) == 64


def test_s3fs_state_on_the_mount_is_refused(room):
    state_refused(room, S3fs)


def test_rclone_state_on_the_mount_is_refused(room):
    state_refused(room, Rclone)


def test_mountpoint_state_on_the_mount_is_refused(room):
    state_refused(room, Mountpoint)


# --- Mountpoint alone.


def test_a_mount_without_rename_is_recognised(room):
    _, mount = mounted(room, Mountpoint)
    spool = on(mount, "input", "output", "failed")
    assert "published in place: readers should wait for .done markers" in spool.run("check")
    assert not mount.keys("output/"), "the check leaves nothing behind"


def test_a_mount_with_rename_is_recognised(room):
    for kind in (S3fs, Rclone):
        bucket, mount = mounted(room, kind)
        spool = on(mount, "input", "output", "failed")
        assert "published by rename" in spool.run("check")
        until("the check leaves nothing behind", lambda: not [k for k in bucket.keys("output/") if not k.endswith("/")])


def test_the_missing_flag_of_mountpoint_is_named(room):
    mount = Mountpoint(room)
    (mount.objects / "output").mkdir()
    (mount.objects / "failed").mkdir()
    spool = Spool(room, output=mount.path / "output", failed=mount.path / "failed")
    spool.approve_line(2, 1)
    spool.input.joinpath("a.csv").write_text(xs([1]))
    assert "mount it with --allow-overwrite" in spool.run("--once", code=75)
    assert "mount it with --allow-overwrite" in spool.run("check", code=75)
    mount.remount("--allow-delete")
    assert "mount it with --allow-overwrite" in spool.run("--once", code=75)
    mount.remount("--allow-overwrite")
    assert "mount it with --allow-delete" in spool.run("--once", code=75)
    mount.remount("--allow-overwrite", "--allow-delete")
    spool.run("check")
    spool.run("--once")
    assert mount.get("output/a.csv.out") == line(2, 1, [1])
    assert mount.keys("output/") == ["output/a.csv.out"], "what could not be removed is gone now"


def test_a_slow_mount_does_not_look_like_a_worker_that_hangs(room):
    """Each request takes 10 ms, and a result some 40 of them; the service manager must hear from the worker all the same."""
    mount = Mountpoint(room, "--allow-overwrite", "--allow-delete")
    spool = on(mount, "input", "output", "failed")
    for i in range(48):
        mount.put(f"input/{i}.csv", xs([i]))
    mount.remount(*mount.flags, "--slow")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(room.folder / "notify"))
        manager.settimeout(60)
        spool.worker(ready=False, NOTIFY_SOCKET=str(room.folder / "notify"), WATCHDOG_USEC="10000000")
        longest, last = 0, time.monotonic()
        while len(mount.keys("output/")) < 48:
            if b"WATCHDOG=1" in manager.recv(4096):
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
        # All in one go would be twice that.
        assert longest < 15, f"silent for {longest:.1f} s"


def test_a_large_result_on_a_slow_mount_holds_up_nobody(room):
    """It is written for seconds on end. The service manager hears from the worker meanwhile, and small files go on."""
    mount = Mountpoint(room, "--allow-overwrite", "--allow-delete")
    spool = on(mount, "output")
    mount.remount(*mount.flags, "--slow")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(room.folder / "notify"))
        manager.settimeout(60)
        worker = spool.worker(NOTIFY_SOCKET=str(room.folder / "notify"), WATCHDOG_USEC="3000000")
        values = range(1_500_000)
        spool.input.joinpath("large.csv").write_text(xs(values))
        half_way = spool.output / "large.csv.out"
        until("it is being written", lambda: half_way.exists() and half_way.stat().st_size > 0)
        spool.input.joinpath("small.csv").write_text(xs([1]))
        longest, last, keys = 0, time.monotonic(), []
        while "output/large.csv.out" not in keys:
            if b"WATCHDOG=1" in manager.recv(4096):
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
            before, keys = keys, mount.keys("output/")
        assert "output/small.csv.out" in before, "the small file waited for the large one"
        assert longest < 3, f"silent for {longest:.1f} s"
        assert mount.get("output/large.csv.out") == line(2, 1, values)
        until("it is recorded", lambda: spool.counts() == {"done": 2, "pending": 0, "failed": 0})
        assert worker.stop()[0] == 0


def test_done_markers_follow_whole_outputs(room):
    """Whoever reads only what is marked, and looks again that it still is, never reads a short one."""
    _, mount = mounted(room, Mountpoint)
    spool = on(mount, "output", "failed", output__done_marker=True)
    values = list(range(20_000))
    wholes = {line(slope, 1, values) for slope in range(2, 8)}
    torn, reads, done = [], [], threading.Event()

    def read():
        while not done.is_set():
            if mount.get("output/a.csv.out.done") is None:
                continue
            text = mount.get("output/a.csv.out")
            if mount.get("output/a.csv.out.done") is not None:
                reads.append(text)
                torn.extend([text] if text not in wholes else [])

    spool.input.joinpath("a.csv").write_text(xs(values))
    reader = threading.Thread(target=read)
    reader.start()
    try:
        worker = spool.worker()
        for slope in range(2, 8):
            if slope > 2:
                spool.approve_line(slope, 1)
            until("the reader sees it", lambda: reads and reads[-1] == line(slope, 1, values))
    finally:
        done.set()
        reader.join()
    assert not torn
    assert worker.stop()[0] == 0


def test_a_worker_killed_while_it_publishes_in_place_is_made_up_for(room):
    """The one hole that OPERATIONS.md names: a short object may stand there until the next start, and no longer."""
    _, mount = mounted(room, Mountpoint)
    spool = on(mount, "output", "failed")
    values = list(range(100_000))
    spool.input.joinpath("a.csv").write_text(xs(values))
    mount.remount(*mount.flags, "--slow")
    shorts = 0
    for slope in range(3, 7):
        worker = spool.worker()
        scored(mount, "a.csv", slope - 1, 1, values)
        hidden = mount.objects.with_name("bucket.uploads")
        spool.approve_line(slope, 1)
        until("it is being written", lambda: any(p.stat().st_size for p in hidden.iterdir()))
        worker.kill()
        until("the mount put it away", lambda: not any(hidden.iterdir()))
        shorts += mount.get("output/a.csv.out") not in (line(slope - 1, 1, values), line(slope, 1, values))
        worker = spool.worker()
        scored(mount, "a.csv", slope, 1, values)
        assert worker.stop()[0] == 0
        assert mount.keys("output/") == ["output/a.csv.out"]
        assert not spool.leftovers(spool.state)
    assert is_mounted(mount.path)
    assert shorts, "no kill came while it wrote: this test shows nothing"
