"""The files that the benchmarks read; written without Keras, in the layout that Keras 3.15 writes."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

_POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
_KERNEL = {
    "module": "keras.initializers",
    "class_name": "GlorotUniform",
    "config": {"seed": None, "input_axes": None, "output_axes": None},
    "registered_name": None,
}
_BIAS = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}


def dense_stack(path: Path, *, layers: int, units: int = 4, extra: dict[str, Any] | None = None) -> Path:
    """A Sequential model of ``layers`` Dense layers with two weights each.

    Args:
        path: where the `.keras` file goes.
        layers: how many Dense layers.
        units: width of each.
        extra: further keys of each Dense config; an unknown one makes the model incompatible.
    """
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {
            "name": "sequential",
            "trainable": True,
            "dtype": _POLICY,
            "layers": [_input(units), *(_dense(index, units, extra or {}) for index in range(layers))],
            "build_input_shape": [None, units],
        },
        "registered_name": None,
        "build_config": {"input_shape": [None, units]},
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", _weights(layers, units))
    return path


def _input(units: int) -> dict[str, Any]:
    config = {"batch_shape": [None, units], "dtype": "float32", "sparse": False, "ragged": False, "name": "input_layer"}
    return {"module": "keras.layers", "class_name": "InputLayer", "config": config, "registered_name": None}


def _dense(index: int, units: int, extra: dict[str, Any]) -> dict[str, Any]:
    config = {
        "name": _name(index),
        "trainable": True,
        "dtype": _POLICY,
        "units": units,
        "activation": "relu",
        "use_bias": True,
        "kernel_initializer": _KERNEL,
        "bias_initializer": _BIAS,
        "kernel_regularizer": None,
        "bias_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
        **extra,
    }
    return {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": config,
        "registered_name": None,
        "build_config": {"input_shape": [None, units]},
    }


def _weights(layers: int, units: int) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for index in range(layers):
            group = file.create_group(f"layers/{_name(index)}/vars")
            group["0"] = np.full((units, units), 0.1, "float32")
            group["1"] = np.zeros(units, "float32")
        file.create_group("layers/input_layer/vars")
        file.create_group("vars")
    return buffer.getvalue()


def _name(index: int) -> str:
    return "dense" if index == 0 else f"dense_{index}"
