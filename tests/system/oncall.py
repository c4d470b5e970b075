"""The operator on call: harm is done to the installed service, and each place where one looks must show it within seconds, with
the way out: `status`, its JSON, `--check`, the textfile and systemd's line. Mended, each must be well again."""

import json
import re
import shlex
import time
from collections import defaultdict
from types import SimpleNamespace

import booted
from booted import SPOOL
from harness import line, xs

DEBIAN = booted.DEBIAN
COLLECTOR = "/var/lib/prometheus/node-exporter"
PAGE = f"{COLLECTOR}/transform.prom"
# An idle worker looks at its models and inputs that often, in seconds, and some more.
SOON = 20


def service(room):
    """The service as installed, with the textfile as OPERATIONS.md says."""
    machine = booted.guest(room)
    machine.sh(f"install -d -g transform -m 775 {COLLECTOR}; rm -f {PAGE}")
    machine.drop_in("transform.service", f"[Service]\nReadWritePaths={COLLECTOR}\nRestartSec=200ms\n")
    booted.configure(machine, textfile=json.dumps(PAGE))
    machine.sh("systemctl restart transform")
    well(machine)
    return machine


def look(machine):
    """What the five places say."""
    ask = lambda *options: machine.try_(f"cd /; transform status {' '.join(options)}", "transform")
    text = ask()[1]
    code, answer = ask("--json")
    check, said = ask("--check")
    labels = r"\{group=\"[^\"]*\",input=\"[^\"]*\",?"
    page = machine.read(PAGE) or ""
    samples = re.findall(rf"(?m)^transform_(\w+){labels}(?:state=\"(\w+)\")?\}} (\S+)$", page)
    return SimpleNamespace(
        text=text,
        json=json.loads(answer) if code == 0 else {},
        check=check,
        said=said,
        page=defaultdict(lambda: None, {f"{name} {state}".strip(): float(value) for name, state, value in samples}),
        line=machine.unit("transform", "StatusText"),
    )


def shown(machine, what, *holds, within=SOON):
    """Waits until each of the predicates holds in one look."""
    got = None
    deadline = time.monotonic() + within
    while True:
        got = look(machine)
        missing = [n for n, hold in enumerate(holds) if not hold(got)]
        if not missing:
            return got
        assert time.monotonic() < deadline, f"{what}: not within {within} s, by predicates {missing}:\n" + "\n".join(
            f"--- {place}\n{said}" for place, said in vars(got).items()
        )


def well(machine):
    return shown(
        machine,
        "all is well",
        lambda s: re.search(r"worker +running", s.text) and not re.search("NOT|trying again|pending \\(", s.text),
        lambda s: s.json["worker"]["state"] == "running" and s.json["model"] and not s.json["faults"] and not s.json["pending"],
        lambda s: s.check == 0 and s.said.startswith("TRANSFORM OK"),
        lambda s: s.page["worker_running"] == s.page["model_usable"] == 1 and s.page["worker_fault"] == 0,
        lambda s: s.page["files pending"] == s.page["files_retrying"] == 0,
        lambda s: s.line.startswith("model default/") and "pending 0" in s.line,
    )


def test_a_damaged_model_is_seen_before_and_after_a_restart(room):
    machine = service(room)
    artifact = f"{SPOOL}/models/default/1/linear.json"
    machine.sh(f"cp -a {artifact} /root/whole; echo >> {artifact}")
    hint = "reject the version"
    damaged = [
        lambda s: "NOT OK" in s.text and f"hint: register the model again, or {hint}" in s.text,
        lambda s: s.json["model"] is None and s.json["model_error_code"] == "damaged_model",
        lambda s: s.check == 2 and "model: " in s.said and hint in s.said,
        lambda s: s.page["model_usable"] == 0,
        lambda s: "changed after it was registered" in s.line and hint in s.line,
    ]
    goes_on = lambda s: "goes on by default/1" in s.text and s.line.startswith("NOT OK: ") and "works on by default/1" in s.line
    shown(machine, "the model is damaged", *damaged, goes_on)
    assert "can't be used" in machine.sh("cd /; transform models list", "transform")
    machine.sh("systemctl restart transform")
    waits = lambda s: s.json["worker"]["model"] is None and s.line.startswith("waiting: ")
    shown(machine, "and no worker goes on by it", *damaged, waits)
    machine.sh(f"cp -a /root/whole {artifact}")
    well(machine)


