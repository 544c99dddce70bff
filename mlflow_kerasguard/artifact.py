"""The files of a logged model: the only module that knows their names.

Reading looks at MLmodel, the compatibility signature and the Keras file, and runs nothing of them.
Whatever doesn't hold together becomes an :class:`~mlflow_kerasguard.model.Anomaly`, one of
``ANOMALY_KINDS``, which a safety rule claims.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlflow_kerasguard.errors import ModelNotFoundError
from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.integrity import check_payload, code_on_path, files_below, is_inside, outside, pickles, sha256_of
from mlflow_kerasguard.mlmodel import UnreadableMlmodel, read_flavors
from mlflow_kerasguard.model import Anomaly, ModelSpec
from mlflow_kerasguard.signature import CompatibilitySignature
from mlflow_kerasguard.signature_json import SignatureError

MLMODEL = "MLmodel"
#: What MLflow writes beside it about the environment.
CONDA_ENV, PYTHON_ENV, REQUIREMENTS = "conda.yaml", "python_env.yaml", "requirements.txt"
#: The lock of everything that was in play, where it could be written.
PYLOCK = "pylock.toml"
DATA_DIRECTORY = "data"
MODEL_STEM = "model"
#: The directory of the flavor's own. Code isn't in pyfunc's `code/`, which MLflow puts on `sys.path`.
OWN_DIRECTORY = "kerasguard"
SIGNATURE = f"{OWN_DIRECTORY}/signature.json"
GOLDEN = f"{OWN_DIRECTORY}/golden.npz"
CODE_DIRECTORY = f"{OWN_DIRECTORY}/code"
#: Wheels that no index has; the requirements say to look there.
WHEELS_DIRECTORY = f"{OWN_DIRECTORY}/wheels"
#: Those in which every file counts: what is added is as bad as what is changed.
PAYLOAD_DIRECTORIES = (CODE_DIRECTORY, WHEELS_DIRECTORY)

FLAVOR = "kerasguard"
PYFUNC = "python_function"
#: Those whose models can be judged, the first that is there.
_KERAS_FLAVORS = (FLAVOR, "keras", "tensorflow")
#: In MLmodel for ever: never a submodule, whose name may change.
LOADER_MODULE = "mlflow_kerasguard"

#: A conda environment beside the model; its manifest is there under the same name and `.json`.
ENVIRONMENT_PACK = f"{OWN_DIRECTORY}/environment.tar.gz"

#: What can be wrong with a logged model's files, beyond the Keras file itself.
ANOMALY_KINDS: Mapping[str, str] = {
    "mlmodel-unreadable": "`MLmodel` isn't YAML, or names no Keras model",
    "signature-unreadable": "the compatibility signature is missing, damaged or isn't the one that MLmodel names",
    "payload-missing": "a file that the signature or MLmodel names isn't there",
    "payload-digest": "a file isn't the one that was logged, or was added later",
    "path-outside-model": "a path leads out of the model's directory",
    "pickle-file": "a pickle, which runs code when it is read",
    "code-on-path": "pyfunc's `code` would replace installed modules, or this flavor itself",
}

#: The Keras file below the path that MLflow's own flavors call `data`, newest layout first.
_FOREIGN_LAYOUTS = ("model.keras", "model.h5", "model", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedModel:
    """A logged model, read but not loaded.

    Attributes:
        directory: where it is.
        spec: the model, with what the signature adds and what is wrong with the files.
        model_file: the Keras file; None where there is none to load.
        signature: None where the model was logged by another flavor, or has none that can be read.
    """

    directory: Path
    spec: ModelSpec
    model_file: Path | None
    signature: CompatibilitySignature | None = None

    def path(self, relative: str) -> Path:
        return self.directory / relative

    @property
    def signature_sha256(self) -> str | None:
        """The digest of the signature's file; None where there is no signature."""
        return None if self.signature is None else sha256_of(self.path(SIGNATURE))


def has_own_flavor(directory: Path) -> bool:
    """Whether MLmodel says that this flavor logged the model; of the rest nothing is read."""
    return FLAVOR in flavor_names(directory)


