"""Verdicts on releases that aren't installed: the history, one verdict, all of them."""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.formats import read_model
from tests.benchmarks.models import dense_stack
from tests.benchmarks.timing import Figure, call, in_turn, median_difference, process

if TYPE_CHECKING:
    from pathlib import Path

READY_MS = 50
VERDICT_MS = 10
COLD_OVER_H5PY_S = 0.3
ALL_S = 2

_IMPORTS = """
import json, sqlite3
import mlflow_kerasguard.keras_api.release, mlflow_kerasguard.keras_api.module_json
"""
_ANSWERS = """
from mlflow_kerasguard.keras_api.history import find_release
from mlflow_kerasguard.model import ObjectRef
dense = ObjectRef(class_name="Dense", module="keras.layers", has_module=True, role="layers", parent=0)
assert find_release("keras", "3.8.0").api.find_class(dense, legacy_hdf5=False)
"""


def history_ready(_: Path, runs: int) -> list[Figure]:
    ours, modules = in_turn(process(_IMPORTS + _ANSWERS), process(_IMPORTS), runs=runs * 4, warm_up=2)
    milliseconds = 1000 * median_difference(ours, modules)
    return [
        Figure(
            name="the history: opened and one class answered, in a fresh process, over its imports",
            target=f"≤ {READY_MS} ms",
            measured=f"{milliseconds:.1f} ms",
            met=milliseconds <= READY_MS,
        )
    ]


def against(scratch: Path, runs: int) -> list[Figure]:
    path = dense_stack(scratch / "model.keras", layers=100)
    model, environment = read_model(path), read_environment("keras==3.15.1 tensorflow==2.18.1 python==3.11")
    [warm] = in_turn(call(lambda: check_model(model, environment)), runs=runs * 4, warm_up=2)
    command = [sys.executable, "-m", "mlflow_kerasguard", "check", "--against", "keras==3.15.1", str(path)]
    cold, h5py = in_turn(process(command), process("import h5py"), runs=runs * 2)
    milliseconds, over = 1000 * statistics.median(warm), median_difference(cold, h5py)
    return [
        Figure(
            name="one verdict on a 100-layer model in a warm process",
            target=f"≤ {VERDICT_MS} ms",
            measured=f"{milliseconds:.1f} ms",
            met=milliseconds <= VERDICT_MS,
        ),
        Figure(
            name="`kerasguard check --against`, whole process, over `import h5py`",
            target=f"≤ {COLD_OVER_H5PY_S} s",
            measured=f"{over:.3f} s ({statistics.median(cold):.2f} s in all)",
            met=over <= COLD_OVER_H5PY_S,
        ),
    ]


def every_release(scratch: Path, runs: int) -> list[Figure]:
    path = dense_stack(scratch / "model.keras", layers=100)
    [times] = in_turn(process([sys.executable, "-m", "mlflow_kerasguard", "releases", str(path)]), runs=runs)
    seconds = statistics.median(times)
    return [
        Figure(
            name="`kerasguard releases` of a 100-layer model, whole process",
            target=f"≤ {ALL_S} s",
            measured=f"{seconds:.2f} s",
            met=seconds <= ALL_S,
        )
    ]
