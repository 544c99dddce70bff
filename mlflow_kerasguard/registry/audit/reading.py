"""From where a version's files are to what it asks for: its small files alone, and never all of a large one."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from mlflow_kerasguard.artifact import (
    FLAVOR,
    MLMODEL,
    SIGNATURE,
    flavor_names,
    open_logged_model,
    open_signed_model,
)
from mlflow_kerasguard.formats.bounded_json import MAX_BYTES
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.registry.audit.values import Cell, Contents, Status
from mlflow_kerasguard.signature import MODEL_KEYS, CompatibilitySignature, from_document, read_document

#: No MLmodel has more: the signature of a table of ten thousand columns takes a third of it.
LARGEST_MLMODEL = 4 << 20
#: More files than any model has.
MOST_FILES = 100_000

#: So many models are kept apart from their signatures: those of successive versions are often the same.
_MODELS_KEPT = 16

#: Flavors whose models this package judges without a signature.
_FOREIGN = ("keras", "tensorflow")

#: Of what a version's stamp is made.
_STAMPED = (MLMODEL, SIGNATURE, "data/model.keras", "data/model.h5", "data/model")


class NotReadError(Exception):
    """Nothing can be said of a version.

    Attributes:
        cell: says why.
        flavor: of the version, where it is known.
        silent: nothing answered where its files are.
    """

    def __init__(self, status: Status, reason: str, flavor: str = "", *, silent: bool = False) -> None:
        super().__init__(reason)
        self.cell = Cell(status=status, reason=reason)
        self.flavor = flavor
        self.silent = silent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadVersion:
    """A version that was read.

    Attributes:
        contents: what there is to say of it.
        model: what it asks for.
        judged_as: equal for versions that every environment gives the same verdict; empty where that isn't known.
    """

    contents: Contents
    model: ModelSpec
    judged_as: str = ""


@dataclass(slots=True)
class Signatures:
    """Reads signatures; what successive versions have in common is built once. Usable from several threads."""

    _models: OrderedDict[str, ModelSpec] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, content: bytes) -> tuple[CompatibilitySignature, str]:
        """A signature, and a digest of all in it that a verdict can depend on.

        Raises:
            SignatureError: it isn't one.
        """
        document = read_document(content)
        key = _digest(_without_dates({name: document.value.get(name) for name in MODEL_KEYS}))
        signature = from_document(document, self._find(key))
        self._keep(key, signature.model)
        rest = [document.value.get("environment"), document.value.get("code"), sorted(signature.files)]
        return signature, _digest([key, signature.model_file, rest])

    def _find(self, key: str) -> ModelSpec | None:
        with self._lock:
            return self._models.get(key)

    def _keep(self, key: str, model: ModelSpec) -> None:
        with self._lock:
            self._models[key] = model
            self._models.move_to_end(key)
            if len(self._models) > _MODELS_KEPT:
                self._models.popitem(last=False)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=True).encode()).hexdigest()


def _without_dates(parts: dict[str, Any]) -> dict[str, Any]:
    """Without when it was saved, which no rule asks for and no two versions share."""
    model = parts["model"]
    if isinstance(model, dict) and isinstance(model.get("details"), dict):
        details = {name: value for name, value in model["details"].items() if name != "date_saved"}
        parts["model"] = {**model, "details": details}
    return parts


def local_path(location: str) -> Path | None:
    """The directory that a location means, where it is on this machine."""
    parsed = urlparse(location)
    if parsed.scheme == "file" and parsed.hostname in {None, "localhost"}:
        return Path(url2pathname(parsed.path))
    # A scheme of one letter is a drive; and a path may have a colon in it.
    return Path(location) if not parsed.scheme or location.startswith("/") else None


def stamp_of(directory: Path) -> str:
    """What changes when the files of a version do; empty where there are none."""
    return ";".join(f"{name}:{status.st_size}:{status.st_mtime_ns}" for name, status in _statuses(directory))


def _statuses(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    for name in _STAMPED:
        try:
            yield name, (directory / name).stat()
        except (OSError, ValueError):
            continue


def read_local(directory: Path, signatures: Signatures) -> ReadVersion:
    """Read a version whose files are on this machine; none of them is copied.

    Raises:
        NotReadError: there is nothing to judge.
    """
    _require(directory, MLMODEL, LARGEST_MLMODEL)
    if os.path.lexists(directory / SIGNATURE):
        # A pipe in its place would be waited for.
        _require(directory, SIGNATURE, MAX_BYTES)
    names = _names_below(directory)
    stamp = stamp_of(directory)
    found = open_guarded(directory, names, signatures, stamp)
    if found is not None:
        return found
    logged = open_logged_model(directory)
    contents = Contents(flavor=foreign_flavor(directory), summary=logged.spec.summary(), stamp=stamp)
    return ReadVersion(contents=contents, model=logged.spec)


def open_guarded(
    directory: Path, names: Collection[str], signatures: Signatures, stamp: str = ""
) -> ReadVersion | None:
    """Read a version by its signature; None of a Keras model that another flavor logged.

    Args:
        directory: one with MLmodel and the signature.
        names: all files of the version.
        signatures: reads signatures.
        stamp: of the version.

    Raises:
        NotReadError: it is no Keras model.
    """
    keys: list[str] = []

    def read_signature(content: bytes) -> CompatibilitySignature:
        signature, key = signatures.read(content)
        keys.append(key)
        return signature

    logged = open_signed_model(directory, names, read_signature=read_signature)
    if logged is None:
        return None
    flavors = () if logged.signature is not None else flavor_names(directory)
    if flavors and FLAVOR not in flavors:
        flavor = next((name for name in flavors if name != "python_function"), flavors[0])
        raise NotReadError(Status.NOT_KERAS, f"flavor `{flavor}`", flavor)
    contents = Contents(
        flavor=FLAVOR, summary=logged.spec.summary(), signature_sha256=logged.signature_sha256, stamp=stamp
    )
    anomalies = [[item.kind, item.where, item.found] for item in logged.spec.anomalies]
    # The digest stands for a signature that was read; damage is told by the anomalies alone.
    judged_as = _digest([keys, anomalies]) if logged.signature is not None else ""
    return ReadVersion(contents=contents, model=logged.spec, judged_as=judged_as)


def foreign_flavor(directory: Path) -> str:
    """Which of the flavors of Keras logged a model that isn't guarded."""
    flavors = flavor_names(directory)
    return next((name for name in _FOREIGN if name in flavors), "")


