"""Where MLflow keeps things: fetch a model, and see whether a new one could be stored."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.errors import ModelNotFoundError, ModelNotLoggableError

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def fetch(model_uri: str | Path, dst_path: str | Path | None = None) -> Path:
    """Bring a model onto this machine; MLflow is imported only where the model is elsewhere.

    Args:
        model_uri: a local path, or any URI that MLflow knows.
        dst_path: the directory to download to; None for a temporary one, or for no copy of what is
            local already.

    Returns:
        The path of a file or directory.

    Raises:
        ModelNotFoundError: there is nothing.
    """
    path = Path(model_uri)
    is_uri = isinstance(model_uri, str) and _URI.match(model_uri) is not None and not path.exists()
    if not is_uri and not path.exists():
        raise ModelNotFoundError(f"there is no model at `{model_uri}`")
    if not is_uri and dst_path is None:
        return path
    return _download(str(model_uri), str(dst_path) if dst_path is not None else None)


def _download(uri: str, dst_path: str | None) -> Path:
    mlflow_error, _ = mlflow_private.exception_class()
    try:
        return Path(mlflow_private.download(uri, dst_path))
    except (mlflow_error, OSError) as error:
        raise ModelNotFoundError(f"no model could be fetched from `{uri}`: {error}") from error


def require_writable_store() -> None:
    """Refuse to log where the artifacts of the current experiment would go to a directory that can't be written.

    MLflow finds out only after it has created a LoggedModel.

    Raises:
        ModelNotLoggableError: names the directory.
    """
    location = mlflow_private.local_artifact_location()
    if location is not None:
        _require_writable(Path(location).absolute())


def _require_writable(directory: Path) -> None:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    try:
        # Asking for permissions isn't enough: of a read-only file system they say nothing.
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise ModelNotLoggableError(
            f"MLflow would store the model in `{directory}`, which can't be written: {error.strerror or error}"
        ) from error
