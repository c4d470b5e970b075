"""What tests have in common: a room that is cleared up behind them, processes, spools, and waiting for what must come."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

# No test takes this long, in seconds. What it started is killed then, so that whatever hangs on it goes on and fails.
LIMIT = 120
# It says who publishes into an output folder, and stays there.
MARK = ".transform-owner"
# Where the modules' PYPI is installed: for the programs in Python that tests start, but not in the environment, where an environment
# of `python_with` would find it, too, and mix both.
PACKAGES = []


def until(what, holds, within=30):
    """Waits until `holds()` is true, and returns what it gave."""
    deadline = time.monotonic() + within
    while True:
        value = holds()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {within} s in vain until {what}"
        time.sleep(0.02)


def always(what, holds, during):
    """`holds()` stays true for so many seconds."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        assert holds(), f"no longer true: {what}"
        time.sleep(0.02)


class Session:
    """One run of the tests: the program under test, and what tests share because it takes long to start."""

    def __init__(self, transform):
        self.transform = transform
        self.ends = contextlib.ExitStack()
        self.shared = {}

    def share(self, kind):
        """The one `kind(room)` of this run, made when it is first asked for."""
        if kind not in self.shared:
            self.shared[kind] = kind(self.ends.enter_context(Room(self, limit=None)))
        return self.shared[kind]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends.close()


class Room:
    """A temporary folder and all that is started and mounted in it; gone when the test ends."""

    def __init__(self, session, limit=LIMIT):
        self.session = session
        self.transform = session.transform
        self.folder = Path(tempfile.mkdtemp(prefix="transform-system-")).resolve()
        self.ends = contextlib.ExitStack()
        self.processes = []
        self.limit = limit and threading.Timer(limit, self.kill_all)

    def __enter__(self):
        if self.limit:
            self.limit.daemon = True
            self.limit.start()
        return self

    def __exit__(self, *_):
        try:
            if self.limit:
                self.limit.cancel()
            self.kill_all()
        finally:
            self.ends.close()
            shutil.rmtree(self.folder)

    def path(self, *below):
        """A folder in the room, made if it is missing."""
        path = self.folder.joinpath(*below)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def start(self, name, *argv, **options):
        process = Process(self.folder / f"{name}-{len(self.processes)}.log", argv, **options)
        self.processes.append(process)
        return process

    def kill_all(self):
        """All, before any is waited for: what hangs on a mount ends only when the mount's process is dead."""
        for process in self.processes:
            process.signal(signal.SIGKILL)
        for process in self.processes:
            process.wait(30)

    def logs(self):
        """The end of each log, for a test that failed."""
        return "".join(f"--- {p.log.name}\n{p.text()[-6000:]}" for p in self.processes)


class Process:
    """Ended by its pid when its room is cleared up."""

    def __init__(self, log, argv, **options):
        self.log = log
        # What a person has set for other programs, such as AWS_PROFILE, is not for these.
        env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        env["PYTHONPATH"] = os.pathsep.join(PACKAGES)
        with open(log, "wb") as out:
            # Its own session: Ctrl-C reaches it through the clearing up only.
            options = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out, "start_new_session": True, "env": env, **options}
            self.child = subprocess.Popen([str(a) for a in argv], **options)

    def text(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.alive():
            self.child.send_signal(number)

    def wait(self, within):
        """Its exit code; negative: the signal that ended it."""
        try:
            return self.child.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.log.name} did not end within {within} s\n{self.stack()}") from None

    def stack(self):
        """Where in the kernel its threads are."""
        stacks = []
        for task in Path(f"/proc/{self.child.pid}/task").glob("*"):
            with contextlib.suppress(OSError):
                stacks.append(f"{(task / 'comm').read_text().strip()}: {(task / 'stack').read_text().split()[1::2]}\n")
        return "".join(stacks)

    def waits_for_a_mount(self):
        """Has one of its threads asked a FUSE file system something that isn't answered?"""
        return "request_wait_answer" in self.stack()

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait(30)

    def says(self, words, within=30):
        """Waits until its log has these words."""
        return until(f"{self.log.name} says {words!r}", lambda: words in self.text(), within)


