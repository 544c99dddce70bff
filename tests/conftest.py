"""Fixtures that several files of tests share."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

#: A custom layer that needs another local module, now and again later, when it is called.
LAYERS = """
import {keras} as keras
from helpers import factor

@keras.utils.register_keras_serializable("tests")
class Scale(keras.layers.Layer):
    def call(self, inputs):
        from helpers import later
        return inputs * factor() * later()

def triple(value):
    return 3 * value
"""
HELPERS = """
def factor():
    return {factor}

def later():
    return 1.0
"""


def pytest_configure() -> None:
    # Shells start background jobs with interrupts ignored, and so would be whatever tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def local_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Write modules into a directory of their own and import the first; all are forgotten afterwards.

    ``pack__module`` is a module in a package, ``pack__init`` the package's own.
    """
    directory = tmp_path / "sources"
    before = set(sys.modules)

    def make(**sources: str) -> ModuleType:
        for name, text in sources.items():
            place = re.sub(r"(?<=/)init$", "__init__", name.replace("__", "/"))
            path = directory / f"{place}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(directory)
        return importlib.import_module(next(iter(sources)).replace("__", "."))

    yield make
    _forget(directory, before)


def sign_again(model: Path, /, **changes: object) -> None:
    """Make a logged model that was changed by hand agree with its digests again.

    Args:
        model: its directory.
        changes: keys of the compatibility signature to set.
    """
    path = model / "kerasguard" / "signature.json"
    document = {**json.loads(path.read_text()), **changes}
    for name in document["files"]:
        if (model / name).is_file():
            document["files"][name] = hashlib.sha256((model / name).read_bytes()).hexdigest()
    text = json.dumps(document)
    path.write_text(text)
    mlmodel = yaml.safe_load((model / "MLmodel").read_text())
    mlmodel["flavors"]["kerasguard"]["signature_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (model / "MLmodel").write_text(yaml.safe_dump(mlmodel))


def break_model(model: Path) -> None:
    """Give the first layer of a logged model a key that no Keras takes, in its file and in its signature."""
    file = model / "data" / "model.keras"
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][1]["config"]["from_the_future"] = 1
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    document = json.loads((model / "kerasguard" / "signature.json").read_text())["model"]
    document["config"]["config"]["layers"][1]["config"]["from_the_future"] = 1
    sign_again(model, model=document)


@pytest.fixture
def registered(logged: Path, store: None) -> str:
    """The URI of a model version whose files are those of ``logged``."""
    from mlflow import MlflowClient

    MlflowClient().create_registered_model("scaled")
    MlflowClient().create_model_version("scaled", str(logged))
    return "models:/scaled/1"


def _forget(directory: Path, before: set[str]) -> None:
    for name in set(sys.modules) - before:
        if str(directory) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(scope="session")
def _logged_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model with a custom layer whose sources are gone by now."""
    from mlflow_kerasguard import save_model
    from tests.keras_cases import keras, rows

    directory, before = tmp_path_factory.mktemp("logged"), set(sys.modules)
    (directory / "scale_layers.py").write_text(LAYERS.format(keras=keras.__name__), encoding="utf-8")
    (directory / "helpers.py").write_text(HELPERS.format(factor=3.0), encoding="utf-8")
    sys.path.insert(0, str(directory))
    try:
        layers = importlib.import_module("scale_layers")
        model = keras.Sequential([keras.layers.InputLayer((3,)), keras.layers.Dense(2), layers.Scale(name="scale")])
        save_model(model, directory / "model", input_example=rows(4, 3))
    finally:
        sys.path.remove(str(directory))
        _forget(directory, before)
        keras.utils.get_custom_objects().pop("tests>Scale")
    return directory / "model"


@pytest.fixture
def logged(_logged_once: Path, tmp_path: Path) -> Path:
    """A copy of that model, to be spoilt."""
    return Path(shutil.copytree(_logged_once, tmp_path / "logged"))


@pytest.fixture(scope="session")
def _empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a tracking store without anything in it; making one takes seconds."""
    import mlflow

    path = tmp_path_factory.mktemp("store") / "store.db"
    mlflow.set_tracking_uri(f"sqlite:///{path}")
    mlflow.search_experiments()
    return path


@pytest.fixture
def store(_empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tracking store of the test's own, and no run left active."""
    import mlflow

    monkeypatch.chdir(tmp_path)
    shutil.copy(_empty_store, tmp_path / "store.db")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/store.db")
    mlflow.set_experiment("tests")
    yield
    while mlflow.active_run():
        mlflow.end_run()
