"""A guarded registry behind a real `mlflow server`, on SQLite and on PostgreSQL, asked with raw requests and by hand.

Its artifacts are in a store of their own, which answers over HTTP, or doesn't.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlflow_kerasguard.registry.policy_watch import LOOK_S
from tests.live import browser
from tests.live.artifact_store import ArtifactStore, artifact_store
from tests.live.registry_servers import WAYS, Server, command, serving_registry, variables
from tests.live.servers import PATIENCE, clean_variables, free_port
from tests.registry.models import guarded
from tests.registry.stores import POLICY, UNKNOWN

pytestmark = [
    pytest.mark.live,
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow"),
]

SECONDS = 2.0
MORE = (
    POLICY.replace("[environments]", '[environments]\nold = "keras==2.4.0 python==3.8"')
    + """
[[guard]]
models = ["copies", "versions-*"]
versions = true
environments = ["serving"]

[[guard]]
models = ["strict"]
aliases = ["champion"]
environments = ["old"]
"""
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A server; version 1 of `guarded` is good, version 2 bad."""

    server: Server
    artifacts: ArtifactStore
    policy: Path
    good: tuple[str, str]
    bad: tuple[str, str]

    def write(self, policy: str) -> None:
        self.policy.write_text(policy)
        past = time.time() - 10
        os.utime(self.policy, (past, past))
        time.sleep(2 * LOOK_S)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def case(request, tmp_path_factory) -> Iterator[Case]:
    directory = tmp_path_factory.mktemp(request.param)
    database = f"sqlite:///{directory}/registry.db"
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql_server").database()
    policy = directory / "team" / "kerasguard.toml"
    policy.parent.mkdir()
    policy.write_text(MORE)
    with (
        artifact_store(directory / "artifacts") as artifacts,
        serving_registry(
            directory, database, policy, artifacts=artifacts.uri, MLFLOW_KERASGUARD_TIMEOUT=f"{SECONDS:g}"
        ) as server,
    ):
        good, bad = (
            server.upload(guarded(directory / name, *layers)) for name, layers in (("good", ()), ("bad", (UNKNOWN,)))
        )
        server.register("guarded")
        assert [server.version("guarded", *source) for source in (good, bad)] == ["1", "2"]
        yield Case(server=server, artifacts=artifacts, policy=policy, good=good, bad=bad)


def refusal(answer: tuple[int, Any], status: int = 403) -> str:
    assert answer[0] == status, answer
    assert answer[1]["error_code"] == {403: "PERMISSION_DENIED", 400: "INVALID_PARAMETER_VALUE"}[status]
    return answer[1]["message"]


@pytest.mark.parametrize("way", WAYS)
def test_aliases(way, case):
    assert case.server.alias("guarded", "champion", 1, way=way) == (200, {})
    message = refusal(case.server.alias("guarded", "champion", 2, way=way))
    assert "keras.layers.FromTheFuture" in message
    assert str(case.policy.parent) not in message
    assert case.server.alias("guarded", "challenger", 2, way=way) == (200, {})
    assert case.server.aliases("guarded") == {"champion": "1", "challenger": "2"}


@pytest.mark.parametrize("way", WAYS)
def test_stages(way, case):
    def move(version: int, stage: str) -> tuple[int, Any]:
        body = {"name": "guarded", "version": str(version), "stage": stage, "archive_existing_versions": False}
        return case.server.ask("POST", "model-versions/transition-stage", body, way=way)

    assert "the stage `Production`" in refusal(move(2, "Production"))
    assert [move(1, "Production")[0], move(2, "Staging")[0], move(1, "Archived")[0]] == [200, 200, 200]


def test_copies_and_names(case):
    name = "copies"
    case.server.register(name)

    def copy(version: int) -> tuple[int, Any]:
        body = {"name": name, "source": f"models:/guarded/{version}"}
        return case.server.ask("POST", "model-versions/create", body)

    assert copy(1)[0] == 200
    assert "version 2 of `guarded`" in refusal(copy(2))
    assert refusal(
        case.server.ask("POST", "model-versions/create", {"name": name, "source": case.bad[0], "run_id": case.bad[1]})
    )
    assert case.server.version(name, *case.good) == "2"
    case.server.register("free")
    case.server.version("free", *case.bad)
    body = {"name": "free", "new_name": "copies-too"}
    assert case.server.ask("POST", "registered-models/rename", body)[0] == 200
    assert case.server.alias("copies-too", "champion", 1)[0] == 200
    body = {"name": "copies-too", "new_name": "guarded-too"}
    assert refusal(case.server.ask("POST", "registered-models/rename", body)).startswith("`copies-too` isn't renamed")


