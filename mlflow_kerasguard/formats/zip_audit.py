"""What an archive says about itself, before anything of it is unpacked.

`zipfile` reads the index at the end of the file; other readers go by the header in front of each
member. Where the two disagree, or bytes belong to neither, a file can show one model to a check and
another to a loader.
"""

from __future__ import annotations

import stat
import struct
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_kerasguard.formats.anomalies import anomaly, shown, size_text

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

    from mlflow_kerasguard.formats.window import Window
    from mlflow_kerasguard.model import Anomaly

#: Largest index that is read, in bytes; it bounds the number of members to about 300,000.
MAX_INDEX_BYTES = 16 << 20

#: From this size on, contents must not be larger than `MAX_RATIO` times what is stored. Zeros of a
#: fresh weight compress 1000:1, so small members may.
RATIO_FLOOR = 256 << 20
MAX_RATIO = 100

_END = struct.Struct("<4s4H2IH")
_END_SIGNATURE = b"PK\x05\x06"
_END64 = struct.Struct("<4sQ2H2I4Q")
_END64_SIGNATURE = b"PK\x06\x06"
_LOCATOR64 = struct.Struct("<4sIQI")
_LOCATOR64_SIGNATURE = b"PK\x06\x07"
_LOCAL = struct.Struct("<4s5H3I2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_INDEX_SIGNATURE = b"PK\x01\x02"
_MAX_COMMENT = 0xFFFF
_IS_IN_ZIP64 = 0xFFFFFFFF
_ENCRYPTED = 0x41
_SIZES_FOLLOW = 0x08
_LONGEST_DESCRIPTOR = 24
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")


@dataclass(frozen=True, slots=True)
class EndRecord:
    """Where an archive ends and how long its index is; sizes in bytes.

    ``has_index`` tells an archive from four bytes that happen to look like its end.
    """

    position: int
    index_size: int
    comment: bytes
    trailing: int
    has_index: bool


def find_end_record(window: Window) -> EndRecord | None:
    """The end record that `zipfile` goes by: the last one in the file. None where there is none."""
    start = max(window.size - _END.size - _MAX_COMMENT, 0)
    tail = window.bytes_at(start, _END.size + _MAX_COMMENT)
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or at + _END.size > len(tail):
        return None
    fields = _END.unpack_from(tail, at)
    index_size, comment_size = fields[5], fields[7]
    after = tail[at + _END.size :]
    is_64 = index_size == _IS_IN_ZIP64
    has_index = is_64 or window.bytes_at(max(start + at - index_size, 0), 4) == _INDEX_SIGNATURE
    if is_64:
        index_size = _index_size_64(window, start + at)
    return EndRecord(start + at, index_size, after[:comment_size], max(len(after) - comment_size, 0), has_index)


def _index_size_64(window: Window, end: int) -> int:
    """The size of the index of an archive that is too large for the plain end record."""
    locator = window.bytes_at(end - _LOCATOR64.size, _LOCATOR64.size) if end >= _LOCATOR64.size else b""
    if locator[:4] != _LOCATOR64_SIGNATURE:
        return _IS_IN_ZIP64
    record = window.bytes_at(_LOCATOR64.unpack(locator)[2], _END64.size)
    if len(record) < _END64.size or record[:4] != _END64_SIGNATURE:
        return _IS_IN_ZIP64
    size: int = _END64.unpack(record)[8]
    return size


def audit_archive(archive: ZipFile, end: EndRecord, window: Window) -> Iterator[Anomaly]:
    """Everything about the archive's structure that a sound writer doesn't produce."""
    if end.comment:
        yield anomaly("zip-comment", "archive", f"a comment of {size_text(len(end.comment))}")
    if end.trailing:
        yield anomaly("zip-trailing", "archive", f"{size_text(end.trailing)} after the end record")
    yield from _duplicates(archive)
    for info in archive.infolist():
        yield from _member(info)
    yield from _layout(archive, window)


def _duplicates(archive: ZipFile) -> Iterator[Anomaly]:
    first: dict[str, str] = {}
    for info in archive.infolist():
        key = unicodedata.normalize("NFKC", info.filename).casefold()
        if key in first:
            found = f"{shown(info.filename)} beside {shown(first[key])}"
            yield anomaly("zip-duplicate-member", "archive", found)
        first[key] = info.filename


def _member(info: ZipInfo) -> Iterator[Anomaly]:
    """What a member's entry in the index says by itself."""
    name = info.orig_filename
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or "\\" in name or ":" in parts[0] or "\0" in name:
        yield anomaly("zip-member-outside", "archive", f"a member named {shown(name)}")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a symbolic link" if kind == stat.S_IFLNK else "a special file"
        yield anomaly("zip-special-member", shown(name), what)
    if info.flag_bits & _ENCRYPTED:
        yield anomaly("zip-encrypted", shown(name), "an encrypted member")
    if info.file_size > RATIO_FLOOR and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        found = f"{size_text(info.file_size)} from {size_text(info.compress_size)}"
        yield anomaly("zip-expansion", shown(name), found)


def _layout(archive: ZipFile, window: Window) -> Iterator[Anomaly]:
    """Members one after the other from the first byte to the index, as their own headers say."""
    position = 0
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        start = info.header_offset
        if start < position:
            yield anomaly("zip-overlap", shown(info.filename), f"it shares {size_text(position - start)} with another")
        elif start > position:
            yield anomaly("zip-gap" if position else "zip-prefix", _before(info), size_text(start - position))
        header = window.bytes_at(start, _LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != _LOCAL_SIGNATURE:
            yield anomaly("zip-headers-disagree", shown(info.filename), "no header where the index points to")
            return
        yield from _header(info, header, window)
        data = data_offset(info, window)
        yield from _nested(info, window, data)
        position = max(position, data + info.compress_size)
        if info.flag_bits & _SIZES_FOLLOW:
            position = _after_descriptor(window, position)
    if position > archive.start_dir:
        yield anomaly("zip-overlap", "archive", "members that run into the index")
    elif archive.start_dir > position > 0:
        yield anomaly("zip-gap", "archive", f"{size_text(archive.start_dir - position)} before the index")


def _before(info: ZipInfo) -> str:
    return f"before {shown(info.filename)}"


def data_offset(info: ZipInfo, window: Window) -> int:
    """Where a member's bytes start: its own header is of variable length."""
    name_size, extra_size = struct.unpack("<2H", window.bytes_at(info.header_offset + 26, 4))
    return info.header_offset + _LOCAL.size + int(name_size) + int(extra_size)


def _header(info: ZipInfo, header: bytes, window: Window) -> Iterator[Anomaly]:
    """A member's own header against its entry in the index."""
    _, _, flags, method, _, _, crc, stored, size, name_size, _ = _LOCAL.unpack(header)
    name = window.bytes_at(info.header_offset + _LOCAL.size, name_size)
    encoding = "utf-8" if info.flag_bits & 0x800 else "cp437"
    facts = [
        ("name", name, info.orig_filename.encode(encoding, "replace")),
        ("compression", method, info.compress_type),
        ("encryption", flags & _ENCRYPTED, info.flag_bits & _ENCRYPTED),
    ]
    if not flags & _SIZES_FOLLOW:
        facts.append(("checksum", crc, info.CRC))
        if _IS_IN_ZIP64 not in (stored, size):
            facts += [("stored size", stored, info.compress_size), ("size", size, info.file_size)]
    for fact, own, index in facts:
        if own != index:
            own_text, index_text = (shown(value) if isinstance(value, bytes) else value for value in (own, index))
            found = f"{fact} {own_text} in its header, {index_text} in the index"
            yield anomaly("zip-headers-disagree", shown(info.filename), found)


def _nested(info: ZipInfo, window: Window, data: int) -> Iterator[Anomaly]:
    """An archive inside the archive; the `.npz` that Keras itself may write is one, and is read as such."""
    if info.filename.endswith("weights.npz") or info.compress_type or info.flag_bits & _ENCRYPTED:
        return
    if window.bytes_at(data, min(info.compress_size, 6)).startswith(_ARCHIVES):
        yield anomaly("zip-nested-archive", shown(info.filename), "it is an archive itself")


def _after_descriptor(window: Window, position: int) -> int:
    """The end of the data descriptor, which streaming writers put behind a member."""
    following = window.bytes_at(position, _LONGEST_DESCRIPTOR + 4)
    sizes = (16, 24, 12, 20) if following.startswith(b"PK\x07\x08") else (12, 20)
    for size in sizes:
        if following[size : size + 2] == b"PK":
            return position + size
    return position
