"""KG6xx: whether the file's weights are those that the target's layers expect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.keras_api import KerasApi, Unknown
from mlflow_kerasguard.keras_api.tables import to_snake_case
from mlflow_kerasguard.layouts import Layout, Shape, layout
from mlflow_kerasguard.model import Json, Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules.quantization import QUANTIZED, quantization_mode
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import find_class, is_legacy_hdf5, keras_api, keras_is_missing, own_objects

#: What learns a vocabulary, with a weight for each entry where it is asked for `tf_idf`.
_LOOKUPS = frozenset({"StringLookup", "IntegerLookup", "TextVectorization"})

#: Recurrent layers that make their cell themselves.
_CELL_OF = {
    "LSTM": "LSTMCell",
    "GRU": "GRUCell",
    "SimpleRNN": "SimpleRNNCell",
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), "ConvLSTMCell"),
}

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


@rule(
    "KG604",
    Level.ERROR,
    title="adapted state is loaded and not put to use",
    why="`Normalization` works out what it subtracts and divides by once its weights are there. An HDF5 loader that "
    "doesn't tell it so leaves it at 0 and 1: the model loads, and its inputs aren't normalized.",
)
def unused_state(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or not is_legacy_hdf5(model):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        if ref.class_name != "Normalization" or ref.config.get("mean") is not None or api.loader.hdf5_finalizes_state:
            continue
        if find_class(api, ref, model) is not None:
            yield Mismatch(
                where=ref.where,
                expected="`Normalization` to use the mean and variance in the file",
                found=f"the HDF5 loader of `{api.package}` {api.version} loads them without telling the layer",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG606",
    Level.ERROR,
    title="learned vocabulary with weights can't be read back",
    why="A vocabulary that a layer learned for `tf_idf` has a weight for each entry. Keras 3 before 3.14 reads the "
    "entries without them and then counts the weights that aren't there; no such file loads.",
)
def weighted_vocabulary(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or model.format != "keras":
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        learned = ref.config.get("output_mode") == "tf_idf" and ref.config.get("vocabulary") is None
        found = find_class(api, ref, model) if learned and api.loader.idf_assets_refused else None
        if found is not None and found.keeps_assets:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to read the vocabulary that it learned for `tf_idf`",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} stops at the missing `idf_weights`",
                fix=ANOTHER_RELEASE,
            )


def _wrapped(ref: ObjectRef) -> str:
    """The wrapped layer, as messages call it."""
    inner = ref.config.get("layer")
    if not isinstance(inner, dict):
        return "the layer"
    return f"`{str(inner.get('class_name'))[:_LONGEST_NAME]}`{own_cell(inner)}"


def own_cell(item: Mapping[str, Json]) -> str:
    """What of a recurrent layer holds its weights, to be added to its name; empty for other layers.

    Args:
        item: the serialized layer, or a wrapper of one.
    """
    name, config = str(item.get("class_name")), item.get("config")
    config = config if isinstance(config, dict) else {}
    inner = next((config[key] for key in ("cell", "layer") if isinstance(config.get(key), dict)), None)
    if "layer" in config and inner is not None:
        return own_cell(inner)
    if inner is not None:
        cell, inside = str(inner.get("class_name"))[:_LONGEST_NAME], inner.get("config")
        own = inside.get("name") if isinstance(inside, dict) else None
    else:
        cell, own = _CELL_OF.get(name, ""), None
    return f", whose `{cell}` `{str(own or to_snake_case(cell))[:_LONGEST_NAME]}` has its weights," if cell else ""


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
    if ref.class_name in _LOOKUPS and is_legacy_hdf5(model) and api.loader.lookups_without_weights:
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
        match = _VARIABLE.fullmatch(parts[2]) if parts[0] == "layers" and len(parts) > 2 else None  # noqa: PLR2004
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
