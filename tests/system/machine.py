"""A machine that fails: no space, faulty disks, no rights, no descriptors, no memory, a wrong clock, no watches."""

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

from harness import MARK, Process, Spool, Worker, always, line, unmount, until, xs

DEBIAN = {"strace": "strace", "faketime": "faketime", "unshare": "util-linux", "setpriv": "util-linux", "prlimit": "util-linux"}

VALUES = list(range(20))
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
# Passing faults are tried again this often, so that tests needn't wait.
SOON = {"worker__retry_max_backoff": "200ms"}


def drop(spool, *names, values=VALUES):
    for name in names:
        (spool.input / name).write_text(xs(values))


def output(spool, name):
    path = spool.output / f"{name}.out"
    return path.read_text() if path.exists() else None


def scored(spool, *names, values=VALUES, within=60):
    """Waits until each has its right output."""
    want = line(2, 1, values)
    until(f"{len(names)} files are scored", lambda: all(output(spool, name) == want for name in names), within)


def sound(spool):
    """Nothing is left over, and the ledger is whole."""
    assert not spool.leftovers(spool.output, spool.failed, spool.state), "drafts are left over"
    with contextlib.closing(sqlite3.connect(spool.state / "ledger.db")) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def lines(room, **settings):
    """A spool with `prediction = 2 x + 1`."""
    spool = Spool(room, **settings)
    spool.approve_line(2, 1)
    return spool


def start(spool, *before, ready=True, env=None):
    """The daemon, by another program that sets the scene for it."""
    room = spool.room
    argv = [*before, *spool.argv("--log-level", "info")]
    options = {"env": {"PATH": os.environ["PATH"], **env}} if env else {}
    worker = Worker(room.folder / f"worker-{len(room.processes)}.log", argv, cwd=spool.folder, **options)
    room.processes.append(worker)
    if ready:
        worker.says("ready")
    return worker


def once(spool, *before, codes=(0,), within=60):
    """A pass by another program, which exits with 1 as long as a file stands as failed. Returns what it printed."""
    process = spool.room.start("once", *before, *spool.argv("--once", "--strict"), cwd=spool.folder)
    code = process.wait(within)
    assert code in codes, f"exited with {code} instead of {codes}: {process.text()}"
    return process.text()


def status(spool):
    """What `transform status` says; not among the logs of a test that asks again and again."""
    return json.loads(subprocess.run(spool.argv("status", "--json"), check=True, stdout=subprocess.PIPE).stdout)


def fault(spool, *codes):
    """Waits until `status` shows a passing fault."""
    shown = lambda: next((f for f in status(spool)["faults"] if f["code"] in codes), None)
    return until(f"status shows {' or '.join(codes)}", shown)


def healed(spool):
    until("status shows no fault", lambda: status(spool)["faults"] == [])


