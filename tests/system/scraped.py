"""What the server counts, by Prometheus' own checker and by Prometheus itself; its alert rules."""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from guest import CRATE
from harness import Spool, until

DEBIAN = {"promtool": "prometheus", "prometheus": "prometheus"}
RULES = CRATE / "config/alerts-serve.yml"


def promtool(*arguments, page=None):
    ran = subprocess.run(["promtool", *arguments], input=page, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0 and not ran.stderr, ran
    return ran.stdout


def serve(room):
    """A server that was asked well and badly; its address."""
    spool = Spool(room, serve__listen="127.0.0.1:0", serve__auth="none", capture__path=str(room.path("captured")))
    spool.approve_line(2, 1)
    rows = spool.folder / "rows.csv"
    rows.write_text("x\n" + "".join(f"{x}\n" for x in range(100)))
    spool.run("monitor", "baseline", str(rows))
    server = room.start("serve", *spool.argv("serve"))
    found = until("it listens", lambda: re.search(r"listening.* address=(\S+)", server.text()))
    address = found.group(1)
    for body in (b'{"x": [[1], [2]]}', b'{"x": [[1], ["abc"]]}', b"{"):
        request = urllib.request.Request(f"http://{address}/batch", data=body)
        try:
            urllib.request.urlopen(request, timeout=10).read()
        except urllib.error.HTTPError as error:
            assert error.code == 400, error
    return address


def read(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def test_promtool_is_content_with_the_metrics(room):
    text = read(f"http://{serve(room)}/metrics")
    promtool("check", "metrics", page=text)
    assert 'transform_requests_total{route="/batch",group="lines",version="1",status="200"} 1' in text, text


def test_the_rules_are_valid_and_about_what_the_server_has(room):
    assert "SUCCESS: 9 rules found" in promtool("check", "rules", str(RULES))
    text = read(f"http://{serve(room)}/metrics")
    for name in set(re.findall(r"\btransform_\w+", RULES.read_text())):
        family = re.sub(r"_(bucket|count|sum)$", "", name)
        assert f"# TYPE {family} " in text, f"{name} in {text}"


def test_prometheus_scrapes_it_and_knows_a_quantile(room):
    address = serve(room)
    config = room.folder / "prometheus.yml"
    job = {"job_name": "transform-serve", "scrape_interval": "1s", "static_configs": [{"targets": [address]}]}
    # YAML is a superset of JSON.
    config.write_text(json.dumps({"scrape_configs": [job], "rule_files": [str(RULES)]}))
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={room.path('tsdb')}", "--web.listen-address=127.0.0.1:0"]
    prometheus = room.start("prometheus", "prometheus", *arguments)
    pattern = r'msg="Listening on" address=(127\.0\.0\.1:\d+)|Listening on.*address=(127\.0\.0\.1:\d+)'
    found = until("Prometheus listens", lambda: re.search(pattern, prometheus.text()))
    api = f"http://{found.group(1) or found.group(2)}/api/v1/query?query="

    def value(query):
        try:
            result = json.loads(read(api + urllib.parse.quote(query)))["data"]["result"]
        except urllib.error.HTTPError:  # it isn't ready yet
            return None
        return float(result[0]["value"][1]) if result else None

    until("it is scraped", lambda: value("transform_ready") == 1)
    assert value('sum(transform_requests_total{status=~"4.."})') == 2
    quantile = value("histogram_quantile(0.99, sum by (le) (transform_request_seconds_bucket))")
    assert 0 < quantile < 10, quantile
