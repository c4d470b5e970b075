"""The server under a real systemd: its units as the pages install them, tried from inside their sandbox; and under load, what a new
approval, a reload, a restart, an upgrade, a kill and a hang do to those who ask. In the Debian of `booted`."""

import contextlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import booted
import sandbox
from guest import CRATE, SPOOL, documented
from harness import until

DEBIAN = booted.DEBIAN

UNITS = ("transform-serve.service", "transform-serve-staging.service")
PAGE = "SERVE.md"
PRODUCTION, STAGING = 8080, 8081
CAPTURE = f"{SPOOL}/capture"
QUOTAS = f"{SPOOL}/state/serve/production/quotas.json"
# A test can't wait as long as a service may.
SOON = "[Service]\nRestartSec=200ms\n"


def guest(room):
    """The booted Debian with a server by the page's lines, and the key that they make; version 1 is `prediction = 10 x + 1`."""
    machine = booted.guest(room)
    machine.sh("systemctl stop transform")
    registered(machine, 1, approve=True)
    *lines, ping = documented("## As a service", 0, PAGE).splitlines()
    both = "transform-serve.socket transform-serve.service transform-serve-staging.socket transform-serve-staging.service"
    room.ends.callback(lambda: machine.sh(f"systemctl disable --now {both}; systemctl start transform"))
    key = re.findall(r"^tfk_\S+$", machine.sh("cd /\n" + "\n".join(lines)), re.MULTILINE)
    assert len(key) == 1 and ping == "curl -i http://127.0.0.1:8080/ping"
    assert ask(machine, "GET", "/ping")[0] == 200
    return machine, key[0]


def captures(machine):
    """Has the server keep what it answers, from the next start on, however full this machine's disk is."""
    text = machine.read("/etc/transform/transform.toml")
    text, paths = re.subn(r'(?m)(^\[capture\][^\[]*?^path = )""', rf'\1"{CAPTURE}"', text)
    text, disks = re.subn(r'(?m)^max_disk = "\S+"', 'max_disk = "100%"', text)
    assert paths == disks == 1
    machine.write("/etc/transform/transform.toml", text)
    machine.sh("systemctl restart transform-serve")


def captured(machine):
    """The lines of all captured files, each of which must be whole."""
    texts = [file.read_text() for file in (machine.root / CAPTURE[1:]).rglob("*.jsonl")]
    assert all(text.endswith("\n") for text in texts)
    return [json.loads(line) for text in texts for line in text.splitlines()]


def registered(machine, version, approve=False):
    """Version V answers with V * (10 x + 1); the first that `booted` made is replaced by it."""
    model = {"features": ["x"], "coefficients": [10 * version], "intercept": version}
    machine.write("/home/alice/model.json", json.dumps(model))
    if version == 1:
        machine.sh(f"rm -r {SPOOL}/models/*")
    approve = "--approve" if approve else ""
    machine.sh(f"cd /var/lib/transform; transform models register ~alice/model.json --format linear {approve}", "alice")


def decide(machine, verb, version):
    machine.sh(f"cd /var/lib/transform; transform models {verb} {version} --reason 'a test'", "alice")


def inside(machine, *argv, **options):
    """Starts a program of this machine in the network of the guest."""
    argv = ["nsenter", "-t", str(machine.leader), "-n", "--", sys.executable, *argv]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)


ASK = """
import http.client, json, sys
method, port, path, headers, body = json.loads(sys.argv[1])
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
connection.request(method, path, body, headers)
answer = connection.getresponse()
print(json.dumps([answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()]))
"""


def asking(machine, method, path, key=None, body=None, port=PRODUCTION):
    headers = {"x-api-key": key} if key else {}
    return inside(machine, "-c", ASK, json.dumps([method, port, path, headers, body]))


def answer(asked):
    text, _ = asked.communicate(timeout=60)
    assert asked.returncode == 0, "no answer"
    return json.loads(text)


def ask(*arguments, **options):
    return answer(asking(*arguments, **options))


