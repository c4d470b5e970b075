"""boto3, as it asks a SageMaker endpoint, against `transform serve`."""

import contextlib
import json
import re

from harness import Spool

PYPI = ("boto3==1.42.97",)


def served(room, **settings):
    """A spool whose server listens where the system gives it a port, with two versions: 2 x + 1, and 3 x. Returns the address, too."""
    spool = Spool(room, serve__listen="127.0.0.1:0", **settings)
    spool.approve_line(2, 1)
    spool.approve_line(3, 0)
    return spool, spool.server()


def runtime(address, key="none"):
    import boto3
    from botocore.config import Config

    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=f"http://{address}",
        region_name="eu-central-1",
        aws_access_key_id=key,
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )


def invoke(client, body, content_type="text/csv", **options):
    answer = client.invoke_endpoint(EndpointName="lines", ContentType=content_type, Body=body, **options)
    return answer["Body"].read().decode(), answer


@contextlib.contextmanager
def raises(kind, words):
    """The block raises this exception of boto3's, with these words in what it says."""
    try:
        yield
    except kind as error:
        assert words in str(error), error
        return
    raise AssertionError(f"no {kind.__name__} was raised")


def test_each_content_type_is_answered_in_its_own_or_the_accepted_one(room):
    _, address = served(room, serve__auth="none")
    client = runtime(address)
    instances = json.dumps({"instances": [{"features": [1]}, {"features": [0.5]}]})
    lines = '{"features": [1]}\n{"features": [0.5]}\n'
    for body, content_type, expected in [
        ("1\n0.5\n", "text/csv", "3.0\n1.5\n"),
        ("1\n0.5\n", "text/csv;label_size=0", "3.0\n1.5\n"),
        (instances, "application/json", '{"predictions":[{"score":3.0},{"score":1.5}]}'),
        (lines, "application/jsonlines", '{"score":3.0}\n{"score":1.5}\n'),
    ]:
        text, answer = invoke(client, body, content_type)
        assert text == expected, text
        assert answer["ContentType"].split(";")[0] == content_type.split(";")[0], answer
        assert answer["InvokedProductionVariant"] == "2", answer
        assert answer["ResponseMetadata"]["RequestId"], answer
        accepted, _ = invoke(client, body, content_type, Accept="application/jsonlines")
        assert accepted == '{"score":3.0}\n{"score":1.5}\n', accepted
    # Without a type, as curious people try it.
    assert client.invoke_endpoint(EndpointName="lines", Body=b"1\n")["Body"].read() == b"3.0\n"
    # More than goes along with the head: it asks for leave first.
    many = "".join(f"{n}\n" for n in range(2, 200_000))
    text, _ = invoke(client, many)
    assert text == "".join(f"{float(3 * n)}\n" for n in range(2, 200_000))


def test_a_variant_is_a_version_and_attributes_come_back(room):
    _, address = served(room, serve__auth="none")
    client = runtime(address)
    text, answer = invoke(client, "1\n", TargetVariant="1", InferenceId="order-7", CustomAttributes="trace=9")
    assert (text, answer["InvokedProductionVariant"], answer["CustomAttributes"]) == ("3.0\n", "1", "trace=9"), answer
    with raises(client.exceptions.ValidationError, 'no version 7 of "lines"'):
        invoke(client, "1\n", TargetVariant="7")
    with raises(client.exceptions.ValidationError, "TargetModel names nothing here"):
        invoke(client, "1\n", TargetModel="a.tar.gz")
    with raises(client.exceptions.ValidationError, 'no model group "line"; the nearest is "lines"'):
        client.invoke_endpoint(EndpointName="line", Body=b"1\n")


def test_what_cannot_be_scored_is_raised_with_its_reason(room):
    _, address = served(room, serve__auth="none", serve__max_body="64KiB")
    client = runtime(address)
    body = json.dumps({"instances": [{"features": [1]}, {"features": ["oops"]}]})
    with raises(client.exceptions.ModelError, "1 of 2 rows can't be scored; row 2, x: not a number"):
        invoke(client, body, "application/json")
    try:
        invoke(client, "{", "application/json")
        raise AssertionError("it was answered")
    except client.exceptions.ModelError as error:
        assert error.response["OriginalStatusCode"] == 400, error.response
        assert "line 1, column 2" in error.response["OriginalMessage"], error.response
    with raises(client.exceptions.ModelError, "larger than 64.0 KiB"):
        invoke(client, "1\n" * 100_000)


def test_a_key_is_its_access_key_id(room):
    from botocore.exceptions import ClientError

    spool = Spool(room, serve__listen="127.0.0.1:0", serve__auth="keys", serve__keys=str(room.folder / "keys.toml"))
    spool.approve_line(3, 0)
    key = re.search(r"^tfk_\S+", spool.run("keys", "add", "shop", "--rate", "2/h", "--burst", "2"), re.MULTILINE)[0]
    address = spool.server()
    with raises(ClientError, "(AccessDeniedException) when calling the InvokeEndpoint operation: Forbidden"):
        invoke(runtime(address, "AKIAIOSFODNN7EXAMPLE"), "1\n")
    client = runtime(address, key)
    for _ in range(2):
        assert invoke(client, "1\n")[0] == "3.0\n"
    with raises(ClientError, "(ThrottlingException) when calling the InvokeEndpoint operation"):
        invoke(client, "1\n")
