"""TensorFlow SavedModel directories: only that there is one, and what kind."""

from __future__ import annotations

from pathlib import Path

from mlflow_kerasguard.formats.anomalies import anomaly
from mlflow_kerasguard.formats.window import Window
from mlflow_kerasguard.model import ModelSpec

GRAPH = "saved_model.pb"
_KERAS_METADATA = "keras_metadata.pb"
_VARIABLES = "variables/variables.index"

#: First byte of the message: field 1 (schema version, a number) or field 2 (the first graph).
_FIRST_BYTES = (b"\x08", b"\x12")


def read_saved_model(directory: Path, source: str) -> ModelSpec:
    """Look at a SavedModel; its graph isn't read.

    Raises:
        OSError: `saved_model.pb` can't be opened.
    """
    with Window.of_file(directory / GRAPH) as window:
        start, size = window.bytes_at(0, 1), window.size
    details = {
        "file_name": directory.name,
        "container": "directory",
        "graph_bytes": size,
        "keras_metadata": (directory / _KERAS_METADATA).is_file(),
        "variables": (directory / _VARIABLES).is_file(),
    }
    if start in _FIRST_BYTES:
        return ModelSpec(source=source, format="saved_model", details=details)
    found = f"`{GRAPH}` is empty" if not size else f"`{GRAPH}` starts with the byte 0x{start.hex()}"
    # Nothing of it can be read, so it isn't of the format either.
    problem = anomaly("saved-model-damaged", GRAPH, found)
    return ModelSpec(source=source, format="unknown", anomalies=(problem,), details=details)
