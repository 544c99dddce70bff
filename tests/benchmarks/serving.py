"""A refusal by `mlflow models serve`, and what the check costs a load that succeeds."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.models import dense_stack
from tests.benchmarks.timing import Figure, in_turn, median_difference, process

REFUSAL_OVER_MLFLOW_S = 0.3
SHARE_PERCENT = 2

_SAVE = """
import sys
import mlflow_kerasguard, keras
model = keras.saving.load_model(sys.argv[1], compile=False)
mlflow_kerasguard.save_model(model, sys.argv[2])
"""

#: A model whose loader ends the process at once: what is left is MLflow's own start.
_PEER = """
flavors:
  python_function:
    loader_module: kerasguard_benchmark_peer
    python_version: "{python}"
    env: {{}}
mlflow_version: 3.0.0
"""

#: Keras imports h5py and NumPy itself: what that costs belongs to the load, not to the check.
_SHARE = """
import sys, time
start = time.perf_counter()
import h5py
imported = time.perf_counter()
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.formats import read_model
path = sys.argv[1]
check_model(read_model(path), installed(), compile=False).raise_for_errors(allow_undecided=True)
checked = time.perf_counter()
import keras
keras.saving.load_model(path, compile=False)
end = time.perf_counter()
print((checked - imported) / (end - start))
"""


def refusal(scratch: Path, runs: int) -> list[Figure]:
    refused = incompatible_model(scratch)
    peer = peer_model(scratch)
    ours, mlflow = in_turn(serve(refused, scratch), serve(peer, scratch), runs=runs)
    over = median_difference(ours, mlflow)
    output = subprocess.run(serve_command(refused), capture_output=True, text=True, cwd=scratch, check=False)
    lines = len((output.stdout + output.stderr).splitlines())
    return [
        Figure(
            name="refusal by `mlflow models serve`, start to exit, over MLflow's own start",
            target=f"≤ {REFUSAL_OVER_MLFLOW_S} s",
            measured=f"{over:.2f} s ({statistics.median(ours):.1f} s in all, {lines} lines, exit {output.returncode})",
            met=over <= REFUSAL_OVER_MLFLOW_S,
        )
    ]


def incompatible_model(scratch: Path) -> Path:
    """A logged model whose file is then one that no Keras loads, digests and all."""
    good = dense_stack(scratch / "good.keras", layers=3)
    logged = scratch / "logged"
    subprocess.run([sys.executable, "-c", _SAVE, str(good), str(logged)], check=True, cwd=scratch)
    bad = dense_stack(scratch / "bad.keras", layers=3, extra={"turbo": True})
    shutil.copy(bad, logged / "data" / "model.keras")
    return logged


def peer_model(scratch: Path) -> Path:
    """A python_function model that exits when it is loaded."""
    (scratch / "kerasguard_benchmark_peer.py").write_text("import os\n\n\ndef _load_pyfunc(path):\n    os._exit(1)\n")
    directory = scratch / "peer"
    directory.mkdir()
    python = ".".join(map(str, sys.version_info[:3]))
    (directory / "MLmodel").write_text(_PEER.format(python=python))
    return directory


def serve_command(model: Path) -> list[str]:
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--port", "5987"]
    return [*command, "-m", str(model)]


def serve(model: Path, scratch: Path):
    environment = {**os.environ, "PYTHONPATH": str(scratch)}
    return process(serve_command(model), cwd=scratch, env=environment)


def share_of_load(scratch: Path, runs: int) -> list[Figure]:
    path = dense_stack(scratch / "model.keras", layers=100)
    shares = []
    for _ in range(runs):
        done = subprocess.run([sys.executable, "-c", _SHARE, str(path)], capture_output=True, text=True, check=True)
        shares.append(100 * float(json.loads(done.stdout.splitlines()[-1])))
    share = statistics.median(shares)
    return [
        Figure(
            name="the check's share of a successful load in a fresh process, Keras's import included",
            target=f"≤ {SHARE_PERCENT} %",
            measured=f"{share:.1f} %",
            met=share <= SHARE_PERCENT,
        )
    ]
