"""Models that were logged without the guard, once for all tests."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

import pytest

from tests.registry.adoption import stock


@pytest.fixture(scope="session")
def _stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("stock")
    stock.save_stock("keras", stock.functional(), directory / "functional", stock.two_inputs())
    (directory / "own_layers.py").write_text(stock.OWN)
    sys.path.insert(0, str(directory))
    try:
        module = importlib.import_module("own_layers")
        own, objects = stock.own_model(module), stock.own_objects(module)
        data = stock.rows(4, 3)
        code = [str(directory / "own_layers.py")]
        arguments = {"code_paths": code, "custom_objects": objects, "input_example": data}
        stock.save_stock("tensorflow", own, directory / "custom", data, **arguments)
        own.save(directory / "own.keras")
        own.save(directory / "own.h5")
    finally:
        sys.path.remove(str(directory))
        stock.forget("own_layers")
    return directory


@pytest.fixture
def models(_stock: Path, tmp_path: Path) -> Path:
    """A directory with models to be spoilt.

    ``functional`` is of ``mlflow.keras``, with two inputs; ``custom`` of ``mlflow.tensorflow``, with its own layers, an
    input example and a pickle; ``own.keras`` and ``own.h5`` are the same model's files, and ``own_layers.py`` its code.
    """
    return Path(shutil.copytree(_stock, tmp_path / "models"))
