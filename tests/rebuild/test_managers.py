"""Tools that build environments: what they are asked, with programs that only say what they were asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.rebuild import managers, pythons
from mlflow_kerasguard.rebuild.commands import Commands, ToolFailed
from mlflow_kerasguard.rebuild.managers import Conda, Uv, Virtualenv, Workshop, choose_manager
from mlflow_kerasguard.rebuild.pythons import find_python

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
FULL = ".".join(map(str, sys.version_info[:3]))


@pytest.fixture
def workshop(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Workshop(commands=Commands(), scratch=scratch)


def program(path, script):
    path.write_text(f'#!/bin/sh\necho "$@" >> {path}.log\n{script}\n')
    path.chmod(0o755)
    return path


def asked(path):
    return Path(f"{path}.log").read_text().splitlines()


#: Makes what looks like an environment at its last argument.
MAKES = 'for last; do :; done; mkdir -p "$last/bin"; touch "$last/bin/python"'


def test_uv_is_told_which_python(workshop, tmp_path):
    uv = Uv(program=(str(program(tmp_path / "uv", MAKES)),))
    assert uv.create(workshop, tmp_path / "env", FULL) == tmp_path / "env" / "bin" / "python"
    [line] = asked(tmp_path / "uv")
    assert line == f"venv --quiet --no-project --python {find_python(FULL)} {tmp_path}/env"
    assert workshop.clock.seconds > 0


def test_uv_takes_the_minor_release_where_nobody_has_the_patch(workshop, tmp_path, monkeypatch):
    monkeypatch.setattr(managers, "find_python", lambda _: None)
    uv = Uv(program=(str(program(tmp_path / "uv", f'case "$*" in *3.11.99*) exit 2;; esac; {MAKES}')),))
    uv.create(workshop, tmp_path / "env", "3.11.99")
    assert [line.split()[4] for line in asked(tmp_path / "uv")] == ["3.11.99", "3.11"]
    with pytest.raises(ToolFailed, match="can't be made"):
        Uv(program=("false",)).create(workshop, tmp_path / "other", "3.11")


def test_uv_resolves_and_installs(workshop, tmp_path):
    uv = Uv(program=(str(program(tmp_path / "uv", "echo 'Keras==3.8.0 ; python_version > \"3\"'; echo numpy==2.1.3")),))
    file = workshop.file("requirements.txt", ["keras"])
    assert uv.resolve(workshop, Path("python"), ["-r", file]) == {"keras": "3.8.0", "numpy": "2.1.3"}
    uv.install(workshop, Path("python"), ["-r", file])
    first, second = asked(tmp_path / "uv")
    assert first.startswith("pip compile ")
    assert first.endswith(f"--python python {file}")
    assert second == f"pip install --quiet --python python -r {file}"


def test_pip_resolves_and_installs(workshop, tmp_path):
    report = json.dumps({"install": [{"metadata": {"name": "Keras", "version": "3.8.0"}}]})
    python = program(tmp_path / "python", f"echo '{report}'")
    assert Virtualenv().resolve(workshop, python, ["keras"]) == {"keras": "3.8.0"}
    Virtualenv().install(workshop, python, ["keras"])
    assert asked(python)[1].endswith("install --quiet keras")


def test_venv_makes_a_real_environment(workshop, tmp_path):
    python = Virtualenv().create(workshop, tmp_path / "env", MINOR)
    done = subprocess.run([python, "-I", "-m", "pip", "--version"], capture_output=True, text=True)
    assert str(tmp_path) in done.stdout


def test_a_python_that_is_not_there(workshop, tmp_path):
    with pytest.raises(ToolFailed, match=r"there is no Python 3\.99"):
        Virtualenv().create(workshop, tmp_path / "env", "3.99.1")


def test_conda_brings_python_and_pip(workshop, tmp_path):
    conda = Conda(program=(str(program(tmp_path / "conda", 'mkdir -p "$7/bin"; touch "$7/bin/python"')),))
    conda.create(workshop, tmp_path / "env", "3.11.7")
    [line] = asked(tmp_path / "conda")
    assert line == f"create --yes --quiet --channel conda-forge --prefix {tmp_path}/env python=3.11.7 pip"


def test_an_environment_without_python(workshop, tmp_path):
    with pytest.raises(ToolFailed, match="no Python in it"):
        Conda(program=("true",)).create(workshop, tmp_path / "env", "3.11.7")


def test_programs_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose_manager("uv") == Uv(program=(sys.executable, "-m", "uv"))
    assert choose_manager("virtualenv") == Virtualenv()
    with pytest.raises(UsageError, match="none of micromamba, mamba, conda is on PATH"):
        choose_manager("conda")
    monkeypatch.setattr(managers, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="`uv` is neither on PATH nor installed"):
        choose_manager("uv")
    program(tmp_path / "mamba", "")
    program(tmp_path / "uv", "")
    assert choose_manager("conda") == Conda(program=(str(tmp_path / "mamba"),))
    assert choose_manager("uv") == Uv(program=(str(tmp_path / "uv"),))
    with pytest.raises(UsageError, match="no manager `poetry`"):
        choose_manager("poetry")


def test_the_nearest_python_is_taken(tmp_path, monkeypatch):
    for version in ("3.12.1", "3.12.10"):
        place = tmp_path / "versions" / version / "bin"
        place.mkdir(parents=True)
        program(place / "python", f"echo {version}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setattr(pythons.sys, "base_prefix", str(tmp_path / "nowhere"))
    assert [str(find_python(version)).split("/")[-3] for version in ("3.12.1", "3.12", "3.12.7")] == [
        "3.12.1",
        "3.12.10",
        "3.12.10",
    ]


def test_programs_that_only_look_like_a_python(tmp_path, monkeypatch):
    program(tmp_path / "python3.12", "exit 1")
    (tmp_path / "python3").write_text("not a program")
    (tmp_path / "python3").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(pythons.sys, "base_prefix", str(tmp_path / "nowhere"))
    assert find_python("3.12") is None
