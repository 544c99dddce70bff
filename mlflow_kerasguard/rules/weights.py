"""KG6xx: whether the file's weights are those that the target's layers expect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.formats.graph import is_object
from mlflow_kerasguard.keras_api import KerasApi, Unknown
from mlflow_kerasguard.keras_api.tables import to_snake_case
from mlflow_kerasguard.layouts import Layout, Shape, layout
from mlflow_kerasguard.model import Json, Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules.learned_state import LOOKUPS
from mlflow_kerasguard.rules.quantization import QUANTIZED, quantization_mode
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import find_class, is_legacy_hdf5, keras_api, keras_is_missing, own_objects

#: What layers make themselves to hold their weights.
_MADE_PARTS: dict[str, tuple[str, ...]] = {
    "LSTM": ("LSTMCell` `lstm_cell",),
    "GRU": ("GRUCell` `gru_cell",),
    "SimpleRNN": ("SimpleRNNCell` `simple_rnn_cell",),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), ("ConvLSTMCell` `conv_lstm_cell",)),
    "MultiHeadAttention": ("query", "key", "value", "attention_output"),
}

#: How many parts a message names.
_MOST_PARTS = 12

_LONGEST_NAME = 40

#: What a layer in float8 has before its other variables, where it is built so: a number and its history, thrice.
_FLOAT8_SCALES: tuple[Shape, ...] = ((), (None,)) * 3

_RESAVE = "save the model again, in the environment that has it in memory"

#: What a `.keras` file calls the variables of a layer: `<group>/vars/0`.
_VARIABLE = re.compile(r"(?:(.*)/)?vars/\d+")


@rule(
    "KG601",
    Level.ERROR,
    title="layer expects another number of weights",
    why="The loader assigns stored arrays to a layer's variables one by one and stops where their number differs: the "
    "release builds the layer from other parts, or the file isn't whole.",
)
def wrong_count(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref, api, wanted, stored in _laid_out(model, env):
        received = sum(len(shapes) for shapes in stored.values())
        expected = sum(len(shapes) for shapes in wanted.values())
        if received != expected:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to take the {received} weights in the file",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} has {expected}",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG602",
    Level.ERROR,
    title="weight has another shape than the layer's",
    why="An array goes into a variable of exactly its shape, which follows from the layer's configuration; where the "
    "two disagree, the file doesn't belong together.",
)
def wrong_shape(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref, api, wanted, stored in _laid_out(model, env):
        for group, shapes in wanted.items():
            for expected, received in zip(shapes, stored.get(group, ()), strict=False):
                if received is not None and not _fits(expected, received):
                    yield Mismatch(
                        where=ref.where,
                        expected=f"`{ref.class_name}` to take a weight of shape {_text(received)}",
                        found=f"`{ref.class_name}` of `{api.package}` {api.version} wants {_text(expected)} there",
                        fix=_RESAVE,
                    )


@rule(
    "KG603",
    Level.ERROR,
    title="wrapped layer has weights that the file doesn't hold",
    why="`Bidirectional` before Keras 3.3 keeps the layer that it was given besides the two that it makes of it, and "
    "the loader asks for the weights of all three; no file has them.",
)
def kept_layer(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        if ref.class_name != "Bidirectional" or not api.loader.bidirectional_keeps_layer:
            continue
        if find_class(api, ref, model) is not None:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to have the weights of two layers, forward and backward",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} has those of {_wrapped(ref)} three times",
                fix=ANOTHER_RELEASE,
            )


def _wrapped(ref: ObjectRef) -> str:
    """The wrapped layer, as messages call it."""
    inner = ref.config.get("layer")
    if not is_object(inner):
        return "the layer"
    return f"`{inner['class_name'][:_LONGEST_NAME]}`{own_parts(inner['class_name'], inner['config'])}"


def own_parts(class_name: str, config: Mapping[str, Json]) -> str:
    """What inside of a layer holds its weights, to be added to its name; empty where it is the layer itself."""
    parts = list(dict.fromkeys(_parts(class_name, config)))[:_MOST_PARTS]
    return f", whose {', '.join(parts)} {'has' if len(parts) == 1 else 'have'} its weights," if parts else ""


def _parts(class_name: str, config: Mapping[str, Json]) -> list[str]:
    inside = [config.get(key) for key in ("cell", "layer", "backward_layer")]
    inside += [part for key in ("layers", "cells") for part in _list(config.get(key))]
    found = [part for part in inside if is_object(part)]
    parts = [name for part in found for name in _parts(part["class_name"], part["config"]) or [_name(part)]]
    return parts + [f"`{part}`" for part in _MADE_PARTS.get(class_name, ())]


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _name(item: Mapping[str, Json]) -> str:
    """A part's class and, where it has one, its own name."""
    own = item["config"].get("name")
    return f"`{item['class_name'][:_LONGEST_NAME]}`{f' `{own[:_LONGEST_NAME]}`' if isinstance(own, str) else ''}"