def is_logged_model(path: Path) -> bool:
    """Whether a directory was written by MLflow."""
    return (path / MLMODEL).is_file()


def read_logged_model(directory: Path) -> ModelSpec:
    """The model in an MLflow model directory, as its files describe it.

    Raises:
        ModelNotFoundError: there is no such directory.
    """
    return open_logged_model(directory).spec


def open_model(path: Path) -> LoggedModel:
    """Read what is at a local path: an MLflow model directory, or a bare Keras model."""
    if is_logged_model(path):
        return open_logged_model(path)
    return LoggedModel(directory=path.parent, spec=read_model(path), model_file=path)


def open_logged_model(directory: Path) -> LoggedModel:
    """Read a logged model: of this flavor, ``mlflow.keras`` or ``mlflow.tensorflow``.

    Args:
        directory: a local directory with a file ``MLmodel``.

    Raises:
        ModelNotFoundError: there is no such directory.
    """
    if not directory.is_dir():
        raise ModelNotFoundError(f"there is no MLflow model directory at `{directory}`")
    head = _read_head(directory, files_below(directory), unread=())
    if head.own is None:
        return _without_file(directory, head.anomalies)
    return _with_file(directory, head)


def open_signed_model(
    directory: Path,
    names: Collection[str],
    *,
    read_signature: Callable[[bytes], CompatibilitySignature] = CompatibilitySignature.from_json,
) -> LoggedModel | None:
    """Read a logged model by its compatibility signature: nothing of the payload is read.

    Args:
        directory: one with MLmodel and the signature.
        names: all files of the model, which may be elsewhere.
        read_signature: makes the signature of its file's contents; raises ``SignatureError``.

    Returns:
        The model, without its file; None where it isn't of this flavor.
    """
    head = _read_head(directory, names, unread=names, read_signature=read_signature)
    if head.own is not None and head.is_foreign:
        return None
    if head.signature is None:
        return _without_file(directory, head.anomalies)
    spec = replace(head.signature.to_model_spec(str(directory)), anomalies=tuple(head.anomalies))
    return LoggedModel(directory=directory, spec=spec, model_file=None, signature=head.signature)


def flavor_names(directory: Path) -> tuple[str, ...]:
    """The flavors that MLmodel names; none where it can't be read."""
    try:
        return tuple(read_flavors(directory / MLMODEL))
    except UnreadableMlmodel:
        return ()


def open_foreign_model(directory: Path, names: Collection[str], read_file: Callable[[str], ModelSpec]) -> ModelSpec:
    """Read a model of another flavor that is elsewhere: MLmodel is in ``directory``, and ``read_file`` has the rest."""
    head = _read_head(directory, names, unread=names)
    wanted = [os.path.normpath(name) for name in _foreign_paths(head.own or {})]
    found = next((name for name in wanted if name in names), None)
    if found is None:
        missing = Anomaly(kind="payload-missing", where=MLMODEL, found=f"there is no Keras model at `{wanted[0]}`")
        return _without_file(directory, [*head.anomalies, missing]).spec
    spec = read_file(found)
    return replace(spec, anomalies=(*spec.anomalies, *head.anomalies))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What is known of a logged model before its Keras file is read; ``own`` is the flavor's section of MLmodel."""

    anomalies: list[Anomaly]
    own: Mapping[str, Any] | None = None
    is_foreign: bool = False
    signature: CompatibilitySignature | None = None


def _read_head(
    directory: Path,
    names: Collection[str],
    *,
    unread: Collection[str],
    read_signature: Callable[[bytes], CompatibilitySignature] = CompatibilitySignature.from_json,
) -> _Head:
    anomalies = list(pickles(names))
    try:
        flavors = read_flavors(directory / MLMODEL)
        kind = next(name for name in _KERAS_FLAVORS if name in flavors)
    except (UnreadableMlmodel, StopIteration) as problem:
        found = str(problem) or "no flavor `kerasguard`, `keras` or `tensorflow`"
        return _Head(anomalies=[*anomalies, Anomaly(kind="mlmodel-unreadable", where=MLMODEL, found=found)])
    code = flavors.get(PYFUNC, {}).get("code")
    if isinstance(code, str):
        anomalies += code_on_path(code, directory, names, own=FLAVOR in flavors, named_in=MLMODEL)
    if kind != FLAVOR:
        return _Head(anomalies=anomalies, own=flavors[kind], is_foreign=True)
    signature, problems = _read_signature(directory, flavors[kind], names, unread, read_signature)
    return _Head(anomalies=[*anomalies, *problems], own=flavors[kind], signature=signature)


