"""The service under a real systemd: started, killed, hung, reloaded, stopped, timed, doubled, and tried from inside its
sandbox. One Debian is booted for all; each test leaves the service running."""

import re

import sandbox
from guest import CRATE, SPOOL, Guest, documented
from harness import line, until, xs

DEBIAN = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "nsenter": "util-linux"}

UNITS = ("transform.service", "transform-once.service", "transform@.service")
# A unit of its own, because it needs a network, and its exposure as its lines and SCALE.md state it.
RAY, EXPOSURE = "transform-ray.service", 1.2
# A test can't wait as long as a service may.
SOON = "[Service]\nRestartSec=200ms\n"


def guest(room):
    """The booted Debian, with the service as installed, no files, and `prediction = 2 x + 1`."""
    guest = room.session.share(Guest)
    guest.sh("systemctl stop transform transform-once.timer transform-once; systemctl reset-failed")
    guest.sh("rm -rf /etc/systemd/system/transform*.d /var/lib/transform/spool /etc/transform/*; systemd-tmpfiles --create")
    install = next(line for line in documented("## Install as a service", 0).splitlines() if line.startswith("sed "))
    guest.sh(f"cd /root/crate; {install}; systemctl daemon-reload")
    guest.approve_line(2, 1)
    guest.sh("systemctl start transform")
    return guest


def configure(guest, **settings):
    """Changes keys of the configuration file, each in the first section that has it."""
    text = guest.read("/etc/transform/transform.toml")
    for key, value in settings.items():
        text, changed = re.subn(rf"(?m)^{key} = [^#\n]*", f"{key} = {value} ", text, count=1)
        assert changed, key
    guest.write("/etc/transform/transform.toml", text)


def scored(guest, names, values, slope=2, intercept=1):
    """Waits until all of them have their right output."""
    want = line(slope, intercept, values)
    until("all are scored", lambda: all(guest.output(name) == want for name in names), 60)
    assert not list((guest.root / SPOOL[1:]).glob("*/.transform-*.tmp")), "drafts are left over"


def restarts(guest, unit="transform"):
    return int(guest.unit(unit, "NRestarts"))


def test_it_is_ready_when_it_says_so(room):
    machine = room.session.share(Guest)  # as the page's lines left it: no model
    kind, state, sub, user = machine.unit("transform", "Type", "ActiveState", "SubState", "User")
    assert (kind, state, sub, user) == ("notify", "active", "running", "transform")
    until("it says so", lambda: "waiting: no approved model" in machine.unit("transform", "StatusText"))
    assert machine.sh("systemctl is-enabled transform").strip() == "enabled"
    machine.approve_line(2, 1)
    until("it has heard of the model", lambda: "model default/1" in machine.unit("transform", "StatusText"))
    # Started is what has said READY=1, and nothing else.
    machine.drop_in("transform.service", "[Service]\nExecStart=\nExecStart=sleep 60\nTimeoutStartSec=2s\nRestart=no\n")
    machine.sh("systemctl restart transform", code=1)
    assert machine.unit("transform", "Result") == "timeout"
    machine.drop_in("transform.service", "")
    machine.sh("systemctl reset-failed transform; systemctl start transform; systemctl is-active transform")


def test_a_dropped_file_is_scored_for_its_group_alone(room):
    machine = guest(room)
    machine.drop("a.csv", xs([0, 1, 2]))
    scored(machine, ["a.csv"], [0, 1, 2])
    machine.drop("b.csv", "y\n1\n")
    until("the report", lambda: machine.read(f"{SPOOL}/failed/b.csv.error.json"))
    # The umask of the unit: 0027.
    files = f"{SPOOL}/output/a.csv.out {SPOOL}/failed/b.csv.error.json"
    assert machine.sh(f"stat -c '%U %G %a' {files}") == "transform transform 640\n" * 2
    assert machine.sh(f"cat {SPOOL}/output/a.csv.out", "bob") == line(2, 1, [0, 1, 2])
    for path in files.split():
        assert "Permission denied" in machine.sh(f"cat {path}", "mallory", code=1)
    configure(machine, recursive="true")
    machine.sh("systemctl reload transform")
    machine.sh(f"mkdir {SPOOL}/input/sub && cp ~bob/a.csv {SPOOL}/input/sub/", "bob")
    until("the subfolder's output", lambda: machine.output("sub/a.csv") == line(2, 1, [0, 1, 2]))
    assert machine.sh(f"stat -c '%G %a' {SPOOL}/output/sub") == "transform 2750\n"


