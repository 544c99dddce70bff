"""Runs inside an environment with PySpark: ``python models.py MODELS`` saves the models of ``cases.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from counted import Counted
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

import mlflow_kerasguard

MODELS = Path(sys.argv[1])
ROWS = np.random.default_rng(0).random((8, 4), dtype="float32")


def known(*layers: keras.layers.Layer) -> keras.Model:
    """Gives a + 2 b + 3 c + 4 d."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1), *layers])
    model.layers[0].set_weights([np.array([[1], [2], [3], [4]], "float32"), np.zeros(1, "float32")])
    return model


def several() -> keras.Model:
    """Two inputs; a number, a vector and a matrix a row."""
    first, second = keras.Input((4,), name="first"), keras.Input((2,), name="second")
    joined = keras.layers.Concatenate()([first, second])
    mean = keras.layers.Dense(1, kernel_initializer="ones", name="mean")(joined)
    parts = keras.layers.Dense(3, kernel_initializer="ones", name="parts")(joined)
    grid = keras.layers.Reshape((2, 2), name="grid")(first)
    return keras.Model({"first": first, "second": second}, {"mean": mean, "parts": parts, "grid": grid})


def narrow() -> tuple[keras.Model, ModelSignature]:
    """Takes integers; its signature lets any number through."""
    tokens = keras.Input((4,), dtype="int32")
    model = keras.Model(tokens, keras.layers.Flatten()(keras.layers.Embedding(100, 1)(tokens)))
    schema = Schema([TensorSpec(np.dtype("float32"), (-1, 4))])
    return model, ModelSignature(inputs=schema, outputs=schema)


def save(name: str, model: keras.Model, **options: object) -> None:
    mlflow_kerasguard.save_model(model, MODELS / name, rehearse=False, **options)


save("columns", known(), input_example=pd.DataFrame(ROWS, columns=list("abcd")))
save("known", known(), input_example=ROWS)
save("several", several(), input_example={"first": ROWS, "second": ROWS[:, :2]})
save("grid", keras.Sequential([keras.Input((4,)), keras.layers.Reshape((2, 2))]), input_example=ROWS)
save("custom", known(Counted()), input_example=ROWS)
model, signature = narrow()
save("narrow", model, signature=signature)
