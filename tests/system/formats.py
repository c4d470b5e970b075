"""Files that pandas, pyarrow, polars, DuckDB and fastparquet write, scored, and read back by each of them."""

import datetime
import decimal
import json
import re
import subprocess

from harness import Spool

PYPI = ("duckdb==2.0.1", "fastparquet==2026.9.0", "numpy==2.4.6", "pandas==3.1.1", "polars==2.1.0", "pyarrow==26.0.1", "zstandard==0.25.0")
DEBIAN = {"zstd": "zstd", "node": "nodejs"}

INCLUDE = ["*.csv", "*.tsv", "*.csv.gz", "*.csv.zst", "*.jsonl", "*.jsonl.gz", "*.parquet", "*.arrow", "*.feather"]
NAMES = ["id", "name", "x", "y", "flag", "day", "at", "price", "city"]
ROWS = 40


def table():
    """Columns of the types that people have, with what is missing, and with texts that need quotes. Of x one is missing: a bad row."""
    import pyarrow as pa

    names = ["plain", 'quote " and, comma', "two\nlines", "\u00e4 \u65e5\u672c", "tab\there"]
    at = datetime.datetime(2026, 11, 27, 12, 30, tzinfo=datetime.timezone.utc)
    columns = {
        "id": pa.array(range(ROWS), pa.int64()),
        "name": pa.array([None if i % 7 == 6 else names[i % 5] for i in range(ROWS)], pa.string()),
        "x": pa.array([None if i == 3 else i / 8 for i in range(ROWS)], pa.float64()),
        "y": pa.array([i % 5 for i in range(ROWS)], pa.int32()),
        "flag": pa.array([i % 3 == 0 for i in range(ROWS)], pa.bool_()),
        "day": pa.array([datetime.date(2026, 1, 1) + datetime.timedelta(i) for i in range(ROWS)], pa.date32()),
        "at": pa.array([at + datetime.timedelta(minutes=i) for i in range(ROWS)], pa.timestamp("us", "UTC")),
        "price": pa.array([decimal.Decimal(i) / 4 for i in range(ROWS)], pa.decimal128(10, 2)),
        "city": pa.array([["Oslo", "Rome"][i % 2] for i in range(ROWS)]).dictionary_encode(),
    }
    return pa.table(columns)


# 2 x - y + 1
EXPECTED = [None if i == 3 else 2 * i / 8 - i % 5 + 1 for i in range(ROWS)]


def written(folder):
    """Writes the table by everybody in all that they write. Returns the names."""
    import duckdb
    import fastparquet
    import polars as pl
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.feather
    import pyarrow.parquet

    rows = table()
    pandas_rows, polars_rows = rows.to_pandas(), pl.from_arrow(rows)
    at = lambda name: str(folder / name)
    for name in ("pandas.csv", "pandas.csv.gz", "pandas.csv.zst"):
        pandas_rows.to_csv(at(name), index=False)
    pandas_rows.to_csv(at("pandas.tsv"), index=False, sep="\t")
    # Of JSON pandas writes no decimals.
    for_json = pandas_rows.astype({"price": float})
    for name in ("pandas.jsonl", "pandas.jsonl.gz"):
        for_json.to_json(at(name), orient="records", lines=True, date_format="iso")
    pandas_rows.to_parquet(at("pandas.parquet"))
    pandas_rows.to_feather(at("pandas.feather"))
    pa.csv.write_csv(rows.set_column(8, "city", rows["city"].cast(pa.string())), at("pyarrow.csv"))
    pa.parquet.write_table(rows, at("pyarrow.parquet"), row_group_size=16)
    pa.parquet.write_table(rows, at("pyarrow-v1-gzip.parquet"), version="1.0", compression="gzip", data_page_version="2.0")
    pa.feather.write_feather(rows, at("pyarrow.feather"))
    with pa.OSFile(at("pyarrow.arrow"), "wb") as out, pa.ipc.new_file(out, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=16)
    polars_rows.write_csv(at("polars.csv"))
    polars_rows.write_ndjson(at("polars.jsonl"))
    polars_rows.write_parquet(at("polars.parquet"), row_group_size=16)
    polars_rows.write_ipc(at("polars.arrow"), compression="zstd")
    for name, options in [("duckdb.csv", ""), ("duckdb.csv.gz", ", COMPRESSION gzip"), ("duckdb.csv.zst", ", COMPRESSION zstd")]:
        duckdb.sql(f"COPY (SELECT * FROM rows) TO '{at(name)}' (FORMAT csv, HEADER{options})")
    duckdb.sql(f"COPY (SELECT * FROM rows) TO '{at('duckdb.jsonl')}' (FORMAT json)")
    duckdb.sql(f"COPY (SELECT * FROM rows) TO '{at('duckdb.parquet')}' (FORMAT parquet)")
    plain = pandas_rows.astype({"price": float, "city": object, "name": object, "day": object})
    plain["day"] = plain["day"].astype(str)
    fastparquet.write(at("fastparquet.parquet"), plain, row_group_offsets=16)
    return sorted(path.name for path in folder.iterdir())


