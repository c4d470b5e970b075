"""Clients whose libraries are large, unchanged, against `transform serve`."""

import json
import re
import subprocess

from clients import served
from harness import python_with

MLFLOW = """
import json, sys
import numpy as np, pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

host, port = sys.argv[1].split(":")
client = ScoringServerClient(host, port)
client.wait_server_ready(timeout=10)
asked = {
    "frame": pd.DataFrame({"name": ["a", "b"], "x": [1, 0.5]}, index=[7, 9]),
    "frame without names": pd.DataFrame(np.array([[1], [0.5]])),
    "array": np.array([[1], [0.5]]),
    "list": [1, 0.5],
    "text": json.dumps({"dataframe_records": [{"x": 1}, {"x": 0.5}]}),
}
got = {name: client.invoke(data, params={"temperature": 1}) for name, data in asked.items()}
try:
    client.invoke(pd.DataFrame({"x": [1, None]}))
    refused = ""
except Exception as error:
    refused = str(error)
print(json.dumps({
    "version": client.get_version(),
    "frames": {name: answer.get_predictions()[0].tolist() for name, answer in got.items()},
    "arrays": {name: answer.get_predictions("ndarray").tolist() for name, answer in got.items()},
    "refused": refused,
}))
"""


def test_mlflows_scoring_client_is_answered(room):
    python = python_with("mlflow-skinny==3.17.2", "numpy==2.4.6", "pandas==3.1.1", "scipy==1.17.1")
    _, address = served(room, serve__auth="none")
    ran = subprocess.run([python, "-c", MLFLOW, address], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran
    got = json.loads(ran.stdout.splitlines()[-1])
    for kind in ("frames", "arrays"):
        assert all(predictions == [3.0, 1.5] for predictions in got[kind].values()), got
    assert len(got["frames"]) == 5 and got["version"], got
    assert '"error_code":"BAD_REQUEST"' in got["refused"] and "row 2, x: missing value" in got["refused"], got


test_mlflows_scoring_client_is_answered.limit = 1200


# Its command line can't be had without the server: 330 MB, Python 3.9 to 3.12.
MLSERVER = ("mlserver==1.7.1", "fastapi==0.115.14", "pydantic==2.14.4", "uvloop==0.21.0", "numpy==2.4.6", "pandas==3.1.1", "tritonclient==2.73.0")


def tensor(shape, datatype, data):
    return {"inputs": [{"name": "x", "shape": shape, "datatype": datatype, "data": data}], "outputs": [{"name": "prediction"}]}


def test_mlservers_batch_client_is_answered(room):
    python = python_with(*MLSERVER)
    spool, address = served(room, serve__auth="keys", serve__keys=str(room.folder / "keys.toml"))
    key = re.search(r"^tfk_\S+", spool.run("keys", "add", "shop"), re.MULTILINE)[0]

    def infer(requests, *options, key=key):
        """What it writes for each line of its input, in their order, and what it says."""
        asked, answered = spool.folder / "asked.jsonl", spool.folder / "answered.jsonl"
        asked.write_text("".join(json.dumps(request) + "\n" for request in requests))
        command = [python, "-c", "from mlserver.cli import main; main()", "infer", "--retries", "1", *options]
        command += ["--url", address, "--model-name", "lines", "--request-headers", f"x-api-key: {key}"]
        command += ["--input-data-path", asked, "--output-data-path", answered]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran
        lines = sorted(map(json.loads, answered.read_text().splitlines()), key=lambda line: line["parameters"]["batch_index"])
        assert len(lines) == len(requests), ran
        return lines

    requests = [
        {"id": "first", **tensor([1, 1], "FP64", [0.1])},
        tensor([3, 1], "FP64", [1e15, -7, 2.5]),
    ]
    for binary in ((), ("--binary-data",)):
        # Each line by itself; then both as one request, whose answer it takes apart again.
        for batch in ("1", "2"):
            first, second = infer(requests, "--batch-size", batch, *binary)
            assert (first["id"], first["model_name"], first["model_version"]) == ("first", "lines", "2"), first
            assert first["outputs"][0]["data"] == [0.1 * 3], first
            assert second["outputs"][0]["data"] == [3e15, -21, 7.5] and second["outputs"][0]["shape"] == [3, 1], second
        [texts] = infer([tensor([2, 1], "BYTES", ["0.1", "2"])], *binary)
        assert texts["outputs"][0]["data"] == [0.1 * 3, 6], texts
        good, bad = infer([requests[0], tensor([1, 2], "FP64", [1, 2])], "--batch-size", "1", *binary)
        assert good["outputs"][0]["data"] == [0.1 * 3], good
        assert "its shape is [1, 2]" in bad["error"]["msg"], bad
    [refused] = infer(requests[:1], key="tfk_wrong")
    assert refused["error"]["msg"], refused


test_mlservers_batch_client_is_answered.limit = 1200
