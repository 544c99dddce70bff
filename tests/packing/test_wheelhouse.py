"""A directory of wheels that installs without a network; the index is a directory here."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mlflow_kerasguard.cli import main
from mlflow_kerasguard.errors import PackError, UsageError
from mlflow_kerasguard.packing import wheelhouse
from mlflow_kerasguard.packing.wheelhouse import download_wheels


def make_wheel(directory: Path, name: str, version: str, requires: str = "") -> Path:
    info = f"{name}-{version}.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items()]
    files[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"])
    directory.mkdir(exist_ok=True)
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return directory / f"{name}-{version}-py3-none-any.whl"


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """What pip finds, instead of an index on the network."""
    directory = tmp_path / "index"
    make_wheel(directory, "shop", "1.0", requires="helpers")
    make_wheel(directory, "helpers", "2.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    return directory


@pytest.fixture
def model(tmp_path):
    """As MLflow leaves it, with nothing but the files that say what it needs."""
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "MLmodel").write_text("flavors: {keras: {data: data}}\n")
    (directory / "requirements.txt").write_text("shop==1.0\n")
    python = ".".join(map(str, sys.version_info[:3]))
    (directory / "python_env.yaml").write_text(f"python: {python}\ndependencies: [-r requirements.txt]\n")
    return directory


def pins(directory: Path) -> list[str]:
    return [line.partition(" ")[0] for line in (directory / "requirements.txt").read_text().splitlines()]


@pytest.mark.usefixtures("index")
def test_it_installs_without_an_index(model, tmp_path, monkeypatch, capsys):
    assert main(["pack", str(model), "--format", "wheelhouse", "-o", str(tmp_path / "wheels")]) == 0
    first, _, last = capsys.readouterr().out.splitlines()
    assert first.startswith("2 wheels in ")
    assert pins(tmp_path / "wheels") == ["helpers==2.0", "shop==1.0"]
    (tmp_path / "index").rename(tmp_path / "gone")
    monkeypatch.delenv("PIP_FIND_LINKS")
    _, *arguments = last.split()
    command = [sys.executable, *arguments, "--target", tmp_path / "installed", "--quiet", "--require-hashes"]
    subprocess.run(command, check=True)
    assert (tmp_path / "installed" / "helpers.py").is_file()
    assert last in (tmp_path / "wheels" / "README.txt").read_text()


@pytest.mark.usefixtures("index")
def test_wheels_that_travel_with_the_model(model, tmp_path):
    wheels = model / "kerasguard" / "wheels"
    wheels.parent.mkdir()
    make_wheel(wheels, "mlflow_kerasguard", "9.9+k1")
    (model / "requirements.txt").write_text("--find-links kerasguard/wheels\nmlflow-kerasguard==9.9+k1\nshop==1.0\n")
    download_wheels(model, tmp_path / "wheels")
    assert pins(tmp_path / "wheels") == ["helpers==2.0", "mlflow-kerasguard==9.9+k1", "shop==1.0"]


@pytest.mark.usefixtures("index")
def test_this_package_s_own_wheel(model, tmp_path, monkeypatch):
    monkeypatch.setattr(wheelhouse, "own_wheel", lambda place: make_wheel(place, "mlflow_kerasguard", "0.1+k7"))
    (model / "requirements.txt").write_text("mlflow-kerasguard==0.1\nshop==1.0\n")
    download_wheels(model, tmp_path / "wheels")
    assert pins(tmp_path / "wheels") == ["helpers==2.0", "mlflow-kerasguard==0.1+k7", "shop==1.0"]


def test_an_index_has_this_package(model, tmp_path, index, monkeypatch):
    make_wheel(index, "mlflow_kerasguard", "0.1")
    monkeypatch.setattr(wheelhouse, "own_wheel", lambda place: None)
    (model / "requirements.txt").write_text("mlflow-kerasguard==0.1\n")
    download_wheels(model, tmp_path / "wheels")
    assert pins(tmp_path / "wheels") == ["mlflow-kerasguard==0.1"]


LOCK = """
lock-version = "1.0"
created-by = "tests"

