"""A real `mlflow models serve` and real HTTP: the good model scores, the incompatible one says why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlflow_kerasguard import load_model
from tests.conftest import break_model
from tests.live.servers import PATIENCE, clean_variables, free_port, score, serving

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::UserWarning:mlflow")]


def _command(model: Path, port: int) -> list[str]:
    arguments = ["models", "serve", "-m", str(model), "-p", str(port), "--env-manager", "local", "--workers", "1"]
    return [sys.executable, "-m", "mlflow", *arguments]


def _serving(model: Path, directory: Path):
    port = free_port()
    return serving(_command(model, port), port, directory, clean_variables())


def test_a_model_with_a_custom_layer_scores(logged, tmp_path):
    data = np.arange(6, dtype="float32").reshape(2, 3)
    expected = np.asarray(load_model(logged).predict(data, verbose=0))
    with _serving(logged, tmp_path / "elsewhere") as (url, log):
        from_inputs = score(url, {"inputs": data.tolist()})["predictions"]
        from_table = score(url, {"dataframe_split": {"columns": ["a", "b", "c"], "data": data.tolist()}})["predictions"]
    np.testing.assert_allclose(from_inputs, expected, rtol=1e-4)
    np.testing.assert_allclose(from_table, expected, rtol=1e-4)
    assert "step" not in log.read_text(), "a progress bar"


#: Says at exit which of the heavy packages the process had imported.
WITNESS = """
import atexit, sys
atexit.register(lambda: print("IMPORTED", [m for m in ("keras", "tensorflow", "jax", "torch") if m in sys.modules],
                              file=sys.stderr, flush=True))
"""


def test_an_incompatible_model_ends_with_the_report_and_nothing_after_it(logged, tmp_path):
    break_model(logged)
    witness = tmp_path / "witness"
    witness.mkdir()
    (witness / "sitecustomize.py").write_text(WITNESS)
    done = subprocess.run(
        _command(logged, free_port()),
        cwd=witness,
        env=clean_variables(PYTHONPATH=str(witness)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode != 0
    lines = done.stderr.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("INCOMPATIBLE"))
    before = [line for line in lines[:first] if line and " INFO mlflow." not in line]
    assert before == [], "MLflow says what it does; nobody else says anything before the report"
    assert "from_the_future" in done.stderr
    assert "IMPORTED []" in done.stderr
    assert "IMPORTED ['" not in done.stderr