def test_golden_rows_that_a_version_no_longer_gives_are_seen(room):
    machine = service(room)
    machine.write("/home/alice/golden.csv", xs([1, 2]))
    machine.sh("cd /; transform models register ~alice/model.json --format linear --golden ~alice/golden.csv --approve", "alice")
    version = f"{SPOOL}/models/default/2"
    shown(machine, "it is at work", lambda s: s.line.startswith("model default/2"))
    # Another prediction, under a checksum of its own.
    edit = "old=$(sha256sum golden.json | cut -c-64); sed -i 's/3[.]0/4.0/' golden.json; new=$(sha256sum golden.json | cut -c-64)"
    machine.sh(f"cd {version}; {edit}; sed -i s/$old/$new/ model.toml")
    said, hint = "expected 4.0, found 3.0", "reject the version"
    shown(
        machine,
        "the rows aren't reproduced",
        lambda s: "NOT OK" in s.text and said in s.text and hint in s.text,
        lambda s: said in s.json["model_error"] and s.json["worker"]["model"] is None,
        lambda s: s.check == 2 and said in s.said and hint in s.said,
        lambda s: s.page["model_usable"] == 0,
        lambda s: s.line.startswith("waiting: ") and said in s.line and hint in s.line,
    )
    machine.sh("cd /; transform models reject 2", "alice")
    well(machine)


def test_a_folder_outside_of_the_sandbox_is_seen(room):
    machine = service(room)
    machine.sh("install -d -o transform -g transform -m 2750 /srv/output")
    good = machine.read("/etc/transform/transform.toml")
    machine.write("/etc/transform/transform.toml", good.replace(f'"{SPOOL}/output"', '"/srv/output"'))
    machine.sh("systemctl reload transform")
    machine.drop("a.csv", xs([1]))
    hint = "add ReadWritePaths=FOLDER"
    shown(
        machine,
        "the sandbox is in its way",
        lambda s: "trying again: the worker: can't write /srv/output" in s.text and hint in s.text,
        lambda s: any(f["input"] == "" and f["code"] == "sandbox" for f in s.json["faults"]),
        lambda s: s.check == 2 and "the worker waits: " in s.said and hint in s.said,
        lambda s: s.page["worker_fault"] == 1,
        lambda s: s.line.startswith("waiting: ") and hint in s.line,
    )
    machine.write("/etc/transform/transform.toml", good)
    machine.sh("systemctl reload transform")
    well(machine)


def test_a_full_disk_is_seen(room):
    machine = service(room)
    mount = f"systemctl stop transform; mount -t tmpfs -o size=4m none {SPOOL}/output; systemd-tmpfiles --create; systemctl start transform"
    machine.sh(mount)
    try:
        well(machine)
        machine.try_(f"cat /dev/zero > {SPOOL}/output/.filler")
        machine.drop("a.csv", xs(range(1000)))
        full = "No space left on device"
        shown(
            machine,
            "the disk is full",
            lambda s: f"trying again: the worker: can't write {SPOOL}/output" in s.text and "hint: free some space" in s.text,
            lambda s: any(f["input"] == "" and f["code"] == "disk_full" for f in s.json["faults"]),
            lambda s: [f["reason"] for f in s.json["pending_files"]] == ["retry"],
            lambda s: s.check == 2 and "the worker waits: " in s.said and full in s.said and "free some space" in s.said,
            lambda s: s.page["worker_fault"] == 1 and s.page["files pending"] == 1,
            lambda s: s.line.startswith("waiting: ") and full in s.line and "free some space" in s.line,
        )
        machine.sh(f"rm {SPOOL}/output/.filler")
        well(machine)
        # The mount is seen from inside only.
        assert machine.sh(f"cat {SPOOL}/output/a.csv.out") == line(2, 1, range(1000))
    finally:
        machine.sh(f"systemctl stop transform; umount {SPOOL}/output; systemctl start transform")


def test_a_stopped_service_is_seen(room):
    machine = service(room)
    machine.sh("systemctl stop transform")
    machine.drop("a.csv", xs([1]))
    shown(
        machine,
        "it ended",
        lambda s: re.search(r"worker +not running \(the last one ended at", s.text) and "systemctl start transform" in s.text,
        lambda s: s.json["worker"]["state"] == "stopped" and s.json["worker"]["stopped"] and s.json["worker"]["uptime_seconds"] is None,
        lambda s: [f["reason"] for f in s.json["pending_files"]] == ["no_worker"],
        lambda s: s.check == 2 and "no worker runs" in s.said and "systemctl start transform" in s.said,
        lambda s: s.page["worker_running"] == 0,
        lambda s: s.line == "stopped" and machine.unit("transform", "ActiveState") == "inactive",
    )
    machine.sh("systemctl start transform")
    well(machine)