class Worker(Process):
    """A running daemon."""

    def stop(self, within=10):
        """Ends it by SIGTERM. Returns its exit code and how long that took."""
        start = time.monotonic()
        self.signal(signal.SIGTERM)
        code = self.wait(within)
        return code, time.monotonic() - start


class Spool:
    """Folders and a configuration. Each folder may be given; the others are local ones.

    Settings are those of the configuration file with `__` for the dot.
    """

    FOLDERS = ("input", "output", "failed", "models", "state", "status")

    def __init__(self, room, **settings):
        self.room = room
        self.folder = Path(tempfile.mkdtemp(prefix="spool-", dir=room.folder))
        self.paths = {name: settings.pop(name, self.folder / name) for name in self.FOLDERS}
        for name, path in self.paths.items():
            if path.parent == self.folder:
                path.mkdir()
        self.settings = {
            **{f"{name}.path": str(path) for name, path in self.paths.items()},
            "models.group": "lines",
            "input.poll_interval": "500ms",
            "input.settle": "0s",
            **{key.replace("__", "."): value for key, value in settings.items()},
        }
        text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in self.settings.items())
        (self.folder / "transform.toml").write_text(text)

    def __getattr__(self, name):
        return self.__dict__["paths"][name]

    def argv(self, *arguments):
        return [str(self.room.transform), "--config", str(self.folder / "transform.toml"), *arguments]

    def run(self, *arguments, code=0, within=60):
        """Runs a command, which must exit with this code. Returns what it printed on both."""
        process = self.room.start("command", *self.argv(*arguments), cwd=self.folder)
        got = process.wait(within)
        assert got == code, f"{arguments} exited with {got} instead of {code}: {process.text()}"
        return process.text()

    def approve_line(self, slope, intercept):
        """Registers and approves `prediction = slope x + intercept`."""
        artifact = self.folder / "artifact.json"
        model = {"features": ["x"], "coefficients": [slope], "intercept": intercept}
        artifact.write_text(json.dumps(model))
        self.run("models", "register", str(artifact), "--format", "linear", "--approve")

    def worker(self, ready=True, **env):
        """Starts the daemon, and waits until it is ready."""
        log = self.room.folder / f"worker-{len(self.room.processes)}.log"
        worker = Worker(log, self.argv("--log-level", "info"), cwd=self.folder, **({"env": env} if env else {}))
        self.room.processes.append(worker)
        if ready:
            worker.says("ready")
        return worker

    def server(self):
        """Starts `transform serve` and waits until it listens. Returns its address."""
        server = self.room.start("server", *self.argv("serve"), cwd=self.folder)
        server.says("listening address=")
        return server.text().split("listening address=")[1].split()[0]

    def status(self):
        return json.loads(self.run("status", "--json"))

    def counts(self):
        status = self.status()
        return {key: status[key] for key in ("done", "pending", "failed")}

    def leftovers(self, *folders):
        """Drafts that stand around."""
        return [p for f in folders for p in Path(f).rglob(".transform-*") if p.name != MARK]


def python_with(*pins):
    """A Python with the pinned packages, from an environment of its own that is kept for the next run."""
    name = "-".join(pin.replace("==", "-") for pin in pins)
    venv = Path(__file__).resolve().parent.parent.parent / "target" / "system" / name
    stamp = venv / "complete"
    if not stamp.exists():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin" / "python", "-m", "pip", "install", "-q", *pins], check=True)
        stamp.touch()
    return venv / "bin" / "python"


def xs(values):
    """An input with one column `x`."""
    return "x\n" + "".join(f"{v}\n" for v in values)


def line(slope, intercept, values):
    """Its output, for values that have exact results."""
    return "prediction\n" + "".join(f"{float(slope * v + intercept)}\n" for v in values)


def unmount(path):
    """Takes a mount away from the tree, whoever uses it; no error if there is none."""
    subprocess.run(["umount", "-l", str(path)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def is_mounted(path):
    """Asks the kernel's table: a dead or hanging mount is one too."""
    with open("/proc/self/mountinfo") as table:
        return any(row.split()[4] == str(path) for row in table)
