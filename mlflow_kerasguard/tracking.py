"""Where MLflow keeps things: fetch a model, and see whether a new one could be stored."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.errors import ModelNotFoundError, ModelNotLoggableError, UsageError

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
    path, elsewhere = Path(model_uri), is_uri(model_uri)
    if not elsewhere and not path.exists():
        raise ModelNotFoundError(f"there is no model at `{model_uri}`")
    if not elsewhere and dst_path is None:
        return path
    return _download(str(model_uri), str(dst_path) if dst_path is not None else None)


def _download(uri: str, dst_path: str | None) -> Path:
    mlflow_error, _ = mlflow_private.exception_class()
    try:
        return Path(mlflow_private.download(uri, dst_path))
    except (mlflow_error, OSError) as error:
        raise ModelNotFoundError(f"no model could be fetched from `{uri}`: {error}") from error


def is_uri(place: str | Path) -> bool:
    """Whether something is a URI, and not a local path that looks like one."""
    return isinstance(place, str) and _URI.match(place) is not None and not Path(place).exists()


def require_run(run_id: str) -> None:
    """Refuse a run that isn't there, before anything is made that is to be stored with it.

    Raises:
        UsageError: the tracking store has no such run, or doesn't answer.
    """
    mlflow_error, _ = mlflow_private.exception_class()
    try:
        mlflow_private.client().get_run(run_id)
    except (mlflow_error, OSError) as error:
        raise UsageError(f"there is no run `{run_id}`: {error}") from error


def log_files(paths: Iterable[Path], run_id: str, directory: str) -> str:
    """Store files as artifacts of a run.

    Args:
        paths: local files.
        run_id: of the run.
        directory: below the run's artifacts.

    Returns:
        The URI of the directory.

    Raises:
        OSError: what can't be stored, and why.
    """
    mlflow_error, _ = mlflow_private.exception_class()
    try:
        for path in paths:
            mlflow_private.client().log_artifact(run_id, str(path), directory)
    except mlflow_error as error:
        raise OSError(str(error)) from error
    return f"runs:/{run_id}/{directory}"


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
