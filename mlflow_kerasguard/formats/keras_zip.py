"""Keras's own format: `config.json`, `metadata.json` and the weights, in a zip archive or unzipped."""

from __future__ import annotations

import io
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from mlflow_kerasguard.formats import npz, zip_audit
from mlflow_kerasguard.formats.anomalies import anomaly, reason, shown, size_text
from mlflow_kerasguard.formats.bounded_json import MAX_BYTES, parse_json
from mlflow_kerasguard.formats.config_tree import collect_objects
from mlflow_kerasguard.formats.weights import Arrays, read_arrays
from mlflow_kerasguard.formats.window import Window
from mlflow_kerasguard.model import ModelSpec

if TYPE_CHECKING:
    from mlflow_kerasguard.model import Anomaly, Json

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS_H5 = "model.weights.h5"
WEIGHTS_NPZ = "model.weights.npz"
ASSETS = "assets/"

#: Compressed weights are unpacked in memory to be indexed, up to this many bytes.
MAX_UNPACKED = 512 << 20

#: What reading a damaged archive raises, over the releases of Python.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    MemoryError,
)

#: So many member names are kept as details.
_NAMES_KEPT = 1000


class _TooLargeError(Exception):
    """A compressed member is beyond what is unpacked in memory."""


class Container(Protocol):
    """Named files, whether they lie in an archive or in a directory."""

    def names(self) -> list[str]:
        """All of them, in their order."""

    def open(self, name: str) -> IO[bytes] | Window:
        """One of them for reading, as a window where it can be read in any order.

        Raises:
            Exception: one of ``DAMAGE``.
            _TooLargeError: it would have to be unpacked for that, and is too large.
        """


@dataclass(slots=True)
class _Reading:
    """What has been read so far; damage in one part doesn't hide the others."""

    container: Container
    anomalies: list[Anomaly] = field(default_factory=list)

    def note(self, kind: str, where: str, found: str) -> None:
        self.anomalies.append(anomaly(kind, where, found))

    def json(self, name: str, *, missing: str, damaged: str) -> Json:
        """A JSON member; None where there is none that can be taken."""
        if name not in self.container.names():
            self.note(missing, name, f"there is no `{name}`")
            return None
        try:
            with self.container.open(name) as file:
                data = file.read(MAX_BYTES + 1) or b""
        except PermissionError:
            raise
        except _TooLargeError:
            self.note("json-too-large", name, f"more than {size_text(MAX_UNPACKED)} of compressed JSON")
            return None
        except DAMAGE as error:
            self.note(damaged, name, f"it can't be read: {reason(error)}")
            return None
        parsed = parse_json(data, name, damaged=damaged)
        self.anomalies += parsed.anomalies
        return parsed.value


def read_keras_zip(window: Window, source: str, name: str) -> ModelSpec:
    """Read a `.keras` archive without unpacking it to disk and without its weights' data.

    Args:
        window: the whole file.
        source: how the model is called in the report.
        name: the file's name; Keras goes by its extension.
    """
    details = {"file_name": name, "container": "zip"}
    end = zip_audit.find_end_record(window)
    if end is None:
        return _damaged(source, details, "zip-damaged", "no end record: the archive is cut off or damaged")
    if end.index_size > zip_audit.MAX_INDEX_BYTES:
        return _damaged(source, details, "zip-too-many-members", f"an index of {size_text(end.index_size)}")
    try:
        with zipfile.ZipFile(window) as archive:
            audit = tuple(zip_audit.audit_archive(archive, end, window))
            return _read(_Archive(archive, window), source, details, audit)
    except DAMAGE as error:
        return _damaged(source, details, "zip-damaged", f"the archive can't be read: {reason(error)}")


def read_keras_directory(directory: Path, source: str) -> ModelSpec:
    """Read an unzipped `.keras` archive."""
    details = {"file_name": directory.name, "container": "directory"}
    container = _Directory(directory)
    audit = [anomaly("unzipped-directory", "model", "a directory with `config.json`"), *container.links()]
    return _read(container, source, details, tuple(audit))


def _damaged(source: str, details: dict[str, Json], kind: str, found: str) -> ModelSpec:
    return ModelSpec(source=source, format="keras", anomalies=(anomaly(kind, "file", found),), details=details)


