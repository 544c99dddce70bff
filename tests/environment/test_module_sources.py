"""Where the source of an environment's own modules is found, without importing them."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from mlflow_kerasguard.custom_code.restore import Bundle
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.environment.interpreter import read_interpreter
from mlflow_kerasguard.environment.module_sources import find_module, source_reader
from mlflow_kerasguard.keras_api import Unknown

NEVER = "raise ImportError('never run')\n"
FILES = {
    "plain.py": NEVER,
    "pack/__init__.py": NEVER,
    "pack/inner.py": "inner = 1\n",
    "space/deeper/leaf.py": "leaf = 1\n",
    "binary.so": "",
    "plain/data.txt": "",
}


@pytest.fixture
def directory(tmp_path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


SOURCES = {
    "plain": NEVER.encode(),
    "pack": NEVER.encode(),
    "pack.inner": b"inner = 1\n",
    "pack.gone": None,
    "plain.below": None,
    "space": None,
    "space.deeper": None,
    "space.deeper.leaf": b"leaf = 1\n",
    "gone": None,
    "gone.below": None,
}


@pytest.mark.parametrize(("name", "expected"), SOURCES.items(), ids=SOURCES)
def test_modules(name, expected, directory, monkeypatch):
    assert source_reader((str(directory),))(name) == expected
    monkeypatch.syspath_prepend(directory)
    assert installed().read_source(name) == expected
    assert name not in sys.modules


def test_what_isnt_source(directory, monkeypatch):
    with pytest.raises(Unknown, match="module `sys` isn't there as Python source"):
        installed().read_source("sys")
    (directory / "plain.py").unlink()
    (directory / "plain.py").mkdir()
    spec = spec_from_file_location("plain", directory / "plain.py")
    finder = type("Finder", (), {"find_spec": lambda self, name, path: spec})()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, object(), finder])
    with pytest.raises(Unknown, match="`odd` can't be read: Is a directory"):
        installed().read_source("odd")


def test_an_environment_about_which_nothing_is_known():
    with pytest.raises(Unknown, match="the source of a module `shop` isn't known"):
        Environment(source="x").read_source("shop")


def test_a_module_that_was_imported_from_elsewhere(directory, monkeypatch):
    module = ModuleType("loaded_elsewhere")
    module.__file__ = str(directory / "pack" / "inner.py")
    monkeypatch.setitem(sys.modules, "loaded_elsewhere", module)
    assert installed().read_source("loaded_elsewhere") == b"inner = 1\n"


def test_editable_installations(directory, monkeypatch):
    class Editable:
        @staticmethod
        def find_spec(name, path=None, target=None) -> ModuleSpec | None:
            return PathFinder.find_spec(name, [str(directory)]) if name == "pack" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Editable])
    assert installed().read_source("pack.inner") == b"inner = 1\n"
    assert installed().read_source("gone") is None


def test_modules_of_a_model_that_is_being_loaded_are_not_the_environments(directory):
    import hashlib

    path = directory / "pack" / "inner.py"
    bundle = Bundle({"bundled": path}, {path: hashlib.sha256(path.read_bytes()).hexdigest()})
    with bundle.active():
        assert installed().read_source("bundled") is None
        __import__("bundled")
        assert installed().read_source("bundled") is None


def test_another_interpreter(directory):
    environment = read_interpreter(Path(sys.executable))
    assert environment.read_source("gone_for_ever") is None
    assert environment.read_source("json").startswith(b'r"""JSON')


def test_the_place_of_a_namespace_package(directory):
    spec = find_module("space.deeper.leaf", [str(directory)])
    assert spec.origin == str(directory / "space" / "deeper" / "leaf.py")
