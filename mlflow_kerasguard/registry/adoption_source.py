"""The model that is to be adopted: a version of a registered model, another logged model, or a bare Keras file.

Everything is read here and nothing is run. The Keras file is a private copy by then: what is checked is what is loaded.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlflow_kerasguard import artifact, mlflow_private, mlflow_private_registry
from mlflow_kerasguard.errors import AdoptionError, ModelNotFoundError, UsageError
from mlflow_kerasguard.integrity import is_inside, pickles, sha256_of
from mlflow_kerasguard.model import Anomaly, ModelSpec
from mlflow_kerasguard.prepared import move_file
from mlflow_kerasguard.tracking import fetch, is_uri, small_files

#: What a guarded model holds: see ``saving.SAVE_FORMATS``.
_FORMATS = ("keras", "h5")

_PICKLES = "pickle-file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where a model is, and where its adopted version goes.

    Attributes:
        place: what was given.
        uri: what the new version calls it: of a registered model `models:/NAME/VERSION`, of a local path its last part.
        version: MLflow's record of the version; None where it is none.
        name: of the registered model that gets a new version.
    """

    place: str | Path
    uri: str
    version: Any
    name: str


def locate(place: str | Path, to: str | None) -> Located:
    """Find the model, and the registered model to put it into.

    Args:
        place: a URI that MLflow knows, or the path of a directory or file.
        to: the name of a registered model; None for the one that ``place`` is a version of.

    Raises:
        ModelNotFoundError: there is no such version.
        UsageError: no name was given where one is needed.
    """
    version = _version(str(place)) if is_uri(place) and str(place).startswith("models:/") else None
    name = to or (version.name if version is not None else None)
    if not name:
        raise UsageError(f"`{place}` isn't a version of a registered model: say which one gets it (`--to NAME`)")
    if version is not None:
        return Located(place=place, uri=f"models:/{version.name}/{version.version}", version=version, name=name)
    return Located(place=place, uri=str(place) if is_uri(place) else Path(place).name, version=None, name=name)


def _version(uri: str) -> Any:
    mlflow_error, _ = mlflow_private.exception_class()
    try:
        return mlflow_private_registry.registered_version(uri)
    except (mlflow_error, OSError) as error:
        raise ModelNotFoundError(f"there is no model version `{uri}`: {error}") from error


def is_guarded(located: Located) -> bool:
    """Whether this flavor logged the model; of one that is elsewhere only small files are downloaded.

    Raises:
        ModelNotFoundError: there is nothing.
    """
    if not is_uri(located.place) and not Path(located.place).is_dir():
        return False
    with small_files(located.place) as files:
        return artifact.has_own_flavor(files.directory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model that was logged or saved without the guard.

    Attributes:
        spec: what its Keras file says, and what is wrong with it and the files around it.
        draft: a private directory with the Keras file alone, laid out as an artifact.
        model_file: the file, relative to it.
        sha256: of the file.
        directory: of the logged model; None for a bare file.
        mlmodel: MLflow's description of it; None likewise.
        code: files and directories that it has on `sys.path` when MLflow loads it.
        pickles: files of it that are neither read nor adopted.
    """

    spec: ModelSpec
    draft: Path
    model_file: str
    sha256: str
    directory: Path | None = None
    mlmodel: Any = None
    code: tuple[Path, ...] = ()
    pickles: tuple[str, ...] = ()

    @property
    def flavors(self) -> Mapping[str, Mapping[str, Any]]:
        return {} if self.mlmodel is None else self.mlmodel.flavors

    @property
    def logged_with(self) -> str | None:
        """The flavor that logged it, such as ``mlflow.keras``."""
        return next((f"mlflow.{name}" for name in ("keras", "tensorflow") if name in self.flavors), None)


class UnreadableModel(AdoptionError):
    """There is no Keras file that could be adopted.

    Attributes:
        spec: what is there, with what is wrong with it.
    """

    def __init__(self, message: str, spec: ModelSpec) -> None:
        super().__init__(message)
        self.spec = spec


def open_source(located: Located, scratch: Path) -> Source:
    """Bring the model here and read it.

    Args:
        located: where it is.
        scratch: a private, empty directory.

    Raises:
        ModelNotFoundError: there is nothing.
        UnreadableModel: there is no Keras file in it, or one of a format that isn't kept.
        AdoptionError: MLmodel can't be read by MLflow.
    """
    downloaded = scratch / "downloaded" if is_uri(located.place) else None
    if downloaded is not None:
        downloaded.mkdir()
    path = fetch(located.place, downloaded)
    logged = artifact.open_model(path)
    spec = replace(logged.spec, source=located.uri, anomalies=_without_pickles(logged.spec.anomalies))
    if logged.model_file is None or spec.format not in _FORMATS:
        raise UnreadableModel(f"`{located.uri}` holds no `.keras` or HDF5 file: {spec.summary()}", spec)
    draft = scratch / "draft"
    (draft / artifact.DATA_DIRECTORY).mkdir(parents=True)
    copy = scratch / "copy"
    # What MLflow stores on this machine may not be copied by a download.
    (shutil.move if logged.model_file.is_relative_to(scratch) else shutil.copyfile)(logged.model_file, copy)
    read, model_file = move_file(copy, spec.format, draft)
    anomalies = tuple(dict.fromkeys((*read.anomalies, *spec.anomalies)))
    spec = replace(read, source=located.uri, anomalies=anomalies)
    sha256 = sha256_of(draft / model_file)
    if not artifact.is_logged_model(path):
        return Source(spec=spec, draft=draft, model_file=model_file, sha256=sha256)
    mlmodel = _read_mlmodel(path, located)
    backend = mlmodel.flavors.get("keras", {}).get("keras_backend")
    return Source(
        spec=replace(spec, backend=spec.backend or (str(backend) if backend else None)),
        draft=draft,
        model_file=model_file,
        sha256=sha256,
        directory=path,
        mlmodel=mlmodel,
        code=_code(mlmodel, path, scratch),
        pickles=tuple(anomaly.where for anomaly in logged.spec.anomalies if anomaly.kind == _PICKLES),
    )


def _without_pickles(anomalies: Iterable[Anomaly]) -> tuple[Anomaly, ...]:
    """A pickle that nobody reads does no harm, and it isn't adopted."""
    return tuple(anomaly for anomaly in anomalies if anomaly.kind != _PICKLES)


def _read_mlmodel(directory: Path, located: Located) -> Any:
    try:
        return mlflow_private.read_mlmodel(directory)
    except Exception as error:
        raise AdoptionError(f"MLflow can't read the `{artifact.MLMODEL}` of `{located.uri}`: {error}") from error


def _code(mlmodel: Any, directory: Path, scratch: Path) -> tuple[Path, ...]:
    """A copy of what MLflow puts on `sys.path`, without pickles, compiled files and links that lead elsewhere."""
    name = mlmodel.flavors.get(artifact.PYFUNC, {}).get("code")
    if not isinstance(name, str) or not (directory / name).is_dir() or not is_inside(directory / name, directory):
        return ()

    def left_out(folder: str, names: list[str]) -> set[str]:
        elsewhere = {item for item in names if not is_inside(Path(folder, item), directory)}
        return elsewhere | {anomaly.where for anomaly in pickles(names)} | {"__pycache__"}

    copied = shutil.copytree(directory / name, scratch / "code", ignore=left_out)
    return tuple(sorted(Path(copied).iterdir()))
