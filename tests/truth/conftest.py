"""The record that the repository carries, unpacked, read and judged once for all tests."""

from __future__ import annotations

import json

import pytest

from mlflow_kerasguard.environment import Environment
from tests.truth.environments import loaders_environment
from tests.truth.measure import Figures, Judged, from_json, judged_loads
from tests.truth.record import CARRIED, Record


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return Record(CARRIED, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def environments(record: Record) -> dict[str, Environment]:
    return {loader: loaders_environment(record.releases[loader]) for loader in record.loaders}


@pytest.fixture(scope="session")
def loads(record: Record) -> list[Judged]:
    return list(judged_loads(record, record.loaders))


@pytest.fixture(scope="session")
def recorded() -> dict[str, Figures]:
    """The figures that the repository says."""
    return from_json(json.loads((CARRIED / "figures.json").read_text(encoding="utf-8")))
