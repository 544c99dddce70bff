"""Models as MLflow's own flavors log them, and Keras files that nobody logged."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.models import infer_signature

from mlflow_kerasguard import Adoption, adopt
from tests.keras_cases import keras, rows

#: A module with two layers, one of them registered, an activation and a loss.
OWN = """
import keras

class Scale(keras.layers.Layer):
    def call(self, inputs):
        return 3 * inputs

@keras.saving.register_keras_serializable("own")
class Shift(keras.layers.Layer):
    def call(self, inputs):
        return 1 + inputs

def twice(inputs):
    return 2 * inputs

def apart(truth, predicted):
    return keras.ops.mean(keras.ops.abs(truth - predicted), axis=-1)
"""

TENSORFLOW = version("tensorflow")

#: As MLflow's flavors write them, without the half minute that they take to find out.
PINS = {
    "keras": [f"mlflow=={mlflow.__version__}", f"keras=={keras.__version__}"],
    "tensorflow": [f"mlflow=={mlflow.__version__}", "cloudpickle", f"tensorflow=={TENSORFLOW}"],
}


#: What `mlflow.keras` leaves out of its requirements.
BACKEND = [f"tensorflow=={TENSORFLOW}"]


def functional() -> Any:
    inputs = [keras.Input((3,), name="left"), keras.Input((2,), name="right")]
    joined = keras.layers.Concatenate()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(joined))
    model.compile(loss="mse")
    return model


def two_inputs(count: int = 4) -> dict[str, np.ndarray]:
    return {"left": rows(count, 3), "right": rows(count, 2)}


def sequential(*layers: Any) -> Any:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), *layers])


def own_model(module: Any) -> Any:
    model = sequential(module.Scale(), module.Shift(), keras.layers.Activation(module.twice))
    model.compile(loss=module.apart)
    return model


def own_objects(module: Any) -> dict[str, Any]:
    """What the stock flavors have to be told."""
    return {name: getattr(module, name) for name in ("Scale", "twice", "apart")}


def forget(*names: str) -> None:
    """Take modules out of this process, and what they registered."""
    for name in names:
        sys.modules.pop(name, None)
    for registered in [name for name in keras.utils.get_custom_objects() if name.startswith("own>")]:
        del keras.utils.get_custom_objects()[registered]


def save_stock(flavor: str, model: Any, path: Path, example: Any = None, **arguments: Any) -> Path:
    """Save with ``mlflow.keras`` or ``mlflow.tensorflow``."""
    module = getattr(mlflow, flavor)
    predicted = model.predict(example, verbose=0) if example is not None else None
    signature = infer_signature(example, predicted) if example is not None else None
    module.save_model(model, str(path), **{"signature": signature, "pip_requirements": PINS[flavor], **arguments})
    return path


def register(path: Path, name: str = "stock", **arguments: Any) -> str:
    """Make a directory a version of a registered model."""
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    created = client.create_model_version(name, str(path), **arguments)
    return f"models:/{name}/{created.version}"


def everything() -> tuple[list, list, list]:
    """What MLflow has: registered models, versions, and LoggedModels."""
    client = mlflow.MlflowClient()
    names = sorted(model.name for model in client.search_registered_models())
    versions = sorted((item.name, str(item.version)) for item in client.search_model_versions())
    experiments = [item.experiment_id for item in client.search_experiments()]
    return names, versions, [item.model_id for item in client.search_logged_models(experiments)]


def adopt_unloaded(model: str, **arguments: Any) -> Adoption:
    """Adopt from files alone."""
    return adopt(model, rehearse=False, extra_pip_requirements=BACKEND, **arguments)


def refused(error: type[Exception], model: str | Path, match: str, **arguments: Any) -> None:
    """Adopt, be refused, and find everything as it was."""
    before = everything()
    with pytest.raises(error, match=match):
        adopt(model, **arguments)
    assert everything() == before
