"""Real files with other names: of the file, the model and its layers, wherever the file has them.

Only names change, consistently, so whatever a release did with the file it would do with the renamed one.
Names that Keras makes itself and that no configuration holds, such as those of weights, stay.
"""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Names = Mapping[str, str]

_MOVED = "moved: "

#: Names that look like something else; every release takes them.
_TEMPTING = (
    *("Dense", "dense_1", "functional", "sequential", "lambda", "input_layer", "InputLayer", "kernel", "vars"),
    *("3.15.1", "k2.7", "float32", "config", "layers", "cell", "gru", "Bidirectional", "tf.math.add"),
)

#: Keys whose values name layers by ``[layer, node, tensor]``.
_REFERRING = frozenset({"inbound_nodes", "input_layers", "output_layers", "keras_history"})

#: Keys of the training configuration that may be dicts by the names of outputs.
_BY_OUTPUT = frozenset({"loss", "metrics", "weighted_metrics", "loss_weights"})


def renamed(path: Path, directory: Path, chance: random.Random) -> Path:
    """A copy of a model file in ``directory`` in which file, layers and models have other names."""
    target = directory / f"{_new_name(chance, set())}{path.suffix}"
    if zipfile.is_zipfile(path):  # Keras 2.12 wrote HDF5 as `.keras`, too.
        _rename_zip(path, target, chance)
    else:
        shutil.copyfile(path, target)
        _rename_hdf5(target, chance)
    return target


def new_names(config: Any, chance: random.Random) -> dict[str, str]:
    """A new name for each layer and model in a configuration."""
    names: dict[str, str] = {}
    for old in _layer_names(config):
        if old not in names:
            names[old] = _new_name(chance, set(names.values()))
    return names


def _new_name(chance: random.Random, taken: set[str]) -> str:
    letters = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(1, 12)))
    name = chance.choice([letters, letters, f"{letters}_{chance.randint(0, 99)}", chance.choice(_TEMPTING)])
    return name if name not in taken else _new_name(chance, taken)


def _layer_names(node: Any) -> Iterator[str]:
    """Names in the configurations of layers, models and operations; dtype policies and losses have others."""
    if isinstance(node, dict):
        if _is_layer(node):
            yield node["config"]["name"]
        for value in node.values():
            yield from _layer_names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _layer_names(value)


def _is_layer(node: dict[str, Any]) -> bool:
    config = node.get("config")
    if "class_name" not in node or not isinstance(config, dict) or not isinstance(config.get("name"), str):
        return False
    return "inbound_nodes" in node or bool({"trainable", "layers", "batch_shape", "batch_input_shape"} & set(config))


def rename_config(node: Any, names: Names, *, refers: bool = False) -> Any:
    """A configuration with new names, also where it refers to layers."""
    if isinstance(node, list):
        return _rename_list(node, names, refers=refers)
    if not isinstance(node, dict):
        return node
    renamed = {key: rename_config(value, names, refers=refers or key in _REFERRING) for key, value in node.items()}
    if _is_layer(node):
        renamed["config"]["name"] = names[node["config"]["name"]]
        if "name" in node:
            renamed["name"] = names.get(node["name"], node["name"])
    return renamed


def _rename_list(node: list[Any], names: Names, *, refers: bool) -> list[Any]:
    items = [rename_config(item, names, refers=refers) for item in node]
    if refers and _is_reference(node):
        items[0] = names.get(node[0], node[0])
    return items


def _is_reference(node: list[Any]) -> bool:
    return len(node) >= 3 and isinstance(node[0], str) and all(isinstance(number, int) for number in node[1:3])


def rename_training(node: Any, names: Names) -> Any:
    """A training configuration with new names: losses and metrics may be dicts by output."""
    if not isinstance(node, dict):
        return node
    return {key: _by_output(value, names) if key in _BY_OUTPUT else value for key, value in node.items()}


def _by_output(value: Any, names: Names) -> Any:
    if not isinstance(value, dict) or "class_name" in value:
        return value
    return {names.get(key, key): item for key, item in value.items()}


def _rename_zip(path: Path, target: Path, chance: random.Random) -> None:
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as changed:
        config = json.loads(source.read("config.json"))
        names = new_names(config, chance)
        for member in source.infolist():
            changed.writestr(member, _rename_member(member.filename, source.read(member), config, names))


def _rename_member(name: str, content: bytes, config: Any, names: Names) -> bytes:
    if name == "config.json":
        renamed = rename_config(config, names)
        if "compile_config" in renamed:
            renamed["compile_config"] = rename_training(renamed["compile_config"], names)
        return json.dumps(renamed).encode()
    return _rename_groups(content, names) if name == "model.weights.h5" else content


def _rename_groups(content: bytes, names: Names) -> bytes:
    """The weights of a zip file. Their paths come from classes and attributes; only groups note a layer's name."""
    memory = BytesIO(content)
    with h5py.File(memory, "r+") as file:
        file.visititems(lambda _, item: _rename_attributes(item, names, {"name"}))
    return memory.getvalue()


def _rename_hdf5(path: Path, chance: random.Random) -> None:
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        names = new_names(config, chance)
        _write_json(file, "model_config", rename_config(config, names))
        if "training_config" in file.attrs:
            _write_json(file, "training_config", rename_training(json.loads(file.attrs["training_config"]), names))
        _move_groups(file["model_weights"], names)


def _write_json(file: h5py.File, name: str, value: Any) -> None:
    """As it was: Keras 2 wrote bytes, Keras 3 text."""
    text = json.dumps(value)
    file.attrs[name] = np.bytes_(text.encode()) if isinstance(file.attrs[name], bytes) else text


def _move_groups(weights: h5py.Group, names: Names) -> None:
    """Groups are called by layers, and attributes list the groups and the weights in them."""
    _rename_attributes(weights, names, {"layer_names"})
    weights.visititems(lambda _, item: _rename_attributes(item, names, {"weight_names"}))
    # By way of names that nothing has: a new name may be another's old one.
    _move(weights, lambda name: f"{_MOVED}{names[name]}" if name in names else name)
    _move(weights, lambda name: name.removeprefix(_MOVED))


def _move(weights: h5py.Group, new_name: Callable[[str], str]) -> None:
    paths: list[str] = []
    weights.visit(paths.append)
    # From the inside out: the paths of what is left stay as they are.
    for path in sorted(paths, key=lambda path: -path.count("/")):
        parent, slash, name = path.rpartition("/")
        if new_name(name) != name:
            weights.move(path, f"{parent}{slash}{new_name(name)}")


def _rename_attributes(item: h5py.HLObject, names: Names, wanted: set[str]) -> None:
    for key, value in list(item.attrs.items()):
        if key.rstrip("0123456789") in wanted:
            item.attrs[key] = _rename_value(value, names)


def _rename_value(value: Any, names: Names) -> Any:
    if isinstance(value, np.ndarray):
        entries = [_rename_value(entry, names) for entry in value]
        return np.array(entries, dtype=object if value.dtype == object else None) if entries else value
    text = value.decode() if isinstance(value, bytes) else value
    renamed = "/".join(names.get(part, part) for part in text.split("/"))
    return np.bytes_(renamed.encode()) if isinstance(value, bytes) else renamed
