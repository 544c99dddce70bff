"""Model files, sound ones and hostile ones, from plain h5py, zipfile and json."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

VERSION = "3.15.1"


def sequential(*layers: dict, **compile_config: Any) -> dict:
    """A Sequential model as `config.json` has it."""
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "small", "layers": list(layers) or [dense()]},
        "registered_name": None,
    }
    return config | ({"compile_config": compile_config} if compile_config else {})


def dense(name: str = "dense", **config: Any) -> dict:
    return {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"name": name, "units": 2, "activation": "relu", **config},
        "registered_name": None,
        "build_config": {"input_shape": [None, 3]},
    }


def weights(fill: Callable[[h5py.File], object] | None = None, *, plain: bool = True, **options: Any) -> bytes:
    """A `model.weights.h5` with a kernel and a bias, and whatever ``fill`` adds."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        if plain:
            variables = file.create_group("layers/dense/vars")
            variables.attrs["name"] = "dense"
            variables["0"] = np.zeros((3, 2), "float32")
            variables["1"] = np.zeros(2, "float32")
        if fill is not None:
            fill(file)
    return buffer.getvalue()


def members(config: Any = None, **changes: bytes | str | None) -> dict[str, bytes | str]:
    """The members of a sound archive; ``config_json=None`` leaves one out, ``config_json=…`` replaces it."""
    given: dict[str, Any] = {
        "metadata.json": json.dumps({"keras_version": VERSION, "date_saved": "2025-01-01@00:00:00"}),
        "config.json": json.dumps(sequential() if config is None else config),
        "model.weights.h5": weights(),
    }
    names = {name.replace(".", "_"): name for name in given}
    given |= {names.get(key, key): value for key, value in changes.items()}
    return {name: content for name, content in given.items() if content is not None}


def archive(content: Mapping[str, bytes | str], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive of the members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return buffer.getvalue()


def write_keras(directory: Path, data: bytes | None = None, name: str = "model.keras") -> Path:
    path = directory / name
    path.write_bytes(archive(members()) if data is None else data)
    return path


def legacy(config: Any = None) -> dict:
    """A model as `model_config` of an HDF5 file has it."""
    layer = {"class_name": "Dense", "config": {"name": "dense", "units": 2, "activation": "relu"}}
    return {"class_name": "Sequential", "config": {"name": "small", "layers": [layer]}} if config is None else config


def write_h5(
    directory: Path,
    fill: Callable[[h5py.File], object] | None = None,
    *,
    config: Any = None,
    name: str = "model.h5",
    **options: Any,
) -> Path:
    """An HDF5 model with a kernel and a bias, and whatever ``fill`` adds or takes away."""
    path = directory / name
    with h5py.File(path, "w", **options) as file:
        file.attrs["model_config"] = json.dumps(legacy(config))
        file.attrs["keras_version"] = "2.7.0"
        file.attrs["backend"] = "tensorflow"
        layers = file.create_group("model_weights")
        layers.attrs["layer_names"] = [b"dense"]
        group = layers.create_group("dense")
        group.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        group["dense/kernel:0"] = np.zeros((3, 2), "float32")
        group["dense/bias:0"] = np.zeros(2, "float32")
        if fill is not None:
            fill(file)
    return path


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    return archive({f"{name}.npy": npy(array) for name, array in arrays.items()})


def index_entry(data: bytes, name: bytes, offset: int, form: str, value: int) -> bytes:
    """The archive with a number in the index entry of ``name`` replaced."""
    changed = bytearray(data)
    start = data.index(b"PK\x01\x02")
    while changed[start + 46 : start + 46 + len(name)] != name:
        start = data.index(b"PK\x01\x02", start + 1)
    struct.pack_into(form, changed, start + offset, value)
    return bytes(changed)
