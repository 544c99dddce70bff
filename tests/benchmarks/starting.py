"""What `kerasguard serve` adds to the start of `mlflow models serve`, and when it refuses."""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.models import dense_stack
from tests.benchmarks.timing import Figure, in_turn, median_difference, process

PREFLIGHT_S = 0.5
PORT = 5986

_SAVE = """
import sys
import mlflow_kerasguard, keras
model = keras.saving.load_model(sys.argv[1], compile=False)
mlflow_kerasguard.save_model(model, sys.argv[2])
"""


def start(scratch: Path, runs: int) -> list[Figure]:
    path, model = dense_stack(scratch / "model.keras", layers=3), scratch / "logged"
    subprocess.run([sys.executable, "-c", _SAVE, str(path), str(model)], check=True, cwd=scratch)
    options = ["-m", str(model), "--env-manager", "local", "--port", str(PORT)]
    ours, mlflow = in_turn(_until_ready(_guarded(options)), _until_ready(_plain(options)), runs=runs)
    over = median_difference(ours, mlflow)
    return [
        Figure(
            name="`kerasguard serve` of a compatible model, start to the first `/ping`, over `mlflow models serve`",
            target=f"≤ {PREFLIGHT_S} s",
            measured=f"{over:.2f} s ({statistics.median(ours):.1f} s and {statistics.median(mlflow):.1f} s)",
            met=over <= PREFLIGHT_S,
        ),
        _refusal(scratch, model, runs),
    ]


def _refusal(scratch: Path, model: Path, runs: int) -> Figure:
    requirements = model / "requirements.txt"
    lines = requirements.read_text().splitlines()
    requirements.write_text("\n".join("keras==3.0.5" if line.startswith("keras==") else line for line in lines))
    ours, imports = in_turn(
        process(_guarded([str(model)]), cwd=scratch), process("import mlflow.models.cli", cwd=scratch), runs=runs
    )
    over = median_difference(ours, imports)
    return Figure(
        name="refusal by `kerasguard serve` of what a model pins, start to exit, over `import mlflow.models.cli`",
        target=f"≤ {PREFLIGHT_S} s",
        measured=f"{over:.2f} s ({statistics.median(ours):.1f} s in all)",
        met=over <= PREFLIGHT_S,
    )


def _guarded(options: list[str]) -> list[str]:
    return [sys.executable, "-m", "mlflow_kerasguard", "serve", *options]


def _plain(options: list[str]) -> list[str]:
    return [sys.executable, "-m", "mlflow", "models", "serve", *options]


def _until_ready(command: list[str]) -> Callable[[], float]:
    """Seconds from the start of a server to its first answer."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def run() -> float:
        began = time.perf_counter()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen(command, env=environment, start_new_session=True, **quiet)
        try:
            while not _answers():
                assert server.poll() is None, f"{command} ended"
                time.sleep(0.02)
            return time.perf_counter() - began
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()
            while _answers():  # The port has to be free again.
                time.sleep(0.05)

    return run


def _answers() -> bool:
    with (
        contextlib.suppress(urllib.error.URLError, ConnectionError),
        urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ping", timeout=5),
    ):
        return True
    return False
