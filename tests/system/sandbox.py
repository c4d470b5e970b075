"""Tries, from inside the sandbox of a unit, what an attacker who runs as the service would do; and judges what came of it."""

import re
from pathlib import Path

from guest import SPOOL

# What the file system's own permissions would allow to anyone.
CANARIES = ["/etc/canary", "/usr/canary", "/opt/canary", "/srv/canary", "/home/alice/canary", "/var/canary", "/var/lib/canary"]
# What the probe leaves where it can write; what is private to a unit aside.
PROOF = "find / /tmp /dev/shm -xdev -name escaped -not -path '*/systemd-private-*'"


def prepare(machine, spools=(SPOOL,)):
    """Puts the probe and its targets in place."""
    machine.sh(f"{PROOF} -delete")
    machine.write("/usr/local/lib/probe.py", Path(__file__).with_name("probe.py").read_text())
    folders = " ".join(CANARIES)
    machine.sh(f"mkdir -p {folders}; chmod 1777 {folders}; for d in {folders}; do touch $d/file; chmod 666 $d/file; done")
    machine.sh("chmod 755 /home/alice; install -m 4755 /usr/bin/id /opt/suid-id; touch /tmp/host /dev/shm/host")
    machine.sh(f"for s in {' '.join(spools)}; do cp /etc/hostname $s/input/old.csv; mkdir -p $s/models/old; "
               "chown -R transform $s/input $s/models; done")


def tidy(machine):
    machine.sh(f"rm -rf {' '.join(CANARIES)} /opt/suid-id")


def probe(machine, name, unit, kind="worker", start="systemctl start {0} || {{ journalctl -u {0} -n 20; exit 1; }}"):
    """Runs the probe in place of the program, with all other lines of the unit."""
    unit = re.sub(r"(?m)^(ExecStart|ExecStartPre|ExecReload|Type|NotifyAccess|Restart\w*|WatchdogSec|Conflicts)=.*\n", "", unit)
    run = f"Type=oneshot\nExecStart=/usr/bin/python3 /usr/local/lib/probe.py {kind}\n"
    unit = unit.replace("\n[Service]\n", f"\n[Service]\n{run}", 1)
    machine.write(f"/etc/systemd/system/{name.split('@')[0]}{'@' * ('@' in name)}.service", unit)
    journal = machine.journal(name)
    machine.sh("systemctl daemon-reload; " + start.format(name))
    lines = machine.journal(name)[len(journal) :].splitlines()
    return dict(l.split(" -> ") for l in lines if " -> " in l)


def assert_untouched(machine):
    proof = machine.sh(PROOF)
    assert not proof, proof


def judge(outcomes, free):
    """`outcomes`: by unit, what came of each try. `free`: the same without a sandbox, to know that the probe can do what it tries."""
    for unit, got in outcomes.items():
        held = {what for what, outcome in got.items() if outcome != "done"}
        assert set(got) == set(free), set(got) ^ set(free)
        may = {what for what in got if what.startswith("may ")}
        assert may and not may & held, f"{unit} can't do its work: {may & held}"
        broken = {what: got[what] for what in got if what not in may | held}
        assert not broken, f"{unit} lets through: {sorted(broken)}"
    needless = sorted(what for what, outcome in free.items() if outcome != "done")
    # A process without privileges fails at these with no sandbox either; the sandbox is their second lock.
    second = [what for what in needless if what.startswith(("own ", "socket"))]
    assert second == needless, f"the probe can't do these even where it may: {sorted(set(needless) - set(second))}"
    assert len(free) - len(needless) >= 30, f"only {len(free) - len(needless)} of its tries mean anything"
