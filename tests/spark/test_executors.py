"""What happens in a Spark task; tests/live/test_spark.py sees it in real ones."""

from __future__ import annotations

import os
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mlflow_kerasguard import IncompatibleModelError, _load_pyfunc
from mlflow_kerasguard.errors import InvalidInputError
from mlflow_kerasguard.spark import executors
from tests.keras_cases import keras, rows

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def task(monkeypatch):
    """As in a Python worker that has a task; its models are forgotten afterwards."""
    context = SimpleNamespace(get=lambda: "a task")
    monkeypatch.setitem(sys.modules, "pyspark", SimpleNamespace(TaskContext=context))
    monkeypatch.setattr(executors, "_kept", type(executors._kept)())
    monkeypatch.delenv("SPARK_HIDE_TRACEBACK", raising=False)
    yield context
    os.environ.pop("SPARK_HIDE_TRACEBACK", None)


def test_a_copy_of_the_same_model_is_not_loaded_again(task, logged, tmp_path, monkeypatch):
    copy = shutil.copytree(logged, tmp_path / "copy")
    first = _load_pyfunc(str(logged))
    assert _load_pyfunc(str(copy)) is first
    monkeypatch.setenv("MLFLOW_KERASGUARD_TRUSTED", "keras.layers.Lambda")
    assert _load_pyfunc(str(copy)) is not first, "what is trusted decides what is loaded"


def test_the_driver_loads_anew(task, logged):
    task.get = lambda: None
    assert _load_pyfunc(str(logged)) is not _load_pyfunc(str(logged))


def test_a_worker_keeps_few_models(task, tmp_path):
    for number in [*range(executors.MOST_KEPT), 0, "new"]:
        executors.once_per_worker(tmp_path / str(number), (), object)
    assert [path.rsplit("/")[-1] for ((path, _),) in zip(executors._kept, strict=True)] == ["2", "3", "0", "new"]


def test_a_refusal_is_shown_without_traceback(task, logged, monkeypatch):
    monkeypatch.setenv("MLFLOW_KERASGUARD_CUSTOM_CODE", "host")
    with pytest.raises(IncompatibleModelError):
        _load_pyfunc(str(logged))
    assert os.environ["SPARK_HIDE_TRACEBACK"]


def _several() -> executors.SparkModelWrapper:
    inputs = keras.layers.Input((4,), name="first")
    outputs = [keras.layers.Flatten(name="flat")(inputs), keras.layers.Reshape((2, 2), name="grid")(inputs)]
    outputs.append(keras.layers.Dense(1, name="number")(inputs))
    return executors.SparkModelWrapper(keras.Model(inputs, outputs))


def test_several_outputs_are_columns():
    data = rows(3, 4)
    found = _several().predict(data)
    assert isinstance(found, pd.DataFrame)
    assert found["number"].dtype == "float32"
    for name, shape in {"flat": (3, 4), "grid": (3, 2, 2)}.items():
        np.testing.assert_allclose(np.stack(found[name]), data.reshape(shape))


@pytest.mark.parametrize(("shape", "kind"), [((4,), pd.DataFrame), ((2, 2), np.ndarray)])
def test_one_output(shape, kind):
    model = keras.Sequential([keras.layers.InputLayer((4,)), keras.layers.Reshape(shape)])
    found = executors.SparkModelWrapper(model).predict(pd.DataFrame(rows(3, 4)))
    assert isinstance(found, kind)
    assert found.shape == (3, *shape)


def test_rows_that_do_not_fit_are_shown_without_traceback(task):
    with pytest.raises(InvalidInputError):
        _several().predict(rows(3, 5))
    assert os.environ["SPARK_HIDE_TRACEBACK"]