def tmpfs(room, path, size):
    """A disk of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], check=True)
    room.ends.callback(unmount, path)


def fill(path):
    """Takes the space that is left."""
    filler = path / ".filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def full_disk(room, folder):
    """The disk of one folder fills up; when there is space again, the worker goes on by itself."""
    spool = lines(room, **SOON)
    tmpfs(room, spool.paths[folder], "4m")
    worker = start(spool)
    drop(spool, "a.csv")
    scored(spool, "a.csv")
    filler = fill(spool.paths[folder])
    names = [f"f{n}.csv" for n in range(20)]
    drop(spool, *names, values=range(1000))
    fault(spool, "disk_full", "ledger")
    assert worker.alive()
    filler.unlink()
    scored(spool, *names, values=range(1000))
    healed(spool)
    assert worker.stop()[0] == 0
    sound(spool)
    # And the one-shot.
    filler = fill(spool.paths[folder])
    drop(spool, "late.csv", values=range(1000))
    once(spool, codes=(75,))
    assert output(spool, "late.csv") is None
    filler.unlink()
    once(spool)
    scored(spool, "late.csv", values=range(1000))
    sound(spool)


def test_a_full_output_disk_heals_when_there_is_space(room):
    full_disk(room, "output")


def test_a_full_state_disk_heals_when_there_is_space(room):
    full_disk(room, "state")


def test_a_result_that_does_not_fit_the_disk_keeps_back_its_input_alone(room):
    """Not all others; and the disk isn't filled with it again and again."""
    for folder, large in (("output", xs(range(1_000_000))), ("failed", xs(range(300_000)) + "x\n" * 250_000)):
        spool = lines(room, input__max_bad_rows="100%", **SOON)
        disk = spool.paths[folder]
        tmpfs(room, disk, "4m")
        worker = start(spool)
        (spool.input / "large.csv").write_text(large)
        shown = fault(spool, "disk_full")
        assert shown["input"] == "large.csv", shown
        names = [f"f{n}.csv" for n in range(20)]
        drop(spool, *names)
        scored(spool, *names)
        room_left = lambda: os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize > 3 << 20
        always("there is room on the disk", room_left, during=2)
        assert [f["input"] for f in status(spool)["faults"]] == ["large.csv"]
        once_more = (spool.input / "large.csv").stat()
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        until("the large one is scored", (spool.output / "large.csv.out").exists)
        healed(spool)
        assert (spool.input / "large.csv").stat() == once_more
        assert worker.stop()[0] == 0
        sound(spool)


# A 1 of eight bytes, written to an eventfd.
WAKE = '"\\1\\0\\0\\0\\0\\0\\0\\0", 8)'


class Prepared:
    """A spool to be copied: outputs by version 1, version 2 approved since, a bad row, a file that fails."""

    NAMES = [f"i{n}.csv" for n in range(9)]

    def __init__(self, room):
        self.spool = Spool(room)
        self.folder = self.spool.folder
        text = (self.folder / "transform.toml").read_text().replace(f"{self.folder}/", "")
        (self.folder / "transform.toml").write_text(text + "input.recursive = true\n")
        drop(self.spool, *self.NAMES)
        self.spool.approve_line(1, 0)
        self.spool.run("--once")
        (self.spool.input / "i0.csv").write_text(xs(VALUES) + "oops\n")
        (self.spool.input / "bad.csv").write_text("y\n1\n")
        (self.spool.input / "sub").mkdir()
        drop(self.spool, "sub/new.csv")
        self.spool.approve_line(2, 1)
        self.old = line(1, 0, VALUES)
        self.new = line(2, 1, VALUES)

    def output(self, folder, name):
        path = folder / "output" / f"{name}.out"
        return path.read_text() if path.exists() else None

    def attack(self, call, error, n):
        """A pass in which the n-th such call of a thread fails; then one in which none does. False if there was no such
        call."""
        copy = self.folder.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder, copy, copy_function=os.link)
        for path in [p for p in copy.glob("state/*") if p.is_file()]:  # what is written in place must be a copy
            os.remove(path)
            shutil.copy(self.folder / "state" / path.name, path)
        program = str(self.spool.room.transform)
        trace = copy / "trace"
        inject = f"inject={call}:error={error}:when={n}"
        strace = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", str(trace), "-e", f"trace={call}", "-e", inject]
        # A lock that can't be let go keeps SQLite waiting for 10 s in each of several words with the ledger: 70 s were seen.
        run = lambda *argv: subprocess.run(argv, cwd=copy, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=180)
        ran = run(*strace, program, "--config", "transform.toml", "--once")
        hit = [l for l in trace.read_text().splitlines() if "(INJECTED)" in l]
        said = f"{call} {error} {n}: exited with {ran.returncode}: {ran.stderr.decode()}\n" + "\n".join(hit)
        if b"loading shared libraries" in ran.stderr:
            return True  # the program had not begun
        if any(WAKE in line for line in hit):
            return True  # one thread wakes another by a counter of the kernel's, which has no disk that could fail
        assert ran.returncode in (1, 75), said
        for name in self.NAMES:
            assert self.output(copy, name) in (self.old, self.new, self.new + '""\n'), f"{said}\n{name} is torn"
        assert self.output(copy, "sub/new.csv") in (None, self.new), said
        # Whether the first told of the failure or not.
        ran = run(program, "--config", "transform.toml", "--once", "--strict")
        assert ran.returncode == 1, f"{said}\nthe next pass: {ran.stderr.decode()}"
        for name in [*self.NAMES[1:], "sub/new.csv"]:
            assert self.output(copy, name) == self.new, f"{said}\n{name} is lost"
        assert self.output(copy, "i0.csv") == self.new + '""\n', said
        failed = sorted(p.name for p in (copy / "failed").iterdir() if p.name != MARK)
        assert failed == ["bad.csv.error.json", "i0.csv.rejects.csv"], f"{said}\n{failed}"
        left = [p for p in copy.rglob(".transform-*") if p.name != MARK]
        assert not left, f"{said}\n{left}"
        with contextlib.closing(sqlite3.connect(copy / "state" / "ledger.db")) as ledger:
            assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)], said
        return bool(hit)


