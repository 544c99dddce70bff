"""Which conda environment is meant."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlflow_kerasguard.errors import PackError
from mlflow_kerasguard.packing.conda_environment import find_prefix, is_conda_prefix, own_prefix
from tests.packing.conda_like import record

VARIABLES = ("CONDA_PREFIX", "CONDA_EXE", "CONDA_ROOT", "MAMBA_ROOT_PREFIX", "CONDA_ENVS_DIRS", "CONDA_ENVS_PATH")


@pytest.fixture(autouse=True)
def no_conda(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


def environment(prefix: Path) -> Path:
    record(prefix, "python", "3.11.7", [], prefix)
    return prefix


def test_a_directory_with_records_is_an_environment(tmp_path):
    assert not is_conda_prefix(tmp_path)
    (tmp_path / "conda-meta").mkdir()
    assert not is_conda_prefix(tmp_path), "an empty `conda-meta` makes none"
    assert is_conda_prefix(environment(tmp_path))


def test_by_directory(tmp_path):
    assert find_prefix(environment(tmp_path / "a")) == tmp_path / "a"


def test_the_active_one(tmp_path, monkeypatch):
    monkeypatch.setenv("CONDA_PREFIX", str(environment(tmp_path / "a")))
    assert find_prefix() == tmp_path / "a"


def test_that_of_this_interpreter(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(environment(tmp_path / "a")))
    assert find_prefix() == own_prefix() == tmp_path / "a"


NAMED = {
    "beside the active one": ("root/envs/other", "CONDA_PREFIX", "root/envs/active"),
    "below conda's root": ("root/envs/other", "CONDA_PREFIX", "root"),
    "by conda's program": ("root/envs/other", "CONDA_EXE", "root/bin/conda"),
    "micromamba": ("mamba/envs/other", "MAMBA_ROOT_PREFIX", "mamba"),
    "a directory of environments": ("mine/other", "CONDA_ENVS_DIRS", "mine"),
    "in the home": ("home/.conda/envs/other", "CONDA_EXE", ""),
}


@pytest.mark.parametrize(("place", "variable", "value"), NAMED.values(), ids=NAMED)
def test_by_name(place, variable, value, tmp_path, monkeypatch):
    environment(tmp_path / place)
    monkeypatch.setenv(variable, str(tmp_path / value) if value else "")
    assert find_prefix("other") == tmp_path / place


def test_by_conda_s_list(tmp_path):
    (tmp_path / "home" / ".conda").mkdir()
    text = f"\n{environment(tmp_path / 'anywhere' / 'other')}\n"
    (tmp_path / "home" / ".conda" / "environments.txt").write_text(text)
    assert find_prefix("other") == tmp_path / "anywhere" / "other"


def test_what_there_is_none_of():
    with pytest.raises(PackError, match=r"no conda environment `other`.*conda env list"):
        find_prefix("other")
    with pytest.raises(PackError, match=r"no conda environment `a/other`"):
        find_prefix("a/other")


def test_a_virtual_environment_says_what_to_do_instead(tmp_path):
    (tmp_path / "pyvenv.cfg").touch()
    with pytest.raises(PackError, match=r"is a virtual environment, not a conda environment.*--format wheelhouse"):
        find_prefix(tmp_path)


def test_a_directory_of_something_else(tmp_path):
    with pytest.raises(PackError, match=r"is no environment of conda's"):
        find_prefix(tmp_path)


def test_neither_active_nor_here(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(PackError, match=r"no conda environment is active; .*wheelhouse"):
        find_prefix()
    with pytest.raises(PackError, match=r"all that can be packed; .*wheelhouse"):
        own_prefix()