def has_keras_flavor(directory: Path) -> bool:
    """Whether a model may be Keras's: False only where an MLmodel that can be read names other flavors alone."""
    names = flavor_names(directory)
    return not names or any(name in _KERAS_FLAVORS for name in names)


def write_flavor(directory: Path, flavor: Mapping[str, Any]) -> None:
    """Write an MLmodel that says no more than the flavor's own section, for a model that MLflow doesn't know yet."""
    import yaml

    (directory / MLMODEL).write_text(yaml.safe_dump({"flavors": {FLAVOR: dict(flavor)}}), encoding="utf-8")


def _with_file(directory: Path, head: _Head) -> LoggedModel:
    own, signature, anomalies = head.own or {}, head.signature, head.anomalies
    names = _foreign_paths(own) if head.is_foreign else [str(own.get("model_file", ""))]
    found = next((directory / name for name in names if name and os.path.lexists(directory / name)), None)
    if found is None:
        missing = Anomaly(kind="payload-missing", where=MLMODEL, found=f"there is no Keras model at `{names[0]}`")
        return _without_file(directory, [*anomalies, missing])
    if not is_inside(found, directory):
        return _without_file(directory, [*anomalies, outside(MLMODEL, names[0])])
    spec = read_model(found)
    if signature is not None:
        spec = replace(spec, origin=signature.origin, keras_package=spec.keras_package or signature.model.keras_package)
        spec = replace(spec, backend=spec.backend or signature.model.backend)
    spec = replace(spec, source=str(directory), anomalies=(*spec.anomalies, *anomalies))
    return LoggedModel(directory=directory, spec=spec, model_file=found, signature=signature)


def _without_file(directory: Path, anomalies: list[Anomaly]) -> LoggedModel:
    spec = ModelSpec(source=str(directory), format="unknown", anomalies=tuple(anomalies))
    return LoggedModel(directory=directory, spec=spec, model_file=None)


def _foreign_paths(own: Mapping[str, Any]) -> list[str]:
    data = str(own.get("data", "model"))
    return [f"{data}/{name}".rstrip("/") for name in _FOREIGN_LAYOUTS] + [f"{data}.h5", f"{data}.keras"]


def _read_signature(
    directory: Path,
    own: Mapping[str, Any],
    names: Collection[str],
    unread: Collection[str],
    read: Callable[[bytes], CompatibilitySignature],
) -> tuple[CompatibilitySignature | None, list[Anomaly]]:
    """The signature that MLmodel names, and what is wrong with it or the files that it covers."""
    path = directory / SIGNATURE
    try:
        if not is_inside(path, directory):
            return None, [outside(SIGNATURE, SIGNATURE)]
        content = path.read_bytes()
        signature = read(content)
    except (OSError, SignatureError) as error:
        return None, [Anomaly(kind="signature-unreadable", where=SIGNATURE, found=str(error))]
    if hashlib.sha256(content).hexdigest() != own.get("signature_sha256"):
        found = "its SHA-256 isn't the one in MLmodel"
        return None, [Anomaly(kind="signature-unreadable", where=SIGNATURE, found=found)]
    needed = {signature.model_file, *signature.code.modules.values()}
    problems = [
        Anomaly(kind="payload-digest", where=name, found="the signature holds no SHA-256 of it")
        for name in sorted(needed - set(signature.files))
    ]
    problems += check_payload(
        signature.files, directory, names, folders=PAYLOAD_DIRECTORIES, named_in=SIGNATURE, unread=unread
    )
    if signature.model_file != own.get("model_file"):
        found = f"it is about `{signature.model_file}`, MLmodel about `{own.get('model_file')}`"
        problems.append(Anomaly(kind="signature-unreadable", where=SIGNATURE, found=found))
    return signature, problems
