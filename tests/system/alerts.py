"""The alert rules and the textfile, by Prometheus' own checker."""

import subprocess

from guest import CRATE
from harness import Spool

DEBIAN = {"promtool": "prometheus"}


def promtool(*arguments, page=None):
    ran = subprocess.run(["promtool", *arguments], input=page, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0 and not ran.stderr, ran
    return ran.stdout


def test_the_rules_are_six_and_valid(_):
    assert "SUCCESS: 6 rules found" in promtool("check", "rules", str(CRATE / "config/alerts.yml"))


def test_the_rules_are_about_what_the_worker_writes(room):
    page = room.folder / "transform.prom"
    spool = Spool(room, metrics__textfile=str(page))
    (spool.input / "a.csv").write_text("x\n1\n")
    # Without a model: a file waits.
    subprocess.run(spool.argv("--once"), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    text = page.read_text()
    promtool("check", "metrics", page=text)
    for line in (CRATE / "config/alerts.yml").read_text().splitlines():
        if "expr:" in line:
            name = next(word for word in line.replace("(", " ").replace("{", " ").split() if word.startswith("transform_"))
            assert f"\n{name}{{" in text, f"{name} in {text}"
