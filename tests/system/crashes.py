"""Kills the worker at each system call of a run, at random moments under a stream of changes, and cuts its ledger's log."""
import gzip
import json
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from harness import MARK

DEBIAN = {"strace": "strace"}

# What changes or reads a file, a name or the ledger: a kill at one is a kill behind the one before.
CALLS = ("openat", "read", "pread64", "write", "pwrite64", "fsync", "fdatasync", "syncfs", "renameat", "unlinkat", "unlink",
         "ftruncate", "fadvise64")
RANDOM_KILLS = 500


class Copied:
    """A spool that can be copied as it stands."""

    def __init__(self, room, threads=0, root=None, **settings):
        self.room, self.threads, self.settings = room, threads, settings
        self.root = root or Path(tempfile.mkdtemp(dir=room.folder))
        for folder in ("input", "output", "failed", "models", "state", "status"):
            (self.root / folder).mkdir(exist_ok=True)
        keys = {f"{f}.path": f"{self.root}/{f}" for f in ("input", "output", "failed", "models", "state", "status")}
        keys |= {"alerts.path": f"{self.root}/alerts", "shadow.path": f"{self.root}/shadow", "input.settle": "0s", "models.group": "lines", "worker.threads": threads}
        keys |= settings
        text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
        (self.root / "transform.toml").write_text(text)

    def argv(self, *arguments):
        return [str(self.room.transform), "--config", str(self.root / "transform.toml"), *arguments]

    def run(self, *arguments, prefix=()):
        argv = [*prefix, *self.argv(*arguments)]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)

    def once(self, prefix=()):
        # Exits with 1 as long as a file stands as failed, whoever told of it before.
        return self.run("--once", "--strict", prefix=prefix)

    def command(self, *arguments):
        ran = self.run(*arguments)
        assert ran.returncode == 0, ran

    def drop(self, name, text):
        (self.root / "input" / name).write_text(text)

    def output(self, name):
        path = self.root / "output" / f"{name}.out"
        return path.read_text() if path.exists() else None

    def register(self, slope, approve=False, baseline=None):
        artifact = self.root / "model.json"
        artifact.write_text(json.dumps({"features": ["x"], "coefficients": [slope], "intercept": 1}))
        flags = ["--approve"] if approve else []
        if baseline:
            (self.root / "baseline.csv").write_text(rows(baseline))
            flags += ["--baseline", str(self.root / "baseline.csv")]
        self.command("models", "register", str(artifact), "--format", "linear", *flags)

    def copy(self):
        root = Path(tempfile.mkdtemp(dir=self.room.folder))
        shutil.copytree(self.root, root, symlinks=True, dirs_exist_ok=True)
        return Copied(self.room, self.threads, root, **self.settings)

    def remove(self):
        shutil.rmtree(self.root)


def rows(values):
    return "x\n" + "".join(f"{v}\n" for v in values)


def scored(slope, values):
    return "prediction\n" + "".join(f"{slope * v + 1}.0\n" for v in values)


def leftovers(spool):
    return [p for d in ("output", "failed", "shadow", "state/staging") for p in (spool.root / d).rglob(".*") if p.name != MARK]


def check_ledger(spool):
    db = sqlite3.connect(spool.root / "state/ledger.db")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def stage(spool):
    """Outputs by version 1, and version 2 approved: a run replaces, reports, rejects and cleans up."""
    files = {f"{i}.csv": range(i + 1) for i in range(3)} | {"large.csv": range(150_000)}
    for name, values in files.items():
        spool.drop(name, rows(values))
    spool.drop("bad.csv", "y\n1\n")
    spool.drop("rejects.csv", rows(range(20)) + "oops\n")
    spool.register(2, approve=True)
    assert spool.once().returncode == 1
    spool.drop("0.csv", "y\n1\n")  # has an output, and fails from now on
    spool.drop("bad.csv", rows([5]))  # has a report, and succeeds
    spool.register(3, approve=True)
    return files


def verify(spool, files, slope):
    for name, values in files.items():
        if name != "0.csv":
            assert spool.output(name) == scored(slope, values), name
    assert spool.output("bad.csv") == scored(slope, [5])
    assert spool.output("rejects.csv") == scored(slope, range(20)) + '""\n'
    assert spool.output("0.csv") is None
    assert sorted(p.name for p in (spool.root / "failed").iterdir()) == [MARK, "0.csv.error.json", "rejects.csv.rejects.csv"]
    assert leftovers(spool) == []
    check_ledger(spool)