def every(room, calls, errors, step=1):
    """Each such call of the one-shot, or one of `step` of them, fails once, with each error."""
    prepared = Prepared(room)
    attacks, broken = 0, []
    for call in calls:
        for error in errors:
            n, more = 1, True
            # An attack that breaks it doesn't tell if there are more.
            while more and len(broken) < 20:
                try:
                    more = prepared.attack(call, error, n)
                except AssertionError as complaint:
                    broken.append(str(complaint))
                n, attacks = n + step, attacks + more
    assert not broken, f"{len(broken)} of {attacks} attacks broke it:\n" + "\n\n".join(broken[:20])
    assert attacks > len(calls) * len(errors), "not every call was attacked"


def test_a_fault_at_any_write_loses_nothing(room):
    every(room, ["write", "pwrite64", "ftruncate"], ["EIO", "ENOSPC"])


def test_a_fault_at_any_sync_loses_nothing(room):
    every(room, ["fsync", "fdatasync", "syncfs"], ["EIO", "ENOSPC"])


def test_a_fault_at_any_change_of_a_folder_loses_nothing(room):
    every(room, ["renameat", "unlinkat", "unlink", "mkdirat"], ["EIO", "ENOSPC", "EROFS"])


def test_a_fault_at_any_open_loses_nothing(room):
    every(room, ["openat", "open"], ["EIO", "ENOSPC", "EMFILE"])


def test_a_fault_at_any_read_loses_nothing(room):
    every(room, ["read", "pread64", "getdents64"], ["EIO"])


def test_a_fault_at_any_look_loses_nothing(room):
    every(room, ["newfstatat", "fstat", "statx", "fstatfs"], ["EIO"])


def test_a_fault_at_any_lock_loses_nothing(room):
    every(room, ["flock", "fcntl"], ["EIO"], step=4)  # SQLite waits for seconds on some


test_a_fault_at_any_lock_loses_nothing.limit = 600


class Faults:
    """All such calls of a running worker fail, until this is over."""

    def __init__(self, room, worker, calls, error):
        self.room = room
        argv = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"]
        self.argv = [*argv, "-p", str(worker.child.pid)]
        self.pid = worker.child.pid

    def __enter__(self):
        self.strace = self.room.start("strace", *self.argv)
        tracer = lambda task: re.search(r"TracerPid:\t(\d+)", (task / "status").read_text())[1] != "0"
        until("all threads are traced", lambda: all(map(tracer, Path(f"/proc/{self.pid}/task").iterdir())))

    def __exit__(self, *_):
        self.strace.signal(signal.SIGINT)  # lets go of the worker
        self.strace.wait(10)


