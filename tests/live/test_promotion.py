"""Promotions on a real `mlflow server` with SQLite: over HTTP, raced, killed, and rehearsed in a built environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mlflow_kerasguard import promote
from mlflow_kerasguard.environment.identity import facts_digest
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.errors import KerasGuardError
from mlflow_kerasguard.registry.candidates import read_candidate
from mlflow_kerasguard.registry.records import find_record
from tests.live.servers import PATIENCE, await_server, clean_variables, free_port

pytestmark = [
    pytest.mark.live,
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow"),
]

BIN = Path(sys.executable).parent
VERSIONS = 4
CLIENTS = 20


@dataclass(kw_only=True)
class Server:
    """An `mlflow server` that can be killed and started again."""

    directory: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        places = ["--backend-store-uri", f"sqlite:///{self.directory}/store.db"]
        artifacts = ["--artifacts-destination", str(self.directory / "artifacts")]
        command = [str(BIN / "mlflow"), "server", "--port", str(self.port), "--workers", "1", *places, *artifacts]
        variables = clean_variables(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
        log = self.directory / "log"
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                command, cwd=self.directory, env=variables, stdout=stream, stderr=stream, start_new_session=True
            )
        await_server(f"{self.uri}/health", self.process, log)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    server = Server(directory=tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def model(request) -> str:
    """Each test has one of its own."""
    return request.function.__name__.removeprefix("test_")


@pytest.fixture
def client(server, logged, model, monkeypatch):
    """With some versions of that model, from a run."""
    import mlflow

    # A server that is killed is back in seconds.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    mlflow.set_tracking_uri(server.uri)
    client = mlflow.MlflowClient()
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(logged), "model")
    client.create_registered_model(model)
    for _ in range(VERSIONS):
        client.create_model_version(model, f"{run.info.artifact_uri}/model", run.info.run_id)
    return client


def has_record(client, name, version) -> bool:
    found = client.get_model_version(name, version)
    candidate = read_candidate(found, f"models:/{name}/{version}")
    digest = facts_digest(replace(installed(), registered_objects=frozenset()))
    return find_record(candidate.tags, candidate.subject, digest, None) is not None


def run(server, *arguments) -> subprocess.CompletedProcess[str]:
    command = [BIN / "kerasguard", "promote", *map(str, arguments)]
    return subprocess.run(command, env=variables(server), capture_output=True, text=True, timeout=PATIENCE)


def variables(server):
    return clean_variables(MLFLOW_TRACKING_URI=server.uri)


def test_over_http(server, client, model):
    done = run(server, f"models:/{model}/1", "--alias", "champion")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"PROMOTED: models:/{model}/1 has the alias `champion`")
    assert "report     runs:/" in done.stdout
    assert has_record(client, model, "1")

    refused = run(server, f"models:/{model}/2", "--alias", "champion", "--against", "keras==2.4.0")
    assert refused.returncode == 1
    assert refused.stdout.startswith(f"REFUSED: models:/{model}/2 ")
    undecided = run(server, f"models:/{model}/2", "--alias", "champion", "--against", "keras==99.0")
    assert undecided.returncode == 3
    assert client.get_model_version_by_alias(model, "champion").version == "1"
    assert client.get_model_version(model, "2").tags == {}

    copied = run(server, f"models:/{model}@champion", "--to", "live")
    assert copied.returncode == 0, copied.stderr
    assert has_record(client, "live", "1")


def test_races_and_a_server_that_is_killed(server, client, model):
    """Twenty clients at a time, each with one of four versions: whatever the alias leads to has a record."""
    seen, violations, stop = set(), [], threading.Event()

    def watch():
        while not stop.is_set():
            with contextlib.suppress(Exception):
                version = client.get_model_version_by_alias(model, "champion")
                seen.add(str(version.version))
                if not any(key.startswith("kerasguard.record.") for key in version.tags):
                    violations.append(version)

    def one(number):
        try:
            return promote(f"models:/{model}/{number % VERSIONS + 1}", alias="champion").done
        except KerasGuardError:
            return False

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(CLIENTS) as pool:
        futures = [pool.submit(one, number) for number in range(2 * CLIENTS)]
        while sum(future.done() for future in futures) < CLIENTS // 2:
            time.sleep(0.05)
        server.kill()
        server.start()
        results = [future.result() for future in futures]
    stop.set()
    watcher.join()
    assert any(results)
    assert violations == []
    assert seen <= {str(number + 1) for number in range(VERSIONS)}
    final = client.get_model_version_by_alias(model, "champion")
    assert has_record(client, model, final.version)
    # What was broken off can be done again.
    assert promote(f"models:/{model}/1", alias="champion").done
    assert client.get_model_version_by_alias(model, "champion").version == "1"


def test_a_process_that_is_killed(server, client, model):
    """Two at a time, and one of them is killed as soon as it has written something."""
    first, second = (
        subprocess.Popen(
            [BIN / "kerasguard", "promote", f"models:/{model}/{version}", "--alias", "champion"],
            env=variables(server),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for version in (1, 2)
    )
    while first.poll() is None and not client.get_model_version(model, "1").tags:
        time.sleep(0.001)
    first.kill()
    first.wait(PATIENCE)
    assert second.wait(PATIENCE) == 0
    assert has_record(client, model, client.get_model_version_by_alias(model, "champion").version)


def test_an_environment_that_is_built(server, client, model, tmp_path):
    """What the requirements of a policy list is made, and the model loaded in it."""
    import keras
    import tensorflow as tf

    (tmp_path / "requirements.txt").write_text(f"keras=={keras.__version__}\n{_tensorflow()}=={tf.__version__}\n")
    policy = tmp_path / "kerasguard.toml"
    policy.write_text(
        "[environments]\nprod = 'requirements.txt'\n\n[[guard]]\nmodels = ['*']\naliases = ['champion']\n"
        "environments = ['prod']\nrequire = ['compatible', 'rehearsed', 'golden-verified']\n"
    )
    arguments = (f"models:/{model}/1", "--alias", "champion", "--policy", policy)
    refused = run(server, *arguments)
    assert refused.returncode == 1
    assert "`kerasguard promote --rehearse` does it" in " ".join(refused.stdout.split())
    done = run(server, *arguments, "--rehearse")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "compatible, rehearsed, same predictions" in " ".join(done.stdout.split())
    # It was seen once, and that counts.
    assert run(server, *arguments).returncode == 0


def _tensorflow() -> str:
    known = installed()
    return next(name for name in ("tensorflow", "tensorflow-cpu") if known.lists(name))
