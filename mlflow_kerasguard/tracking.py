"""Where MLflow keeps things: fetch a model, or only its small files, and see whether a new one could be stored."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.artifact import MLMODEL, SIGNATURE
from mlflow_kerasguard.errors import ModelNotFoundError, ModelNotLoggableError, UsageError
from mlflow_kerasguard.integrity import files_below

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")

#: What describes a model and its environment, beside MLmodel: by the endings of their names.
_DESCRIPTIONS = (".yaml", ".yml", ".txt", ".toml", ".lock")
_LARGEST_DESCRIPTION = 64 << 20
#: More files than any model has; who serves a listing without an end shouldn't keep us.
MOST_FILES = 100_000

#: Whether a download has been judged already, so that nobody else has to.
is_judged: ContextVar[bool] = ContextVar("is_judged", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallFiles:
    """A model without its weights.

    Attributes:
        directory: holds at least the files that describe the model and its environment.
        names: all files of the model, relative to its root.
    """

    directory: Path
    names: Collection[str]


@contextlib.contextmanager
def small_files(model_uri: str | Path, repository: Any = None) -> Iterator[SmallFiles]:
    """The small files of a logged model; of one that is elsewhere nothing else is downloaded.

    Args:
        model_uri: the path of a directory, or any URI that MLflow knows.
        repository: MLflow's artifact repository at that URI, where the caller has it.

    Raises:
        ModelNotFoundError: there is nothing.
    """
    if not is_uri(model_uri):
        path = fetch(model_uri)
        yield SmallFiles(directory=path, names=files_below(path))
        return
    with tempfile.TemporaryDirectory(prefix="kerasguard-") as directory:
        yield SmallFiles(directory=Path(directory), names=_download_small(str(model_uri), repository, Path(directory)))


def _download_small(uri: str, given: Any, directory: Path) -> Collection[str]:
    mlflow_error, _ = mlflow_private.exception_class()
    try:
        repository, root = mlflow_private.artifact_repository(uri) if given is None else (given, "")
        sizes = dict(listed_files(repository, root))
        wanted = [name for name, size in sizes.items() if _describes(name, size)]
        if MLMODEL not in sizes:
            raise ModelNotFoundError(f"there is no logged model at `{uri}`: it has no file `{MLMODEL}`")
        with ThreadPoolExecutor(len(wanted)) as pool, tempfile.TemporaryDirectory(dir=directory) as arrived:
            for name, path in pool.map(lambda name: (name, _download_file(repository, root, name, arrived)), wanted):
                (directory / name).parent.mkdir(exist_ok=True)
                path.replace(directory / name)
    except (mlflow_error, OSError) as error:
        if isinstance(error, ModelNotFoundError):
            raise
        raise ModelNotFoundError(f"no model could be fetched from `{uri}`: {error}") from error
    return sizes.keys()


def _download_file(repository: Any, root: str, name: str, directory: str) -> Path:
    return Path(repository.download_artifacts(f"{root}/{name}" if root else name, directory))


def listed_files(repository: Any, root: str = "") -> Iterator[tuple[str, int]]:
    """Names and sizes of all files below a path of one of MLflow's artifact repositories.

    Raises:
        ModelNotFoundError: there are more than any model has.
    """
    folders, count = [root], 0
    while folders:
        for item in repository.list_artifacts(folders.pop() or None):
            count += 1
            if count > MOST_FILES:
                raise ModelNotFoundError(f"the model has more than {MOST_FILES:,} files")
            if item.is_dir:
                folders.append(item.path)
            else:
                yield item.path.removeprefix(f"{root}/" if root else ""), int(item.file_size or 0)


def _describes(name: str, size: int) -> bool:
    if name in {MLMODEL, SIGNATURE}:
        return True
    return "/" not in name and name.endswith(_DESCRIPTIONS) and size <= _LARGEST_DESCRIPTION


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
    with judged_already():
        try:
            return Path(mlflow_private.download(uri, dst_path))
        except (mlflow_error, OSError) as error:
            raise ModelNotFoundError(f"no model could be fetched from `{uri}`: {error}") from error


@contextlib.contextmanager
def judged_already() -> Iterator[None]:
    """Let downloads pass: whoever asks for them judges the model, or has done so."""
    token = is_judged.set(True)
    try:
        yield
    finally:
        is_judged.reset(token)


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