def values(column):
    """As Python has them; what is missing is None."""
    return [None if value is None or value != value else value for value in column]


def readers(path):
    """By the end of its name, each as columns of Python's values."""
    import duckdb
    import fastparquet
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.feather
    import pyarrow.json
    import pyarrow.parquet

    path = str(path)
    of_arrow = lambda table: {name: values(table[name].to_pylist()) for name in table.column_names}
    of_pandas = lambda frame: {name: values(frame[name].tolist()) for name in frame.columns}
    of_polars = lambda frame: {name: values(frame[name].to_list()) for name in frame.columns}
    of_duckdb = lambda call: of_arrow(duckdb.sql(f"SELECT * FROM {call}").to_arrow_table())
    plain = path.removesuffix(".gz").removesuffix(".zst")
    end = plain.rsplit(".", 1)[1]
    if end in ("csv", "tsv", "out"):
        tab = {"csv": ",", "out": ",", "tsv": "\t"}[end]
        options = pa.csv.ParseOptions(delimiter=tab, newlines_in_values=True)
        yield "pandas", of_pandas(pd.read_csv(path, sep=tab))
        yield "pyarrow", of_arrow(pa.csv.read_csv(path, parse_options=options))
        yield "polars", of_polars(pl.read_csv(path, separator=tab))
        yield "duckdb", of_duckdb(f"read_csv('{path}', delim='{tab}', header=true)")
    elif end == "jsonl":
        yield "pandas", of_pandas(pd.read_json(path, lines=True))
        with pa.input_stream(path, compression="detect") as stream:
            yield "pyarrow", of_arrow(pa.json.read_json(stream))
        yield "polars", of_polars(pl.read_ndjson(path))
        yield "duckdb", of_duckdb(f"read_json('{path}')")
    elif end == "parquet":
        yield "pandas", of_pandas(pd.read_parquet(path))
        yield "pyarrow", of_arrow(pa.parquet.read_table(path))
        yield "polars", of_polars(pl.read_parquet(path))
        yield "duckdb", of_duckdb(f"read_parquet('{path}')")
        yield "fastparquet", of_pandas(fastparquet.ParquetFile(path).to_pandas())
    else:
        yield "pandas", of_pandas(pd.read_feather(path))
        yield "pyarrow", of_arrow(pa.feather.read_table(path))
        yield "polars", of_polars(pl.read_ipc(path))


def unpacked(path):
    """By the programs of a shell."""
    if path.suffix in (".gz", ".zst"):
        program = {".gz": "zcat", ".zst": "zstdcat"}[path.suffix]
        return subprocess.run([program, path], check=True, capture_output=True).stdout.decode()
    return path.read_text()


def spool_of(room, **settings):
    spool = Spool(room, **{"input__include": INCLUDE, **settings})
    artifact = spool.folder / "model.json"
    artifact.write_text(json.dumps({"features": ["x", "y"], "coefficients": [2, -1], "intercept": 1}))
    spool.run("models", "register", str(artifact), "--format", "linear", "--approve")
    return spool