def predict(machine, key, port=PRODUCTION):
    """The version that answers, and what is left of the key's quotas."""
    status, headers, text = ask(machine, "POST", "/stream", key, '{"x": [[1]]}', port)
    assert status == 200, text
    version = int(headers["transform-model"].rpartition("/")[2])
    assert float(text) == 11 * version
    return version, headers.get("ratelimit")


@contextlib.contextmanager
def load(machine, key, port=PRODUCTION):
    """Callers for as long as the body takes. What came of it is put into the list that is given."""
    result = []
    callers = inside(machine, str(Path(__file__).with_name("callers.py")), str(port), key, "30")
    try:
        yield result
        text, _ = callers.communicate(timeout=60)
        assert callers.returncode == 0, "the callers failed"
        result.append(json.loads(text))
    finally:
        callers.kill()
        callers.wait()


def pid(machine, unit="transform-serve"):
    return machine.unit(unit, "MainPID")


def test_it_answers_as_the_page_says(room):
    machine, key = guest(room)
    # Made by root, read by the service, and by nobody else.
    assert machine.sh("stat -c '%U %G %a' /etc/transform/keys.toml") == "root transform 640\n"
    assert predict(machine, key)[0] == 1
    assert ask(machine, "POST", "/stream", None, '{"x": [[1]]}')[0] == 403
    state, enabled = machine.unit("transform-serve.socket", "ActiveState", "UnitFileState")
    assert (state, enabled) == ("active", "enabled")
    until("it says who answers", lambda: "answers by default/1" in machine.unit("transform-serve", "StatusText"))
    assert machine.sh(f"stat -c '%U %G %a' {SPOOL}/state/serve") == "transform transform 700\n"
    # A second key, and a version: at once by a reload.
    other = re.findall(r"tfk_\S+", machine.sh("cd /; transform keys add other --quota 100/day"))[0]
    registered(machine, 2, approve=True)
    journal = machine.journal("transform-serve")
    machine.sh("systemctl reload transform-serve")
    machine.logs("read again, as asked by SIGHUP", "transform-serve", journal)
    version, left = predict(machine, other)
    assert version == 2 and '"day";r=99' in left, left
    until("its quota is kept", lambda: machine.read(QUOTAS))
    checked = machine.sh("cd /; transform check --serve | grep server")
    assert "ok " in checked and "NOT OK" not in checked, checked
    machine.sh("systemctl stop transform-serve")
    result, code = machine.unit("transform-serve", "Result", "ExecMainStatus")
    assert (result, code) == ("success", "0")
    # Who asks starts it.
    assert predict(machine, key)[0] == 2


def test_the_running_server_has_no_privilege_and_no_network(room):
    machine, _ = guest(room)
    of = pid(machine)
    facts = dict(re.findall(r"(?m)^(\w+):\s*(.*)$", machine.sh(f"cat /proc/{of}/status")))
    uid = machine.sh("id -u transform").strip()
    assert set(facts["Uid"].split()) == {uid} and uid != "0", facts["Uid"]
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(facts[capabilities], 16) == 0, capabilities
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    for namespace in ("net", "user", "mnt", "ipc", "uts"):
        own, others = machine.sh(f"readlink /proc/{of}/ns/{namespace} /proc/1/ns/{namespace}").split()
        assert own != others, f"it shares the {namespace} namespace"
    assert [row.split(":")[0].strip() for row in machine.sh(f"cat /proc/{of}/net/dev").splitlines()[2:]] == ["lo"]


def test_the_units_are_sound_and_safe(room):
    machine, _ = guest(room)
    assert machine.sh("cd /etc/systemd/system; systemd-analyze verify transform-serve*") == ""
    for unit in UNITS:
        text = machine.sh(f"systemd-analyze security {unit} --no-pager")
        exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", text)[1])
        assert exposure <= 0.5, text


