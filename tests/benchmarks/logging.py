"""`log_model` against MLflow's own flavor, on the same model."""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING

from tests.benchmarks.timing import Figure, in_turn, median_ratio, process

if TYPE_CHECKING:
    from pathlib import Path

_LOG = """
import sys
import keras, mlflow, mlflow.keras, numpy as np
import mlflow_kerasguard
from mlflow.models import infer_signature
flavor = {"ours": mlflow_kerasguard, "theirs": mlflow.keras}[sys.argv[1]]
mlflow.set_tracking_uri(sys.argv[2])
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(4), keras.layers.Softmax()])
rows = np.zeros((2, 8), "float32")
with mlflow.start_run():
    flavor.log_model(model, name="model", signature=infer_signature(rows, np.zeros((2, 4), "float32")))
"""


def log_model(scratch: Path, runs: int) -> list[Figure]:
    store = f"sqlite:///{scratch / 'mlflow.db'}"
    sides = [process([sys.executable, "-c", _LOG, side, store], cwd=scratch) for side in ("ours", "theirs")]
    ours, theirs = in_turn(*sides, runs=runs)
    ratio = median_ratio(ours, theirs)
    return [
        Figure(
            name="`log_model`, whole process, against `mlflow.keras.log_model`",
            target="≤ 1.0 x",
            measured=f"{ratio:.2f} x ({statistics.median(ours):.1f} s against {statistics.median(theirs):.1f} s)",
            met=ratio <= 1.0,
        )
    ]