def test_killed_at_every_system_call(room):
    template = Copied(room, threads=1)
    files = stage(template)
    kills = 0
    for call in CALLS:
        for n in range(1, 100_000):
            spool = template.copy()
            ran = spool.once(prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                                     "-e", f"inject={call}:signal=KILL:when={n}"])
            if ran.returncode == 1:
                break  # it came to its end
            assert ran.returncode in (-9, 137), ran
            kills += 1
            # Whole, by either version, or not there.
            for name, values in files.items():
                assert spool.output(name) in (None, scored(2, values), scored(3, values)), (call, n, name)
            assert spool.once().returncode == 1, (call, n)
            verify(spool, files, 3)
            spool.remove()
        verify(spool, files, 3)
        spool.remove()
    assert kills > 150, kills


test_killed_at_every_system_call.limit = 900


def killed_at(call, n):
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}"]


def test_a_hold_and_its_release_survive_a_kill_at_every_system_call(room):
    """Killed while a result is held, while it is released, and while it is then published: it is never out before it is released,
    it is whole when it is, and the next run comes to the same end."""
    usual, strange = range(1000), range(5000, 6000)
    template = Copied(room, threads=1)
    template.register(2, approve=True, baseline=usual)
    template.drop("usual.csv", rows(usual))
    template.drop("strange.csv", rows(strange))
    held = template.copy()
    assert held.once().returncode == 1
    released = held.copy()
    release = ["monitor", "release", "strange.csv", "--reason", "known"]
    released.command(*release)

    def stands(spool):
        report = (spool.root / "failed/strange.csv.held.json").exists()
        return spool.output("usual.csv"), spool.output("strange.csv"), report

    def events(spool):
        """Of each kind how many; a power cut may write one twice, but a kill doesn't."""
        names = sorted(p.name for p in (spool.root / "alerts").glob("*.json"))
        return [name.split("-")[1] for name in names]

    at_rest = (scored(2, usual), None, True)
    out = (scored(2, usual), scored(2, strange), False)
    assert stands(held) == at_rest, stands(held)
    kills = 0
    for call in ("openat", "renameat", "unlinkat", "unlink", "fsync", "fdatasync", "pwrite64", "write", "ftruncate"):
        for begin, arguments, end, code in [
            (template, ["--once", "--strict"], at_rest, 1),
            (held, release, None, 0),
            (released, ["--once", "--strict"], out, 0),
        ]:
            for n in range(1, 100_000):
                spool = begin.copy()
                ran = spool.run(*arguments, prefix=killed_at(call, n))
                ended = ran.returncode == code
                assert ended or ran.returncode in (-9, 137), ran
                if begin is not released:
                    assert spool.output("strange.csv") is None, (call, n, arguments)
                again = spool.once().returncode
                # A release counts or doesn't.
                assert stands(spool) in ([end] if end else [out] if ended else [at_rest, out]), (call, n, arguments, stands(spool))
                assert again == (1 if stands(spool) == at_rest else 0), (call, n, arguments)
                told = ["held"] if stands(spool) == at_rest else ["held", "released"]
                assert events(spool) == told, (call, n, arguments, events(spool))
                assert not list((spool.root / "alerts").glob(".*")), (call, n, arguments)
                assert leftovers(spool) == []
                check_ledger(spool)
                spool.remove()
                if ended:
                    break
                kills += 1
    assert kills > 100, kills


test_a_hold_and_its_release_survive_a_kill_at_every_system_call.limit = 600


