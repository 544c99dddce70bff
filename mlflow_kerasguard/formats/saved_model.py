"""TensorFlow SavedModel directories: the graph's operations, its signatures, and what Keras left beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_kerasguard.formats.anomalies import anomaly, shown, size_text
from mlflow_kerasguard.formats.bounded_json import MAX_BYTES, parse_json
from mlflow_kerasguard.formats.protobuf import MAX_FIELDS, DamagedMessage, Message, TooManyFields
from mlflow_kerasguard.formats.saved_model_graph import MAX_OPERATIONS, Found, read_graph
from mlflow_kerasguard.formats.window import Window
from mlflow_kerasguard.model import ModelSpec

if TYPE_CHECKING:
    from mlflow_kerasguard.model import Anomaly, Json

GRAPH = "saved_model.pb"
KERAS_METADATA = "keras_metadata.pb"
VARIABLES = "variables/variables.index"

#: Keras's list of its objects: a node, of which the path from the root and the configuration are read.
_OBJECT = 1 << 3 | 2
_PATH, _CONFIGURATION = 3 << 3 | 2, 5 << 3 | 2


def read_saved_model(directory: Path, source: str) -> ModelSpec:
    """Read a SavedModel's description; no weight is read and nothing of the graph is built.

    Raises:
        OSError: a file of it can't be opened.
    """
    details: dict[str, Json] = {"file_name": directory.name, "container": "directory"}
    with Window.of_file(directory / GRAPH) as window:
        details["graph_bytes"] = window.size
        found, problem = _read_graph(window)
    details["keras_metadata"] = (directory / KERAS_METADATA).is_file()
    details["variables"] = (directory / VARIABLES).is_file()
    if found is None:
        # Nothing of it can be read, so it isn't of the format either.
        return ModelSpec(source=source, format="unknown", anomalies=_all(problem), details=details)
    keras, damage = _read_keras_metadata(directory) if details["keras_metadata"] else ({}, None)
    version, backend = keras.get("keras_version"), keras.get("backend")
    return ModelSpec(
        source=source,
        format="saved_model",
        keras_version=version if isinstance(version, str) else None,
        backend=backend if isinstance(backend, str) else None,
        anomalies=_all(problem, _missing_variables(found, details), damage),
        details=details | _describe(found),
    )


def _all(*problems: Anomaly | None) -> tuple[Anomaly, ...]:
    return tuple(problem for problem in problems if problem is not None)


def _read_graph(window: Window) -> tuple[Found | None, Anomaly | None]:
    """What the graph says, and what is wrong with it."""
    if not window.size:
        return None, anomaly("saved-model-damaged", GRAPH, f"`{GRAPH}` is empty")
    try:
        found = read_graph(Message.of_window(window))
    except DamagedMessage as error:
        return None, anomaly("saved-model-damaged", GRAPH, f"`{GRAPH}` is damaged: {error}")
    except TooManyFields:
        return None, anomaly("saved-model-too-large", GRAPH, f"`{GRAPH}` has more than {MAX_FIELDS:,} fields")
    if not found.graphs:
        return None, anomaly("saved-model-damaged", GRAPH, f"`{GRAPH}` holds no graph")
    if found.too_many:
        return found, anomaly("saved-model-too-large", GRAPH, f"more than {MAX_OPERATIONS:,} kinds of operations")
    return found, None


def _missing_variables(found: Found, details: dict[str, Json]) -> Anomaly | None:
    if found.variables and not details["variables"]:
        return anomaly("weights-missing", GRAPH, f"{found.variables} variables, and there is no `{VARIABLES}`")
    return None


def _describe(found: Found) -> dict[str, Json]:
    operations = {
        name: {"where": used.where, "attributes": sorted(used.attributes), "in_function": used.in_function}
        for name, used in found.operations.items()
    }
    return {
        "graph": {
            "tensorflow_version": found.tensorflow_version,
            "graphs": found.graphs,
            "tags": found.tags,
            "producer": found.versions.get("producer", 0),
            "min_consumer": found.versions.get("min_consumer", 0),
            "bad_consumers": found.bad_consumers,
            "has_objects": found.has_objects,
            "stripped": found.stripped,
            "variables": found.variables,
            "functions": len(found.functions),
            "signatures": found.signatures,
            "operations": operations,
        },
        "keras_objects": found.keras_objects,
    }


def _read_keras_metadata(directory: Path) -> tuple[dict[str, Json], Anomaly | None]:
    """The configuration of the model itself, as Keras 2 writes it beside the graph."""
    with Window.of_file(directory / KERAS_METADATA) as window:
        if window.size > MAX_BYTES:
            size = size_text(window.size)
            return {}, anomaly("json-too-large", KERAS_METADATA, f"`{KERAS_METADATA}` of {size}")
        message = Message(window.bytes_at(0, window.size))
    try:
        text = _root_configuration(message)
    except (DamagedMessage, TooManyFields) as error:
        found = f"`{KERAS_METADATA}` is damaged: {error or 'it has too many fields'}"
        return {}, anomaly("keras-metadata-damaged", KERAS_METADATA, found)
    parsed = parse_json(text, KERAS_METADATA, damaged="keras-metadata-damaged") if text else None
    if parsed is None:
        return {}, None  # Keras writes an empty list where the model has no object of its own.
    if isinstance(parsed.value, dict):
        return parsed.value, None
    what = parsed.anomalies[0].found if parsed.anomalies else f"JSON of another form: {shown(str(parsed.value))}"
    kind = parsed.anomalies[0].kind if parsed.anomalies else "keras-metadata-damaged"
    return {}, anomaly(kind, KERAS_METADATA, what)


def _root_configuration(message: Message) -> bytes:
    for tag, start, end in message.fields(0, message.size):
        if tag == _OBJECT:
            path, text = "", b""
            for inner, first, last in message.fields(start, end):
                if inner == _PATH:
                    path = message.name(first, last)
                elif inner == _CONFIGURATION:
                    text = message.content(first, last)
            if path == "root":
                return text
    return b""
