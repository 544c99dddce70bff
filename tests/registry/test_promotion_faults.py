"""Promotion where something is in the way: what is left, and that nothing is ever half-promoted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_kerasguard import promote
from mlflow_kerasguard.errors import ModelNotFoundError, NotPromotedError, RegistryError, UsageError
from mlflow_kerasguard.rebuild.outcome import Outcome as Load
from mlflow_kerasguard.rebuild.outcome import Result
from mlflow_kerasguard.registry import promotion as promotion_module
from mlflow_kerasguard.registry import report_storage, weighing
from mlflow_kerasguard.registry.gate import Outcome
from mlflow_kerasguard.registry.records import RECORD_TAG, Record
from mlflow_kerasguard.registry.registered import Registry
from mlflow_kerasguard.tracking import fetch
from tests.registry.promotion_cases import URI, aliases, record_of, tags

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow", "ignore::FutureWarning:alembic")


@pytest.fixture
def client(registered):
    from mlflow import MlflowClient

    return MlflowClient()


@pytest.fixture
def run_id(logged, store):
    """Of a run from which version 1 of `scaled` is."""
    import mlflow

    client = mlflow.MlflowClient()
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(logged), "model")
    client.create_registered_model("scaled")
    client.create_model_version("scaled", f"{run.info.artifact_uri}/model", run.info.run_id)
    return run.info.run_id


def test_reports_are_stored_with_the_run(run_id, tmp_path):
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts

    done = promote(URI, alias="champion")
    client = MlflowClient()
    assert done.stored.startswith(f"runs:/{run_id}/kerasguard/reports/scaled-1-champion-")
    assert tags(client)["kerasguard.report"] == done.stored
    page = Path(download_artifacts(done.stored)).read_text()
    assert "may have the alias" in page
    document = json.loads(Path(download_artifacts(done.stored.replace(".html", ".json"))).read_text())
    assert (document["outcome"], document["environments"][0]["verdict"]) == ("allowed", "compatible")


def test_an_artifact_store_that_cant_be_written_loses_nothing(run_id, tmp_path):
    from mlflow import MlflowClient

    client = MlflowClient()
    artifacts = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
    (artifacts / "kerasguard").write_text("in the way")
    done = promote(URI, alias="champion")
    assert (aliases(client), done.stored) == ({"champion": "1"}, None)
    assert done.notes[0].startswith(f"the report isn't stored with run {run_id}, and is in the tag `kerasguard.report`")
    assert tags(client)["kerasguard.report"].startswith("ALLOWED: ")


def test_an_artifact_store_that_hangs_is_given_up(run_id, monkeypatch):
    import threading

    from mlflow import MlflowClient

    freed = threading.Event()
    monkeypatch.setattr(report_storage, "TIME_LIMIT", 0.1)
    monkeypatch.setattr(report_storage, "_store", lambda *_: str(freed.wait(60)))
    try:
        done = promote(URI, alias="champion")
    finally:
        freed.set()
    assert "didn't answer within 0.1 s" in done.notes[0]
    assert aliases(MlflowClient()) == {"champion": "1"}


def test_what_somebody_else_saw_meanwhile_is_kept(client, monkeypatch):
    promote(URI, alias="challenger")
    ((name, text),) = ((key, value) for key, value in tags(client).items() if key.startswith(RECORD_TAG))
    content = json.loads(text)
    del content["seal"]
    seen = Record(**{**content, "allowed": (), "rehearsed": True, "golden": True})
    holder = Registry.holder

    def meanwhile(self, *arguments):
        client.set_model_version_tag("scaled", "1", name, seen.sealed(None))
        return holder(self, *arguments)

    monkeypatch.setattr(Registry, "holder", meanwhile)
    promote(URI, alias="champion")
    assert (record_of(client).rehearsed, record_of(client).golden) == (True, True)


def test_files_that_are_replaced_before_they_are_loaded(client, logged, monkeypatch):
    def late(uri, directory):
        fetched = fetch(uri, directory)
        with (fetched / "kerasguard" / "signature.json").open("a") as stream:
            stream.write(" ")
        return fetched

    monkeypatch.setattr(weighing, "fetch", late)
    with pytest.raises(RegistryError, match="the files of `models:/scaled/1` were replaced meanwhile"):
        promote(URI, alias="champion", rehearse=True)
    assert (aliases(client), tags(client)) == ({}, {})


def test_an_environment_that_cant_be_built_is_undecided(client, monkeypatch):
    failed = Load(environment="this interpreter", result=Result.NOT_BUILT, problem="no network\nat all")
    monkeypatch.setattr(weighing, "rehearse_each", lambda *_: {"this interpreter": failed})
    with pytest.raises(NotPromotedError) as caught:
        promote(URI, alias="champion", rehearse=True)
    assert caught.value.promotion.outcome is Outcome.UNDECIDED
    assert caught.value.promotion.reasons == ("it couldn't be loaded in `this interpreter`: no network",)
    assert (aliases(client), tags(client)) == ({}, {})


def test_a_version_whose_files_arent_there_yet(client, monkeypatch):
    from mlflow.entities.model_registry import ModelVersion

    monkeypatch.setattr(ModelVersion, "status", "PENDING_REGISTRATION")
    with pytest.raises(UsageError, match="`models:/scaled/1` isn't ready: it is PENDING_REGISTRATION"):
        promote(URI, alias="champion")


class Killed(BaseException):
    """What nothing catches."""


STEPS = ("set_tags", "require_same", "give", "copy", "delete_tags")


@pytest.mark.parametrize("target", [{"alias": "champion"}, {"to": "live"}], ids=["alias", "copy"])
@pytest.mark.parametrize("call", range(8))
def test_ended_in_between(client, monkeypatch, target, call):
    """Whichever call is the last: an alias never leads to a version without a record, and the next try does the rest."""
    made = []

    def stopped(name):
        original = getattr(Registry, name)

        def wrapped(*arguments):
            made.append(name)
            if len(made) > call:
                raise Killed
            return original(*arguments)

        return wrapped

    with monkeypatch.context() as patched:
        for name in STEPS:
            patched.setattr(Registry, name, stopped(name))
        try:
            promote(URI, **target)
        except Killed:
            assert all(record_of(client, version=version) for version in aliases(client).values())
    promote(URI, **target)
    if "to" in target:
        assert record_of(client, "live") is not None
        assert [version.version for version in client.search_model_versions("name='live'")] == [1]
    else:
        assert aliases(client) == {"champion": "1"}
        assert record_of(client) is not None


def made_again(client, logged):
    """The same name and number, another version."""
    client.delete_registered_model("scaled")
    client.create_registered_model("scaled")
    client.create_model_version("scaled", str(logged))


@pytest.mark.parametrize("target", [{"alias": "champion"}, {"stage": "Staging"}, {"to": "live"}])
def test_a_version_that_is_made_again_meanwhile(client, logged, monkeypatch, target):
    monkeypatch.setattr(promotion_module, "store_report", lambda *_: (made_again(client, logged), None))
    with pytest.raises(RegistryError, match="was made again meanwhile"):
        promote(URI, **target)
    assert aliases(client) == {}
    assert [model.name for model in client.search_registered_models()] == ["scaled"]


@pytest.mark.parametrize("target", [{"alias": "champion"}, {"stage": "Staging"}, {"to": "live"}])
def test_a_version_that_is_made_again_at_that_very_moment(client, logged, monkeypatch, target):
    checked = Registry.require_same
    calls = []

    def late(self, version):
        now = checked(self, version)
        calls.append(version)
        if len(calls) == 2:
            made_again(client, logged)
        return now

    monkeypatch.setattr(Registry, "require_same", late)
    with pytest.raises(RegistryError, match="was made again meanwhile"):
        promote(URI, **target)
    assert aliases(client) == {}
    assert client.get_model_version("scaled", "1").current_stage == "None"
    assert client.search_model_versions("name='live'") == []


def test_a_version_that_is_deleted_meanwhile(client, monkeypatch):
    monkeypatch.setattr(Registry, "holder", lambda *_: client.delete_model_version("scaled", "1"))
    with pytest.raises(RegistryError, match="`models:/scaled/1` was deleted meanwhile"):
        promote(URI, alias="champion")
    assert aliases(client) == {}


def test_a_version_that_is_deleted_while_it_is_written(client, monkeypatch):
    monkeypatch.setattr(promotion_module, "store_report", lambda *_: (client.delete_model_version("scaled", "1"), None))
    with pytest.raises(ModelNotFoundError):
        promote(URI, alias="champion")
    assert aliases(client) == {}


def test_a_server_that_forbids_it(client, monkeypatch):
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    def forbid(*_, **__):
        raise MlflowException("version 1 of `scaled` isn't `champion`: no", error_code=PERMISSION_DENIED)

    monkeypatch.setattr(SqlAlchemyStore, "set_registered_model_alias", forbid)
    monkeypatch.setattr(SqlAlchemyStore, "create_model_version", forbid)
    client.set_model_version_tag("scaled", "1", "kerasguard.by", "somebody else")
    for target in ({"alias": "champion"}, {"to": "live"}):
        with pytest.raises(RegistryError) as caught:
            promote(URI, **target)
        assert caught.value.refused
        assert str(caught.value) == "version 1 of `scaled` isn't `champion`: no"
    assert [model.name for model in client.search_registered_models()] == ["scaled"]
    shown = {key: value for key, value in tags(client).items() if not key.startswith(RECORD_TAG)}
    assert shown == {"kerasguard.by": "somebody else"}, "as it was"


def test_a_registry_that_fails(client, monkeypatch):
    from mlflow.exceptions import MlflowException
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    def fail(*_, **__):
        raise MlflowException("the disk is full")

    monkeypatch.setattr(SqlAlchemyStore, "set_model_version_tag", fail)
    with pytest.raises(RegistryError, match="the tag can't be set: the disk is full") as caught:
        promote(URI, alias="champion")
    assert not caught.value.refused
    assert aliases(client) == {}


USAGE = {
    "nothing to give": {},
    "two": {"alias": "a", "stage": "Production"},
    "stage": {"stage": "Prod"},
    "reserved alias": {"alias": "v1"},
    "model name": {"to": "a/b"},
    "environment": {"alias": "a", "against": ["gone.txt"]},
    "policy": {"alias": "a", "policy": "gone.toml"},
}


@pytest.mark.parametrize("options", USAGE.values(), ids=USAGE)
def test_wrong_usage(client, options):
    with pytest.raises(UsageError):
        promote(URI, **options)


@pytest.mark.parametrize("uri", ["runs:/1/model", "scaled", "models:/m-0123"])
def test_what_is_no_version(client, uri):
    with pytest.raises(UsageError, match="models:/NAME/VERSION"):
        promote(uri, alias="a")


@pytest.mark.parametrize("uri", ["models:/scaled/9", "models:/gone/1", "models:/scaled@gone"])
def test_no_such_version(client, uri):
    with pytest.raises((ModelNotFoundError, RegistryError)):
        promote(uri, alias="a")