def test_a_killed_service_starts_again_and_loses_nothing(room):
    machine = guest(room)
    machine.drop_in("transform.service", SOON)
    values = list(range(50))
    names, kills = [], 10
    for kill in range(kills):
        before = restarts(machine)
        for n in range(10):
            names.append(f"k{kill}-{n}.csv")
            machine.write(f"/home/bob/{names[-1]}", xs(values))
        machine.sh(f"cp ~bob/k{kill}-* {SPOOL}/input/; systemctl kill -s KILL transform", "root")
        until("it is started again", lambda: restarts(machine) > before)
        until("it is ready again", lambda: machine.unit("transform", "SubState") == "running")
    scored(machine, names, values)
    assert machine.status()["done"] == len(names)


def test_a_killed_service_starts_again_after_ten_seconds(room):
    machine = guest(room)
    before = restarts(machine)
    machine.sh("systemctl kill -s KILL transform")
    until("it is started again", lambda: restarts(machine) > before, 30)
    assert machine.unit("transform", "RestartUSec") == "10s"
    until("it is ready again", lambda: machine.unit("transform", "SubState") == "running")


def test_after_a_power_cut_it_comes_back_and_scores_what_was_dropped(room):
    machine = guest(room)
    values = list(range(50))
    names = [f"p{n}.csv" for n in range(100)]
    for name in names:
        machine.write(f"/home/bob/{name}", xs(values))
    machine.sh(f"cp ~bob/p* {SPOOL}/input/")
    machine.power_off()
    machine.boot()
    until("it is ready", lambda: machine.unit("transform", "SubState") == "running")
    scored(machine, names, values)


def test_the_watchdog_starts_a_hung_service_again(room):
    machine = guest(room)
    # What a stopped process doesn't do, being killed does at once.
    machine.drop_in("transform.service", "[Service]\nWatchdogSec=8s\nRestartSec=200ms\n")
    machine.sh("systemctl restart transform")
    pid, before = machine.unit("transform", "MainPID"), restarts(machine)
    # It says in time that it is alive, also when there is nothing to do.
    machine.sh("sleep 17")
    assert machine.unit("transform", "MainPID") == pid
    journal = machine.journal()
    machine.sh("systemctl kill -s STOP transform")
    machine.drop("hung.csv", xs([1]))
    machine.logs("Watchdog timeout", after=journal)
    until("it is started again", lambda: restarts(machine) > before)
    scored(machine, ["hung.csv"], [1])
    assert machine.unit("transform", "MainPID") not in ("0", pid)


def test_a_reload_takes_a_good_configuration_and_refuses_a_bad_one(room):
    machine = guest(room)
    machine.drop("a.csv", "id,x\nr,1\n")
    until("it is scored", lambda: machine.output("a.csv") == "prediction\n3.0\n")
    pid = machine.unit("transform", "MainPID")
    configure(machine, columns='"all"')
    machine.sh("systemctl reload transform")
    until("it is scored again", lambda: machine.output("a.csv") == "id,x,prediction\nr,1,3.0\n")
    good = machine.read("/etc/transform/transform.toml")
    journal = machine.journal()
    machine.write("/etc/transform/transform.toml", good.replace("columns", "collumns"))
    machine.sh("transform check", code=64)
    machine.sh("systemctl reload transform")
    machine.logs("the new configuration is refused; the old one stays", after=journal)
    machine.drop("b.csv", "id,x\nr,2\n")
    until("it goes on", lambda: machine.output("b.csv") == "id,x,prediction\nr,2,5.0\n")
    assert machine.unit("transform", "ActiveState", "MainPID") == ["active", pid]
    # At a start there is no old one: it ends with 64, and is not started again and again.
    machine.drop_in("transform.service", SOON)
    machine.sh("systemctl restart transform", code=1)
    state, code, again = machine.unit("transform", "ActiveState", "ExecMainStatus", "NRestarts")
    assert (state, code, again) == ("failed", "64", "0")
    machine.write("/etc/transform/transform.toml", good)
    machine.sh("systemctl start transform")


def test_it_stops_in_time_idle_and_at_work(room):
    machine = guest(room)
    rows = 3_000_000
    machine.write("/home/bob/large.csv", "id,x\n" + "row,0.12345\n" * rows)
    for at_work in (False, True):
        if at_work:
            machine.sh(f"cp ~bob/large.csv {SPOOL}/input/")
            drafts = lambda: list((machine.root / SPOOL[1:] / "output").glob(".transform-*.tmp"))
            until("it is at work", drafts)
        machine.sh("systemctl stop transform", within=30)
        result, code = machine.unit("transform", "Result", "ExecMainStatus")
        assert (result, code) == ("success", "0"), f"at work: {at_work}"
        assert not list((machine.root / SPOOL[1:]).glob("*/.transform-*.tmp"))
        assert machine.output("large.csv") is None, "it was not at work when it was stopped"
        machine.sh("systemctl start transform")
    until("it is scored", lambda: machine.output("large.csv"), 90)
    assert machine.output("large.csv").count("\n") == rows + 1


