"""This interpreter, and made-up ones, read from files."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.environment import installed as module
from mlflow_kerasguard.environment.installed import configured_backend, installed
from mlflow_kerasguard.environment.site_packages import find_package, read_version
from mlflow_kerasguard.keras_api import Unknown


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A directory with a distribution and two packages, first on the path."""
    info = tmp_path / "Some_Lib-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: Some_Lib\nVersion: 1.5\nRequires-Python: >=3.9\n"
        "Requires-Dist: numpy>=1\nRequires-Dist: rich; extra == 'cli'\n\nRequires-Dist: not-a-header\n"
    )
    (tmp_path / "keras" / "src").mkdir(parents=True)
    (tmp_path / "keras" / "__init__.py").write_text("")
    (tmp_path / "keras" / "src" / "version.py").write_text('__version__ = "3.99.0"\n')
    (tmp_path / "tf_keras").mkdir()
    (tmp_path / "tf_keras" / "__init__.py").write_text("raise ImportError('never run')\n")
    (tmp_path / "single.py").write_text("raise ImportError('never run')\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


def test_this_interpreter():
    env = installed()
    assert env.python == ".".join(map(str, sys.version_info[:3]))
    assert env.platform == sys.platform
    assert env.distributions["h5py"].version == version("h5py")
    assert env.has("h5py")
    assert not env.has("no-such-distribution")
    assert env.has_module("h5py")
    assert not env.has_module("no_such_module")


def test_metadata(site):
    env = installed()
    found = env.distributions["some-lib"]
    assert (found.name, found.version, found.requires_python) == ("some-lib", "1.5", ">=3.9")
    assert found.requires == ("numpy>=1", "rich; extra == 'cli'")
    assert list(env.distributions) == ["some-lib"]
    assert len(env.distributions) == 1


def test_keras_is_read_where_it_would_be_imported_from(site):
    assert installed().read_keras_api("keras").version == "3.99.0"
    assert find_package("keras", (str(site),)) == site / "keras"
    assert find_package("single", (str(site),)) is None
    assert find_package("gone", (str(site),)) is None


def test_what_isnt_known(site):
    with pytest.raises(Unknown, match="doesn't state a version"):
        installed().read_keras_api("tf_keras")
    (site / "tf_keras" / "__init__.py").unlink()
    (site / "tf_keras").rmdir()
    with pytest.raises(Unknown, match="`tf_keras` isn't installed"):
        installed().read_keras_api("tf_keras")


def test_a_bare_environment_knows_nothing():
    env = Environment(source="a note")
    for question in (lambda: env.has("keras"), lambda: env.read_keras_api("keras"), lambda: env.has_module("x")):
        with pytest.raises(Unknown):
            question()


@pytest.mark.parametrize(("line", "found"), [("__version__ = '2.15.0'", "2.15.0"), ("version = 3", None)])
def test_read_version(tmp_path, line, found):
    (tmp_path / "__init__.py").write_text(line)
    assert read_version(tmp_path) == found


@pytest.mark.parametrize(
    ("variable", "settings", "backend"),
    [
        ("torch", {"backend": "jax"}, "torch"),
        (None, {"backend": "jax"}, "jax"),
        (None, {"backend": 3}, None),
        (None, [], None),
        (None, None, None),
    ],
)
def test_configured_backend(tmp_path, monkeypatch, variable, settings, backend):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    if variable:
        monkeypatch.setenv("KERAS_BACKEND", variable)
    if settings is not None:
        (tmp_path / "keras.json").write_text(json.dumps(settings))
    assert configured_backend() == backend


@pytest.mark.parametrize(("value", "legacy"), [("1", True), ("True", True), ("yes", False), (None, False)])
def test_legacy_keras(monkeypatch, value, legacy):
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    if value:
        monkeypatch.setenv("TF_USE_LEGACY_KERAS", value)
    assert installed().legacy_keras is legacy


def test_the_default_place_of_keras_json(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text('{"backend": "jax"}')
    assert configured_backend() == "jax"


def test_registered_names_of_a_keras_that_was_imported(monkeypatch):
    class Registry:
        GLOBAL_CUSTOM_OBJECTS = {"Shop>Scale": object}  # noqa: RUF012 - stands in for a module

    monkeypatch.setitem(sys.modules, "keras.src.saving.object_registration", Registry)
    assert "Shop>Scale" in module.installed().registered_objects


def test_reading_the_environment_imports_no_keras():
    code = (
        "import sys\n"
        "from mlflow_kerasguard.environment.installed import installed\n"
        "from mlflow_kerasguard.model import ObjectRef\n"
        "api = installed().read_keras_api('keras')\n"
        "ref = ObjectRef(class_name='Dense', module='keras.layers', has_module=True)\n"
        "assert api.find_class(ref, legacy_hdf5=False).accepts('units')\n"
        "print([name for name in ('keras', 'tensorflow', 'jax', 'torch', 'mlflow', 'numpy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
