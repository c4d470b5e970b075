"""Folders that Spark writes, scored, and read back by it."""

import json
import subprocess

from harness import Spool, python_with

DEBIAN = {"java": "default-jre-headless"}
PYSPARK = "pyspark==4.1.1"

SCRIPT = """
import json, sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
folder = sys.argv[2]
if sys.argv[1] == "write":
    rows = [(i, f"n{i}", i / 8, i % 5, i % 2 == 0) for i in range(40)]
    rows = spark.createDataFrame(rows, "id long, name string, x double, y int, flag boolean").coalesce(1)
    rows.write.parquet(folder + "/parquet")
    rows.write.json(folder + "/json")
    rows.write.option("header", True).option("compression", "gzip").csv(folder + "/csv")
else:
    found = {}
    for kind in ("parquet", "json", "csv"):
        read = spark.read.option("recursiveFileLookup", True).option("header", True).option("inferSchema", True)
        rows = read.format(kind).load(folder + "/" + kind)
        found[kind] = [rows.schema.simpleString(), [row.prediction for row in rows.orderBy("id").collect()]]
    print("FOUND " + json.dumps(found))
"""


def test_spark_reads_what_became_of_the_folders_that_it_wrote(room):
    def spark(*arguments):
        argv = [python_with(PYSPARK), "-c", SCRIPT, *map(str, arguments)]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    spool = Spool(room, input__include=["*.parquet", "*.json", "*.csv.gz"], input__recursive=True, output__columns="all")
    artifact = spool.folder / "model.json"
    artifact.write_text(json.dumps({"features": ["x", "y"], "coefficients": [2, -1], "intercept": 1}))
    spool.run("models", "register", str(artifact), "--format", "linear", "--approve")
    spark("write", spool.input)
    spool.run("--once")
    found = json.loads(spark("read", spool.output).split("FOUND ")[1].splitlines()[0])
    for kind, (_, predictions) in found.items():
        assert predictions == [2 * i / 8 - i % 5 + 1 for i in range(40)], (kind, predictions)
    kept = "struct<id:bigint,name:string,x:double,y:int,flag:boolean,prediction:double>"
    assert found["parquet"][0] == kept, found["parquet"][0]
    # No marker, no checksum and no half of a file became an output.
    assert len([path for path in spool.output.rglob("part-*")]) == 3


test_spark_reads_what_became_of_the_folders_that_it_wrote.limit = 600
