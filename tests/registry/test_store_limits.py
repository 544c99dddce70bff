"""Stores that don't answer, or never stop: a guarded call ends in time, and little is left behind."""

from __future__ import annotations

import os
import threading
import time
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException

from mlflow_kerasguard import mlflow_private, mlflow_private_registry
from mlflow_kerasguard.errors import ModelNotFoundError, UsageError
from mlflow_kerasguard.registry import guarding, version_files
from mlflow_kerasguard.registry.time_limits import DEFAULT_SECONDS, NotInTimeError, TimeLimit, seconds_of
from mlflow_kerasguard.registry.version_files import signature_files
from tests.registry.models import guarded
from tests.registry.stores import Registry

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def registry(tmp_path, _empty_store) -> Registry:
    return Registry(tmp_path, _empty_store)


@pytest.fixture
def held():
    """An event for which calls wait that don't end in time; they end after the test."""
    event = threading.Event()
    yield event
    event.set()


def test_a_result_an_error_and_the_context():
    limit, seen = TimeLimit(30), ContextVar("seen", default=0)
    seen.set(7)
    assert limit.run(seen.get) == 7
    with pytest.raises(ZeroDivisionError):
        limit.run(lambda: 1 // 0)


def test_what_doesnt_end_is_given_up(held):
    limit = TimeLimit(0.05, slots=2, waiting=0)
    for _ in range(2):
        with pytest.raises(NotInTimeError, match=r"couldn't be judged within 0\.05 s"):
            limit.run(held.wait)
    # Both threads are still there, and no third one is begun.
    before = threading.active_count()
    with pytest.raises(NotInTimeError, match="all readers of the artifact store were busy"):
        limit.run(held.wait)
    assert threading.active_count() <= before
    held.set()
    assert _is_free_again(limit)


def _is_free_again(limit: TimeLimit) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            limit.run(int)
        except NotInTimeError:
            continue
        return True
    return False


def test_who_waits_is_bounded(held):
    limit = TimeLimit(20, slots=1, waiting=1)
    threads = [threading.Thread(target=lambda: limit.run(held.wait)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while limit._waiting._value:
        time.sleep(0.01)
    with pytest.raises(NotInTimeError, match="too many guarded calls"):
        limit.run(held.wait)
    held.set()
    for thread in threads:
        thread.join()


def test_the_seconds():
    assert seconds_of({}) == DEFAULT_SECONDS
    assert seconds_of({"MLFLOW_KERASGUARD_TIMEOUT": "2.5"}) == 2.5
    for text in ("", "soon", "0", "-1", "nan", "inf"):
        with pytest.raises(UsageError, match="expected seconds"):
            seconds_of({"MLFLOW_KERASGUARD_TIMEOUT": text})


def test_a_store_that_never_answers(registry, held, monkeypatch):
    monkeypatch.setenv("MLFLOW_KERASGUARD_TIMEOUT", "0.2")
    registry.store = registry.open()
    registry.add("guarded", registry.good)
    # The silence of a network, which can't be had from local files.
    monkeypatch.setattr(mlflow_private_registry, "local_directory", lambda _: held.wait())
    with pytest.raises(MlflowException, match=r"couldn't be judged within 0\.2 s") as caught:
        registry.store.set_registered_model_alias("guarded", "champion", "1")
    assert caught.value.get_http_status_code() == 400
    registry.store.set_registered_model_alias("guarded", "other", "1")
    assert registry.aliases("guarded") == {"other": "1"}


@pytest.mark.parametrize("where", [(mlflow_private_registry, "local_directory"), (guarding, "decide")])
def test_a_mistake_of_ours_refuses_too(where, registry, monkeypatch):
    registry.add("guarded", registry.good)
    monkeypatch.setattr(*where, lambda *_, **__: 1 // 0)
    with pytest.raises(MlflowException, match="ZeroDivisionError") as caught:
        registry.store.set_registered_model_alias("guarded", "champion", "1")
    assert caught.value.get_http_status_code() == 400


@pytest.mark.parametrize("seconds", ["soon", "0"])
def test_a_limit_that_is_none(seconds, registry, monkeypatch):
    monkeypatch.setenv("MLFLOW_KERASGUARD_TIMEOUT", seconds)
    with pytest.raises(MlflowException, match="expected seconds"):
        registry.open()


class Endless:
    """A repository in which each directory has another one, and files are larger than they seem."""

    def __init__(self, size: int = 0, real: int = 0) -> None:
        self.size, self.real, self.asked = size, real, 0

    def list_artifacts(self, path):
        self.asked += 1
        if self.size:
            return [SimpleNamespace(path=f"{path}/MLmodel", is_dir=False, file_size=self.size)]
        time.sleep(0.01)
        return [SimpleNamespace(path=f"{path}/more", is_dir=True, file_size=None)]

    def _download_file(self, remote, local):
        Path(local).touch()
        os.truncate(local, self.real)


@pytest.mark.parametrize("repository", [Endless((64 << 20) + 1), Endless(1, (64 << 20) + 1)])
def test_files_that_are_too_large(repository, monkeypatch):
    monkeypatch.setattr(mlflow_private_registry, "artifact_repository_of_server", lambda _: (repository, "model"))
    with pytest.raises(ModelNotFoundError, match=r"`MLmodel` has 67,108,865 bytes"), signature_files("s3://b/model"):
        pass


def test_listings_without_an_end_end_with_the_call(monkeypatch):
    repository = Endless()
    monkeypatch.setattr(mlflow_private_registry, "artifact_repository_of_server", lambda _: (repository, "model"))

    def read() -> None:
        with signature_files("s3://b/model"):
            pass

    with pytest.raises(NotInTimeError):
        TimeLimit(0.2).run(read)
    time.sleep(0.2)
    asked = repository.asked
    time.sleep(0.2)
    assert repository.asked == asked > 1


def test_local_files_are_plain_ones(tmp_path, monkeypatch):
    model = guarded(tmp_path / "model")
    with signature_files(str(model)) as files:
        assert sorted(files.names) == ["MLmodel", "data/model.keras", "kerasguard/signature.json"]
        assert not (files.directory / "data").exists()
    for spoil in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()):
        (model / "MLmodel").unlink()
        spoil(model / "MLmodel")
        with pytest.raises(ModelNotFoundError), signature_files(str(model)):
            pass
        if (model / "MLmodel").is_dir():
            break
    monkeypatch.setattr(version_files, "MOST_FILES", 1)
    with pytest.raises(ModelNotFoundError, match="more than 1 files"), signature_files(str(model)):
        pass


def test_files_outside_of_the_store(tmp_path, monkeypatch):
    guarded(tmp_path / "model")
    repository = mlflow_private.artifact_repository(str(tmp_path / "store"))[0]
    monkeypatch.setattr(mlflow_private_registry, "artifact_repository_of_server", lambda _: (repository, "../model"))
    monkeypatch.setattr(mlflow_private_registry, "local_directory", lambda _: str(tmp_path / "store"))
    with pytest.raises(ModelNotFoundError, match="outside of the artifact store"), signature_files("x"):
        pass


def test_nothing_is_where_the_model_should_be(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no file `MLmodel`"), signature_files(str(tmp_path / "gone")):
        pass
    with pytest.raises(ModelNotFoundError, match="its files can't be read"), signature_files("unheard-of://of"):
        pass
