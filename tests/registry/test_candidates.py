"""Versions as they are read: by their small files, whatever these are."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
import yaml

from mlflow_kerasguard.registry.candidates import read_candidate

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

VERSION = SimpleNamespace(name="scaled", version=1, creation_timestamp=1_700_000_000_123, tags={"a": "b"})


def test_a_guarded_one(logged):
    (logged / "data" / "model.keras").unlink()
    candidate = read_candidate(VERSION, str(logged))
    assert (candidate.model, candidate.version, candidate.tags) == ("scaled", "1", {"a": "b"})
    assert candidate.created == datetime(2023, 11, 14, 22, 13, 20, 123000, timezone.utc)
    assert candidate.signature == hashlib.sha256((logged / "kerasguard" / "signature.json").read_bytes()).hexdigest()
    assert candidate.spec.source == "models:/scaled/1"
    assert {anomaly.kind for anomaly in candidate.spec.anomalies} == {"payload-missing"}


def test_one_in_a_registry(registered, logged):
    from mlflow import MlflowClient

    candidate = read_candidate(MlflowClient().get_model_version("scaled", "1"), registered)
    assert candidate.signature == read_candidate(VERSION, str(logged)).signature
    assert candidate.subject.version == "1"


@pytest.mark.parametrize("flavor", ["keras", "tensorflow", "sklearn"])
def test_one_of_another_flavor(flavor, tmp_path):
    (tmp_path / "MLmodel").write_text(yaml.safe_dump({"flavors": {flavor: {"data": "data"}, "python_function": {}}}))
    candidate = read_candidate(VERSION, str(tmp_path))
    assert (candidate.spec, candidate.signature) == (None, None)
    assert "another flavor" in candidate.unsigned


def test_a_damaged_signature(logged):
    with (logged / "kerasguard" / "signature.json").open("a") as stream:
        stream.write(" ")
    candidate = read_candidate(VERSION, str(logged))
    assert candidate.signature is None
    assert [anomaly.kind for anomaly in candidate.spec.anomalies] == ["signature-unreadable"]


@pytest.mark.parametrize("content", ["[", "flavors: 3", ""])
def test_an_mlmodel_that_cant_be_read(content, logged):
    (logged / "MLmodel").write_text(content)
    candidate = read_candidate(VERSION, str(logged))
    assert candidate.signature is None
    assert [anomaly.kind for anomaly in candidate.spec.anomalies] == ["mlmodel-unreadable"]


def test_nothing_there(tmp_path):
    candidate = read_candidate(VERSION, str(tmp_path / "gone"))
    assert candidate.spec is None
    assert candidate.unreachable.startswith("there is no model at")
