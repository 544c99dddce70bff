"""A project whose model several tests serve, and a directory with nothing in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import postgresql
from tests.live.environments import ROOT, make_environment
from tests.live.local_projects import LOCAL, write_project
from tests.live.project import LAYERS, TRAIN, Project, run_in


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    directory = tmp_path_factory.mktemp("project")
    sources = directory / "sources"
    local = [write_project(sources / name, name) for name in LOCAL]
    packages = ["-e", ROOT, "jax", "keras", "uv", "pip", local[0], "-e", local[1]]
    interpreter = make_environment(directory / "environment", packages)
    (sources / "own_layers.py").write_text(LAYERS)
    (sources / "train.py").write_text(TRAIN)
    model = directory / "logged" / "model"
    environment = Project(model=model, predictions=[], bin=interpreter.parent).variables(directory)
    said = run_in([interpreter, "train.py", model], sources, environment)
    shutil.rmtree(sources)
    predictions = next(json.loads(line) for line in said.splitlines() if line.startswith("[["))
    yield Project(model=model, predictions=predictions, bin=interpreter.parent)
    shutil.rmtree(directory)


@pytest.fixture
def empty(tmp_path: Path):
    """A directory with nothing in it, to work in; what was made around it is removed: environments are large."""
    directory = tmp_path / "empty"
    directory.mkdir()
    yield directory
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.PostgreSQL]:
    with postgresql.running() as server:
        yield server


@pytest.fixture
def postgresql_uri(postgresql_server: postgresql.PostgreSQL) -> Iterator[str]:
    """A database of the test's own, with nothing in it: what `mlflow server --backend-store-uri` takes."""
    uri = postgresql_server.database()
    yield uri
    postgresql_server.drop(uri)