def _size(path: Path) -> int | None:
    """The size of a regular file; None where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False  # Too long for a path, or with a NUL.


def _require(directory: Path, name: str, largest: int) -> None:
    size = _size(directory / name)
    if size is None:
        where = "has no file" if _is_directory(directory) else "isn't there: no file"
        raise NotReadError(Status.UNREACHABLE, f"its source {where} `{name}`")
    if size > largest:
        raise NotReadError(Status.NOT_JUDGED, f"its `{name}` has {size:,} bytes, more than {largest:,}")


def _names_below(directory: Path) -> list[str]:
    names: list[str] = []
    for folder, _, files in os.walk(directory):
        inside = os.path.relpath(folder, directory)
        prefix = "" if inside == "." else f"{inside}/"
        names += [f"{prefix}{name}" for name in files]
        if len(names) > MOST_FILES:
            raise NotReadError(Status.NOT_JUDGED, f"it has more than {MOST_FILES:,} files")
    return sorted(names)


#: Reads the version at a location.
Read = Callable[[str], ReadVersion]


def reader(signatures: Signatures, tracking_uri: str) -> Read:
    """What reads versions wherever they are; MLflow is imported for the first that is elsewhere."""

    def read(location: str) -> ReadVersion:
        directory = local_path(location)
        if directory is not None:
            return read_local(directory, signatures)
        from mlflow_kerasguard.registry.audit.remote import read_remote

        with tempfile.TemporaryDirectory(prefix="kerasguard-") as copies:
            return read_remote(location, Path(copies), signatures, tracking_uri)

    return read
