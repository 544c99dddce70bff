"""A registry behind a real `mlflow server` that hands out artifacts: what is asked of it, and an audit that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlflow_kerasguard.registry.audit.ledger import read_saved
from tests.benchmarks.models import dense_stack
from tests.live.servers import PATIENCE, clean_variables, free_port, serving
from tests.registry.audit.models import NEW, OLD, YOUNG, foreign, guarded, write_mlmodel

pytestmark = pytest.mark.live

BIN = Path(sys.executable).parent
VERSIONS = 40

REGISTER = """
import sys, mlflow
client = mlflow.MlflowClient()
run = client.create_run("0").info
for name, count in (("sum", int(sys.argv[1])), ("others", 3)):
    client.create_registered_model(name)
    for number in range(1, count + 1):
        client.create_model_version(name, f"{run.artifact_uri}/{name}/{number}", run.run_id)
print(run.artifact_uri)
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A tracking server with a registry."""

    variables: dict[str, str]
    log: Path

    def command(self, *arguments: object) -> list[str]:
        return [str(part) for part in (BIN / "kerasguard", "audit", "--against", NEW, "--against", OLD, *arguments)]

    def audit(self, *arguments: object) -> tuple[int, dict]:
        done = subprocess.run(
            self.command("--format", "json", *arguments),
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode in {0, 1, 3}, done.stderr
        return done.returncode, json.loads(done.stdout)

    def asked(self, name: str) -> list[str]:
        """What the server answered about files of that name."""
        return [line for line in self.log.read_text().splitlines() if "GET" in line and f"/{name} " in line]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("audit")
    port = free_port()
    places = [
        "--backend-store-uri",
        f"sqlite:///{directory}/store.db",
        "--artifacts-destination",
        directory / "artifacts",
    ]
    command = [str(part) for part in (BIN / "mlflow", "server", "--port", port, "--workers", 1, *places)]
    environment = clean_variables(MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}")
    # Jobs run in further processes, which the test has no use for.
    alone = {**environment, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with serving(command, port, directory / "server", alone, ready="health") as (_, log):
        script = [sys.executable, "-c", REGISTER, str(VERSIONS)]
        said = subprocess.run(
            script, env=environment, check=True, timeout=PATIENCE, cwd=directory, capture_output=True, text=True
        )
        root = said.stdout.splitlines()[-1].removeprefix("mlflow-artifacts:/")
        _write_models(directory / "artifacts" / root)
        yield Server(variables=environment, log=log)


def _write_models(artifacts: Path) -> None:
    for number in range(1, VERSIONS + 1):
        guarded(artifacts / "sum" / str(number), *([YOUNG] if number == VERSIONS else []))
    foreign(artifacts / "others" / "1", YOUNG)
    (artifacts / "others" / "2" / "data").mkdir(parents=True)
    dense_stack(artifacts / "others" / "2" / "data" / "model.keras", layers=4, units=700)
    write_mlmodel(artifacts / "others" / "2", tensorflow={"data": "data"}, python_function={"data": "data"})


def statuses(report: dict, environment: int) -> dict[str, str]:
    digest = report["environments"][environment]["digest"]
    return {f"{row['name']}/{row['version']}": row["cells"][digest]["status"] for row in report["versions"]}


def test_no_weights_are_asked_for(server):
    status, report = server.audit()
    assert status == 1
    new, old = statuses(report, 0), statuses(report, 1)
    assert {label for label, found in new.items() if found != "compatible"} == {"others/3"}
    assert new["others/3"] == "unreachable"
    assert {label for label, found in old.items() if found == "incompatible"} >= {"others/1", f"sum/{VERSIONS}"}
    asked = server.asked("model.keras")
    # Parts of the files of other flavors, and nothing of those that are guarded.
    assert asked
    assert not [line for line in asked if "/others/" not in line]
    assert all(" 206" in line for line in asked)


def test_an_audit_that_is_killed_goes_on(server, tmp_path):
    saved = tmp_path / "audit.jsonl"
    command = server.command("--save", saved, "--jobs", "1")
    with subprocess.Popen(
        command, env=server.variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        while process.poll() is None and not (saved.exists() and saved.read_bytes().count(b"\n") > 6):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while _is_group_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)  # Its workers see that it is gone.
    assert not _is_group_alive(process.pid)
    kept = read_saved(saved).rows
    assert 5 <= len(kept) < VERSIONS
    before = len(server.asked("signature.json"))
    _, report = server.audit("--save", saved)
    finished = [row for row in kept.values() if row.listed.version != "3" or row.listed.name != "others"]
    assert report["reused"] == len(finished)
    of_guarded = sum(row.contents.guarded for row in finished)
    assert len(server.asked("signature.json")) - before == VERSIONS - of_guarded
    assert len(read_saved(saved).rows) == VERSIONS + 3


def _is_group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
