"""What others do between the judgement and the write: nothing comes under a guard that wasn't judged."""

from __future__ import annotations

import shutil
import threading
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from mlflow_kerasguard.registry import guarded_calls
from mlflow_kerasguard.registry.version_rows import Rows
from tests.registry.stores import POLICY, Registry

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def registry(tmp_path, _empty_store) -> Registry:
    made = Registry(tmp_path, _empty_store)
    made.add("guarded", made.good)
    return made


def meanwhile(registry: Registry, monkeypatch: pytest.MonkeyPatch, *happen: Any) -> list[int]:
    """Let something happen after each judgement; gives a list that grows with them."""
    original, judged = registry.store._guarding.require, []

    def require(*arguments: Any) -> None:
        original(*arguments)
        judged.append(1)
        if len(judged) <= len(happen):
            happen[len(judged) - 1]()

    monkeypatch.setattr(registry.store._guarding, "require", require)
    return judged


def make_again(registry: Registry, source: Any, name: str = "guarded") -> None:
    registry.store.delete_registered_model(name)
    registry.add(name, source)


def test_made_again_with_what_doesnt_pass(registry, monkeypatch):
    meanwhile(registry, monkeypatch, lambda: make_again(registry, registry.bad))
    with pytest.raises(MlflowException, match="FromTheFuture"):
        registry.store.set_registered_model_alias("guarded", "champion", "1")
    assert registry.aliases("guarded") == {}


def test_made_again_with_what_passes(registry, monkeypatch):
    judged = meanwhile(registry, monkeypatch, lambda: make_again(registry, registry.good))
    registry.store.set_registered_model_alias("guarded", "champion", "1")
    assert len(judged) == 2


def test_made_again_and_again(registry, monkeypatch):
    def again() -> None:
        make_again(registry, registry.good)

    meanwhile(registry, monkeypatch, *[again] * guarded_calls._TRIES)
    with pytest.raises(MlflowException, match="again and again") as caught:
        registry.store.set_registered_model_alias("guarded", "champion", "1")
    assert caught.value.get_http_status_code() == 400
    assert registry.aliases("guarded") == {}


@pytest.mark.parametrize("what", ["version", "model"])
def test_deleted(what, registry, monkeypatch):
    def delete() -> None:
        if what == "model":
            registry.store.delete_registered_model("guarded")
        else:
            registry.store.delete_model_version("guarded", "1")

    meanwhile(registry, monkeypatch, delete)
    with pytest.raises(MlflowException, match="not found"):
        registry.store.set_registered_model_alias("guarded", "champion", "1")


def test_made_when_there_was_none(registry, monkeypatch):
    # What isn't there can't be locked, and may be there a moment later.
    original, asked, somebody = Rows.version, [], registry.open()

    def version(rows: Rows, number: object) -> object:
        found = original(rows, number)
        asked.append(number)
        if len(asked) == 2:
            rows.session.rollback()
            somebody.create_registered_model("guarded-late")
            somebody.create_model_version("guarded-late", str(registry.bad))
        return found

    monkeypatch.setattr(Rows, "version", version)
    with pytest.raises(MlflowException, match="again and again"):
        registry.store.set_registered_model_alias("guarded-late", "champion", "1")
    assert registry.aliases("guarded-late") == {}


def test_the_source_of_a_copy(registry, monkeypatch):
    registry.change(POLICY.replace('aliases = ["champion", "prod-*"]', "versions = true"))
    registry.add("free", registry.good)
    meanwhile(registry, monkeypatch, lambda: make_again(registry, registry.bad, "free"))
    with pytest.raises(MlflowException, match="FromTheFuture"):
        registry.store.create_model_version("guarded", "models:/free/1")


def test_an_alias_before_a_new_name(registry, monkeypatch):
    registry.add("free", registry.good)
    registry.add("free", registry.bad)
    registry.store.set_registered_model_alias("free", "champion", "1")
    meanwhile(registry, monkeypatch, lambda: registry.store.set_registered_model_alias("free", "champion", "2"))
    with pytest.raises(MlflowException, match="isn't renamed"):
        registry.store.rename_registered_model("free", "guarded-too")


def test_a_mistake_while_it_is_written_leaves_nothing(registry, monkeypatch):
    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Rows, "version", lambda *_: None)
    monkeypatch.setattr(type(registry.store).__mro__[2], "_get_sql_model_version", fail)
    with pytest.raises(KeyboardInterrupt):
        registry.store.set_registered_model_alias("guarded", "champion", "1")
    assert guarded_calls._joined.get() is None
    assert registry.aliases("guarded") == {}


def test_many_at_once(registry):
    registry.add("guarded", registry.bad)
    refusals: list[str] = []

    def ask(version: str) -> None:
        for _ in range(3):
            try:
                registry.store.set_registered_model_alias("guarded", "champion", version)
            except MlflowException as error:
                refusals.append(error.error_code)

    threads = [threading.Thread(target=ask, args=(str(number % 2 + 1),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refusals == ["PERMISSION_DENIED"] * 12
    assert registry.aliases("guarded") == {"champion": "1"}


def test_files_that_vanish_while_they_are_read(registry, monkeypatch):
    shutil.rmtree(registry.good / "kerasguard")
    with pytest.raises(MlflowException, match="signature"):
        registry.store.set_registered_model_alias("guarded", "champion", "1")