def stopped(task):
    """Is a thread stopped, also where it is traced?"""
    return (task / "stat").read_text().rpartition(")")[2].split()[0] in "Tt"


def test_a_running_worker_outlives_every_fault_and_status_shows_it(room):
    spool = lines(room, **SOON)
    worker = start(spool)
    n = 0
    for calls, error, code in [
        ("fsync,fdatasync", "EIO", "io_error"),
        ("syncfs", "EIO", "io_error"),
        ("renameat,renameat2", "EIO", "io_error"),
        ("renameat,renameat2", "ENOSPC", "disk_full"),
        ("write", "EIO", "io_error"),
        ("write", "ENOSPC", "disk_full"),
        ("write", "EDQUOT", "disk_full"),
        ("openat", "EIO", "io_error"),
        ("openat", "EMFILE", "io_error"),
        ("openat", "EACCES", "permission_denied"),
        ("openat", "EROFS", "read_only"),
        ("pwrite64", "EIO", "ledger"),
        ("pwrite64", "ENOSPC", "ledger"),
        ("read,pread64", "EIO", "io_error"),
        ("getdents64", "EIO", "io_error"),
        ("newfstatat,statx", "EIO", "io_error"),
    ]:
        n += 1
        # Eight are synced together. Events may come in two parts, of which one has as many all the same.
        names = [f"{n}-{i}.csv" for i in range(32)]
        with Faults(room, worker, calls, error):
            worker.signal(signal.SIGSTOP)  # so that they come at once
            until("it stands still", lambda: all(map(stopped, Path(f"/proc/{worker.child.pid}/task").iterdir())))
            drop(spool, *names)
            worker.signal(signal.SIGCONT)
            if calls == "getdents64":  # an event needs no listing, a reload does
                worker.signal(signal.SIGHUP)
            fault(spool, code)
            assert worker.alive(), f"{calls} {error}"
        scored(spool, *names)
        healed(spool)
    assert worker.stop()[0] == 0
    sound(spool)


def read_only(path, on):
    subprocess.run(["mount", "-o", f"remount,bind,{'ro' if on else 'rw'}", path], check=True)


def test_a_read_only_folder_stops_what_must_write_and_heals(room):
    for folder in ("output", "failed", "state"):
        spool = lines(room, **SOON)
        path = spool.paths[folder]
        subprocess.run(["mount", "--bind", path, path], check=True)
        room.ends.callback(unmount, path)
        worker = start(spool)
        if folder == "state":  # a disk that is written to can't be made read-only; one that fails makes itself so
            assert worker.stop()[0] == 0
            read_only(path, True)
            once(spool, codes=(75,))
            read_only(path, False)
            worker = start(spool)
        else:
            read_only(path, True)
        drop(spool, "a.csv")
        (spool.input / "bad.csv").write_text("y\n1\n")
        if folder != "state":
            fault(spool, "read_only")
            read_only(path, False)
        scored(spool, "a.csv")
        until("the report", (spool.failed / "bad.csv.error.json").exists)
        healed(spool)
        assert worker.stop()[0] == 0
        # A pass that has nothing to write there is none the worse.
        read_only(path, True)
        once(spool, codes=(75,) if folder == "state" else (1, 75))
        drop(spool, "b.csv")
        once(spool, codes=(1, 75))
        read_only(path, False)
        once(spool, codes=(1,))
        scored(spool, "a.csv", "b.csv")
        sound(spool)


def test_a_log_on_a_full_disk_stops_nobody(room):
    spool = lines(room)
    disk = room.path("logs")
    tmpfs(room, disk, "1m")
    worker = start(spool, "sh", "-c", f'exec "$@" 2>> {disk}/log', "sh", ready=False)
    until("it is ready", lambda: (disk / "log").exists() and "ready" in (disk / "log").read_text())
    fill(disk)
    for n in range(30):
        drop(spool, f"{n}.csv")
        (spool.input / f"bad{n}.csv").write_text("y\n1\n")
    scored(spool, *[f"{n}.csv" for n in range(30)])
    assert worker.stop()[0] == 0
    once(spool, "sh", "-c", f'exec "$@" 2>> {disk}/log', "sh", codes=(1,))


