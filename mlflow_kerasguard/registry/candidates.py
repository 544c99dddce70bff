"""A registered version, read by its small files: nothing of the payload is fetched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from mlflow_kerasguard.artifact import has_keras_flavor, open_signed_model
from mlflow_kerasguard.errors import ModelNotFoundError
from mlflow_kerasguard.registry.gate import Candidate
from mlflow_kerasguard.tracking import SmallFiles, small_files

_FOREIGN = (
    "it was logged by another flavor, without a compatibility signature; `kerasguard adopt` makes a version with one"
)


def read_candidate(version: Any, model_uri: str, repository: Any = None) -> Candidate:
    """What is known of a version.

    Args:
        version: MLflow's ``ModelVersion``.
        model_uri: where its files are; reports call it ``models:/NAME/VERSION`` all the same.
        repository: MLflow's artifact repository at that URI, where the caller has it.
    """
    return candidate_of(version, lambda: small_files(model_uri, repository))


def candidate_of(version: Any, open_files: Callable[[], AbstractContextManager[SmallFiles]]) -> Candidate:
    """What is known of a version.

    Args:
        version: as for :func:`read_candidate`.
        open_files: gives its files, at least MLmodel and the signature; what raises ``ModelNotFoundError`` leaves
            the version unreachable.
    """
    about: dict[str, Any] = {
        "model": version.name,
        "version": str(version.version),
        "created": created(version),
        "tags": dict(version.tags),
    }
    try:
        with open_files() as files:
            logged = open_signed_model(files.directory, files.names)
            if logged is None or not has_keras_flavor(files.directory):
                return Candidate(**about, unsigned=_FOREIGN)
            spec = replace(logged.spec, source=f"models:/{version.name}/{version.version}")
            return Candidate(**about, spec=spec, signature=logged.signature_sha256)
    except ModelNotFoundError as error:
        return Candidate(**about, unreachable=str(error))


def created(version: Any) -> datetime:
    """When a version was made, by the registry's clock."""
    return datetime.fromtimestamp(version.creation_timestamp / 1000, timezone.utc)