def test_the_timer_runs_the_one_shot(room):
    machine = guest(room)
    timer = "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/2\nRandomizedDelaySec=0\nAccuracySec=1ms\n"
    machine.drop_in("transform-once.timer", timer)
    machine.drop_in("transform-once.service", "[Service]\nRestartSec=500ms\n")
    script = documented("**A timer instead of a daemon**", 0)
    machine.sh("\n".join(l for l in script.splitlines() if l.startswith("systemctl")))
    machine.drop("timed.csv", xs([1, 2]))
    scored(machine, ["timed.csv"], [1, 2])
    assert machine.sh("systemctl is-active transform", code=3).strip() == "inactive"
    # A file that fails is shown by the unit, once, and is not tried again and again.
    journal = machine.journal("transform-once")
    machine.drop("bad.csv", "y\n1\n")
    machine.logs("failed: bad.csv", "transform-once", journal)
    result = lambda: machine.unit("transform-once", "ActiveState", "Result", "ExecMainStatus", "NRestarts")
    # For two seconds: the next pass clears it.
    machine.logs("status=1/FAILURE", "transform-once", journal)
    until("the next pass clears it", lambda: result() == ["inactive", "success", "0", "0"])
    machine.drop("bad.csv", xs([1]))
    # A passing fault (75: here another worker) is tried again soon.
    journal = machine.journal("transform-once")
    holder = f"flock {SPOOL}/state/lock sh -c 'touch /root/held; while [ -e /root/held ]; do sleep 0.1; done'"
    machine.sh(f"rm -f /root/held; systemctl stop transform-once.timer; systemd-run --unit holder {holder}")
    until("the lock is held", lambda: machine.read("/root/held") is not None)
    machine.try_("systemctl start transform-once")
    machine.logs("another worker holds", "transform-once", journal)
    machine.sh("rm /root/held")
    until("it is over", lambda: result()[:3] == ["inactive", "success", "0"])
    assert restarts(machine, "transform-once") > 0
    # The daemon and the timer exclude each other.
    machine.sh("systemctl start transform-once.timer; systemctl start transform")
    until("the timer is off", lambda: machine.unit("transform-once.timer", "ActiveState") == "inactive")
    machine.sh("systemctl disable transform-once.timer; systemctl enable transform")


def test_an_instance_works_beside_the_service(room):
    machine = guest(room)
    sales, environment = "/var/lib/transform/sales", "TRANSFORM_CONFIG=/etc/transform/sales.toml"
    *lines, status = documented("**Several instances**", 0).splitlines()
    machine.sh("cd /root/crate\n" + "\n".join(l for l in lines if not l.startswith("cd ")))
    machine.approve_line(3, 0, sales, environment)
    machine.drop("a.csv", xs([1, 2]))
    machine.drop("a.csv", xs([1, 2]), f"{sales}/spool")
    until("the instance scored it", lambda: machine.output("a.csv", f"{sales}/spool") == line(3, 0, [1, 2]))
    scored(machine, ["a.csv"], [1, 2])
    text = machine.sh(f"cd {sales}\n{status}")
    assert re.search(r"worker +running", text) and "sales/1" in text, text
    machine.sh("systemctl disable --now transform@sales")
    assert machine.unit("transform@sales", "Result", "ExecMainStatus") == ["success", "0"]
    assert machine.sh("systemctl is-active transform").strip() == "active"


def test_who_scores_files_yields_the_processor_to_who_answers(room):
    machine = guest(room)
    for unit in (*UNITS, RAY):
        assert machine.unit(unit.replace("@", "@x"), "Nice", "CPUWeight") == ["10", "20"], unit
    pid = machine.unit("transform", "MainPID")
    assert machine.sh(f"awk '{{print $19}}' /proc/{pid}/stat").strip() == "10"


