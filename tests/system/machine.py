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

from harness import Process, Spool, Worker, line, unmount, until, xs

DEBIAN = {"strace": "strace", "faketime": "faketime", "setpriv": "util-linux", "prlimit": "util-linux"}

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
    """A pass by another program. Returns what it printed."""
    process = spool.room.start("once", *before, *spool.argv("--once"), cwd=spool.folder)
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
        run = lambda *argv: subprocess.run(argv, cwd=copy, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
        ran = run(*strace, program, "--config", "transform.toml", "--once")
        hit = [l for l in trace.read_text().splitlines() if "(INJECTED)" in l]
        said = f"{call} {error} {n}: exited with {ran.returncode}: {ran.stderr.decode()}\n" + "\n".join(hit)
        if b"loading shared libraries" in ran.stderr:
            return True  # the program had not begun
        assert ran.returncode in (1, 75), said
        for name in self.NAMES:
            assert self.output(copy, name) in (self.old, self.new, self.new + '""\n'), f"{said}\n{name} is torn"
        assert self.output(copy, "sub/new.csv") in (None, self.new), said
        ran = run(program, "--config", "transform.toml", "--once")
        assert ran.returncode == 1, f"{said}\nthe next pass: {ran.stderr.decode()}"
        for name in [*self.NAMES[1:], "sub/new.csv"]:
            assert self.output(copy, name) == self.new, f"{said}\n{name} is lost"
        assert self.output(copy, "i0.csv") == self.new + '""\n', said
        failed = sorted(p.name for p in (copy / "failed").iterdir())
        assert failed == ["bad.csv.error.json", "i0.csv.rejects.csv"], f"{said}\n{failed}"
        left = [p for p in copy.rglob(".transform-*")]
        assert not left, f"{said}\n{left}"
        with contextlib.closing(sqlite3.connect(copy / "state" / "ledger.db")) as ledger:
            assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)], said
        return bool(hit)


def every(room, calls, errors):
    """Each such call of the one-shot fails once, with each error."""
    prepared = Prepared(room)
    attacks, broken = 0, []
    for call in calls:
        for error in errors:
            n = 0
            more = True
            while more:
                n += 1
                try:
                    more = prepared.attack(call, error, n)
                except AssertionError as complaint:
                    broken.append(str(complaint))
            attacks += n - 1
    print(f"    {attacks} faults", flush=True)
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
    every(room, ["read", "pread64", "getdents64", "newfstatat", "fstat", "statx", "fstatfs", "fcntl"], ["EIO"])
