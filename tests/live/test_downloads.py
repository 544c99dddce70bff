"""What is downloaded from a real `mlflow server` before a model is refused, as the server's own log tells."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import break_model
from tests.live.servers import PATIENCE, clean_variables, free_port, serving

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::UserWarning:mlflow")]

BIN = Path(sys.executable).parent
URI = "models:/scaled/1"
WEIGHTS = "data/model.keras"

REGISTER = """
import sys, mlflow
with mlflow.start_run() as run:
    mlflow.log_artifacts(sys.argv[1], "model")
client = mlflow.MlflowClient()
client.create_registered_model("scaled")
client.create_model_version("scaled", f"{run.info.artifact_uri}/model", run.info.run_id)
print(run.info.run_id)
"""


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A tracking server with its artifact store, in which there is one model."""

    variables: dict[str, str]
    log: Path
    run_id: str

    def run(self, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.variables, **more}
        command = [str(part) for part in arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)

    @property
    def asked(self) -> str:
        """What of artifacts the server was asked for."""
        return "\n".join(line for line in self.log.read_text().splitlines() if "GET" in line and "artifacts" in line)


@pytest.fixture
def registry(logged, tmp_path) -> Iterator[Registry]:
    break_model(logged)
    port = free_port()
    places = [
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/store.db",
        "--artifacts-destination",
        tmp_path / "artifacts",
    ]
    command = [BIN / "mlflow", "server", "--port", port, "--workers", 1, *places]
    environment = clean_variables(MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}")
    # Jobs run in further processes, which the test has no use for.
    alone = {**environment, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with serving([str(part) for part in command], port, tmp_path / "server", alone, ready="health") as (_, log):
        script = [sys.executable, "-c", REGISTER, str(logged)]
        done = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        shutil.rmtree(logged)
        yield Registry(variables=environment, log=log, run_id=done.stdout.split()[-1])


def test_an_incompatible_model_is_refused_before_its_weights_are_downloaded(registry):
    serve = [BIN / "kerasguard", "serve", "--env-manager", "local", "--port", free_port()]
    for uri in (URI, f"runs:/{registry.run_id}/model"):
        done = registry.run(*serve, uri)
        assert done.returncode == 1, done.stderr
        assert done.stdout.startswith(f"INCOMPATIBLE: {uri} ")
    checked = registry.run(BIN / "kerasguard", "check", "--by-signature", URI)
    assert checked.stdout.startswith("INCOMPATIBLE: ")

    mlflow_serve = [BIN / "mlflow", "models", "serve", "--env-manager", "local", "--port", free_port(), "-m", URI]
    done = registry.run(*mlflow_serve, MLFLOW_KERASGUARD_CHECK_DOWNLOADS="1")
    assert done.returncode == 1
    assert "INCOMPATIBLE" in done.stderr
    assert "uvicorn" not in done.stderr

    assert "kerasguard/signature.json" in registry.asked
    assert WEIGHTS not in registry.asked

    # What the log would have shown.
    registry.run(BIN / "kerasguard", "check", URI)
    assert WEIGHTS in registry.asked
