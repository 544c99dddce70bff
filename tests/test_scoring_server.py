"""MLflow's scoring server from the inside, and real supervisors of uvicorn above workers that refuse at once."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from uvicorn.importer import import_from_string

from mlflow_kerasguard import IncompatibleModelError, scoring_server
from mlflow_kerasguard.version import __version__
from tests.conftest import break_model
from tests.processes import await_none

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def application(logged, monkeypatch):
    """MLflow's application, which nobody has imported yet, with a model."""
    name = "mlflow.pyfunc.scoring_server.app"
    monkeypatch.setenv("__pyfunc_model_path__", logged.as_uri())
    monkeypatch.setenv("MLFLOW_IS_IN_SERVING_ENVIRONMENT", "")  # What the server sets goes away again.
    yield name
    sys.modules.pop(name, None)


def test_the_server_sees_the_report_and_nothing_else(application, logged, capsys):
    break_model(logged)
    with pytest.raises(SystemExit) as caught:
        import_from_string(f"{application}:app")
    assert caught.value.code == scoring_server.STARTUP_FAILURE
    assert capsys.readouterr().err.lstrip().startswith("INCOMPATIBLE")


def test_a_program_that_imports_the_server_itself_gets_the_error(application, logged):
    break_model(logged)
    with pytest.raises(IncompatibleModelError):
        importlib.import_module(application)


def test_the_server_says_what_it_serves(application, logged, caplog):
    with caplog.at_level("INFO", logger="uvicorn.error"):
        import_from_string(f"{application}:app")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]
    digest = hashlib.sha256((logged / "kerasguard" / "signature.json").read_bytes()).hexdigest()
    assert line.startswith(
        f"mlflow-kerasguard {__version__}: compatible, signature sha256:{digest}, this interpreter ("
    )


def test_elsewhere_no_server_is_starting():
    assert not scoring_server.is_starting()


REFUSING = """
from mlflow_kerasguard import scoring_server
scoring_server.end("THE REPORT")
"""

#: The first worker to come serves, and any other refuses then.
ONE_SERVES = """
import os, time
from mlflow_kerasguard import scoring_server
from mlflow_kerasguard.findings import Report

try:
    os.mkdir("first")
except FileExistsError:
    while not os.path.exists("serving"):
        time.sleep(0.01)
    scoring_server.end("THE REPORT")
scoring_server.announce(Report(model="it", model_summary="", environment="this interpreter"), None)

async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    os.mkdir("serving")
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
    os.mkdir("ended in order")
"""

#: As the first process of a container, which the kernel keeps from signals that it has no handler for.
IMMORTAL = """
import signal, uvicorn
if __name__ == "__main__":
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    uvicorn.main()
"""


@contextlib.contextmanager
def uvicorn(directory: Path, application: str, workers: int, *, main: str | None = None) -> Iterator[subprocess.Popen]:
    (directory / "application.py").write_text(application)
    (directory / "main.py").write_text(main or "")
    program = ["main.py"] if main else ["-m", "uvicorn"]
    process = subprocess.Popen(
        [sys.executable, *program, "--port", "0", "--workers", str(workers), "application:app"],
        cwd=directory,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(directory)},
    )
    try:
        yield process
        await_none(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize(("workers", "status"), [(1, scoring_server.STARTUP_FAILURE), (4, -signal.SIGALRM)])
def test_the_report_once_an_exit_status_and_nothing_left(workers, status, tmp_path):
    with uvicorn(tmp_path, REFUSING, workers) as process:
        said = process.communicate(timeout=60)[1].decode()
        assert said.count("THE REPORT") == 1
        assert "Traceback" not in said
        assert process.returncode == status


def test_a_worker_that_serves_ends_with_its_supervisor(tmp_path):
    with uvicorn(tmp_path, ONE_SERVES, 2) as process:
        said = process.communicate(timeout=60)[1].decode()
        assert said.count("THE REPORT") == 1
        assert "compatible, no signature, this interpreter" in said
        assert process.returncode == -signal.SIGALRM
    assert (tmp_path / "ended in order").exists()


def test_a_supervisor_that_the_signal_doesnt_end_is_asked_to(tmp_path):
    with uvicorn(tmp_path, REFUSING, 2, main=IMMORTAL) as process:
        said = process.communicate(timeout=60)[1].decode()
        assert said.count("THE REPORT") == 1
        assert process.returncode == 0, "uvicorn's own, whatever ends it"
