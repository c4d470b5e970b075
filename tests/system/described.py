"""The description for programs, as schemathesis reads it, against `transform serve`: what it sends by the description, and against it."""

import subprocess

from harness import Spool, python_with

SCHEMATHESIS = "schemathesis==4.32.5"
# Which names a model takes is no description's to say, so a body that is described may be none of the model's.
CHECKS = "positive_data_acceptance"


def test_a_server_answers_as_it_is_described(room):
    spool = Spool(room, serve__listen="127.0.0.1:0", serve__keys="keys.toml", serve__access_log="off", serve__open=[])
    spool.approve_line(2, 1)
    added = spool.run("keys", "add", "schemathesis")
    key = next(word for word in added.split() if word.startswith("tfk_"))
    address = spool.server()
    (spool.folder / "schemathesis.toml").write_text('[parameters]\n"path.group" = "lines"\n"path.version" = 1\n')
    python = python_with(SCHEMATHESIS)
    run = subprocess.run(
        [
            *(python.with_name("schemathesis"), "--no-color", "--config-file", "schemathesis.toml"),
            *("run", f"http://{address}/openapi.json", "--header", f"x-api-key: {key}"),
            *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "100", "--continue-on-failure"),
            *("--exclude-checks", CHECKS, "--warnings", "off", "--seed", "16"),
        ],
        cwd=spool.folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 0, run.stdout[-12000:] + run.stderr[-2000:]


test_a_server_answers_as_it_is_described.limit = 2400
