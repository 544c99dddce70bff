"""Runs inside an environment with PySpark: ``python race.py MODELS RUNS ANSWERS`` times two UDFs in turn.

``MODELS`` gets the same model by this flavor and by ``mlflow.keras``; the answer is a list of seconds for each.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import keras
import mlflow
import numpy as np
from mlflow.models import infer_signature
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

import mlflow_kerasguard

ROWS = 1_000_000


def save(models: Path) -> None:
    hidden = [keras.layers.Dense(64, activation="relu") for _ in range(2)]
    model = keras.Sequential([keras.Input((4,)), *hidden, keras.layers.Dense(1)])
    rows = np.random.default_rng(0).random((8, 4), dtype="float32")
    mlflow_kerasguard.save_model(model, models / "ours", input_example=rows, rehearse=False)
    signature = infer_signature(rows, model.predict(rows, verbose=0))
    mlflow.keras.save_model(model, str(models / "mlflow"), signature=signature)


def main() -> None:
    models, runs, answers = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    save(models)
    spark = SparkSession.builder.master("local[2]").config(
        map={"spark.driver.memory": "1g", "spark.ui.enabled": "false"}
    )
    session = spark.getOrCreate()
    names = [F.rand(seed).cast("float") for seed in range(4)]
    few, many = (session.range(0, rows, 1, 2).select(F.array(*names).alias("x")) for rows in (1000, ROWS))
    sides = {
        "ours": mlflow_kerasguard.spark_udf(session, models / "ours"),
        "mlflow": mlflow.pyfunc.spark_udf(session, str(models / "mlflow"), result_type="float"),
    }
    for predict in sides.values():  # The workers start, and import TensorFlow.
        _seconds(few, predict)
    times = {side: [] for side in sides}
    for _ in range(runs):
        for side, predict in sides.items():
            times[side].append(_seconds(many, predict))
    session.stop()
    answers.write_text(json.dumps(times), encoding="utf-8")


def _seconds(table, predict) -> float:
    start = time.perf_counter()
    table.select(predict("x").alias("y")).write.format("noop").mode("overwrite").save()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