def test_a_trial_survives_a_kill_at_every_system_call(room):
    """Killed while a version is put on trial, while it scores beside the champion, while its approval ends the trial, and while what
    it made is removed: either before or after. The champion's output is whole or absent, and the same whoever scores beside."""
    values = range(1, 9)
    template = Copied(room, threads=1)
    template.register(2, approve=True)
    template.register(3)
    template.drop("old.csv", rows(values))
    assert template.once().returncode == 0
    start = ["experiment", "start", "trial", "--shadow", "2", "--backfill"]
    begun = template.copy()
    begun.command(*start)
    made = begun.copy()
    made.drop("new.csv", rows(values))
    dropped = made.copy()
    assert made.once().returncode == 0
    beside = "line,key,champion.prediction,shadow.prediction\n" + "".join(
        f"{line},,{2 * x + 1}.0,{3 * x + 1}.0\n" for line, x in enumerate(values, 2))

    def on_trial(spool):
        """Whether it is on trial, and what it made."""
        listed = json.loads(spool.run("experiment", "list", "--json").stdout)["experiments"]
        files = {str(p.relative_to(spool.root / "shadow/trial")): p.read_text() for p in (spool.root / "shadow").rglob("*.out")}
        return [e["state"] for e in listed], files

    whole = {"old.csv.out": beside, "new.csv.out": beside}
    assert on_trial(made) == (["running"], whole), on_trial(made)
    kills = 0
    for call in ("openat", "renameat", "rename", "mkdir", "unlinkat", "unlink", "fsync", "fdatasync", "write", "pwrite64"):
        for begin, arguments, before, after, slope in [
            (template, start, ([], {}), (["running"], {"old.csv.out": beside}), 2),
            (dropped, ["--once"], None, (["running"], whole), 2),
            (made, ["models", "approve", "2"], (["running"], whole), (["ended"], whole), None),
            (made, ["experiment", "stop", "trial", "--purge"], (["running"], whole), (["stopped"], {}), 2),
        ]:
            for n in range(1, 100_000):
                spool = begin.copy()
                ran = spool.run(*arguments, prefix=killed_at(call, n))
                ended = ran.returncode == 0
                assert ended or ran.returncode in (-9, 137), ran
                for text in on_trial(spool)[1].values():
                    assert text == beside, (call, n, arguments)
                for name in ("old.csv", "new.csv"):
                    assert spool.output(name) in (None, scored(2, values)), (call, n, arguments)
                assert spool.once().returncode == 0
                found = on_trial(spool)
                if ended or before is None:
                    assert found == after, (call, n, arguments, found)
                elif arguments[0] == "experiment" and arguments[1] == "stop" and found[0] == ["stopped"]:
                    # What is left of it goes with the next word.
                    spool.command("experiment", "stop", "trial", "--purge")
                    assert on_trial(spool) == after, (call, n)
                else:
                    assert found in (before, after) or arguments[0] == "models" and found[0] == ["suspended"], (call, n, arguments, found)
                answers = {None: (2, 3)}.get(slope, (slope,))
                assert spool.output("old.csv") in [scored(answer, values) for answer in answers], (call, n, arguments)
                assert leftovers(spool) == []
                check_ledger(spool)
                spool.remove()
                if ended:
                    break
                kills += 1
    assert kills > 100, kills


test_a_trial_survives_a_kill_at_every_system_call.limit = 600


