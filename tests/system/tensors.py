"""Triton's client, that of the Open Inference Protocol's own description, and requests as they are written for TensorFlow
Serving: unchanged, against `transform serve`."""

import json
import urllib.error
import urllib.request

from harness import Spool, until

PYPI = ("tritonclient[http]==2.73.0", "open-inference-openapi==2.0.0.1", "requests==2.34.2")
MODEL = {"features": ["a", "b"], "coefficients": [0.3, -1e-7], "intercept": 0.1}
ROWS = [[0.1, 1e6], [2.5, -3.0], [1e15, 7.0]]


class Server:
    """`0.1 + 0.3 a - 1e-7 b`, served to all; and what the command line makes of the same rows."""

    def __init__(self, room, **settings):
        self.spool = Spool(room, serve__listen="127.0.0.1:0", serve__auth="none", **settings)
        artifact = self.spool.folder / "artifact.json"
        artifact.write_text(json.dumps(MODEL))
        self.spool.run("models", "register", str(artifact), "--format", "linear", "--approve")
        process = room.start("server", *self.spool.argv("--log-level", "info", "serve"), cwd=self.spool.folder)
        words = "listening address="
        process.says(words)
        until("the address is whole", lambda: "\n" in process.text().split(words)[1])
        self.address = process.text().split(words)[1].split()[0]
        self.url = f"http://{self.address}"

    def expected(self, rows=ROWS):
        """The predictions of the command line, as it writes them."""
        source, out = self.spool.folder / "rows.csv", self.spool.folder / "predictions.csv"
        source.write_text("a,b\n" + "".join(f"{a!r},{b!r}\n" for a, b in rows))
        with source.open() as rows, out.open("w") as predictions:
            process = self.spool.room.start("score", *self.spool.argv("score"), cwd=self.spool.folder, stdin=rows, stdout=predictions)
            assert process.wait(60) == 0
        return [float(line) for line in out.read_text().splitlines()[1:]]


def test_triton_is_answered_in_json_and_binary(room):
    import numpy
    from tritonclient import http

    server = Server(room)
    client = http.InferenceServerClient(server.address)
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("lines") and client.is_model_ready("lines", "1") and not client.is_model_ready("other")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    model = client.get_model_metadata("lines")
    assert [i["name"] for i in model["inputs"]] == ["a", "b"] and model["versions"] == ["1"], model
    expected = server.expected()
    rows = numpy.array(ROWS)
    for binary_in in (True, False):
        for binary_out in (True, False):
            columns = [http.InferInput(name, [len(ROWS), 1], "FP64") for name in ("a", "b")]
            for place, column in enumerate(columns):
                column.set_data_from_numpy(rows[:, [place]], binary_data=binary_in)
            matrix = http.InferInput("input-0", list(rows.shape), "FP64")
            matrix.set_data_from_numpy(rows, binary_data=binary_in)
            for inputs in (columns, [matrix]):
                outputs = [http.InferRequestedOutput("prediction", binary_data=binary_out)]
                answer = client.infer("lines", inputs, outputs=outputs, request_id="42")
                assert answer.as_numpy("prediction").ravel().tolist() == expected
                assert answer.get_response()["id"] == "42"
                # What nobody asks for, it asks for in binary.
                assert client.infer("lines", inputs).as_numpy("prediction").ravel().tolist() == expected


def test_triton_sends_texts_singles_and_compressed_bodies(room):
    import numpy
    from tritonclient import http
    from tritonclient.utils import InferenceServerException

    server = Server(room)
    client = http.InferenceServerClient(server.address)
    singles = numpy.array(ROWS, dtype=numpy.float32)
    expected = server.expected(singles.astype(float).tolist())
    for binary in (True, False):
        matrix = http.InferInput("m", list(singles.shape), "FP32")
        matrix.set_data_from_numpy(singles, binary_data=binary)
        answer = client.infer("lines", [matrix], request_compression_algorithm="gzip")
        assert answer.as_numpy("prediction").ravel().tolist() == expected
        texts = [http.InferInput(name, [len(ROWS)], "BYTES") for name in ("a", "b")]
        for place, column in enumerate(texts):
            cells = numpy.array([repr(row[place]) for row in ROWS], dtype=object)
            column.set_data_from_numpy(cells, binary_data=binary)
        assert client.infer("lines", texts).as_numpy("prediction").ravel().tolist() == server.expected()
    for name, inputs, status, words in (
        ("other", [matrix], "404", "no model group"),
        ("lines", texts[:1], "400", 'no column "b"'),
    ):
        try:
            client.infer(name, inputs)
        except InferenceServerException as error:
            assert error.status() == status and words in error.message(), error
        else:
            raise AssertionError(f"{name} answered")


def test_the_protocols_own_client_understands_every_answer(room):
    from open_inference.openapi.client import InferenceRequest, OpenInferenceClient

    server = Server(room)
    client = OpenInferenceClient(base_url=server.url)
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness("lines")
    client.check_model_version_readiness("lines", "1")
    assert client.read_server_metadata().name == "transform"
    model = client.read_model_version_metadata("lines", "1")
    assert [(i.name, i.datatype, i.shape) for i in model.inputs] == [("a", "FP64", [-1, 1]), ("b", "FP64", [-1, 1])]
    tensor = {"name": "m", "shape": [3, 2], "datatype": "FP64", "data": ROWS}
    answer = client.model_infer("lines", request=InferenceRequest.parse_obj({"id": "7", "inputs": [tensor]}))
    assert (answer.id, answer.model_name, answer.model_version) == ("7", "lines", "1")
    assert json.loads(answer.outputs[0].json())["data"] == server.expected()


def test_requests_for_tensorflow_serving_are_answered(room):
    import requests

    server = Server(room)
    expected = server.expected()
    url = f"{server.url}/v1/models/lines"
    status = requests.get(url, timeout=30).json()["model_version_status"]
    assert [(s["version"], s["state"]) for s in status] == [("1", "AVAILABLE")]
    # As the tutorials write it.
    data = json.dumps({"signature_name": "serving_default", "instances": ROWS})
    answer = requests.post(f"{url}:predict", data=data, headers={"content-type": "application/json"}, timeout=30)
    assert answer.json()["predictions"] == expected
    columns = {"a": [[row[0]] for row in ROWS], "b": [[row[1]] for row in ROWS]}
    answer = requests.post(f"{url}/versions/1:predict", json={"inputs": columns}, timeout=30)
    assert answer.json()["outputs"] == expected
    request = urllib.request.Request(f"{url}:predict", data=b'{"instances": [[1, NaN]]}')
    try:
        urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        assert error.code == 400 and "missing value" in json.load(error)["error"]
    else:
        raise AssertionError("a missing value was scored")
