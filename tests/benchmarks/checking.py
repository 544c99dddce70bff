"""Import, the command as a whole process, and the parts of a check inside one."""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.formats import read_model
from tests.benchmarks.models import dense_stack
from tests.benchmarks.timing import Figure, call, in_turn, median_difference, median_ratio, process

if TYPE_CHECKING:
    from pathlib import Path

IMPORT_MS = 30
COMMAND_OVER_H5PY_S = 0.25
COMMAND_RATIO = 20
RULES_MS = 10
READ_FIXED_MS = 10
READ_MS_A_WEIGHT = 0.3


def package_import(_: Path, runs: int) -> list[Figure]:
    ours, bare = in_turn(process("import mlflow_kerasguard"), process("pass"), runs=runs * 4, warm_up=2)
    milliseconds = 1000 * median_difference(ours, bare)
    return [
        Figure(
            name="`import mlflow_kerasguard` over bare Python",
            target=f"≤ {IMPORT_MS} ms",
            measured=f"{milliseconds:.1f} ms",
            met=milliseconds <= IMPORT_MS,
        )
    ]


def command(scratch: Path, runs: int) -> list[Figure]:
    path = dense_stack(scratch / "model.keras", layers=100)
    check = [sys.executable, "-m", "mlflow_kerasguard", "check", str(path)]
    ours, h5py = in_turn(process(check), process("import h5py"), runs=runs * 2)
    over = median_difference(ours, h5py)
    load = f"import keras; keras.saving.load_model({str(path)!r})"
    ours_again, keras = in_turn(process(check), process(load), runs=runs)
    ratio = median_ratio(keras, ours_again)
    return [
        Figure(
            name="`kerasguard check` of a 100-layer `.keras`, whole process, over `import h5py`",
            target=f"≤ {COMMAND_OVER_H5PY_S} s",
            measured=f"{over:.3f} s ({statistics.median(ours):.2f} s in all)",
            met=over <= COMMAND_OVER_H5PY_S,
        ),
        Figure(
            name="the same, against loading the file with Keras in a fresh process",
            target=f"≥ {COMMAND_RATIO} x faster",
            measured=f"{ratio:.1f} x ({statistics.median(keras):.1f} s)",
            met=ratio >= COMMAND_RATIO,
        ),
    ]


def rules(scratch: Path, runs: int) -> list[Figure]:
    environment = installed()
    figures = []
    for layers, limit in ((100, RULES_MS), (1000, None), (10_000, None)):
        model = read_model(dense_stack(scratch / f"{layers}.keras", layers=layers))
        [times] = in_turn(call(lambda model=model: check_model(model, environment)), runs=runs * 2, warm_up=2)
        milliseconds = 1000 * statistics.median(times)
        per_layer = 1000 * milliseconds / layers
        figures.append(
            Figure(
                name=f"the rules on a parsed model of {layers:,} layers, API read once",
                target=f"≤ {limit} ms" if limit else "linear",
                measured=f"{milliseconds:.1f} ms ({per_layer:.0f} µs a layer)",
                met=limit is None or milliseconds <= limit,
            )
        )
    return figures


def reading(scratch: Path, runs: int) -> list[Figure]:
    figures = []
    for layers in (100, 1000, 10_000):
        path = dense_stack(scratch / f"{layers}.keras", layers=layers)
        [times] = in_turn(call(lambda path=path: read_model(path)), runs=runs)
        milliseconds = 1000 * statistics.median(times)
        weights = 2 * layers
        limit = READ_FIXED_MS + READ_MS_A_WEIGHT * weights
        figures.append(
            Figure(
                name=f"reading a file of {layers:,} layers, {weights:,} weights",
                target=f"≤ {limit:.0f} ms",
                measured=f"{milliseconds:.0f} ms ({milliseconds / weights:.3f} ms a weight)",
                met=milliseconds <= limit,
            )
        )
    return figures