def test_decisions_on_a_challenger_survive_a_kill_at_every_system_call(room):
    """Killed while a challenger is started, ramped, resumed, stopped and promoted: each stands or doesn't, and asking again makes it.
    What is half done is nothing: an experiment is whole, a halt that was lifted holds nothing up."""
    template = Copied(room, threads=1)
    template.register(2, approve=True)
    template.register(3)
    start = ["experiment", "start", "ab", "--challenger", "2", "--share", "10%", "--key", "id", "--abort-if", "bad_rows > 1%",
             "--set", "output.model_version=true"]
    begun = template.copy()
    begun.command(*start)
    halted = begun.copy()
    halts = halted.root / "state/halts/lines"
    halts.mkdir(parents=True)
    halt = {"format_version": 1, "experiment": "ab", "group": "lines", "phase": "ab/1", "guard": "bad_rows > 1%", "found": "3 of 100 rows",
            "at": "2026-11-27T08:00:00Z", "by": "worker"}
    (halts / "ab.json").write_text(json.dumps(halt))

    def stands(spool):
        """How the experiment is, its phase and share; and which version answers."""
        listed = json.loads(spool.run("experiment", "list", "--json").stdout)
        assert listed["damaged"] == [], listed
        models = json.loads(spool.run("models", "list", "--json").stdout)
        answers = max(version["version"] for version in models if version["status"] == "approved")
        return [(e["state"], e["phase"], e["share"]) for e in listed["experiments"]], answers

    one = lambda state, phase=1, share="10%": ([(state, f"ab/{phase}", share)], 1)
    promoted = ([("promoted", "ab/1", "10%")], 2)
    kills = 0
    for begin, arguments, before, after, between in [
        (template, start, ([], 1), one("running"), ()),
        (begun, ["experiment", "ramp", "ab", "20%"], one("running"), one("running", 2, "20%"), ()),
        (halted, ["experiment", "resume", "ab", "--reason", "seen"], one("halted"), one("running", 2), ()),
        (begun, ["experiment", "stop", "ab"], one("running"), one("stopped"), ()),
        (halted, ["experiment", "stop", "ab"], one("halted"), one("stopped"), ()),
        # Approved, and the experiment doesn't say so yet: asking again completes it.
        (begun, ["experiment", "promote", "ab"], one("running"), promoted, [([("suspended", "ab/1", "10%")], 2)]),
    ]:
        assert stands(begin) == before, (arguments, stands(begin))
        for call in ("openat", "renameat", "rename", "mkdir", "unlinkat", "unlink", "fsync", "fdatasync", "write", "flock"):
            for n in range(1, 100_000):
                spool = begin.copy()
                ran = spool.run(*arguments, prefix=killed_at(call, n))
                ended = ran.returncode == 0
                assert ended or ran.returncode in (-9, 137), ran
                found = stands(spool)
                assert found == after if ended else found in (before, after, *between), (call, n, arguments, found)
                if found != after:
                    spool.command(*arguments)
                assert stands(spool) == after, (call, n, arguments, stands(spool))
                experiments = spool.root / "models/lines/experiments"
                steps = (experiments / "ab.toml").read_text().count("[[step]]")
                assert steps == {"start": 1}.get(arguments[1], 2), (call, n, arguments, steps)
                if arguments[1] == "promote":
                    assert json.loads((experiments / "ab.report.json").read_text()), (call, n)
                spool.remove()
                if ended:
                    break
                kills += 1
    assert kills > 100, kills


test_decisions_on_a_challenger_survive_a_kill_at_every_system_call.limit = 900


def test_an_input_keeps_its_phase_when_killed_at_every_system_call(room):
    """Killed while files of a phase are scored; then somebody gives the challenger another share, or ends the test. What had its name
    already is the same to the last byte, whoever makes it again; what hadn't is of the phase that is now, or the champion's."""
    template = Copied(room, threads=1, **{"output.model_version": True})
    template.register(2, approve=True)
    template.register(3)
    template.command("experiment", "start", "ab", "--challenger", "2", "--share", "50%", "--key", "id")
    text = "id,x\n" + "".join(f"K{i},{i}\n" for i in range(24))
    names = ["a.csv", "b.csv", "c.csv"]
    for name in names:
        template.drop(name, text)
    later = {"ramp": ["experiment", "ramp", "ab", "90%"], "stop": ["experiment", "stop", "ab"]}

    def expected(decision):
        spool = template.copy()
        if decision:
            spool.command(*decision)
        assert spool.once().returncode == 0
        output = spool.output("a.csv")
        spool.remove()
        return output

    of_phase = expected(None)
    after = {name: expected(decision) for name, decision in later.items()}
    assert len({of_phase, *after.values()}) == 3
    kills = kept = 0
    for call in ("openat", "renameat", "rename", "fsync", "fdatasync", "write", "pwrite64", "unlinkat"):
        for n in range(1, 100_000):
            spool = template.copy()
            ran = spool.once(prefix=killed_at(call, n))
            ended = ran.returncode == 0
            assert ended or ran.returncode in (-9, 137), ran
            stood = {name for name in names if spool.output(name) == of_phase}
            assert all(spool.output(name) in (None, of_phase) for name in names), (call, n)
            decision = ("ramp", "stop")[n % 2]
            spool.command(*later[decision])
            assert spool.once().returncode == 0
            for name in names:
                found = spool.output(name)
                fits = found == of_phase if name in stood else found in (of_phase, after[decision])
                assert fits, (call, n, decision, name, name in stood)
            check_ledger(spool)
            spool.remove()
            if ended:
                break
            kills, kept = kills + 1, kept + len(stood)
    assert kills > 100 and kept > 10, (kills, kept)


test_an_input_keeps_its_phase_when_killed_at_every_system_call.limit = 900