def test_inputs_and_models_may_be_read_only(room):
    spool = lines(room)
    drop(spool, "a.csv")
    for path in (spool.input, spool.models):
        subprocess.run(["mount", "--bind", path, path], check=True)
        room.ends.callback(unmount, path)
        read_only(path, True)
    once(spool)
    scored(spool, "a.csv")
    sound(spool)


def given_to_nobody(room, **settings):
    """A spool whose worker runs without root's rights."""
    spool = lines(room, **settings)
    for path in (room.folder, spool.folder):
        path.chmod(0o755)
    subprocess.run(["chown", "-R", "65534:65534", spool.folder], check=True)
    # The program may stand where only root can go.
    program = room.folder / "transform"
    shutil.copy(room.transform, program)
    program.chmod(0o755)
    room.transform = program
    return spool


def test_what_permissions_deny_is_shown_and_heals(room):
    spool = given_to_nobody(room, **SOON)
    worker = start(spool, *NOBODY)
    drop(spool, "a.csv", "secret.csv")
    scored(spool, "a.csv")
    secret = spool.input / "secret.csv"
    secret.chmod(0)
    drop(spool, "b.csv")
    secret.write_text(xs([1]))
    shown = fault(spool, "permission_denied")
    assert shown["input"] == "secret.csv" and "secret.csv" in shown["message"], shown
    scored(spool, "b.csv")  # one bad file never stops the others
    secret.chmod(0o644)
    scored(spool, "secret.csv", values=[1])
    healed(spool)
    for n, path in enumerate([spool.output, spool.failed, spool.input, spool.models / "lines", spool.models]):
        mode = path.stat().st_mode & 0o777
        path.chmod(0)
        drop(spool, f"{n}.csv")
        (spool.input / f"bad{n}.csv").write_text("y\n1\n")
        fault(spool, "permission_denied")
        path.chmod(mode)
        scored(spool, f"{n}.csv")
        until("the report", (spool.failed / f"bad{n}.csv.error.json").exists)
        healed(spool)
    assert worker.stop()[0] == 0
    for path in (spool.output, spool.failed, spool.input, spool.models, spool.state):
        mode = path.stat().st_mode & 0o777
        path.chmod(0)
        drop(spool, "late.csv")
        once(spool, *NOBODY, codes=(75,))
        path.chmod(mode)
        once(spool, *NOBODY, codes=(1,))
        scored(spool, "late.csv")
    sound(spool)


def test_an_unreadable_subfolder_keeps_back_what_is_in_it_alone(room):
    """Of the input folder, with a failed input in it; and of the output folder."""
    spool = given_to_nobody(room, input__recursive=True, **SOON)
    for name in ("good", "bad"):
        (spool.input / name).mkdir()
        os.chown(spool.input / name, 65534, 65534)
    worker = start(spool, *NOBODY)
    drop(spool, "good/a.csv")
    (spool.input / "bad" / "b.csv").write_text("y\n1\n")
    scored(spool, "good/a.csv")
    report = spool.failed / "bad" / "b.csv.error.json"
    until("the report", report.exists)
    for folder in (spool.input / "bad", spool.output / "good"):
        mode = folder.stat().st_mode & 0o777
        folder.chmod(0)
        worker.signal(signal.SIGHUP)  # all is looked at anew
        name = f"{folder.name}-is-closed.csv"
        drop(spool, name)
        scored(spool, name)
        shown = fault(spool, "permission_denied")
        assert shown["input"].startswith(folder.name), shown
        assert report.exists()
        folder.chmod(mode)
        healed(spool)
    assert worker.stop()[0] == 0
    for folder in (spool.input / "bad", spool.output / "good"):
        mode = folder.stat().st_mode & 0o777
        folder.chmod(0)
        drop(spool, "late.csv")
        once(spool, *NOBODY, codes=(1, 75))
        scored(spool, "late.csv")
        folder.chmod(mode)
        (spool.output / "late.csv.out").unlink()
    sound(spool)


