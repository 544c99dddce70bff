"""Versions whose files are elsewhere, over real HTTP: what is fetched of them, and what comes of what isn't."""

from __future__ import annotations

import socket
from pathlib import Path

import mlflow
import pytest
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from mlflow_kerasguard import mlflow_private_registry
from mlflow_kerasguard.registry.audit import reading, remote
from mlflow_kerasguard.registry.audit.reading import NotReadError, Signatures, read_local, reader
from mlflow_kerasguard.registry.audit.values import Status
from tests.benchmarks.models import dense_stack
from tests.registry.audit.artifact_server import serving_artifacts
from tests.registry.audit.models import YOUNG, broken, foreign, guarded, other, write_mlmodel

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

SIZE = 7_000_000


@pytest.fixture
def served(tmp_path):
    with serving_artifacts(tmp_path / "served") as server:
        yield server


@pytest.fixture
def read(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return reader(Signatures(), mlflow.get_tracking_uri())


def large(directory: Path) -> Path:
    """A model of `mlflow.keras` with some megabytes of weights."""
    (directory / "data").mkdir(parents=True)
    dense_stack(directory / "data" / "model.keras", layers=4, units=700)
    write_mlmodel(directory, keras={"data": "data"}, python_function={"loader_module": "mlflow.keras"})
    return directory


SAME = {
    "guarded": guarded,
    "broken": broken,
    "young": lambda directory: guarded(directory, YOUNG),
    "keras": foreign,
    "tensorflow": lambda directory: foreign(directory, flavor="tensorflow"),
    "large": large,
}


@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_it_is_what_it_is_here(served, read, make):
    model = make(served.directory / "with space" / "m")
    found, here = read(f"{served.uri}/with space/m"), read_local(model, Signatures())
    assert (found.judged_as, found.contents.flavor) == (here.judged_as, here.contents.flavor)
    assert found.contents.summary == here.contents.summary
    for name in ("config", "objects", "weights", "keras_version", "backend", "anomalies", "details"):
        assert getattr(found.model, name) == getattr(here.model, name)


def test_of_a_guarded_version_no_weights_are_fetched(served, read):
    guarded(served.directory / "m")
    read(f"{served.uri}/m")
    assert set(served.sent) == {"MLmodel", "signature.json"}


def test_of_a_large_file_parts_are_fetched(served, read):
    large(served.directory / "m")
    read(f"{served.uri}/m")
    assert served.sent["model.keras"] < SIZE / 4


def test_where_no_parts_are_given_small_files_are_fetched_whole(served, read):
    served.ranges = False
    foreign(served.directory / "m")
    assert read(f"{served.uri}/m").model.weights


def _savedmodel(directory):
    foreign(directory, flavor="tensorflow")
    (directory / "data" / "model.keras").unlink()
    (directory / "data" / "model").mkdir()
    (directory / "data" / "model" / "saved_model.pb").touch()


def _without_file(directory):
    foreign(directory)
    (directory / "data" / "model.keras").unlink()


UNREAD = {
    "nothing": (lambda directory: None, Status.UNREACHABLE, "its source has no file `MLmodel`"),
    "sklearn": (other, Status.NOT_KERAS, "flavor `sklearn`"),
    "SavedModel": (_savedmodel, Status.NOT_JUDGED, "it is a SavedModel"),
}


@pytest.mark.parametrize(("make", "status", "reason"), UNREAD.values(), ids=UNREAD)
def test_what_is_not_read(served, read, make, status, reason):
    served.directory.mkdir()
    make(served.directory / "m")
    with pytest.raises(NotReadError) as error:
        read(f"{served.uri}/m")
    assert error.value.cell.status is status
    assert reason in error.value.cell.reason


def test_a_version_without_its_file_is_damaged(served, read):
    _without_file(served.directory / "m")
    assert "payload-missing" in {item.kind for item in read(f"{served.uri}/m").model.anomalies}


def test_a_large_file_of_which_no_parts_are_given(served, read, monkeypatch):
    monkeypatch.setattr(remote, "LARGEST_WHOLE", 1_000_000)
    served.ranges = False
    large(served.directory / "m")
    with pytest.raises(NotReadError, match=r"has [\d,]+ bytes, and its store gives no parts of files") as error:
        read(f"{served.uri}/m")
    assert (error.value.cell.status, error.value.flavor) == (Status.NOT_JUDGED, "keras")


def test_a_file_of_which_too_much_would_be_needed(served, read, monkeypatch):
    monkeypatch.setattr(remote, "_MOST_BLOCKS", 3)
    large(served.directory / "m")
    with pytest.raises(NotReadError, match="more than 196,608 bytes of it would have to be fetched") as error:
        read(f"{served.uri}/m")
    assert error.value.cell.status is Status.NOT_JUDGED


def test_parts_that_stop_arriving(served, read):
    served.after = 3
    large(served.directory / "m")
    with pytest.raises(NotReadError, match="can't be read: status 404") as error:
        read(f"{served.uri}/m")
    assert error.value.cell.status is Status.UNREACHABLE


LIMITS = {
    "files": ("mlflow_kerasguard.tracking.MOST_FILES", 2, "more than 2 files"),
    "MLmodel": ("mlflow_kerasguard.registry.audit.remote.LARGEST_MLMODEL", 10, "its `MLmodel` has"),
    "signature": ("mlflow_kerasguard.registry.audit.remote.MAX_BYTES", 10, "its `kerasguard/signature.json` has"),
}


@pytest.mark.parametrize("limited", LIMITS.values(), ids=LIMITS)
def test_what_is_too_large(served, read, monkeypatch, limited):
    name, limit, text = limited
    monkeypatch.setattr(name, limit)
    guarded(served.directory / "m")
    with pytest.raises(NotReadError, match=text) as error:
        read(f"{served.uri}/m")
    assert error.value.cell.status is Status.NOT_JUDGED


def test_an_answer_that_is_an_error(served, read):
    guarded(served.directory / "m")
    served.failing = {"MLmodel"}
    with pytest.raises(NotReadError, match="its source can't be read") as error:
        read(f"{served.uri}/m")
    assert not error.value.silent


def test_a_server_that_is_not_there(read):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(NotReadError, match="its source can't be read") as error:
        read(f"http://127.0.0.1:{port}/api/2.0/mlflow-artifacts/artifacts/m")
    assert (error.value.cell.status, error.value.silent) == (Status.UNREACHABLE, True)


def test_a_scheme_that_mlflow_does_not_know(read):
    with pytest.raises(NotReadError, match="its source can't be read"):
        read("nonsense://somewhere/m")


def test_a_store_that_gives_no_parts_at_all(tmp_path, read, monkeypatch):
    """Any repository but MLflow's own over HTTP; here one of a directory that goes by another name."""
    model = foreign(tmp_path / "m")
    repository = get_artifact_repository(model.as_uri())
    monkeypatch.setattr(mlflow_private_registry, "repository_at", lambda *_: repository)
    found = read("s3://bucket/m")
    assert found.model.weights == read_local(model, Signatures()).model.weights


def test_the_limits_are_those_of_local_files():
    assert remote.LARGEST_MLMODEL == reading.LARGEST_MLMODEL
