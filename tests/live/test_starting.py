"""Servers that start, don't start, and end: real processes of `kerasguard serve` and `mlflow models serve`."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mlflow_kerasguard import load_model, save_model
from mlflow_kerasguard.deployment.status import read_status
from mlflow_kerasguard.version import __version__
from tests.conftest import break_model
from tests.keras_cases import keras, rows
from tests.live.servers import PATIENCE, await_server, clean_variables, free_port, score
from tests.processes import await_none

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::UserWarning:mlflow")]

BIN = Path(sys.executable).parent
PROGRAMS = {
    "kerasguard serve": [BIN / "kerasguard", "serve"],
    "mlflow models serve": [BIN / "mlflow", "models", "serve"],
    "mlflow deployments": [BIN / "mlflow", "deployments", "run-local", "-t", "kerasguard", "--name", "it"],
}


def command(program: str, model: Path, port: int, workers: int = 1) -> list[str]:
    options = {"port": str(port), "env-manager": "local", "workers": str(workers)}
    if program == "mlflow deployments":
        given = [part for name, value in options.items() for part in ("-C", f"{name}={value}")]
    else:
        given = [part for name, value in options.items() for part in (f"--{name}", value)]
    return [*map(str, PROGRAMS[program]), "-m", str(model), *given]


@contextlib.contextmanager
def started(arguments: list[str], directory: Path, **variables: str) -> Iterator[tuple[subprocess.Popen, Path]]:
    """A process group of its own, which has to be empty in the end. Gives its first process, and its log."""
    log = directory / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            arguments,
            cwd=directory,
            env=clean_variables(**variables),
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        yield process, log
        await_none(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(condition: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def end(process: subprocess.Popen) -> int:
    os.kill(process.pid, signal.SIGTERM)
    return process.wait(PATIENCE)


@pytest.mark.parametrize("program", ["kerasguard serve", "mlflow deployments"])
@pytest.mark.parametrize("workers", [1, 4])
def test_a_compatible_model_is_served(program, workers, logged, tmp_path):
    data = rows(2, 3)
    expected = np.asarray(load_model(logged).predict(data, verbose=0))
    port = free_port()
    with started(command(program, logged, port, workers), tmp_path) as (process, log):
        await_server(f"http://127.0.0.1:{port}/ping", process, log)
        got = score(f"http://127.0.0.1:{port}/invocations", {"inputs": data.tolist()})["predictions"]
        np.testing.assert_allclose(got, expected, rtol=1e-4)
        status = read_status(f"http://127.0.0.1:{port}")
        assert (status.kerasguard, status.verdict) == (__version__, "compatible")
        assert status.signature in log.read_text()
        # The first worker answers before the others have come so far.
        _await(lambda: log.read_text().count(f"mlflow-kerasguard {__version__}: compatible") == workers, log)
        assert end(process) == -signal.SIGTERM


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("workers", [1, 4])
def test_an_incompatible_model_ends_with_one_report_and_an_exit_status(program, workers, logged, tmp_path):
    break_model(logged)
    with started(command(program, logged, free_port(), workers), tmp_path) as (process, log):
        assert process.wait(PATIENCE) == 1
    said = log.read_text()
    assert said.count("INCOMPATIBLE") == 1
    assert said.count("from_the_future") >= 1
    if program != "mlflow models serve":
        assert "uvicorn" not in said
        assert "Traceback" not in said


@pytest.mark.parametrize("workers", [1, 4])
def test_what_only_the_server_finds_ends_it_without_a_traceback(workers, logged, tmp_path):
    (logged / "kerasguard" / "code" / "helpers.py").write_text("changed = 1\n")
    with started(command("kerasguard serve", logged, free_port(), workers), tmp_path) as (process, log):
        assert process.wait(PATIENCE) == 1
    said = log.read_text()
    assert "kerasguard: compatible: " in said
    assert said.count("UNSAFE") == 1
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("kerasguard: error: the server ended with exit status ")


#: What is sent to whom, and with which exit status the first process ends.
ENDS = {
    "Ctrl-C": (os.killpg, signal.SIGINT, 130),
    "SIGINT for the first process": (os.kill, signal.SIGINT, 130),
    "SIGTERM for the first process": (os.kill, signal.SIGTERM, -signal.SIGTERM),
    "SIGKILL for the first process": (os.kill, signal.SIGKILL, -signal.SIGKILL),
}


@pytest.mark.parametrize("case", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_ends_all_of_it(case, workers, logged, tmp_path):
    send, number, status = case
    port = free_port()
    with started(command("kerasguard serve", logged, port, workers), tmp_path) as (process, log):
        await_server(f"http://127.0.0.1:{port}/ping", process, log)
        send(process.pid, number)
        assert process.wait(PATIENCE) == status
    said = log.read_text()
    assert "Traceback" not in said
    assert "exit status" not in said


WAITING = """
import {keras} as keras, os, time

@keras.utils.register_keras_serializable("tests")
class Waiting(keras.layers.Layer):
    def build(self, shape):
        gate = os.environ.get("GATE")
        if gate:
            open(gate + ".reached", "w").close()
            while not os.path.exists(gate):
                time.sleep(0.05)

    def call(self, inputs):
        return inputs
"""


@pytest.fixture
def waiting(tmp_path, monkeypatch):
    """A model that loads once there is the file that `GATE` names."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "waiting_layers.py").write_text(WAITING.format(keras=keras.__name__))
    monkeypatch.syspath_prepend(tmp_path / "sources")
    layer = importlib.import_module("waiting_layers").Waiting()
    save_model(keras.Sequential([keras.layers.InputLayer((3,)), layer]), tmp_path / "model", input_example=rows(2, 3))
    yield tmp_path / "model"
    keras.utils.get_custom_objects().pop("tests>Waiting")
    sys.modules.pop("waiting_layers")


@pytest.mark.parametrize("workers", [1, 2])
def test_ping_answers_when_the_model_is_there(workers, waiting, tmp_path):
    port, gate = free_port(), tmp_path / "gate"
    with started(command("mlflow models serve", waiting, port, workers), tmp_path, GATE=str(gate)) as (process, log):
        _await(gate.with_name("gate.reached").exists, log)
        with pytest.raises(urllib.error.URLError, match="refused"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5)
        assert not read_status(f"http://127.0.0.1:{port}").ready
        gate.touch()
        await_server(f"http://127.0.0.1:{port}/ping", process, log)
        assert read_status(f"http://127.0.0.1:{port}").kerasguard is None, "who was started by MLflow doesn't tell"
        end(process)
