"""Frames of pyarrow, polars and pandas, as they are sent to `/score`, against `transform serve`."""

import io

from clients import served

PYPI = ("pyarrow==26.0.1", "pandas==3.1.1", "polars==2.1.0", "requests==2.34.2")

STREAM = "application/vnd.apache.arrow.stream"


def score(address, body, content_type=STREAM, **headers):
    import requests

    headers = {"Content-Type": content_type, **headers}
    answer = requests.post(f"http://{address}/score?columns=all", data=body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


def test_frames_come_back_with_their_predictions(room):
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    _, address = served(room, serve__auth="none", serve__bad_rows="null")
    columns = {"id": ["a", "b", "c"], "x": [1.0, None, 0.5]}
    expected = {**columns, "prediction": [3.0, None, 1.5]}

    table = pa.table(columns)
    # Keys of a dictionary, and batches whose dictionaries differ.
    many = pa.concat_tables([table, table]).set_column(
        0, "id", pa.chunked_array([table["id"].chunk(0).dictionary_encode(), pa.array(["d", "e", "f"]).dictionary_encode()])
    )
    for sent, compression in ((table, None), (table, "lz4"), (table, "zstd"), (many, None)):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, sent.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
            writer.write_table(sent)
        answer = pa.ipc.open_stream(score(address, sink.getvalue().to_pybytes()).content).read_all()
        wanted = {**sent.to_pydict(), "prediction": [3.0, None, 1.5] * (len(sent) // 3)}
        assert answer.to_pydict() == wanted, (compression, answer)

    frame = pl.DataFrame(columns)
    for write, read, content_type in (
        (frame.write_ipc_stream, pl.read_ipc_stream, STREAM),
        (frame.write_ipc, pl.read_ipc, "application/vnd.apache.arrow.file"),
        (frame.write_parquet, pl.read_parquet, "application/vnd.apache.parquet"),
    ):
        sink = io.BytesIO()
        write(sink)
        answer = read(io.BytesIO(score(address, sink.getvalue(), content_type).content))
        assert answer.to_dict(as_series=False) == expected, (content_type, answer)

    frame = pd.DataFrame(columns)
    answer = pq.read_table(io.BytesIO(score(address, frame.to_parquet(), "application/vnd.apache.parquet").content))
    assert answer.to_pydict() == expected, answer
    text = frame.to_csv(index=False, sep="\t")
    answer = score(address, text, "text/tab-separated-values", Accept="application/vnd.apache.parquet")
    assert pd.read_parquet(io.BytesIO(answer.content))["prediction"].tolist()[::2] == [3.0, 1.5]


test_frames_come_back_with_their_predictions.limit = 300