def _laid_out(model: ModelSpec, env: Environment) -> Iterator[tuple[ObjectRef, KerasApi, Layout, Layout]]:
    """The layers of the model itself whose variables are known, with those that the file has for them."""
    if keras_is_missing(model, env) or model.format not in {"keras", "h5"}:
        return
    api = keras_api(model, env)
    if "weight groups" not in model.derived:
        model.derived["weight groups"] = _hdf5_groups(model) if is_legacy_hdf5(model) else _zip_groups(model)
    groups: dict[str, Layout] = model.derived["weight groups"]
    for ref in own_objects(model, env, Kind.CLASS):
        name = ref.config.get("name")
        if ref.parent != 0 or ref.role != "layers" or not isinstance(name, str) or name not in groups:
            continue
        wanted = wanted_layout(ref, model, api)
        if wanted is not None and find_class(api, ref, model) is not None:
            yield ref, api, _flat(wanted) if is_legacy_hdf5(model) else wanted, groups[name]


def wanted_layout(ref: ObjectRef, model: ModelSpec, api: KerasApi) -> Layout | None:
    """The variables that the target's layer has; None where they aren't known."""
    if ref.class_name in LOOKUPS and is_legacy_hdf5(model) and api.loader.lookups_without_weights:
        return {"": ()}
    if ref.class_name == "Normalization" and api.loader.normalization_keeps_weights:
        return layout(ref.class_name, {**ref.config, "mean": None, "variance": None})
    if quantization_mode(ref) == "float8" and ref.class_name in QUANTIZED and is_legacy_hdf5(model):
        plain = layout(ref.class_name, {**ref.config, "dtype": None, "quantization_config": None})
        return plain and {"": (*_FLOAT8_SCALES, *_flat(plain)[""])}
    return layout(ref.class_name, ref.config)


def _flat(wanted: Layout) -> Layout:
    return {"": tuple(shape for shapes in wanted.values() for shape in shapes)}


def _hdf5_groups(model: ModelSpec) -> dict[str, Layout]:
    """The arrays of each layer by its name, in the order of the file."""
    rows = model.details.get("layer_weights")
    if not isinstance(rows, list):
        return {}
    return {name: {"": tuple(tuple(shape) for _, shape, _ in arrays)} for name, arrays in rows}


def _zip_groups(model: ModelSpec) -> dict[str, Layout]:
    """The same for a `.keras` file, which numbers the layers of a class in the order of the model."""
    found: dict[str, dict[str, list[Shape]]] = {}
    for weight in model.weights:
        parts = weight.path.split("/", 2)
        match = _VARIABLE.fullmatch(parts[2]) if parts[0] == "layers" and len(parts) > 2 else None  # noqa: PLR2004 - `parts[2]`
        if match:
            found.setdefault(parts[1], {}).setdefault(match[1] or "", []).append(weight.shape)
    names = _container_names(model)
    return {
        name: {group: tuple(shapes) for group, shapes in found[container].items()}
        for name, container in names.items()
        if container in found
    }


def _container_names(model: ModelSpec) -> Mapping[str, str]:
    """Layers of a class of which the model has one: of several, the order isn't that of the file for sure."""
    by_class: dict[str, list[str]] = {}
    for ref in model.objects:
        if ref.parent == 0 and ref.role == "layers" and isinstance(ref.config.get("name"), str):
            by_class.setdefault(to_snake_case(ref.class_name), []).append(ref.config["name"])
    return {names[0]: container for container, names in by_class.items() if len(names) == 1}


def _fits(expected: Shape, received: tuple[int | None, ...]) -> bool:
    if expected is None:
        return True
    return len(expected) == len(received) and all(
        want is None or want == got for want, got in zip(expected, received, strict=True)
    )


def _text(shape: Shape) -> str:
    return "any" if shape is None else f"`({', '.join('?' if size is None else str(size) for size in shape)})`"
