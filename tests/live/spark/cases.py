"""Runs inside an environment with PySpark: one session, in which every case is a job of its own.

``python cases.py MODELS ANSWERS`` writes a JSON object with the answer or the error of each case.
"""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import sys
from pathlib import Path

import mlflow
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

import mlflow_kerasguard

MODELS = Path(sys.argv[1])
ROWS = 1_000_000

#: Asks for custom code that this environment doesn't have.
HOST = {"MLFLOW_KERASGUARD_CUSTOM_CODE": "host"}


def table(spark: SparkSession, rows: int = 6, partitions: int = 2):
    """Columns ``a`` to ``d`` that follow from ``id``; the same as arrays and as a structure."""
    columns = [((F.col("id") * (place + 1) % 97) / 97).cast("float").alias(name) for place, name in enumerate("abcd")]
    made = spark.range(0, rows, 1, partitions).select("id", *columns)
    made = made.withColumn("first", F.array(*"abcd")).withColumn("second", F.array("a", "b"))
    return made.withColumn("row", F.struct(*"abcd")).withColumn("both", F.struct("first", "second"))


def predictions(spark: SparkSession, predict, *columns: str, partitions: int = 2):
    answer = table(spark, partitions=partitions).select("id", predict(*columns).alias("y"))
    rows = [row["y"] for row in sorted(answer.collect(), key=lambda row: row["id"])]
    return {
        "type": answer.schema["y"].dataType.simpleString(),
        "values": [row.asDict() if hasattr(row, "asDict") else row for row in rows],
    }


def ours(model: str, *columns: str, **options):
    def run(spark: SparkSession):
        return predictions(spark, mlflow_kerasguard.spark_udf(spark, MODELS / model, **options), *columns)

    return run


def mlflows(model: str, *columns: str, partitions: int = 2, **options):
    def run(spark: SparkSession):
        predict = mlflow.pyfunc.spark_udf(spark, str(MODELS / model), **options)
        return predictions(spark, predict, *columns, partitions=partitions)

    return run


def large(spark: SparkSession):
    """The number of predictions, and by how much they are off at most, worked out by Spark."""
    predict = mlflow_kerasguard.spark_udf(spark, MODELS / "known", params={"batch_size": 5000})
    answer = table(spark, ROWS, 4).select("a", "b", "c", "d", predict("first").alias("y"))
    off = F.abs(F.col("y") - (F.col("a") + 2 * F.col("b") + 3 * F.col("c") + 4 * F.col("d")))
    return answer.agg(F.count("y").alias("rows"), F.max(off).alias("off")).collect()[0].asDict()


def recipe(spark: SparkSession):
    """What the README's block prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        runpy.run_path(str(MODELS.parent / "recipe.py"))
    return output.getvalue().strip()


CASES = {
    "columns": ours("columns", *"abcd"),
    "columns by name": ours("columns", *"abcd", result_type="double"),
    "structure": ours("columns", "row"),
    "no columns named": ours("columns"),
    "array": ours("known", "first"),
    "as an array": ours("known", "first", result_type="array<float>"),
    "several outputs": ours("several", "first", "second"),
    "several inputs in a structure": ours("several", "both"),
    "first of several outputs": ours("several", "first", "second", result_type="float"),
    "as MLflow calls it": mlflows(
        "several", "first", "second", result_type="mean float, parts array<float>, grid array<array<float>>"
    ),
    "grid": ours("grid", "first"),
    "batch size": ours("known", "first", params={"batch_size": 2}),
    "custom code": ours("custom", "first"),
    "many tasks": mlflows("custom", "first", result_type="float", partitions=6),
    "once more": mlflows("custom", "first", result_type="float", partitions=6),
    "a million rows": large,
    "recipe": recipe,
    # What fails in an executor ends its Python workers, and others take long to start.
    "refused in the driver": ours("custom", "first", extra_env=HOST),
    "refused in executors": mlflows("custom", "first", result_type="float", extra_env=HOST),
    "bad rows": ours("narrow", "first"),
}


def main() -> None:
    settings = {
        "spark.driver.memory": "1g",
        "spark.ui.enabled": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": 10000,
    }
    spark = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    answers = {name: _answer(case, spark) for name, case in CASES.items()}
    spark.stop()
    Path(sys.argv[2]).write_text(json.dumps(answers), encoding="utf-8")


def _answer(case, spark: SparkSession):
    tracker = spark.sparkContext.statusTracker()
    spark.sparkContext.setJobGroup(str(id(case)), "")
    try:
        return case(spark)
    except Exception as error:  # noqa: BLE001 - what a user would see
        jobs = len(tracker.getJobIdsForGroup(str(id(case))))
        return {"error": type(error).__name__, "text": str(error), "jobs": jobs}


if __name__ == "__main__":
    main()
