"""A new version appears whole or not at all, and what was there before stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mlflow_kerasguard import AdoptionError
from mlflow_kerasguard.registry import publishing
from tests.registry.adoption import stock
from tests.registry.adoption.stock import adopt_unloaded

pytestmark = [
    pytest.mark.usefixtures("store"),
    pytest.mark.filterwarnings("ignore::UserWarning:(mlflow|keras).*", "ignore:.*HDF5 file.*"),
]


@pytest.mark.parametrize("error", [MlflowException("no room"), KeyboardInterrupt()])
@pytest.mark.parametrize(
    "step",
    [
        "create_logged_model",
        "log_model_artifacts",
        "finalize_logged_model",
        "create_registered_model",
        "create_model_version",
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_nothing_stays_where_a_step_fails(models, monkeypatch, step, error, late):
    uri, original = stock.register(models / "functional"), getattr(MlflowClient, step)

    def fail(*arguments, **options):
        if late:  # The answer is what got lost.
            original(*arguments, **options)
        raise error

    before = stock.everything()
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, fail)
        with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else AdoptionError):
            adopt_unloaded(uri, to="new")
    assert stock.everything() == before
    assert MlflowClient().get_model_version("stock", "1").tags == {}
    assert not list(Path.cwd().glob("mlruns/**/*.keras"))
    assert adopt_unloaded(uri, to="new").uri == "models:/new/1"


def test_a_registered_model_that_was_there_stays(models, monkeypatch):
    uri = stock.register(models / "functional")
    before = stock.everything()
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "create_model_version", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            adopt_unloaded(uri)
    assert stock.everything() == before


def test_what_cannot_be_removed_is_told(models, monkeypatch, caplog):
    uri = stock.register(models / "functional")

    def fail(*_, **__):
        raise MlflowException("no room")

    monkeypatch.setattr(MlflowClient, "log_model_artifacts", fail)
    monkeypatch.setattr(MlflowClient, "delete_logged_model", fail)
    with pytest.raises(AdoptionError, match="no room"):
        adopt_unloaded(uri)
    assert "may be left behind" in caplog.text


def test_whoever_may_not_tag_the_old_version_is_told(models, monkeypatch):
    uri = stock.register(models / "functional")

    def fail(*_, **__):
        raise MlflowException("not yours")

    monkeypatch.setattr(MlflowClient, "set_model_version_tag", fail)
    adoption = adopt_unloaded(uri)
    assert (adoption.outcome, adoption.uri) == ("adopted", "models:/stock/2")
    assert "couldn't be tagged" in adoption.notes[-1]


def test_a_run_that_is_gone_is_left_out(models):
    run = MlflowClient().create_run("1")
    uri = stock.register(models / "functional", run_id=run.info.run_id)
    MlflowClient().delete_run(run.info.run_id)
    assert adopt_unloaded(uri).outcome == "adopted"
    assert MlflowClient().get_model_version("stock", "2").run_id in {None, ""}
    stock.register(models / "functional", run_id="0" * 32)
    assert adopt_unloaded("models:/stock/3").uri == "models:/stock/4"


def test_a_server_that_fails_is_told_before_anything_is_made(models, monkeypatch):
    uri = stock.register(models / "functional", run_id="0" * 32)

    def fail(*_, **__):
        raise MlflowException("down")

    before = stock.everything()
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "get_run", fail)
        with pytest.raises(AdoptionError, match="down"):
            adopt_unloaded(uri)
    assert stock.everything() == before


def test_a_tag_that_is_not_true_does_not_count(models):
    uri = stock.register(models / "functional")
    tags = adopt_unloaded(uri, to="other").to_dict()
    assert tags["uri"] == "models:/other/1"
    told = MlflowClient().get_model_version("other", "1").tags
    stock.register(models / "custom", name="other", tags=told)
    assert adopt_unloaded(uri, to="other").uri == "models:/other/1", "the newest with the tags isn't a guarded one"
    assert adopt_unloaded(uri, to="other", again=True).uri == "models:/other/3"


def test_all_versions_are_looked_through(monkeypatch, models):
    uri = stock.register(models / "functional")
    for _ in range(3):
        stock.register(models / "functional")
    search = MlflowClient.search_model_versions
    monkeypatch.setattr(
        MlflowClient,
        "search_model_versions",
        lambda *arguments, **options: search(*arguments, max_results=1, **options),
    )
    assert len(list(publishing.versions_of(MlflowClient(), "stock"))) == 4
    assert uri == "models:/stock/1"