def test_a_version_is_retired_or_not_at_all_when_killed_at_every_system_call(room):
    """Before the decision it is whole and can be approved; from then on it can't, and asking again removes what is left."""
    template = Copied(room, threads=1)
    template.register(2, approve=True, baseline=range(1000))
    template.register(3, approve=True)
    kills, before, after = 0, 0, 0
    for call in ("openat", "renameat", "rename", "unlinkat", "unlink", "fsync", "fdatasync", "write", "getdents64"):
        for n in range(1, 100_000):
            spool = template.copy()
            folder = spool.root / "models/lines/1"
            ran = spool.run("models", "retire", "1", prefix=killed_at(call, n))
            ended = ran.returncode == 0
            assert ended or ran.returncode in (-9, 137), ran
            retired = (folder / "retired.toml").exists()
            assert retired or not ended
            approved = spool.run("models", "approve", "1")
            assert approved.returncode == (64 if retired else 0), (call, n, approved)
            before, after = before + (not retired), after + (retired and not ended)
            spool.command("models", "retire", "1")
            assert sorted(p.name for p in folder.iterdir()) == ["approval.toml", "model.toml", "retired.toml"], (call, n)
            spool.remove()
            if ended:
                break
            kills += 1
    assert before > 5 and after > 5, (kills, before, after)


test_a_version_is_retired_or_not_at_all_when_killed_at_every_system_call.limit = 300


def test_a_model_that_comes_back_after_a_kill_finds_no_output_of_another(room):
    """Outputs of both versions have the same sizes. Killed while version 2 replaces those of version 1, which then is the
    latest approved one again, and whose records are those in the ledger."""
    spool = Copied(room, threads=1)
    names = [f"{n}.csv" for n in range(4)]
    for name in names:
        spool.drop(name, rows(range(1, 4)))
    spool.drop("bad.csv", "y\n1\n")
    spool.register(2, approve=True)
    spool.register(3)
    assert spool.once().returncode == 1
    kills = 0
    for call in ("renameat", "unlinkat", "fsync", "fdatasync", "pwrite64", "write"):
        for n in range(1, 100_000):
            spool.command("models", "approve", "2")
            ran = spool.once(prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                                     "-e", f"inject={call}:signal=KILL:when={n}"])
            spool.command("models", "reject", "2")
            assert spool.once().returncode == 1
            found = {spool.output(name) for name in names}
            assert found == {scored(2, range(1, 4))}, (call, n, found)
            report = json.loads((spool.root / "failed/bad.csv.error.json").read_text())
            assert report["model"] == "lines/1", (call, n, report)
            if ran.returncode == 1:
                break  # it came to its end
            kills += 1
    assert kills > 20, kills


test_a_model_that_comes_back_after_a_kill_finds_no_output_of_another.limit = 600


def test_inputs_of_other_formats_survive_a_kill_at_every_system_call(room):
    """Killed while outputs of compressed, JSON Lines and Parquet inputs are replaced by those of another version in another format:
    each name has a whole output or none, and the next run leaves those of the new format alone."""
    values = range(40)
    template = Copied(room, threads=1, **{"input.include": ["*.csv", "*.csv.gz", "*.csv.zst", "*.jsonl", "*.parquet"], "output.columns": ["x"]})
    template.register(2, approve=True)
    inputs = template.root / "input"
    # A Parquet file by ourselves: the rows of a CSV, kept in an output.
    template.drop("made.csv", rows(values))
    assert template.run("--once", "--set", "output.format=parquet").returncode == 0
    (template.root / "output/made.csv.out.parquet").rename(inputs / "p.parquet")
    (inputs / "made.csv").unlink()
    (inputs / "g.csv.gz").write_bytes(gzip.compress(rows(values).encode()))
    (inputs / "l.jsonl").write_text("".join(f'{{"x":{value}}}\n' for value in values))
    before = {"g.csv.gz": "csv.gz", "l.jsonl": "jsonl", "p.parquet": "parquet"}
    argv = ["--once", "--strict", "--set", "output.prefix=our_"]
    assert template.run(*argv).returncode == 0
    template.register(3, approve=True)
    later = [*argv, "--set", "output.format=jsonl"]

    def outputs(spool):
        return {p.name: p.read_bytes() for p in (spool.root / "output").iterdir() if not p.name.startswith(".")}

    former = outputs(template)
    assert set(former) == {f"{name}.out.{end}" for name, end in before.items()}, set(former)
    whole = template.copy()
    assert whole.run(*later).returncode == 0
    final = outputs(whole)
    assert set(final) == {f"{name}.out.jsonl" for name in before}, set(final)
    for text in final.values():
        predictions = [json.loads(line)["our_prediction"] for line in text.splitlines()]
        assert predictions == [3 * value + 1 for value in values], predictions
    kills = 0
    for call in ("openat", "read", "pread64", "write", "pwrite64", "fsync", "fdatasync", "renameat", "unlinkat"):
        for n in range(1, 100_000):
            spool = template.copy()
            ran = spool.run(*later, prefix=killed_at(call, n))
            ended = ran.returncode == 0
            assert ended or ran.returncode in (-9, 137), ran
            for name, text in outputs(spool).items():
                # Of the JSON Lines the name is the same in both.
                assert text in (former.get(name), final.get(name)), (call, n, name)
            assert spool.run(*later).returncode == 0, (call, n)
            assert outputs(spool) == final, (call, n, set(outputs(spool)))
            assert leftovers(spool) == []
            check_ledger(spool)
            spool.remove()
            if ended:
                break
            kills += 1
    assert kills > 100, kills


