"""A complete artifact before MLflow knows of it: its signature, its digests, and MLmodel when MLflow asks for it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow_kerasguard import artifact, integrity, mlflow_private
from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.signature import SCHEMA_VERSION, CompatibilitySignature


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A complete artifact but for MLmodel.

    Attributes:
        directory: where it is.
        flavor: MLmodel's section of this flavor.
        signature: MLflow's signature, given or inferred; None where there is none.
        example: what MLmodel says of the input example; None where there is none.
        metadata: the user's.
        python: version of the Python that MLmodel names; None for this one's.
    """

    directory: Path
    flavor: Mapping[str, Any]
    signature: Any
    example: Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None
    python: str | None = None

    def write_mlmodel(self, directory: Path, mlflow_model: Any) -> None:
        """Describe the artifact in ``mlflow_model`` and write it.

        Args:
            directory: where the files are now.
            mlflow_model: the ``mlflow.models.Model`` to complete.
        """
        from mlflow import pyfunc

        if self.signature is not None:
            mlflow_model.signature = self.signature
        if self.example is not None:
            mlflow_model.saved_input_example_info = dict(self.example)
        if self.metadata is not None:
            mlflow_model.metadata = dict(self.metadata)
        mlflow_model.add_flavor(artifact.FLAVOR, **self.flavor)
        names = mlflow_private.environment_file_names()
        pyfunc.add_to_model(
            mlflow_model, loader_module=artifact.LOADER_MODULE, conda_env=names["conda"], python_env=names["python"]
        )
        if self.python is not None:
            mlflow_model.flavors[artifact.PYFUNC]["python_version"] = self.python
        mlflow_model.model_size_bytes = mlflow_private.total_size(directory)
        mlflow_model.save(str(directory / artifact.MLMODEL))


def move_file(file: Path, form: str, directory: Path) -> tuple[ModelSpec, str]:
    """Move a Keras file into an artifact, under the name that Keras's loaders know its format by.

    Args:
        file: a `.keras` or HDF5 file, whatever it is called.
        form: which of the two, ``keras`` or ``h5``.
        directory: the artifact's, with the directory for data.

    Returns:
        What the file says, and where it is in the artifact.
    """
    name = f"{artifact.DATA_DIRECTORY}/{artifact.MODEL_STEM}.{form}"
    shutil.move(file, directory / name)
    return read_model(directory / name), name


def schema_of(signature: Any, part: str) -> Any:
    """The ``inputs`` or ``outputs`` of MLflow's signature; None where it says nothing of them."""
    schema = getattr(signature, part, None)
    return schema.to_dict() if schema is not None else None


def digests(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the payload: of files, and of every file below directories."""
    found = {}
    for root in (directory / name for name in names):
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.is_file():
                found[path.relative_to(directory).as_posix()] = integrity.sha256_of(path)
    return found


def write_signature(signature: CompatibilitySignature, directory: Path) -> dict[str, Any]:
    """Write it and give MLmodel's section of this flavor."""
    content = signature.to_json().encode()
    (directory / artifact.SIGNATURE).write_bytes(content)
    return {
        "data": artifact.DATA_DIRECTORY,
        "model_file": signature.model_file,
        "format": signature.model.format,
        "keras_package": signature.model.keras_package,
        "keras_version": signature.model.keras_version,
        "keras_backend": signature.model.backend,
        "signature": artifact.SIGNATURE,
        "signature_sha256": hashlib.sha256(content).hexdigest(),
        "schema_version": SCHEMA_VERSION,
    }


def move_contents(source: Path, destination: Path) -> None:
    """Move a prepared artifact to where MLflow wants it; on one file system nothing is copied."""
    destination.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        shutil.move(path, destination / path.name)
