"""Logging with code and a proof, against MLflow's own flavor on the same model; capture and restore alone."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_kerasguard.custom_code.capture import CapturedCode, capture
from mlflow_kerasguard.custom_code.restore import Bundle
from mlflow_kerasguard.integrity import sha256_of
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.staging import private_directory
from tests.benchmarks.timing import Figure, call, in_turn, median_ratio, process

if TYPE_CHECKING:
    from collections.abc import Callable

_LAYERS = """
import keras
from helpers import factor

@keras.saving.register_keras_serializable("bench")
class Scale(keras.layers.Layer):
    def __init__(self, exponent=1.0, **kwargs):
        super().__init__(**kwargs)
        self.exponent = exponent

    def call(self, inputs):
        return inputs * factor() ** self.exponent

    def get_config(self):
        return {**super().get_config(), "exponent": self.exponent}
"""
_LOG = """
import sys, time
import keras, mlflow, mlflow.keras, mlflow.tensorflow, numpy as np
import mlflow_kerasguard
from layers import Scale
mlflow.set_tracking_uri(sys.argv[2])
inputs = [keras.Input((8,)), keras.layers.Dense(16, "relu")]
model = keras.Sequential([*inputs, Scale(2.0), keras.layers.Dense(4), keras.layers.Softmax()])
rows = np.zeros((2, 8), "float32")
started = time.perf_counter()
with mlflow.start_run():
    if sys.argv[1] == "ours":
        mlflow_kerasguard.log_model(model, name="model", input_example=rows)
    else:
        code = ["layers.py", "helpers.py"]
        mlflow.tensorflow.log_model(model, name="model", input_example=rows, code_paths=code)
print(time.perf_counter() - started)
"""


def log_model(scratch: Path, runs: int) -> list[Figure]:
    """`log_model` with capture, contract checks and rehearsal, against MLflow's with the code named by hand."""
    (scratch / "layers.py").write_text(_LAYERS, encoding="utf-8")
    (scratch / "helpers.py").write_text("def factor():\n    return 3.0\n", encoding="utf-8")
    (scratch / "log.py").write_text(_LOG, encoding="utf-8")
    store = f"sqlite:///{scratch / 'mlflow.db'}"
    commands = [[sys.executable, "log.py", side, store] for side in ("ours", "theirs")]
    figures = []
    for name, sides in {
        "the call": [_timed_within(command, scratch) for command in commands],
        "whole process": [process(command, cwd=scratch) for command in commands],
    }.items():
        ours, theirs = in_turn(*sides, runs=runs)
        ratio = median_ratio(ours, theirs)
        figures.append(
            Figure(
                name=f"`log_model` with capture, contract checks and rehearsal, {name}, against "
                "`mlflow.tensorflow.log_model` with `code_paths`",
                target="≤ 1.0 x",
                measured=f"{ratio:.2f} x ({statistics.median(ours):.1f} s against {statistics.median(theirs):.1f} s)",
                met=ratio <= 1.0,
            )
        )
    return figures


def _timed_within(command: list[str], directory: Path) -> Callable[[], float]:
    """A process that says itself how long the interesting part took."""

    def run() -> float:
        done = subprocess.run(command, capture_output=True, text=True, cwd=directory, check=True)
        return float(done.stdout.split()[-1])

    return run


_MODULES, _NEEDED = 500, 5
#: About what a module of a project holds.
_BODY = "\n\n".join(f"def function_{number}(x):\n    y = x * {number}\n    return [y, y + 1]" for number in range(20))


def capture_of_a_repository(scratch: Path, runs: int) -> list[Figure]:
    """Five modules that a class needs, out of five hundred."""
    for number in range(_MODULES):
        package = scratch / "repository" / f"package_{number % 10}"
        package.mkdir(parents=True, exist_ok=True)
        following = number + 10
        uses = f"from package_{following % 10}.module_{following} import function_1\n" if number < _WANTED_BELOW else ""
        (package / f"module_{number}.py").write_text(uses + _BODY, encoding="utf-8")
    sys.path.insert(0, str(scratch / "repository"))
    thing = __import__("package_0.module_0", fromlist=["function_0"]).function_0
    captured: list[CapturedCode] = []

    def run() -> None:
        spec = ModelSpec(source="", format="keras")
        captured.append(capture(spec, _NoObjects(), custom_objects={"thing": thing}))  # type: ignore[arg-type]  # a stand-in

    [times] = in_turn(call(run), runs=runs)
    sys.path.remove(str(scratch / "repository"))
    copied = len(captured[-1].files)
    seconds = statistics.median(times)
    return [
        Figure(
            name=f"static capture of a repository with {_MODULES} modules of which {_NEEDED} are needed",
            target="≤ 1 s; exactly those copied",
            measured=f"{seconds * 1000:.0f} ms; {copied} copied",
            met=seconds <= 1 and copied == _NEEDED,
        )
    ]


#: Modules 0, 10, 20 and 30 import the next one; 40 imports nothing.
_WANTED_BELOW = 10 * (_NEEDED - 1)


class _NoObjects:
    """A model without custom objects of its own."""

    def find(self, _: object) -> None:
        return None


def restore_of_code(scratch: Path, runs: int) -> list[Figure]:
    """What `load_model` does for the code that travels with a model."""
    with private_directory(scratch) as directory:
        files = {}
        for number in range(_NEEDED):
            path = directory / f"part_{number}.py"
            path.write_text((f"import part_{number - 1}\n" if number else "") + _BODY, encoding="utf-8")
            files[f"part_{number}"] = path
        digests = {path: sha256_of(path) for path in files.values()}

        def run() -> None:
            Bundle(files, digests).resolve(f"part_{_NEEDED - 1}:function_0")

        [times] = in_turn(call(run), runs=max(runs, 20))
    milliseconds = statistics.median(times) * 1000
    return [
        Figure(
            name=f"restore of packaged code on load, {_NEEDED} modules",
            target="≤ 20 ms",
            measured=f"{milliseconds:.1f} ms",
            met=milliseconds <= 20,
        )
    ]
