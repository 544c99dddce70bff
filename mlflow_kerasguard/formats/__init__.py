"""Readers of model files: a path becomes a :class:`~mlflow_kerasguard.model.ModelSpec`.

Keras chooses its loader by the extension; here the content decides, and a rule says so where the two
disagree. Nothing is executed, unpacked to disk or imported from the model, and no weight is read.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mlflow_kerasguard.errors import ModelNotFoundError, UsageError
from mlflow_kerasguard.formats.anomalies import anomaly, shown
from mlflow_kerasguard.formats.window import Window
from mlflow_kerasguard.model import ModelSpec

__all__ = ["read_model", "read_window"]

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


def read_model(path: str | Path) -> ModelSpec:
    """Read what a saved model asks for.

    Args:
        path: a `.keras` or HDF5 file, or the directory of a SavedModel or of an unzipped `.keras` archive.
            MLflow's model directories are read by ``artifact``.

    Returns:
        The model. What is damaged, hostile or no model at all is told by ``anomalies``.

    Raises:
        ModelNotFoundError: there is nothing at ``path``.
        UsageError: it can't be opened.
    """
    place = Path(path)
    try:
        if not str(path) or not place.exists():
            raise ModelNotFoundError(f"there is no model at `{path}`: give the path of a model file or directory")
        return _read_directory(place, str(path)) if place.is_dir() else _read_file(place, str(path))
    except PermissionError as error:
        raise UsageError(
            f"`{error.filename or path}` can't be opened: permission denied; run `chmod u+r` on it, or run as its owner"
        ) from error


def _read_directory(directory: Path, source: str) -> ModelSpec:
    if (directory / "config.json").is_file():
        from mlflow_kerasguard.formats.keras_zip import read_keras_directory

        return read_keras_directory(directory, source)
    if (directory / "saved_model.pb").is_file():
        from mlflow_kerasguard.formats.saved_model import read_saved_model

        return read_saved_model(directory, source)
    found = "a directory with neither `config.json` nor `saved_model.pb`"
    return _unknown(source, directory.name, "not-a-model", found)


def _unknown(source: str, name: str, kind: str, found: str) -> ModelSpec:
    details = {"file_name": name}
    return ModelSpec(source=source, format="unknown", anomalies=(anomaly(kind, "file", found),), details=details)


def _read_file(path: Path, source: str) -> ModelSpec:
    try:
        with Window.of_file(path) as window:
            return read_window(window, path.name, source)
    except PermissionError:
        raise
    except OSError as error:
        if path.exists() and not path.is_file():
            return _unknown(source, path.name, "not-a-regular-file", "a pipe, socket or device")
        return _unknown(source, path.name, "read-error", f"reading it fails: {shown(error.strerror or str(error))}")


def read_window(window: Window, name: str, source: str) -> ModelSpec:
    """Read what a model file asks for, wherever its bytes are.

    Args:
        window: the whole file.
        name: its name; Keras goes by its extension.
        source: how the model is called in the report.
    """
    from mlflow_kerasguard.formats import hdf5, hdf5_file, keras_zip, zip_audit

    if not window.size:
        return _unknown(source, name, "empty-file", "an empty file")
    end = zip_audit.find_end_record(window)
    if window.bytes_at(0, 4) in _ZIP_STARTS:
        return keras_zip.read_keras_zip(window, source, name)
    if hdf5_file.find_signature(window) is not None:
        model = hdf5.read_hdf5(window, source, name)
        if end is not None and end.has_index:
            # Named `.keras`, Keras 2 takes such a file for a zip archive, and others for HDF5.
            both = anomaly("two-formats", "file", "an HDF5 file that is a zip archive too")
            model = replace(model, anomalies=(*model.anomalies, both))
        return model
    if end is not None:
        return keras_zip.read_keras_zip(window, source, name)
    start = window.bytes_at(0, 8)
    return _unknown(source, name, "not-a-model", f"a file that starts with {shown(start)}")
