"""What is in a wheel, and the bytes of the archive that follow from it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from mlflow_kerasguard.wheel_labels import labelled, unlabelled

METADATA = "METADATA"

#: The least that an archive can state. Times would make two archives of the same files differ.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = stat.S_IFREG | 0o644
#: More takes twice the time for a tenth of the size.
_COMPRESSION = 3

_TAG = "py3-none-any"
#: Without a version of this package: the same contents are the same wheel, whoever wrote it.
_WHEEL = f"Wheel-Version: 1.0\nGenerator: kerasguard\nRoot-Is-Purelib: true\nTag: {_TAG}\n".encode()

_VERSION_FIELD = re.compile(rb"^Version:[^\r\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelContents:
    """The files of a wheel of pure Python.

    Attributes:
        name: the distribution's, as its metadata has it.
        version: the one that the wheel gets.
        files: path in the archive to content, but for the ``.dist-info`` directory.
        metadata: path in the ``.dist-info`` directory to content, but for ``WHEEL`` and ``RECORD``.
    """

    name: str
    version: str
    files: Mapping[str, bytes]
    metadata: Mapping[str, bytes]

    @property
    def file_name(self) -> str:
        return f"{self._stem}-{_TAG}.whl"

    @property
    def digest(self) -> str:
        """SHA-256 of everything, in hexadecimal; of the version only without its label."""
        digest = hashlib.sha256()
        for name, content in _entries(replace(self, version=unlabelled(self.version))):
            digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
        return digest.hexdigest()

    def labelled(self) -> WheelContents:
        """The same contents under a version that carries their digest, such as ``0.1.0+kg1a2b3c4d5e6f``."""
        return replace(self, version=labelled(self.version, self.digest))

    def to_bytes(self) -> bytes:
        """The archive. The same contents give the same bytes, as far as the same zlib compresses them."""
        entries = _entries(self)
        record = f"{self.directory}/RECORD"
        lines = [f"{_quoted(name)},sha256={_base64(content)},{len(content)}\n" for name, content in entries]
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in [*entries, (record, "".join([*lines, f"{record},,\n"]).encode())]:
                archive.writestr(_entry(name), content, zipfile.ZIP_DEFLATED, _COMPRESSION)
        return stream.getvalue()

    @property
    def directory(self) -> str:
        """The name of the ``.dist-info`` directory."""
        return f"{self._stem}.dist-info"

    @property
    def _stem(self) -> str:
        return f"{canonicalize_name(self.name).replace('-', '_')}-{Version(self.version)}"


def write_wheel(contents: WheelContents, directory: Path) -> Path:
    """Write a wheel.

    Args:
        contents: what is in it.
        directory: where to put it; it is made where it isn't there.

    Returns:
        The wheel's path.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / contents.file_name
    path.write_bytes(contents.to_bytes())
    return path


def _entries(contents: WheelContents) -> list[tuple[str, bytes]]:
    """Every file but ``RECORD`` by name, those of the metadata last: installers look for them at the end."""
    metadata = {**contents.metadata, "WHEEL": _WHEEL}
    metadata[METADATA] = _VERSION_FIELD.sub(f"Version: {contents.version}".encode(), metadata[METADATA], count=1)
    below = {f"{contents.directory}/{name}": content for name, content in metadata.items()}
    return [*sorted(contents.files.items()), *sorted(below.items())]


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.create_system = 3  # Unix: the one whose modes count.
    entry.external_attr = _MODE << 16
    return entry


def _quoted(name: str) -> str:
    """As CSV has it."""
    return '"' + name.replace('"', '""') + '"' if set(name) & set('",\r\n') else name


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