def types(path):
    """Of the kept columns, as the file has them; and the zone in which times are read."""
    import pyarrow as pa
    import pyarrow.parquet

    if path.suffix == ".parquet":
        file = pa.parquet.ParquetFile(path)
        columns = [file.schema.column(NAMES.index(name)) for name in NAMES]
        # By what they are; how many bytes a decimal takes is its writer's choice. Integers are of 32 or 64 bits and have a sign if
        # nothing is said.
        def kind(c):
            said = re.sub(r"Int\(bitWidth=(32|64), isSigned=true\)", "None", str(c.logical_type))
            return c.physical_type if said == "None" else said

        return [(c.path, kind(c)) for c in columns], file.schema_arrow.field("at").type
    schema = pa.ipc.open_file(str(path)).schema
    return [schema.field(name).remove_metadata() for name in NAMES]


def test_what_each_writes_is_read_back_by_all(room):
    for output_format in ("same", "csv", "jsonl", "parquet"):
        columns = "all" if output_format in ("same", "jsonl") else NAMES
        spool = spool_of(room, output__format=output_format, output__columns=columns)
        names = written(spool.input)
        spool.run("--once", within=120)
        faults = [path.read_text() for path in spool.failed.glob("*.error.json")]
        assert not faults, faults
        for name in names:
            (output,) = (path for path in spool.output.iterdir() if path.name.startswith(f"{name}.out"))
            for reader, found in readers(output):
                where = (name, output_format, reader)
                assert found["prediction"] == EXPECTED, (where, found["prediction"])
                # Of a CSV it is a text, for 007 may be a code.
                assert [str(i) for i in found["id"]] == [str(i) for i in range(ROWS)], (where, found["id"])
                if output.suffix in (".parquet", ".arrow") and "name" in found:
                    assert [text or None for text in found["name"]] == table()["name"].to_pylist(), (where, found["name"])
            if output_format == "same":
                if output.suffix in (".parquet", ".arrow"):
                    before, after = types(spool.input / name), types(output)
                    assert before == after, (name, before, after)
                else:
                    unpacked(output)


test_what_each_writes_is_read_back_by_all.limit = 300


def test_row_groups_stay_as_they_are(room):
    import pyarrow.parquet as pq

    spool = spool_of(room, output__columns="all")
    written(spool.input)
    spool.run("--once", within=120)
    groups = lambda path: [pq.read_metadata(path).row_group(i).num_rows for i in range(pq.read_metadata(path).num_row_groups)]
    for name in ("pyarrow.parquet", "polars.parquet", "fastparquet.parquet"):
        assert groups(spool.input / name) == groups(spool.output / f"{name}.out.parquet"), name


def test_node_reads_compressed_json_lines(room):
    spool = spool_of(room)
    written(spool.input)
    spool.run("--once", within=120)
    script = """
    const lines = require("zlib").gunzipSync(require("fs").readFileSync(process.argv[1])).toString().trimEnd().split("\\n");
    console.log(JSON.stringify(lines.map((line) => JSON.parse(line).prediction)));
    """
    output = spool.output / "pandas.jsonl.gz.out.jsonl.gz"
    printed = subprocess.run(["node", "-e", script, output], check=True, capture_output=True, text=True).stdout
    assert json.loads(printed) == EXPECTED, printed


def test_folders_as_spark_writes_them(room):
    """Parts by Spark's names, with its markers and checksums beside them, whoever wrote them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    spool = spool_of(room, input__recursive=True, input__include=[*INCLUDE, "*.json"], output__columns="all")
    part = "part-0000{}-7c1d9c1e-2f3a-4d52-9b64-0e6c2f2b7a10-c000"
    day = spool.input / "day=2026-11-27"
    (day / "_temporary/0").mkdir(parents=True)
    for i in range(2):
        name = part.format(i) + ".snappy.parquet"
        pq.write_table(table(), day / name, compression="snappy")
        (day / f".{name}.crc").write_bytes(b"crc\0")
    (day / (part.format(2) + ".json")).write_text('{"x":1,"y":2}\n')
    (day / "_temporary/0/part-00003.snappy.parquet").write_bytes(b"half")
    (day / "_SUCCESS").touch()
    spool.run("--once", within=120)
    outputs = sorted(str(path.relative_to(spool.output)) for path in spool.output.rglob("part-*"))
    expected = [part.format(i) + ".snappy.parquet.out.parquet" for i in range(2)] + [part.format(2) + ".json.out.jsonl"]
    assert outputs == [f"day=2026-11-27/{name}" for name in expected], outputs
    found = pa.parquet.read_table(spool.output / outputs[0])
    assert found["prediction"].to_pylist() == EXPECTED
