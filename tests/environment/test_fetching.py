"""Releases from a package index: a directory of wheels that the test itself makes."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.environment import fetching
from mlflow_kerasguard.errors import UsageError

pytestmark = pytest.mark.usefixtures("made_up_history")

DIST_INFO = "keras-98.0.dist-info"
FILES = {
    "keras/__init__.py": "",
    "keras/src/version.py": '__version__ = "98.0"\n',
    # A Python that doesn't exist: what the release runs on doesn't matter for reading it.
    f"{DIST_INFO}/METADATA": "Metadata-Version: 2.1\nName: keras\nVersion: 98.0\nRequires-Python: >=3.9\n",
    f"{DIST_INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{DIST_INFO}/RECORD": "",
}


@pytest.fixture(params=["pip", "uv"])
def index(request, tmp_path, monkeypatch):
    """An index of one release, as either client is told about it."""
    wheels, cache = tmp_path / "wheels", tmp_path / "cache"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "keras-98.0-py3-none-any.whl", "w") as archive:
        for name, text in FILES.items():
            archive.writestr(name, text)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(wheels)), ("OFFLINE", "1")):
        monkeypatch.setenv(f"PIP_{name}", value)
        monkeypatch.setenv(f"UV_{name}", value)
    monkeypatch.delenv("PIP_OFFLINE")
    if request.param == "uv":
        monkeypatch.setattr(fetching, "find_spec", lambda name: None if name == "pip" else name)
    return wheels


def test_a_release_is_fetched_once(index):
    env = read_environment("keras==98.0", fetch=True)
    assert env.distributions["keras"].version == "98.0"
    assert env.read_keras_api("keras").version == "98.0"
    for wheel in index.iterdir():
        wheel.unlink()
    assert read_environment("keras==98.0", fetch=True).read_keras_api("keras").version == "98.0"
    assert [path.name for path in fetching.cache_directory().iterdir()] == ["keras-98.0"]


def test_a_known_release_isnt_fetched(monkeypatch):
    monkeypatch.setattr(fetching, "fetch_keras", None)
    assert read_environment("keras==3.8.0", fetch=True).read_keras_api("keras").version == "3.8.0"


def test_a_release_that_the_index_lacks(index):
    with pytest.raises(UsageError) as error:
        read_environment("keras==99.0", fetch=True)
    assert str(error.value) == "`keras==99.0`: the package index has no `keras==99.0`; expected a release that exists"
    assert list(fetching.cache_directory().iterdir()) == []


def test_a_client_that_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for script, message in (
        ("import sys; sys.exit('first\\n\\nlast')", "last"),
        ("import sys; sys.exit(1)", "the installer says nothing"),
    ):
        monkeypatch.setattr(fetching, "_client", lambda script=script: [sys.executable, "-c", script])
        with pytest.raises(UsageError) as error:
            read_environment("keras==99.0", fetch=True)
        assert str(error.value) == f"`keras==99.0`: `keras==99.0` can't be fetched: {message}"


def test_no_client(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/nothing")
    monkeypatch.setattr(fetching, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"`keras==99.0` can't be fetched: .*No such file or directory: 'uv'"):
        read_environment("keras==99.0", fetch=True)


def test_another_process_was_quicker(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    fetching._publish(tmp_path / "new", tmp_path / "there")
    assert (tmp_path / "there" / "file").exists()
    with pytest.raises(OSError, match="No such file"):
        fetching._publish(tmp_path / "gone", tmp_path / "elsewhere")


def test_no_answer(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(fetching, "_TIMEOUT_S", 0.1)
    monkeypatch.setattr(fetching, "_client", lambda: [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(UsageError, match=r"can't be fetched: .*timed out") as error:
        read_environment("keras==99.0", fetch=True)
    assert isinstance(error.value.__cause__, subprocess.TimeoutExpired)
