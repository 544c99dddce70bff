"""Model files made without Keras, as small as a file can be that a Keras would load."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.builders import PACKAGES


def write_keras(path: Path, *layers: dict[str, Any], keras_version: str = PACKAGES["keras"]) -> Path:
    """A `.keras` file of a Sequential model with one input of three numbers, then ``layers``."""
    source = layer("InputLayer", name="input", batch_shape=[None, 3], dtype="float32")
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "small", "trainable": True, "layers": [source, *layers]},
        "registered_name": None,
        "build_config": {"input_shape": [None, 3]},
    }
    metadata = {"keras_version": keras_version, "date_saved": "2025-01-01@00:00:00"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", _weights(len(layers)))
    return path


def layer(class_name: str, *, module: str = "keras.layers", registered_name: str | None = None, **config: Any) -> dict:
    """One layer as Keras serializes it; a ``name`` is derived from the class."""
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": class_name.lower(), **config},
        "registered_name": registered_name,
    }


def dense(name: str = "dense", units: int = 2) -> dict:
    """A Dense layer that every Keras 3 knows."""
    return layer("Dense", name=name, trainable=True, dtype="float32", units=units, activation="linear", use_bias=True)


def _weights(layers: int) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for number in range(layers):
            variables = file.create_group(f"layers/dense{f'_{number}' * bool(number)}/vars")
            variables["0"] = np.zeros((3, 2), "float32")
            variables["1"] = np.zeros(2, "float32")
    return buffer.getvalue()