def test_the_sandbox_holds(room):
    machine, _ = guest(room)
    sandbox.prepare(machine)
    machine.sh(f"cp /etc/hostname {SPOOL}/output/old; chown transform:transform {SPOOL}/output/old")
    machine.write("/etc/systemd/system/probe.socket", "[Socket]\nListenStream=127.0.0.1:8088\n")
    connect = 'import socket; print(socket.create_connection(("127.0.0.1", 8088), 60).recv(9))'
    start = (f"systemctl restart {{0}}.socket; python3 -c '{connect}' | grep answered; "
             "while [ $(systemctl show -P ActiveState {0}) = activating ]; do sleep 0.05; done")
    outcomes = {}
    kinds = dict(zip(UNITS, ("server", "staging")))
    for unit, kind in kinds.items():
        # The socket is the probe's.
        text = (CRATE / "systemd" / unit).read_text().replace(unit.replace(".service", ".socket"), "probe.socket")
        outcomes[unit] = sandbox.probe(machine, "probe", text, kind, start)
    sandbox.assert_untouched(machine)
    bare = ("[Unit]\nRequires=probe.socket\nAfter=probe.socket\n\n[Service]\nType=oneshot\nUser=transform\nGroup=transform\n"
            "WorkingDirectory=/var/lib/transform\nExecStart=\n")
    for unit, kind in kinds.items():
        sandbox.judge({unit: outcomes[unit]}, sandbox.probe(machine, "probe", bare, kind, start))
    sandbox.tidy(machine)
    machine.sh("systemctl stop probe.socket; rm /etc/systemd/system/probe.*; systemctl daemon-reload")


def test_nothing_that_is_done_to_it_fails_a_request(room):
    machine, key = guest(room)
    captures(machine)
    upgrade = re.search(r"`install (-m 755 \S+ \S+) && (systemctl restart transform-serve)`", re.sub(r"\s+", " ", (CRATE / PAGE).read_text()))
    assert upgrade, f"{PAGE} says no more how to upgrade"
    with load(machine, key) as result:
        time.sleep(1)
        for version in (2, 3):
            registered(machine, version, approve=True)
            until(f"version {version} answers", lambda: predict(machine, key)[0] == version)
        decide(machine, "reject", 3)
        until("version 2 answers again", lambda: predict(machine, key)[0] == 2)
        decide(machine, "approve", 3)
        machine.sh("systemctl reload transform-serve")
        for _ in range(2):
            before = pid(machine)
            machine.sh("systemctl restart transform-serve")
            assert pid(machine) not in ("0", before)
        program = lambda: machine.sh(f"stat -L -c %i /proc/{pid(machine)}/exe")
        before = program()
        machine.sh(f"cd /root/crate; install {upgrade[1]}; {upgrade[2]}")
        assert program() != before
        # With a batch job beside it, and an approval while it restarts.
        registered(machine, 4)
        machine.sh("systemctl restart transform-serve & systemctl restart transform & wait")
        decide(machine, "approve", 4)
        machine.sh("systemctl restart transform-serve")
        until("version 4 answers", lambda: predict(machine, key)[0] == 4)
    [came] = result
    assert not came["failures"] and not came["hung"], came["failures"][:5]
    assert set(came["versions"]) == {"1", "2", "3", "4"}, came["versions"]
    assert len(came["answered"]) > 1000, len(came["answered"])
    machine.sh("systemctl stop transform-serve")
    kept = len(captured(machine))
    # Beside the callers' there are those that this test asked for itself.
    assert kept >= len(came["answered"]), f"{kept} of {len(came['answered'])} answers are captured"
    print(f"       {len(came['answered'])} requests, the longest {came['longest']:.2f} s, by version: {came['versions']}", flush=True)


test_nothing_that_is_done_to_it_fails_a_request.limit = 180


def test_staging_never_endangers_production(room):
    machine, key = guest(room)
    registered(machine, 2)  # nobody decided on it
    machine.sh("systemctl enable --now transform-serve-staging.socket")
    assert predict(machine, key, STAGING)[0] == 2
    before = pid(machine)
    with load(machine, key) as result:
        for verb in ("restart", "kill -s KILL", "reload-or-restart"):
            machine.sh(f"systemctl {verb} transform-serve-staging")
            until("staging answers", lambda: predict(machine, key, STAGING)[0] == 2)
        decide(machine, "reject", 2)
        until("version 1 is tried", lambda: predict(machine, key, STAGING)[0] == 1)
        machine.sh("systemctl stop transform-serve-staging.socket transform-serve-staging.service")
    [came] = result
    assert not came["failures"] and not came["hung"], came["failures"][:5]
    assert set(came["versions"]) == {"1"} and pid(machine) == before