def test_a_logged_models_uri(case):
    def log(name: str) -> dict[str, str]:
        made = case.server.post("logged-models", experiment_id="0", name=name)["model"]["info"]
        case.server.upload_to(made["artifact_uri"], case.artifacts.directory.parent / name)
        return {"source": f"models:/{made['model_id']}", "model_id": made["model_id"]}

    good, bad = log("good"), log("bad")
    for name in ("guarded-logged", "versions-logged"):
        case.server.register(name)
    assert case.server.ask("POST", "model-versions/create", {"name": "guarded-logged", **bad})[0] == 200
    assert "FromTheFuture" in refusal(case.server.alias("guarded-logged", "champion", 1))
    assert case.server.ask("POST", "model-versions/create", {"name": "versions-logged", **good})[0] == 200
    assert refusal(case.server.ask("POST", "model-versions/create", {"name": "versions-logged", **bad}))


def test_a_runs_uri(case):
    body = {"name": "guarded-run", "source": f"runs:/{case.good[1]}/model", "run_id": case.good[1]}
    case.server.register("guarded-run")
    assert case.server.ask("POST", "model-versions/create", body)[0] == 200
    assert case.server.alias("guarded-run", "champion", 1)[0] == 200


@pytest.mark.parametrize("mode", ["failing", "endless", "huge", "silent"])
def test_an_artifact_store_that_doesnt_do_well(mode, case):
    case.server.register(mode)
    case.server.version(mode, *case.good)
    before = case.server.aliases("guarded")
    case.artifacts.mode = mode
    try:
        began = time.monotonic()
        message = refusal(case.server.alias("guarded", "champion", 1), 400)
        assert time.monotonic() - began < SECONDS + 20
        assert ("67,108,864" if mode == "huge" else f"within {SECONDS:g} s") in message
        # Others don't wait.
        assert case.server.alias(mode, "champion", 1) == (200, {})
        assert case.server.aliases("guarded") == before
    finally:
        case.artifacts.mode = "well"
    deadline = time.monotonic() + PATIENCE
    while case.server.alias("guarded", "champion", 1)[0] != 200:
        assert time.monotonic() < deadline


def test_the_policy_changes_while_it_runs(case):
    try:
        case.write(MORE.replace('"champion", ', ""))
        assert case.server.alias("guarded", "champion", 2) == (200, {})
        case.write("[[guard")
        assert "its policy can't be used: `kerasguard.toml` isn't TOML" in refusal(
            case.server.alias("guarded", "prod-eu", 1), 400
        )
        assert case.server.alias("guarded", "challenger", 2) == (200, {})
    finally:
        case.write(MORE)
    refusal(case.server.alias("guarded", "champion", 2))
    assert case.server.alias("guarded", "champion", 1) == (200, {})


def test_promotion_has_to_pass_there_too(case, tmp_path):
    """Its own policy, where there is one, may be another."""

    def promote(model: str) -> tuple[int, str]:
        line = [Path(sys.executable).with_name("kerasguard"), "promote", model, "--alias", "champion"]
        environment = clean_variables(MLFLOW_TRACKING_URI=case.server.url)
        done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout + done.stderr

    def shown() -> set[str]:
        found = case.server.get("model-versions/get", name="strict", version=version)["model_version"]
        return {tag["key"] for tag in found.get("tags", []) if ".record." not in tag["key"]}

    status, said = promote("models:/guarded/1")
    assert (status, said.partition(":")[0]) == (0, "PROMOTED")
    case.server.register("strict")
    version = case.server.version("strict", *case.good)
    status, said = promote(f"models:/strict/{version}")
    assert (status, said.partition(":")[0]) == (1, "REFUSED by the server"), said
    assert "keras 2.4.0" in said
    try:
        case.write("[[guard")
        status, said = promote(f"models:/strict/{version}")
        assert (status, said.partition(":")[0]) == (3, "UNDECIDED by the server"), said
    finally:
        case.write(MORE)
    assert (case.server.aliases("strict"), shown()) == ({}, set())


def test_a_person_sees_why(case):
    version = case.server.version("guarded", *case.bad)
    assert case.server.alias("guarded", "champion", 1) == (200, {})
    with browser.page() as page:
        page.goto(f"{case.server.url}/#/models/guarded/versions/{version}")
        page.get_by_role("button", name="Add", exact=True).click(timeout=1000 * PATIENCE)
        page.get_by_role("dialog").get_by_role("combobox").fill("champion")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Save aliases").click()
        shown = page.get_by_role("dialog").get_by_text(f"isn't set to version {version}")
        shown.wait_for(timeout=1000 * PATIENCE)
        assert shown.is_visible()
        assert shown.inner_text().startswith("The alias `champion` of `guarded`")
        assert "keras.layers.FromTheFuture" in shown.inner_text()
    assert case.server.aliases("guarded")["champion"] == "1"


@pytest.mark.parametrize("text", ["[[guard", None])
def test_a_server_doesnt_start_without_a_policy(text, tmp_path):
    policy = tmp_path / "kerasguard.toml"
    if text is not None:
        policy.write_text(text)
    line = command(f"sqlite:///{tmp_path}/registry.db", tmp_path / "artifacts", free_port())
    done = subprocess.run(line, env=variables(policy), capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("the server isn't started: ")