def test_few_descriptors_slow_it_down_and_stop_nothing(room):
    """A group of small files holds a draft or two open for each."""
    for limit in (64, 40):
        spool = lines(room, **SOON)
        names = [f"{n}.csv" for n in range(600)]
        drop(spool, *names)
        worker = start(spool, "prlimit", f"--nofile={limit}:{limit}", "--")
        scored(spool, *names)
        healed(spool)
        drop(spool, "late.csv")
        scored(spool, "late.csv")
        assert worker.stop()[0] == 0
        sound(spool)
    spool = lines(room)
    drop(spool, *names)
    once(spool, "prlimit", "--nofile=64:64", "--")
    scored(spool, *names)
    # Too few to begin with.
    once(spool, "prlimit", "--nofile=8:8", "--", codes=(75,))
    once(spool)
    sound(spool)


HOSTILE = {
    "record_too_long": lambda file: file.write("x\n" + "1" * (300 << 20)),
    "unclosed_quote": lambda file: file.write('x\n"' + "1\n" * (50 << 20)),
}


def test_hostile_files_take_no_more_memory_than_others(room):
    """In an address space of 500 MiB, which is less than the bound on blocks (`worker.memory`)."""
    spool = lines(room)
    names = [f"{n}.csv" for n in range(50)]
    drop(spool, *names)
    for code, write in HOSTILE.items():
        with open(spool.input / f"{code}.csv", "w") as file:
            write(file)
    once(spool, "prlimit", f"--as={500 << 20}", "--", codes=(1,))
    scored(spool, *names)
    for code in HOSTILE:
        assert json.loads((spool.failed / f"{code}.csv.error.json").read_text())["code"] == code
    sound(spool)


def test_a_file_that_takes_all_memory_loses_nothing(room):
    """With so little memory that the hostile file is too much for each pass; the next one that has enough makes up for it."""
    spool = lines(room)
    names = [f"{n}.csv" for n in range(50)]
    drop(spool, *names)
    with open(spool.input / "hostile.csv", "w") as file:
        HOSTILE["record_too_long"](file)
    spare = lines(room)
    drop(spare, "a.csv")
    limit = lambda mib: ["prlimit", f"--as={mib << 20}", "--", *spare.argv("--once", "--all")]
    run = lambda mib: room.start("enough", *limit(mib), cwd=spare.folder).wait(60)
    enough = next(mib for mib in range(32, 400, 4) if run(mib) == 0) + 4
    for n in range(5):
        said = once(spool, "prlimit", f"--as={enough << 20}", "--", codes=(-signal.SIGABRT, 75))
        assert "memory" in said or "temporarily unavailable" in said, said
    once(spool, codes=(1,))
    scored(spool, *names)
    sound(spool)


