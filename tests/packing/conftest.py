"""A small environment, and a pack of it that is made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlflow_kerasguard.packing.manifest import manifest_of
from mlflow_kerasguard.packing.pack import pack
from tests.packing.conda_like import make_prefix


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """An environment without Keras."""
    return make_prefix(tmp_path / "env", tmp_path / "cache")


@pytest.fixture(scope="session")
def _packed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("packed")
    prefix = make_prefix(directory / "env", directory / "cache", with_keras=True)
    (prefix / "share").symlink_to("/usr/share")
    pack(prefix, directory / "pack" / "env.tar.gz")
    shutil.rmtree(directory / "cache")
    prefix.rename(directory / "gone")
    return directory / "pack" / "env.tar.gz"


@pytest.fixture
def packed(_packed_once: Path, tmp_path: Path) -> Path:
    """A copy of a pack and its manifest, to be spoilt; what it was made from is gone."""
    path = tmp_path / "env.tar.gz"
    shutil.copy(manifest_of(_packed_once), manifest_of(path))
    return Path(shutil.copy(_packed_once, path))
