"""A Debian that is booted in a container, with the service installed as OPERATIONS.md says."""

import contextlib
import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

from harness import until

CRATE = Path(__file__).resolve().parent.parent.parent
# What debootstrap made, kept for the next run.
ARCHIVE = CRATE / "target" / "system" / "bookworm.tar"
PACKAGES = "systemd,systemd-sysv,dbus,python3-minimal"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
SPOOL = "/var/lib/transform/spool"


def documented(heading, which, page="OPERATIONS.md"):
    """A block of shell of a page: the `which`-th below a heading, or below words in bold."""
    text = (CRATE / page).read_text().split(heading, 1)[1]
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[which]


def try_rmdir(folder):
    with contextlib.suppress(OSError):
        os.rmdir(folder)
    return not os.path.exists(folder)


class Guest:
    """One for all tests of a run: each leaves the service enabled and running, and an empty spool."""

    def __init__(self, room):
        self.room = room
        self.root = room.folder / "root"
        self.process = self.handle = None
        room.ends.callback(self.power_off)
        self.unpack()
        self.boot()
        self.install(room.transform)

    def unpack(self):
        if not ARCHIVE.exists():
            made = self.room.folder / "made"
            argv = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", made]
            assert self.room.start("debootstrap", *argv).wait(600) == 0
            ARCHIVE.parent.mkdir(parents=True, exist_ok=True)
            partial = ARCHIVE.with_suffix(".partial")
            subprocess.run(["tar", "cf", partial, "-C", made, "."], check=True)
            partial.rename(ARCHIVE)
            shutil.rmtree(made)
        self.root.mkdir()
        subprocess.run(["tar", "xf", ARCHIVE, "-C", self.root], check=True)

    def boot(self):
        """Its network is its own: what it tries to reach is not the machine that the tests run on."""
        options = ["--boot", "--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        self.process = self.room.start("boot", "systemd-nspawn", "--quiet", "-D", self.root, *options)
        self.leader = until("it begins to boot", self.find_leader)
        self.handle = os.pidfd_open(self.leader)
        until("it has booted", lambda: self.try_("systemctl is-system-running")[1].strip() in ("running", "degraded"), 60)

    def find_leader(self):
        """The pid of its PID 1, seen from here."""
        assert self.process.alive(), self.process.text()
        pid = self.process.child.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        inside = [c for c in children if os.readlink(f"/proc/{c}/ns/pid") != os.readlink("/proc/self/ns/pid")]
        return int(inside[0]) if inside else None

    def power_off(self):
        """As if its plug were pulled: all of its processes end at once."""
        if self.handle is None:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        assert select.select([self.handle], [], [], 30)[0], "PID 1 doesn't end"
        os.close(self.handle)
        self.handle = None
        self.process.wait(30)
        # What systemd-nspawn leaves where no systemd runs outside.
        for payload in Path("/sys/fs/cgroup").glob("*/payload"):
            for folder, _, _ in os.walk(payload, topdown=False):
                until(f"{folder} is let go", lambda: try_rmdir(folder))
            try_rmdir(payload.with_name("supervisor"))
        try_rmdir(f"/run/systemd/nspawn/propagate/{self.root.name}")

    def try_(self, script, user=None, within=90):
        """Runs a shell script inside. Returns its exit code and what it printed on both."""
        who = ["runuser", "-u", user, "--"] if user else []
        argv = ["nsenter", "-t", str(self.leader), "-m", "-p", "-u", "-i", "-n", "--", *who, "sh", "-ec", script]
        got = subprocess.run(
            argv, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=within
        )
        return got.returncode, got.stdout.decode(errors="replace")

    def sh(self, script, user=None, code=0, within=90):
        """The same; it must exit with this code."""
        got, text = self.try_(script, user, within)
        assert got == code, f"{script!r} exited with {got} instead of {code}: {text}"
        return text

    def install(self, transform):
        """Runs the page's own lines, but for the build."""
        crate = self.root / "root" / "crate"
        for folder in ("config", "systemd"):
            shutil.copytree(CRATE / folder, crate / folder)
        (crate / "target" / "release").mkdir(parents=True)
        shutil.copy(transform, crate / "target" / "release" / "transform")
        lines = documented("## Install as a service", 0).replace("cargo build --release\n", "")
        self.sh(f"cd /root/crate\n{lines}")
        self.sh("useradd -m alice; useradd -m bob; useradd -m mallory")
        for line in documented("## Install as a service", 1).splitlines():
            if line.startswith("usermod"):
                self.sh(line)

    def write(self, path, text, mode=0o644):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def read(self, path):
        """None if there is no such file."""
        file = self.root / path.lstrip("/")
        return file.read_text() if file.exists() else None

    def approve_line(self, slope, intercept, folder="/var/lib/transform", environment=""):
        """A data scientist registers and approves `prediction = slope x + intercept`."""
        model = f'{{"features": ["x"], "coefficients": [{slope}], "intercept": {intercept}}}'
        self.write("/home/alice/model.json", model)
        self.sh(f"cd {folder}; {environment} transform models register ~alice/model.json --format linear --approve", "alice")

    def drop(self, name, text, spool=SPOOL):
        """A producer copies a file in."""
        self.write(f"/home/bob/{name}", text)
        self.sh(f"cp ~bob/{name} {spool}/input/", "bob")

    def output(self, name, spool=SPOOL):
        return self.read(f"{spool}/output/{name}.out")

    def unit(self, unit, *names):
        """What systemd says of a unit."""
        text = self.sh(f"systemctl show {unit} -p {','.join(names)}")
        values = dict(line.split("=", 1) for line in text.splitlines())
        return values[names[0]] if len(names) == 1 else [values[name] for name in names]

    def drop_in(self, unit, text):
        """Settings for a test, as `systemctl edit` makes them. Empty: gone again."""
        file = f"/etc/systemd/system/{unit}.d/test.conf"
        if text:
            self.write(file, text)
        else:
            (self.root / file.lstrip("/")).unlink(missing_ok=True)
        self.sh("systemctl daemon-reload")

    def journal(self, unit="transform"):
        return self.sh(f"journalctl --sync; journalctl -u {shlex.quote(unit)} -o cat --no-pager")

    def logs(self, words, unit="transform", after="", within=60):
        """Waits until the journal of a unit has these words behind what it had before."""
        until(f"the journal of {unit} says {words!r}", lambda: words in self.journal(unit)[len(after) :], within)

    def status(self):
        return json.loads(self.sh("cd /var/lib/transform; transform status --json", "transform"))
