"""Legacy HDF5 models (`.h5`, `.hdf5`): configuration in attributes, weights in groups by layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.formats.anomalies import anomaly, shown
from mlflow_kerasguard.formats.bounded_json import parse_json
from mlflow_kerasguard.formats.config_tree import collect_objects
from mlflow_kerasguard.formats.hdf5_attributes import AttributeReader
from mlflow_kerasguard.formats.hdf5_file import Contents, find_signature, open_hdf5, read_contents
from mlflow_kerasguard.model import ModelSpec, Section, WeightSpec

if TYPE_CHECKING:
    from mlflow_kerasguard.formats.window import Window
    from mlflow_kerasguard.model import Anomaly, Json, ObjectRef

WEIGHTS = "model_weights"
OPTIMIZER = "optimizer_weights"
_TOP_LEVEL = "top_level_model_weights"
#: Groups at the root of a file with weights alone, as Keras 3 and Keras 2.12 and later write it.
_WEIGHT_FILE_GROUPS = frozenset({"layers", "_layer_checkpoint_dependencies", "vars"})


@dataclass(slots=True)
class _Found:
    """What was read before damage, if any, stopped the reading."""

    anomalies: list[Anomaly] = field(default_factory=list)
    config: Json = None
    training: Json = None
    facts: dict[str, str | None] = field(default_factory=dict)
    layers: list[tuple[str, list[WeightSpec]]] = field(default_factory=list)
    top_level: list[WeightSpec] = field(default_factory=list)
    optimizer: list[WeightSpec] = field(default_factory=list)


def read_hdf5(window: Window, source: str, name: str) -> ModelSpec:
    """Read an HDF5 model without its weights' data.

    Args:
        window: the whole file.
        source: how the model is called in the report.
        name: the file's name; Keras goes by its extension.
    """
    found = _Found()
    with open_hdf5(window, "file", found.anomalies) as opened:
        if opened is not None:
            attributes = AttributeReader(window, find_signature(window) or 0, "file", found.anomalies)
            contents = read_contents(opened, "file", window.size, attributes)
            found.anomalies += contents.anomalies
            _read(opened, contents, attributes, found)
    objects = _objects(found)
    legacy = any(ref.top_level_module == "tf_keras" for ref in objects)
    weights = [weight for _, of_layer in found.layers for weight in of_layer] + found.top_level
    return ModelSpec(
        source=source,
        format="h5",
        keras_version=found.facts.get("keras_version"),
        keras_package="tf_keras" if legacy else None,
        backend=found.facts.get("backend"),
        config=found.config,
        compile_config=found.training,
        objects=objects,
        weights=tuple(weights),
        optimizer_weights=tuple(found.optimizer),
        anomalies=tuple(found.anomalies),
        details=_details(name, found),
    )


def _details(name: str, found: _Found) -> dict[str, Json]:
    return {
        "file_name": name,
        "container": "hdf5",
        "layer_weights": [[layer, [_row(layer, w) for w in weights]] for layer, weights in found.layers],
        "top_level_weights": [_row(_TOP_LEVEL, weight) for weight in found.top_level],
    }


def _row(group: str, weight: WeightSpec) -> list[Json]:
    return [weight.path.removeprefix(f"{WEIGHTS}/{group}/"), list(weight.shape), weight.dtype]


def _objects(found: _Found) -> tuple[ObjectRef, ...]:
    model = collect_objects(found.config) if found.config is not None else ()
    if not isinstance(found.training, dict):
        return model
    return model + collect_objects(found.training, section=Section.COMPILE, first=len(model))


def _read(opened: Any, contents: Contents, attributes: AttributeReader, found: _Found) -> None:
    root = opened.id
    _read_config(root, contents, attributes, found)
    # Nothing is opened but groups that the walk reached through plain links.
    places = [root, *(_group(root, path) for path in (WEIGHTS,) if path in contents.groups)]
    for key in ("keras_version", "backend"):
        values = (attributes.text(place, key) for place in places)
        found.facts[key] = next((value for value in values if isinstance(value, str)), None)
    if found.config is None:
        return
    if WEIGHTS not in contents.groups:
        found.anomalies.append(anomaly("weights-missing", "file", f"there is no group `{WEIGHTS}`"))
        return
    _read_layers(places[-1], contents, attributes, found)
    if OPTIMIZER in contents.groups:
        found.optimizer += _listed(_group(root, OPTIMIZER), OPTIMIZER, contents, attributes)


def _group(root: Any, path: str) -> Any:
    import h5py

    return h5py.h5g.open(root, path.encode())


def _read_config(root: Any, contents: Contents, attributes: AttributeReader, found: _Found) -> None:
    text = attributes.text(root, "model_config")
    if text is None or isinstance(text, list):
        found.anomalies.append(_without_config(root, contents, attributes))
        return
    parsed = parse_json(text.encode("utf-8", "surrogateescape"), "model_config")
    found.anomalies += parsed.anomalies
    if isinstance(parsed.value, dict) and isinstance(parsed.value.get("class_name"), str) and "config" in parsed.value:
        found.config = parsed.value
    elif not any(item.kind.startswith(("config", "json")) for item in parsed.anomalies):
        what = shown(str(parsed.value)[:200])
        found.anomalies.append(anomaly("config-not-a-model", "model_config", f"JSON of another form: {what}"))
    training = attributes.text(root, "training_config")
    if isinstance(training, str):
        parsed = parse_json(training.encode("utf-8", "surrogateescape"), "training_config")
        found.anomalies += parsed.anomalies
        found.training = parsed.value


def _without_config(root: Any, contents: Contents, attributes: AttributeReader) -> Anomaly:
    """Why there is no configuration: weights alone are a common mix-up."""
    legacy = attributes.text_list(root, "layer_names") is not None
    if legacy or contents.groups & _WEIGHT_FILE_GROUPS:
        return anomaly("weights-only", "file", "weights without the architecture, as `save_weights` writes them")
    return anomaly("not-a-model", "file", "an HDF5 file without the attribute `model_config`")


def _read_layers(weights: Any, contents: Contents, attributes: AttributeReader, found: _Found) -> None:
    import h5py

    names = attributes.text_list(weights, "layer_names")
    if names is None:
        found.anomalies.append(anomaly("weights-missing", WEIGHTS, "there is no attribute `layer_names`"))
    for name in names or ():
        path = f"{WEIGHTS}/{name}"
        if path not in contents.groups:
            found.anomalies.append(anomaly("weights-missing", WEIGHTS, f"there is no group for layer {shown(name)}"))
            continue
        group = h5py.h5g.open(weights, name.encode())
        found.layers.append((name, _listed(group, path, contents, attributes)))
    path = f"{WEIGHTS}/{_TOP_LEVEL}"
    if path in contents.groups:
        group = h5py.h5g.open(weights, _TOP_LEVEL.encode())
        found.top_level += _listed(group, path, contents, attributes)


def _listed(group: Any, path: str, contents: Contents, attributes: AttributeReader) -> list[WeightSpec]:
    """The arrays of a group in the order in which Keras reads them."""
    arrays = []
    for name in attributes.text_list(group, "weight_names") or ():
        array = contents.arrays.get(f"{path}/{name}")
        if array is None:
            attributes.anomalies.append(anomaly("weights-missing", path, f"there is no dataset {shown(name)}"))
        else:
            arrays.append(array)
    return arrays