def test_the_running_service_has_no_privilege_and_no_network(room):
    machine = guest(room)
    pid = machine.unit("transform", "MainPID")
    facts = dict(re.findall(r"(?m)^(\w+):\s*(.*)$", machine.sh(f"cat /proc/{pid}/status")))
    uid = machine.sh("id -u transform").strip()
    assert set(facts["Uid"].split()) == {uid} and uid != "0", facts["Uid"]
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(facts[capabilities], 16) == 0, capabilities
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    for namespace in ("net", "user", "mnt", "ipc", "uts"):
        own, others = machine.sh(f"readlink /proc/{pid}/ns/{namespace} /proc/1/ns/{namespace}").split()
        assert own != others, f"it shares the {namespace} namespace"
    rows = machine.sh(f"cat /proc/{pid}/net/dev").splitlines()[2:]
    assert [row.split(":")[0].strip() for row in rows] == ["lo"]
    assert not re.search(r"(?m)^\s*\d+:", machine.sh(f"tail -n +2 /proc/{pid}/net/tcp /proc/{pid}/net/udp"))


def test_the_units_are_sound_and_safe(room):
    machine = guest(room)
    units = f"transform.service transform@x.service transform-once.* transform-alert.* {RAY}"
    machine.write("/etc/transform/alert", "#!/bin/sh\n", 0o755)
    assert machine.sh(f"cd /etc/systemd/system; systemd-analyze verify {units}") == ""
    for unit in (*UNITS, RAY):
        name = unit.replace("@", "@x")
        text = machine.sh(f"systemd-analyze security {name} --no-pager")
        exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", text)[1])
        assert exposure <= (EXPOSURE if unit == RAY else 0.5), text
    for page in ("systemd/transform-ray.service", "SCALE.md"):
        assert f"{EXPOSURE} by `systemd-analyze security`" in (CRATE / page).read_text(), page


def test_events_are_handed_to_the_operators_command(room):
    """One that it refuses is tried again; the others go on."""
    machine = guest(room)
    alerts = "/var/lib/transform/spool/alerts"
    machine.sh(f"rm -rf {alerts}/*; systemctl stop transform-alert.path")
    script = '#!/bin/sh\ncase $1 in *refused*) [ -e /etc/transform/mended ] || exit 1;; esac\nlogger -t handed "$(cat)"\n'
    machine.write("/etc/transform/alert", script, 0o755)
    machine.drop_in("transform-alert.service", "[Service]\nRestartSec=200ms\n")
    event = "umask 027; echo {0} > {1}/.{0}.tmp; mv {1}/.{0}.tmp {1}/20261127T010203.123456Z-opened-{0}-1.json"
    machine.sh(event.format("before", alerts), "transform")
    machine.sh("systemctl start transform-alert.path")
    sent = machine.root / alerts[1:] / "sent"
    names = lambda: sorted(p.name.split("-")[2] for p in sent.glob("*.json"))
    until("what was there is handed on", lambda: names() == ["before"], 30)
    for name in ("refused", "later"):
        machine.sh(event.format(name, alerts), "transform")
    until("the others go on", lambda: names() == ["before", "later"], 30)
    assert machine.unit("transform-alert.path", "ActiveState") == "active"
    machine.write("/etc/transform/mended", "")
    until("it is tried again", lambda: names() == ["before", "later", "refused"], 30)
    until("it rests", lambda: machine.unit("transform-alert.service", "ActiveState") == "inactive", 30)
    assert machine.unit("transform-alert.path", "ActiveState") == "active"
    machine.sh("systemctl stop transform-alert.path")


def test_the_sandbox_holds(room):
    """Does from inside, with the very lines of each unit, what an attacker who runs as the service would do."""
    machine = guest(room)
    machine.sh("install -d -m 755 -o transform -g transform /var/lib/transform/x; sed 's|/var/lib/transform|&/x|' "
               "/etc/tmpfiles.d/transform.conf > /tmp/x.conf; systemd-tmpfiles --create /tmp/x.conf")
    sandbox.prepare(machine, [SPOOL, "/var/lib/transform/x/spool"])
    outcomes = {}
    for unit in UNITS:
        text = (CRATE / "systemd" / unit).read_text()
        outcomes[unit] = sandbox.probe(machine, "probe@x" if "@" in unit else "probe", text)
    ray = sandbox.probe(machine, "probe", (CRATE / "systemd" / RAY).read_text(), "ray")
    sandbox.assert_untouched(machine)
    bare = "[Unit]\n[Service]\nType=oneshot\nUser=transform\nGroup=transform\nWorkingDirectory=/var/lib/transform\nExecStart=\n"
    sandbox.judge(outcomes, sandbox.probe(machine, "probe", bare))
    sandbox.judge({RAY: ray}, sandbox.probe(machine, "probe", bare, "ray"))
    sandbox.tidy(machine)
    machine.sh("rm -rf /var/lib/transform/x")