[[packages]]
name = "shop"
version = "1.0"
wheels = [{name = "shop-1.0-py3-none-any.whl", path = "shop-1.0-py3-none-any.whl", hashes = {sha256 = "00"}}]

[[packages]]
name = "helpers"
version = "2.0"
wheels = [{name = "helpers-2.0-py3-none-any.whl", path = "helpers-2.0-py3-none-any.whl", hashes = {sha256 = "00"}}]
"""


def test_a_lock_says_it_all(model, tmp_path, index, monkeypatch):
    monkeypatch.setattr(wheelhouse, "own_wheel", lambda place: None)
    (model / "kerasguard" / "wheels").mkdir(parents=True)
    (model / "pylock.toml").write_text(LOCK)
    make_wheel(index, "helpers", "3.0")
    download_wheels(model, tmp_path / "wheels")
    assert pins(tmp_path / "wheels") == ["helpers==2.0", "shop==1.0"]


def test_a_lock_that_leaves_this_package_out(model, tmp_path, index, monkeypatch):
    make_wheel(index, "mlflow_kerasguard", "0.1")
    monkeypatch.setattr(wheelhouse, "own_wheel", lambda place: None)
    (model / "requirements.txt").write_text("shop==1.0\nmlflow-kerasguard==0.1\n")
    (model / "pylock.toml").write_text(LOCK)
    download_wheels(model, tmp_path / "wheels")
    assert pins(tmp_path / "wheels") == ["helpers==2.0", "mlflow-kerasguard==0.1", "shop==1.0"]


def test_a_lock_that_the_requirements_have_left_behind(model, tmp_path, index):
    make_wheel(index, "shop", "2.0", requires="helpers")
    (model / "requirements.txt").write_text("shop==2.0\n")
    (model / "pylock.toml").write_text(LOCK)
    download_wheels(model, tmp_path / "wheels")
    assert pins(tmp_path / "wheels") == ["helpers==2.0", "shop==2.0"]


def _another_python(model: Path) -> None:
    (model / "python_env.yaml").write_text("python: 3.9.1\ndependencies: []\n")


def test_files_that_the_requirements_name(model, tmp_path, index):
    make_wheel(index, "helpers", "3.0")
    (model / "constraints.txt").write_text("helpers<3\n")
    (model / "requirements.txt").write_text("shop==1.0\n-c constraints.txt\n")
    download_wheels(model, tmp_path / "wheels")
    assert pins(tmp_path / "wheels") == ["helpers==2.0", "shop==1.0"]


REFUSED = {
    "a release that isn't there": (
        lambda model: (model / "requirements.txt").write_text("shop==7\n"),
        r"not all wheels of `.*` can be had: ERROR: .*shop==7",
    ),
    "another Python": (_another_python, r"logged with Python 3.9.1, .* run `kerasguard pack` with Python 3.9"),
    "not a logged model": (lambda model: (model / "MLmodel").unlink(), "isn't a logged model"),
}


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(("spoil", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(spoil, words, model, tmp_path):
    spoil(model)
    with pytest.raises(PackError, match=words):
        download_wheels(model, tmp_path / "wheels")
    assert not (tmp_path / "wheels").exists()
    assert not list(tmp_path.glob(".kerasguard-*"))


def test_something_is_there(model, tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "mine").touch()
    with pytest.raises(UsageError, match="exists already"):
        download_wheels(model, tmp_path / "wheels")


def test_no_pip(model, tmp_path, monkeypatch):
    monkeypatch.setattr(wheelhouse, "find_spec", lambda name: None)
    with pytest.raises(PackError, match="-m ensurepip"):
        download_wheels(model, tmp_path / "wheels")


def test_usage_of_the_command(model, tmp_path, capsys):
    arguments = ["pack", str(model), "--format", "wheelhouse"]
    assert main(arguments) == 2
    assert "needs `-o DIRECTORY`" in capsys.readouterr().err
    assert main([*arguments, "-o", str(tmp_path / "wheels"), "--env", "mine"]) == 2
    assert "leave `--env` out" in capsys.readouterr().err