def _read(container: Container, source: str, details: dict[str, Json], audit: tuple[Anomaly, ...]) -> ModelSpec:
    reading = _Reading(container)
    config = reading.json(CONFIG, missing="config-missing", damaged="config-damaged")
    if config is not None and not _is_model(config):
        reading.note("config-not-a-model", CONFIG, f"JSON of another form: {shown(str(config)[:200])}")
        config = None
    metadata = reading.json(METADATA, missing="metadata-missing", damaged="metadata-damaged")
    facts = metadata if isinstance(metadata, dict) else {}
    objects = collect_objects(config) if config is not None else ()
    arrays = _arrays(reading, len(objects))
    names = container.names()
    reading.anomalies += _unexpected(names)
    details |= {
        "members": names[:_NAMES_KEPT],
        "date_saved": _text(facts.get("date_saved")),
        "weights_file": arrays.source,
    }
    legacy = any(ref.top_level_module == "tf_keras" for ref in objects)
    return ModelSpec(
        source=source,
        format="keras",
        keras_version=_text(facts.get("keras_version")),
        keras_package="tf_keras" if legacy else None,
        config=config,
        compile_config=config.get("compile_config") if config is not None else None,
        objects=objects,
        weights=arrays.without_optimizer(),
        optimizer_weights=arrays.of_optimizer(),
        anomalies=(*audit, *reading.anomalies, *arrays.anomalies),
        details=details,
    )


def _is_model(config: Json) -> bool:
    return isinstance(config, dict) and isinstance(config.get("class_name"), str) and "config" in config


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _unexpected(names: list[str]) -> Iterator[Anomaly]:
    known = {CONFIG, METADATA, WEIGHTS_H5, WEIGHTS_NPZ}
    for name in names:
        if name not in known and not name.startswith(ASSETS):
            yield anomaly("unexpected-member", "archive", f"a member named {shown(name)}")


def _arrays(reading: _Reading, objects: int) -> Arrays:
    """The index of the weights; Keras prefers HDF5 where both are there."""
    names = reading.container.names()
    name = next((name for name in (WEIGHTS_H5, WEIGHTS_NPZ) if name in names), None)
    if name is None:
        reading.note("weights-missing", "archive", f"there is neither `{WEIGHTS_H5}` nor `{WEIGHTS_NPZ}`")
        return Arrays(source=None)
    try:
        with reading.container.open(name) as file:
            member = file if isinstance(file, Window) else _unpacked(file)
            if name == WEIGHTS_NPZ:
                return npz.read_npz(member, name)
            return read_arrays(member, name, objects=objects)
    except PermissionError:
        raise
    except _TooLargeError:
        found = f"more than {size_text(MAX_UNPACKED)} of compressed weights, too much to unpack for a check"
        reading.note("weights-not-indexed", name, found)
    except DAMAGE as error:
        reading.note("weights-damaged", name, f"it can't be read: {reason(error)}")
    return Arrays(source=name)


def _unpacked(file: IO[bytes]) -> io.BytesIO:
    """A compressed member in memory, where it can be read in any order."""
    data = file.read(MAX_UNPACKED + 1)
    if len(data) > MAX_UNPACKED:
        raise _TooLargeError
    return io.BytesIO(data)


@dataclass(frozen=True, slots=True)
class _Archive:
    archive: zipfile.ZipFile
    window: Window

    def names(self) -> list[str]:
        return self.archive.namelist()

    def open(self, name: str) -> IO[bytes] | Window:
        info = self.archive.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED and info.file_size > MAX_UNPACKED:
            raise _TooLargeError
        # Opening compares the member's own header with the index, also where no byte is read.
        file = self.archive.open(info)
        if info.compress_type != zipfile.ZIP_STORED or name != WEIGHTS_H5 or info.flag_bits & 1:
            return file
        file.close()
        return self.window.part(zip_audit.data_offset(info, self.window), info.file_size)


@dataclass(frozen=True, slots=True)
class _Directory:
    root: Path

    def names(self) -> list[str]:
        return sorted(path.relative_to(self.root).as_posix() for path in self._files())

    def _files(self) -> Iterator[Path]:
        for folder, _, names in os.walk(self.root):
            yield from (Path(folder, name) for name in names)

    def links(self) -> Iterator[Anomaly]:
        """Entries that lead elsewhere, or aren't files."""
        for folder, folders, names in os.walk(self.root):
            for path in (Path(folder, name) for name in (*folders, *names)):
                mode = path.lstat().st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    what = "a symbolic link" if stat.S_ISLNK(mode) else "a special file"
                    yield anomaly("directory-link", shown(path.relative_to(self.root).as_posix()), what)

    def open(self, name: str) -> IO[bytes] | Window:
        return Window.of_file(self.root / name)
