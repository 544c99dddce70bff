"""HDF5 files opened with care: what is in them, without following a link and without reading data.

libhdf5 trusts its input, so the cheap checks come first: the header against the file's real size, each
link's kind before the link is opened, each dataset's storage before its shape is believed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.formats.anomalies import anomaly, reason, shown, size_text
from mlflow_kerasguard.formats.hdf5_attributes import AttributeReader
from mlflow_kerasguard.formats.hdf5_dataset import DatasetReader
from mlflow_kerasguard.formats.window import Window
from mlflow_kerasguard.model import WeightSpec

if TYPE_CHECKING:
    import io

    from mlflow_kerasguard.model import Anomaly

SIGNATURE = b"\x89HDF\r\n\x1a\n"

#: What h5py raises on a damaged file.
DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, OverflowError, MemoryError)

MAX_OBJECTS = 500_000
MAX_DEPTH = 64

_FIRST_USER_BLOCK = 512
_LAST_USER_BLOCK = 1 << 20
_NEWEST_SUPERBLOCK = 3
_HARD, _SOFT, _EXTERNAL = 0, 1, 64


def find_signature(file: Window | io.BytesIO) -> int | None:
    """Where the HDF5 signature is: at 0, or behind a user block of 512 bytes times a power of two."""
    size = file.seek(0, 2)
    position = 0
    while position < min(size, _LAST_USER_BLOCK + 1):
        file.seek(position)
        if file.read(len(SIGNATURE)) == SIGNATURE:
            return position
        position = position * 2 or _FIRST_USER_BLOCK
    return None


@dataclass(slots=True)
class Contents:
    """What a file holds, by full path.

    Attributes:
        groups: all groups that are reached through plain (hard) links, the root as an empty string.
        arrays: name, shape and dtype of every dataset, in the order of their names.
        anomalies: what a sound file doesn't have.
    """

    groups: set[str] = field(default_factory=lambda: {""})
    arrays: dict[str, WeightSpec] = field(default_factory=dict)
    anomalies: list[Anomaly] = field(default_factory=list)


@contextmanager
def open_hdf5(
    file: Window | io.BytesIO, where: str, anomalies: list[Anomaly], *, in_memory: bool = False
) -> Iterator[Any]:
    """Open a file for reading; yields an h5py ``File``, or None where it is better left alone.

    Args:
        file: the bytes.
        where: how the file is called in messages.
        anomalies: what was found is added here; also damage that shows up in the body.
        in_memory: copy the whole first: worth it for many small datasets.
    """
    problem = _check_header(file, where, anomalies)
    opened = None
    if problem is None:
        try:
            opened = _open(file, in_memory=in_memory)
        except DAMAGE as error:
            problem = anomaly("hdf5-damaged", where, f"it can't be opened: {reason(error)}")
    if problem is not None:
        anomalies.append(problem)
    try:
        yield opened
    except DAMAGE as error:
        anomalies.append(anomaly("hdf5-damaged", where, f"it can't be read: {reason(error)}"))
    finally:
        if opened is not None:
            opened.close()


def _open(file: Window | io.BytesIO, *, in_memory: bool) -> Any:
    """Open by the fastest way: HDF5 reads many small pieces, and a call of Python for each doubles the time."""
    import h5py

    if in_memory or not isinstance(file, Window):
        file.seek(0)
        return h5py.File(h5py.h5f.open_file_image(file.read()))
    if file.path is not None:
        try:
            return h5py.File(file.path, "r", locking=False)
        except (OSError, ValueError):
            pass  # No such directory here, or an HDF5 that always locks: the way below works anywhere.
    return h5py.File(file, "r")


def _check_header(file: Window | io.BytesIO, where: str, anomalies: list[Anomaly]) -> Anomaly | None:
    """What the superblock says, held against the real size. Returns what makes opening pointless."""
    size = file.seek(0, 2)
    start = find_signature(file)
    if start is None:
        return anomaly("hdf5-damaged", where, "no HDF5 signature")
    if start:
        anomalies.append(anomaly("hdf5-user-block", where, f"{size_text(start)} of something else before it"))
    file.seek(start + len(SIGNATURE))
    header = (file.read(64) or b"").ljust(64, b"\0")
    version = header[0]
    if version > _NEWEST_SUPERBLOCK:
        return anomaly("hdf5-damaged", where, f"a superblock of version {version}, which HDF5 doesn't have")
    width, first = (header[5], 16 + 4 * version) if version <= 1 else (header[1], 4)
    if width != 8:  # noqa: PLR2004 - bytes of 64 bits
        return anomaly("hdf5-damaged", where, f"addresses of {width} bytes, which Keras doesn't write")
    base, _, end = struct.unpack_from("<3Q", header, first)
    if end > size:
        return anomaly("hdf5-truncated", where, f"{size:,} bytes, and the header says {end:,}")
    if end + base < size:
        anomalies.append(anomaly("hdf5-extra-bytes", where, f"{size_text(size - end - base)} beyond its end"))
    return None


def read_contents(file: Any, where: str, size: int, attributes: AttributeReader) -> Contents:
    """All groups and datasets of an open file, without reading data.

    Args:
        file: an h5py ``File``.
        where: how the file is called in messages.
        size: the file's size in bytes.
        attributes: reads attributes of the same file.

    Raises:
        Exception: one of ``DAMAGE``.
    """
    contents = Contents()
    links = _links(file, where, contents)
    reader = DatasetReader(file.id, where, size, contents.anomalies, attributes)
    for position, name in enumerate(links):
        # Links come in order, children right behind their group; a leaf has to be opened to know.
        following = links[position + 1] if position + 1 < len(links) else b""
        path = name.decode("utf-8", "backslashreplace")
        if following.startswith(name + b"/"):
            contents.groups.add(path)
            continue
        try:
            _leaf(reader, name, path, contents)
        except DAMAGE as error:  # The rest may be sound, and says more about the file.
            reader.note("hdf5-damaged", path, f"it can't be read: {reason(error)}")
    reader.judge_total()
    return contents


def _leaf(reader: DatasetReader, name: bytes, path: str, contents: Contents) -> None:
    import h5py

    opened = h5py.h5o.open(reader.file_id, name)
    if isinstance(opened, h5py.h5g.GroupID):
        contents.groups.add(path)
    elif isinstance(opened, h5py.h5d.DatasetID):
        found = reader.read(opened, path)
        if found is not None:
            contents.arrays[path] = found
    else:
        reader.note("hdf5-type", path, "a named datatype")


def _links(file: Any, where: str, contents: Contents) -> list[bytes]:
    """The paths of all hard links; every other kind of link is noted and left alone."""
    import h5py

    paths: list[bytes] = []
    addresses = {h5py.h5o.get_info(file.id).addr}

    def visit(name: bytes, info: Any) -> bool | None:
        if len(paths) >= MAX_OBJECTS or name.count(b"/") >= MAX_DEPTH:
            found = f"more than {MAX_OBJECTS:,} objects, or nested more than {MAX_DEPTH} deep"
            contents.anomalies.append(anomaly("hdf5-too-many-objects", where, found))
            return True  # Stops the visit.
        kind = _judge_link(info, addresses)
        if kind is not None:
            contents.anomalies.append(anomaly(kind[0], f"{where}:{shown(name)}", kind[1]))
        if info.type == _HARD:
            paths.append(name)
        return None

    file.id.links.visit(visit, info=True)
    return paths


def _judge_link(info: Any, addresses: set[int]) -> tuple[str, str] | None:
    if info.type == _HARD:
        known = info.u in addresses
        addresses.add(info.u)
        return ("hdf5-hard-link", "a second name for an object") if known else None
    if info.type == _SOFT:
        return "hdf5-soft-link", "a symbolic link"
    if info.type == _EXTERNAL:
        return "hdf5-external-link", "a link to another file"
    return "hdf5-user-link", f"a link of the user-defined class {info.type}"
