"""Adoption against a real `mlflow server` that keeps its registry in PostgreSQL and hands out artifacts itself."""

from __future__ import annotations

import contextlib
import importlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from mlflow_kerasguard import UsageError, adopt
from tests.live.servers import PATIENCE, clean_variables, free_port, serving
from tests.registry.adoption import stock

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::UserWarning:(mlflow|keras).*")]


@contextlib.contextmanager
def _mlflow_server(uri: str, directory: Path):
    port = free_port()
    options = ["--backend-store-uri", uri, "--artifacts-destination", str(directory / "artifacts")]
    command = [sys.executable, "-m", "mlflow", "server", *options, "--port", str(port), "--workers", "1"]
    with serving(command, port, directory / "server", clean_variables(), ready="health"):
        mlflow.set_tracking_uri(f"http://127.0.0.1:{port}")
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            mlflow.set_tracking_uri("")


def _command(server: str, *arguments: str) -> dict:
    program = str(Path(sys.executable).parent / "kerasguard")
    return {"args": [program, "adopt", *arguments], "env": clean_variables(MLFLOW_TRACKING_URI=server)}


def _adopt(server: str, *arguments: str) -> dict:
    command = _command(server, *arguments, "--format", "json")
    done = subprocess.run(**command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def _log(directory: Path, data: np.ndarray, source: str) -> None:
    """A model with its own layers, as version 1 of `stock`."""
    (directory / "own_layers.py").write_text(source)
    sys.path.insert(0, str(directory))
    try:
        module = importlib.import_module("own_layers")
        with mlflow.start_run():
            mlflow.tensorflow.log_model(
                stock.own_model(module),
                name="stock",
                registered_model_name="stock",
                custom_objects=stock.own_objects(module),
                code_paths=[str(directory / "own_layers.py")],
                input_example=data,
                pip_requirements=stock.PINS["tensorflow"],
            )
    finally:
        sys.path.remove(str(directory))
        stock.forget("own_layers")


#: Does what takes long when it is imported to be loaded, and says so.
SLOW = """
import os, time
if "STARTED" in os.environ:
    open(os.environ["STARTED"], "w").close()
    time.sleep(600)
"""


def test_adoption_on_a_server_with_postgresql(postgresql_uri, tmp_path, monkeypatch):
    data = stock.rows(3, 3)
    with _mlflow_server(postgresql_uri, tmp_path) as server:
        monkeypatch.setattr(sys, "path", [*sys.path])  # MLflow puts the code of a model there for good.
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        _log(tmp_path, data, f"{SLOW}\n{stock.OWN}")
        client = MlflowClient()
        client.set_registered_model_alias("stock", "champion", "1")
        client.update_model_version("stock", "1", description="x" * 5000)
        expected = mlflow.pyfunc.load_model("models:/stock/1").predict(data)
        stock.forget("own_layers")

        before = stock.everything()
        _interrupted(server, tmp_path)
        assert stock.everything() == before

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MlflowClient, "create_model_version", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                adopt("models:/stock/1", rehearse=False)
        assert stock.everything() == before
        assert len(list((tmp_path / "artifacts").rglob("MLmodel"))) == 1

        told = _adopt(server, "models:/stock@champion")
        assert (told["outcome"], told["uri"], told["rehearsal"]) == ("adopted", "models:/stock/2", "passed")
        np.testing.assert_allclose(mlflow.pyfunc.load_model("models:/stock/2").predict(data), expected, rtol=1e-5)
        old, new = client.get_model_version("stock", "1"), client.get_model_version("stock", "2")
        assert new.run_id == mlflow.models.Model.load("models:/stock/1").run_id
        assert old.tags == {"kerasguard.adopted_as": "models:/stock/2"}
        assert str(client.get_model_version_by_alias("stock", "champion").version) == "1"

        assert adopt("models:/stock/1").outcome == "found"
        unloaded = adopt("models:/stock/1", to="other", rehearse=False)
        assert (unloaded.uri, unloaded.rehearsal) == ("models:/other/1", "skipped")

        before = stock.everything()
        with pytest.raises(UsageError, match="which backend"):
            adopt("models:/stock/1", to="third", rehearse=False, pip_requirements=[])
        assert stock.everything() == before


def _interrupted(server: str, directory: Path) -> None:
    started, scratch = directory / "started", directory / "scratch"
    scratch.mkdir()
    command = _command(server, "models:/stock/1")
    command["env"].update(STARTED=str(started), TMPDIR=str(scratch))
    with subprocess.Popen(**command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + PATIENCE
        while not started.exists():
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert list(scratch.glob(".kerasguard-*")) == []