test_inputs_of_other_formats_survive_a_kill_at_every_system_call.limit = 600


def test_killed_at_random_under_a_stream_of_changes(room):
    chance = random.Random(7)
    spool = Copied(room)
    for slope in (2, 3, 4):
        spool.register(slope)
    approved, inputs = {2}, {}
    spool.command("models", "approve", "2")
    for kill in range(RANDOM_KILLS):
        worker = room.start("worker", *spool.argv())
        until = time.monotonic() + chance.expovariate(1 / 0.05)
        while time.monotonic() < until:
            name = f"{chance.randrange(30)}.csv"
            step = chance.random()
            if step < 0.6:
                inputs[name] = range(chance.choice((1, 10, 1000, 60_000) if chance.random() < 0.1 else (1, 10)))
                spool.drop(name, rows(inputs[name]))
            elif step < 0.7:
                inputs[name] = None
                spool.drop(name, "y\n1\n")
            elif step < 0.8 and name in inputs:
                del inputs[name]
                (spool.root / "input" / name).unlink()
            elif step < 0.9:
                (spool.root / "output" / f"{name}.out").unlink(missing_ok=True)
            elif step < 0.92:
                version = chance.choice((1, 2, 3))
                if version in approved and len(approved) > 1:
                    approved.discard(version)
                    spool.command("models", "reject", str(version))
                elif version not in approved:
                    approved.add(version)
                    spool.command("models", "approve", str(version))
        worker.kill()
        if kill % 10 == 9:
            code = 1 if None in inputs.values() else 0
            ran = spool.once()
            assert ran.returncode == code, ran
            slope = max(approved) + 1
            for name, values in inputs.items():
                expected = None if values is None else scored(slope, values)
                found = spool.output(name)
                assert found == expected, f"kill {kill}: {name}: {found!r:.200} instead of {expected!r:.200}; {ran}"
            for path in (spool.root / "output").iterdir():
                assert path.name.endswith(".csv.out") or path.name == MARK, path
            reports = {n for n, values in inputs.items() if values is None}
            found = {p.name[:-len(".error.json")] for p in (spool.root / "failed").iterdir() if p.name != MARK}
            assert found == reports, (kill, found ^ reports, ran)
            assert leftovers(spool) == []
            check_ledger(spool)


test_killed_at_random_under_a_stream_of_changes.limit = 900


def test_the_ledgers_log_cut_anywhere(room):
    """As a power cut leaves it: the last pages of the write-ahead log are missing, or are zeros."""
    template = Copied(room, threads=1)
    files = stage(template)
    killed = template.copy()
    ran = killed.once(prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
                              "-e", "inject=fdatasync:signal=KILL:when=4"])
    assert ran.returncode in (-9, 137), ran
    log = (killed.root / "state/ledger.db-wal").read_bytes()
    assert len(log) > 4096
    cuts = range(0, len(log), max(1, len(log) // 30) + 1)
    for cut in cuts:
        for rest in (b"", bytes(len(log) - cut)):
            spool = killed.copy()
            (spool.root / "state/ledger.db-wal").write_bytes(log[:cut] + rest)
            assert spool.once().returncode == 1
            verify(spool, files, 3)
            spool.remove()


test_the_ledgers_log_cut_anywhere.limit = 300
