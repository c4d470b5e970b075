"""Clients whose libraries are large, unchanged, against `transform serve`."""

import json
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