def test_a_killed_server_is_back_and_has_lost_a_second_of_quotas_at_most(room):
    machine, _ = guest(room)
    captures(machine)
    quota = 1_000_000
    key = re.findall(r"tfk_\S+", machine.sh(f"cd /; transform keys add counted --quota {quota}/day"))[0]
    machine.sh("systemctl reload transform-serve")
    until("it is let in", lambda: ask(machine, "GET", "/version", key)[0] == 200)
    left = lambda: int(re.search(r'"day";r=(\d+)', predict(machine, key)[1])[1])
    first, before = left(), booted.restarts(machine, "transform-serve")
    with load(machine, key) as result:
        time.sleep(4)
        machine.sh("systemctl kill -s KILL transform-serve")
        killed = time.monotonic()
        # Nobody is there, and nobody is refused: systemd starts it again after a second.
        waiting = asking(machine, "POST", "/stream", key, '{"x": [[1]]}')
        until("it is started again", lambda: booted.restarts(machine, "transform-serve") > before)
        assert answer(waiting)[0] == 200
    [came] = result
    # Connections that stood are reset by the kernel. Nobody is refused, and nothing wrong is answered.
    broken = [f for f in came["failures"] if not f["what"].startswith(("ConnectionResetError", "Gone", "BrokenPipe"))]
    assert not broken and not came["hung"], broken
    # Each connection once.
    assert len(came["failures"]) <= 18, came["failures"]
    used = first - left()
    kept = sum(at < killed - 2 for at in came["answered"])
    after = sum(at > killed for at in came["answered"])
    most = len(came["answered"]) + len(came["failures"]) + 2
    assert kept + after <= used <= most, f"{used} of {most} are counted; until two seconds before the kill {kept}, after it {after}"
    machine.sh("systemctl stop transform-serve")
    assert len(captured(machine)) >= kept + after


def test_the_watchdog_starts_a_hung_server_again(room):
    machine, key = guest(room)
    machine.drop_in("transform-serve.service", f"{SOON}WatchdogSec=3s\n")
    machine.sh("systemctl restart transform-serve")
    of, before = pid(machine), booted.restarts(machine, "transform-serve")
    # It says in time that it is alive, also when nobody asks.
    time.sleep(5)
    assert pid(machine) == of
    journal = machine.journal("transform-serve")
    machine.sh("systemctl kill -s STOP transform-serve")
    waiting = asking(machine, "POST", "/stream", key, '{"x": [[1]]}')
    machine.logs("Watchdog timeout", "transform-serve", journal)
    until("it is started again", lambda: booted.restarts(machine, "transform-serve") > before)
    assert answer(waiting)[0] == 200
    assert pid(machine) not in ("0", of)


def test_a_wrong_configuration_is_mended_without_touching_the_socket(room):
    machine, key = guest(room)
    good = machine.read("/etc/transform/transform.toml")
    machine.write("/etc/transform/transform.toml", good.replace("max_body", "max_bodi"))
    before = machine.unit("transform-serve.socket", "InvocationID")
    machine.sh("systemctl restart transform-serve", code=1)
    waiting = asking(machine, "POST", "/stream", key, '{"x": [[1]]}')
    until("it was tried again", lambda: booted.restarts(machine, "transform-serve") >= 3)
    assert "unknown key serve.max_bodi" in machine.journal("transform-serve")
    machine.write("/etc/transform/transform.toml", good)
    # Who waited all the while is answered as soon as it can be, and nobody has to start anything.
    assert answer(waiting)[0] == 200
    assert machine.unit("transform-serve.socket", "InvocationID") == before