def test_a_frozen_worker_is_seen(room):
    machine = service(room)
    machine.sh("systemctl kill -s STOP transform")
    got = shown(
        machine,
        "it doesn't respond",
        lambda s: "NOT RESPONDING since " in s.text and "kill -CONT" in s.text,
        lambda s: s.json["worker"]["state"] == "not_responding" and s.json["worker"]["heartbeat_age_seconds"] > 30,
        lambda s: s.check == 2 and "doesn't respond" in s.said and "systemctl restart transform" in s.said,
        lambda s: time.time() - s.page["worker_heartbeat_timestamp_seconds"] > 30,
        within=60,
    )
    # It can't tell systemd: its watchdog does after three minutes.
    assert got.line.startswith("model default/1") and machine.unit("transform", "WatchdogUSec") == "3min"
    machine.sh("systemctl kill -s CONT transform")
    well(machine)


def test_rights_that_went_are_seen(room):
    machine = service(room)
    denied, hint = "Permission denied", "needs the right to do this"
    unknown = lambda s: re.search(r"done +unknown", s.text) and "done=U;" in s.said and s.json["counted"] is None
    for folder in ("input", "output", "failed", "models"):
        path = f"{SPOOL}/{folder}"
        machine.sh(f"chown root:root {path}; chmod 700 {path}")
        shown(
            machine,
            f"the rights to {folder} went",
            lambda s: f"{path}" in s.text and denied in s.text and f"hint: the user that runs transform {hint}" in s.text,
            lambda s: "permission_denied" in json.dumps(s.json) and path in json.dumps(s.json),
            lambda s: s.check == 2 and path in s.said and denied in s.said and s.said.count(hint) == 1,
            lambda s: s.page["worker_fault"] == 1 or s.page["model_usable"] == 0,
            lambda s: path in s.line and denied in s.line and s.line.count(hint) == 1,
            lambda s: folder == "models" or unknown(s),
        )
        machine.sh("systemd-tmpfiles --create")
        well(machine)
    path = f"{SPOOL}/status"
    for harm, said in ((f"chmod 700 {path}", f"can't read {path}/status.json"), (f"chmod 755 {path}", f"{path}/status.json stands since")):
        machine.sh(f"chown root:root {path}; chmod a+r {path}/*; {harm}")
        shown(
            machine,
            "it can't write its status",
            lambda s: re.search(r"worker +running", s.text) and f"NOT OK: {said}" in s.text and "rights" in s.text.replace("right to", "rights"),
            lambda s: s.json["worker"]["state"] == "running" and s.json["worker"]["report_error"].startswith(said),
            lambda s: s.check == 1 and said in s.said,
            lambda s: s.page["status_written"] == 0 and s.page["worker_running"] == 1,
            lambda s: f"NOT OK: can't create {path}" in s.line and denied in s.line and hint in s.line,
        )
    machine.sh("systemd-tmpfiles --create")
    well(machine)
    machine.sh(f"install -m 600 /dev/null {SPOOL}/input/secret.csv")
    shown(
        machine,
        "a file is closed to it",
        lambda s: f"trying again: secret.csv: can't open {SPOOL}/input/secret.csv: {denied}" in s.text and hint in s.text,
        lambda s: [(f["file"], f["reason"]) for f in s.json["pending_files"]] == [("secret.csv", "retry")],
        lambda s: s.check == 1 and "1 tried again" in s.said,
        lambda s: s.page["files_retrying"] == 1 and s.page["worker_fault"] == 0,
        lambda s: s.line.startswith("model default/1") and "tried again 1" in s.line,
    )
    machine.sh(f"rm {SPOOL}/input/secret.csv")
    well(machine)


def test_a_half_written_file_is_seen(room):
    machine = service(room)
    writer = f"exec > {SPOOL}/input/half.csv; echo x; echo 1; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo 2"
    machine.sh(f"rm -f /tmp/go; systemd-run -q --unit writer --uid bob --gid transform sh -c {shlex.quote(writer)}")
    try:
        shown(
            machine,
            "a file is pending",
            lambda s: re.search(r"pending +1 \(the oldest for \d+ s\)", s.text) and "half.csv  since " in s.text,
            # It is another user's: the worker knows by its events.
            lambda s: "its writer has it open" in s.text and s.json["pending_files"][0]["reason"] == "open",
            lambda s: s.json["pending_files"][0]["age_seconds"] > 3,
            lambda s: s.check == 0 and "pending=1;" in s.said,
            lambda s: s.page["files pending"] == 1 and time.time() - s.page["oldest_pending_timestamp_seconds"] > 3,
            lambda s: "pending 1" in s.line,
        )
        text = machine.sh("cd /; transform status --check --max-pending-age 1s", "transform", code=2)
        assert "1 pending, the oldest for " in text, text
        assert machine.output("half.csv") is None
    finally:
        machine.sh("touch /tmp/go")
    well(machine)
    assert machine.output("half.csv") == line(2, 1, [1, 2])
