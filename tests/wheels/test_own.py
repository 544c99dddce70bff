"""This package's own wheel: made of the checkout that runs here, installed, and made again."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

from mlflow_kerasguard.version import __version__
from mlflow_kerasguard.wheels import own, own_wheel

PACKAGE = Path(own.__file__).parent.parent

#: In a process that has the installed wheel instead of the checkout.
AGAIN = """
import sys
from importlib import metadata
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from mlflow_kerasguard.wheels import own_wheel
import mlflow_kerasguard
assert mlflow_kerasguard.__file__.startswith(sys.argv[1])
path = own_wheel(Path(sys.argv[2]))
assert path.name.split("-")[1] == metadata.version("mlflow-kerasguard")
print(path)
"""


@pytest.fixture
def _afresh():
    own._built.cache_clear()
    yield
    own._built.cache_clear()


def test_it_holds_everything_that_the_package_needs(tmp_path):
    path = own_wheel(tmp_path)
    version = str(parse_wheel_filename(path.name)[1])
    assert version.startswith(f"{__version__}+kg")
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    assert {f"mlflow_kerasguard/{name}" for name in ("py.typed", "keras_api/history.sqlite", "cli.py")} <= names
    below = f"mlflow_kerasguard-{version}.dist-info"
    assert {f"{below}/{name}" for name in ("METADATA", "entry_points.txt", "licenses/LICENSE", "RECORD")} <= names
    assert not [name for name in names if name.endswith(".pyc") or name.startswith("tests")]


def test_installed_it_gives_itself_again(tmp_path):
    path = own_wheel(tmp_path)
    site = tmp_path / "site"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(site)
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, site, tmp_path / "again"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    again = Path(done.stdout.strip())
    assert (again.name, again.read_bytes()) == (path.name, path.read_bytes())


class Installed:
    """A distribution as far as its origin goes."""

    def __init__(self, version: str, site: Path, url: str | None) -> None:
        self.version, self.site, self.url = version, site, url

    def locate_file(self, name: str) -> Path:
        return self.site / name

    def read_text(self, name: str) -> str | None:
        return self.url


ORIGINS = {
    "an index": (Installed("0.1.0", PACKAGE.parent, None), True),
    "a checkout": (Installed("0.1.0", PACKAGE.parent, '{"dir_info": {}}'), False),
    "a model": (Installed("0.1.0+kg0123456789ab", PACKAGE.parent, None), False),
    "an index, but another copy runs": (Installed("0.1.0", PACKAGE, None), False),
}


@pytest.mark.parametrize(("distribution", "expected"), ORIGINS.values(), ids=ORIGINS)
def test_what_an_index_has(distribution, expected):
    assert own.comes_from_index(distribution) is expected


@pytest.mark.usefixtures("_afresh")
def test_no_wheel_where_an_index_has_it(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "comes_from_index", lambda distribution: True)
    assert own_wheel(tmp_path) is None


@pytest.mark.usefixtures("_afresh")
def test_no_wheel_where_it_was_never_installed(tmp_path, monkeypatch, caplog):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(own.metadata, "distribution", missing)
    assert own_wheel(tmp_path) is None
    assert "isn't installed as a distribution" in caplog.text
