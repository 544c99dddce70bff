"""A version whose files are elsewhere: its small files are fetched, and of its Keras file what describes it."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mlflow_kerasguard import mlflow_private, mlflow_private_registry
from mlflow_kerasguard.artifact import MLMODEL, SIGNATURE, open_foreign_model
from mlflow_kerasguard.errors import ModelNotFoundError
from mlflow_kerasguard.formats import read_model, read_window
from mlflow_kerasguard.formats.bounded_json import MAX_BYTES
from mlflow_kerasguard.formats.ranges import BLOCK, Blocks, RangedWindow, TooMuchError
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.registry.audit.reading import (
    LARGEST_MLMODEL,
    NotReadError,
    ReadVersion,
    Signatures,
    foreign_flavor,
    open_guarded,
)
from mlflow_kerasguard.registry.audit.values import Contents, Status
from mlflow_kerasguard.tracking import listed_files

#: A file of which no parts can be had is fetched whole up to this many bytes.
LARGEST_WHOLE = 32 << 20
#: Of one of which they can, so many are fetched; each costs a request.
_MOST_BLOCKS = 1024

_PARTIAL, _WHOLE = 206, 200


def read_remote(location: str, copies: Path, signatures: Signatures, tracking_uri: str) -> ReadVersion:
    """Read a version through MLflow.

    Args:
        location: any URI that MLflow has an artifact repository for.
        copies: an empty directory, for the small files.
        signatures: reads signatures.
        tracking_uri: that MLflow is set to.

    Raises:
        NotReadError: there is nothing to judge.
    """
    try:
        return _read(location, copies, signatures, tracking_uri)
    except NotReadError:
        raise
    except ModelNotFoundError as error:
        raise NotReadError(Status.NOT_JUDGED, str(error)) from error
    except Exception as error:
        reason = " ".join(f"its source can't be read: {error}".split())[:300]
        raise NotReadError(Status.UNREACHABLE, reason, silent=mlflow_private.is_silence(error)) from error


def _read(location: str, copies: Path, signatures: Signatures, tracking_uri: str) -> ReadVersion:
    repository = mlflow_private_registry.repository_at(location, tracking_uri)
    sizes = dict(listed_files(repository))
    if MLMODEL not in sizes:
        raise NotReadError(Status.UNREACHABLE, f"its source has no file `{MLMODEL}`")
    _fetch(repository, MLMODEL, sizes, LARGEST_MLMODEL, copies)
    if SIGNATURE in sizes:
        _fetch(repository, SIGNATURE, sizes, MAX_BYTES, copies)
    found = open_guarded(copies, sizes.keys(), signatures)
    return found or _read_foreign(repository, sizes, copies)


def _fetch(repository: Any, name: str, sizes: Mapping[str, int], largest: int, copies: Path) -> Path:
    """Fetch a file, to where it belongs."""
    if sizes[name] > largest:
        raise NotReadError(Status.NOT_JUDGED, f"its `{name}` has {sizes[name]:,} bytes, more than {largest:,}")
    place = copies / name
    place.parent.mkdir(parents=True, exist_ok=True)
    mlflow_private_registry.download_file(repository, name, place)
    return place


def _read_foreign(repository: Any, sizes: Mapping[str, int], copies: Path) -> ReadVersion:
    flavor = foreign_flavor(copies)

    def read_file(name: str) -> ModelSpec:
        try:
            return _read_parts(repository, name, sizes, copies)
        except NotReadError as problem:
            raise NotReadError(problem.cell.status, problem.cell.reason, flavor, silent=problem.silent) from problem

    _require_file(sizes.keys(), flavor)
    spec = open_foreign_model(copies, sizes.keys(), read_file)
    return ReadVersion(contents=Contents(flavor=flavor, summary=spec.summary()), model=spec)


def _require_file(names: Collection[str], flavor: str) -> None:
    if any(name.endswith("saved_model.pb") for name in names):
        reason = "it is a SavedModel, of which nothing is fetched from elsewhere; `kerasguard check` judges it"
        raise NotReadError(Status.NOT_JUDGED, reason, flavor)


def _read_parts(repository: Any, name: str, sizes: Mapping[str, int], copies: Path) -> ModelSpec:
    size = sizes[name]
    answer = mlflow_private_registry.range_request(repository, name, 0, min(BLOCK, size)) if size else None
    if answer is None or answer[0] != _PARTIAL:
        return _read_whole(repository, name, sizes, copies)

    def fetch(start: int, end: int) -> bytes:
        if start == 0:
            return answer[1]
        got = mlflow_private_registry.range_request(repository, name, start, end)
        if got is None or got[0] != _PARTIAL:
            raise OSError(f"status {got and got[0]} where a part of the file was asked for")
        return got[1]

    blocks = Blocks(fetch, size, _MOST_BLOCKS)
    spec = None
    with contextlib.suppress(OSError):
        spec = read_window(RangedWindow(blocks, 0, size), Path(name).name, name)
    if isinstance(blocks.problem, TooMuchError):
        raise NotReadError(Status.NOT_JUDGED, f"its file `{name}` has {size:,} bytes; {blocks.problem}")
    if blocks.problem is not None or spec is None:
        raise NotReadError(Status.UNREACHABLE, f"its file `{name}` can't be read: {blocks.problem}")
    return spec


def _read_whole(repository: Any, name: str, sizes: Mapping[str, int], copies: Path) -> ModelSpec:
    if sizes[name] > LARGEST_WHOLE:
        reason = f"its file `{name}` has {sizes[name]:,} bytes, and its store gives no parts of files"
        raise NotReadError(Status.NOT_JUDGED, reason)
    return read_model(_fetch(repository, name, sizes, LARGEST_WHOLE, copies))
