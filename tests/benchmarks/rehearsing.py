"""The environment of a model rebuilt with uv, to a verified prediction: the total, and what of it is ours."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.timing import Figure

SHARE_PERCENT = 10

_SAVE = """
import sys
import keras, numpy as np
import mlflow_kerasguard
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(4)])
mlflow_kerasguard.save_model(model, sys.argv[1], input_example=np.zeros((2, 8), "float32"))
"""

#: What tools, Python, Keras and the model took; the rest of the process is ours.
_OTHERS = ("tools", "start", "imports", "load", "predict")


def rebuild(scratch: Path, runs: int) -> list[Figure]:
    """`kerasguard rehearse` with nothing in its own cache, and all of it in uv's."""
    model = scratch / "model"
    subprocess.run([sys.executable, "-c", _SAVE, model], check=True, capture_output=True, cwd=scratch)
    _run(model, scratch)  # Fills uv's cache.
    measured = [_run(model, scratch) for _ in range(min(runs, 3))]
    total = statistics.median(total for total, _ in measured)
    share = statistics.median(100 * own / total for total, own in measured)
    own = statistics.median(own for _, own in measured)
    reported = "`kerasguard rehearse` with `uv`, its cache warm, to a verified prediction"
    return [
        Figure(name=reported, target="reported", measured=f"{total:.1f} s", met=True),
        Figure(
            name="the share of it that is neither uv, the start of Python, the import of Keras, the load nor the predictions",
            target=f"≤ {SHARE_PERCENT} %",
            measured=f"{share:.1f} % ({own:.2f} s)",
            met=share <= SHARE_PERCENT,
        ),
    ]


def _run(model: Path, scratch: Path) -> tuple[float, float]:
    """Seconds of a whole process, and what of it is ours."""
    cache = scratch / "environments"
    command = [sys.executable, "-m", "mlflow_kerasguard", "rehearse", model, "--cache", cache, "--format", "json"]
    # uv doesn't look where pip is told to look.
    links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS", "").replace(" ", ",")
    variables = {**os.environ, **({"UV_FIND_LINKS": links} if links else {})}
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=scratch, env=variables)
    total = time.perf_counter() - started
    shutil.rmtree(cache)
    seconds = json.loads(done.stdout)["environments"][0]["seconds"]
    return total, total - sum(seconds[name] for name in _OTHERS)