def test_a_clock_that_jumps_hides_nothing(room):
    """The worker's clock jumps; those of the kernel, and so the times of files, don't."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    clock = room.folder / "clock"
    jump = lambda to: (clock.with_suffix(".new").write_text(to), clock.with_suffix(".new").rename(clock))
    jump("+0d")
    env = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    spool = lines(room, **SOON)
    worker = start(spool, env=env)
    n = 0
    for to in ("-1d", "+0d", "+400d", "-20000d", "-1", "+2", "+0d"):
        jump(to)
        n += 1
        drop(spool, f"{n}.csv")
        (spool.input / f"bad{n}.csv").write_text("y\n1\n")
        scored(spool, f"{n}.csv")
        until(f"the report, at {to}", (spool.failed / f"bad{n}.csv.error.json").exists)
        drop(spool, f"{n}.csv", values=[n])  # the same name anew
        (spool.input / f"bad{n}.csv").write_text(xs([n]))
        scored(spool, f"{n}.csv", f"bad{n}.csv", values=[n])
        until("the report is gone", lambda: not (spool.failed / f"bad{n}.csv.error.json").exists())
    assert worker.stop()[0] == 0
    assert len(set(re.findall(r"(?m)^(\d{4})-", worker.text()))) == 3, "its clock did not jump"
    for to in ("-1d", "+1d"):  # and between one pass and the next
        jump(to)
        drop(spool, "1.csv", values=[5])
        process = room.start("once", *spool.argv("--once"), cwd=spool.folder, env={**os.environ, **env})
        assert process.wait(30) == 0, process.text()
        scored(spool, "1.csv", values=[5])
    assert status(spool)["pending"] == 0
    sound(spool)


def in_user_namespace(**limits):
    """A program that runs its arguments with limits of its own on what a user may have of the kernel."""
    write = "".join(f"echo {n} > /proc/sys/user/{name}; " for name, n in limits.items())
    return ["unshare", "--user", "--map-root-user", "sh", "-c", f'{write}exec "$@"', "sh"]


def test_without_watches_it_polls(room):
    for limits, words in [
        ({"max_inotify_instances": 0}, "can't watch folders; polling instead"),
        ({"max_inotify_watches": 0}, "can't watch; polling instead"),
    ]:
        spool = lines(room)
        worker = start(spool, *in_user_namespace(**limits))
        worker.says(words)
        for n in range(3):
            drop(spool, f"{n}.csv")
            scored(spool, f"{n}.csv", within=10)
        (spool.output / "0.csv.out").unlink()
        scored(spool, "0.csv", within=10)
        spool.approve_line(1, 0)
        until("the new model is used", lambda: output(spool, "0.csv") == line(1, 0, VALUES), 10)
        assert worker.stop()[0] == 0


def test_subfolders_beyond_the_last_watch_are_listed(room):
    for before in (10, 0):
        spool = lines(room, input__recursive=True, input__rescan_interval="1s")
        for n in range(before):
            (spool.input / f"before{n}").mkdir()
        worker = start(spool, *in_user_namespace(max_inotify_watches=8))
        if before:
            worker.says("can't watch; polling instead")
        for n in range(10):
            (spool.input / f"later{n}").mkdir()
            drop(spool, f"later{n}/a.csv")
            scored(spool, f"later{n}/a.csv", within=10)
        drop(spool, *[f"later{n}/b.csv" for n in range(10)])
        scored(spool, *[f"later{n}/b.csv" for n in range(10)], within=10)
        assert worker.stop()[0] == 0


def test_an_overflow_of_events_loses_none_of_100_000_files(room):
    disk = room.path("disk")
    tmpfs(room, disk, "2g")
    folders = {name: disk / name for name in Spool.FOLDERS}
    for folder in folders.values():
        folder.mkdir()
    spool = lines(room, **folders)
    files, want = 100_000, line(2, 1, [7])
    assert files > int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    worker = start(spool)
    worker.signal(signal.SIGSTOP)
    text = xs([7]).encode()
    for n in range(files):
        with open(f"{spool.input}/{n}.csv", "wb", buffering=0) as file:
            file.write(text)
    drop(spool, "last.csv")
    worker.signal(signal.SIGCONT)
    until("all are scored", lambda: len(set(os.listdir(spool.output)) - {MARK}) == files + 1, 110)
    scored(spool, "last.csv")
    for n in range(files):
        with open(f"{spool.output}/{n}.csv.out") as file:
            assert file.read() == want, n
    assert worker.stop()[0] == 0
    said = status(spool)
    assert (said["done"], said["pending"], said["failed"]) == (files + 1, 0, 0)
    sound(spool)
