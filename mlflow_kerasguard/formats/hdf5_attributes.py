"""Text in the attributes of an HDF5 file, read without libhdf5.

Strings of variable length lie in a heap of their own. A single damaged byte there sends libhdf5 1.14
into an endless loop, and one entry that many strings share makes a small file fill the memory. So the
few structures on the way to an attribute's text are read here, with bounds. What they are is in the
HDF5 File Format Specification 3.0, sections III.E (global heap) and IV.A (object headers).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.formats.anomalies import anomaly, size_text

if TYPE_CHECKING:
    import io

    from mlflow_kerasguard.formats.window import Window
    from mlflow_kerasguard.model import Anomaly

#: The largest text that is taken from one attribute; all its strings count.
MAX_BYTES = 64 << 20
MAX_ITEMS = 200_000

#: All heaps that are read for one file; overlapping ones would otherwise be read over and over.
_MAX_HEAPS = 4 * MAX_BYTES
_MAX_BLOCKS = 1000
_MAX_BLOCK_BYTES = 8 << 20
_UNDEFINED = 0xFFFFFFFFFFFFFFFF
_CONTINUATION, _ATTRIBUTE, _ATTRIBUTE_INFO = 0x10, 0x0C, 0x15
_SHARED = 0x02
_STRING, _VARIABLE = 3, 9


class UnreadableAttributeError(ValueError):
    """A structure isn't as the specification says; the text says which."""


@dataclass(slots=True)
class AttributeReader:
    """Reads attributes of one open file.

    Attributes:
        file: the file's bytes.
        base: where its superblock is; all addresses count from there.
        where: how the file is called in messages.
        anomalies: what is found is added here.
    """

    file: Window | io.BytesIO
    base: int
    where: str
    anomalies: list[Anomaly]
    _heaps: dict[int, dict[int, bytes]] = field(default_factory=dict)
    _heap_bytes: int = 0

    def text(self, owner: Any, name: str) -> list[str] | str | None:
        """An attribute that holds text: a string, or a list of strings.

        Args:
            owner: low-level h5py identifier of the group or dataset.
            name: the attribute.

        Returns:
            None where there is no such attribute, or none that can be taken.

        Raises:
            OSError, RuntimeError: h5py can't find the object's header.
        """
        import h5py

        try:
            return self._find(h5py.h5o.get_info(owner).addr, name)
        except (UnreadableAttributeError, struct.error, IndexError) as error:
            self.anomalies.append(anomaly("hdf5-damaged", self.where, f"attribute `{name}` can't be read: {error}"))
            return None

    def text_list(self, owner: Any, name: str) -> list[str] | None:
        """A list of strings that Keras splits over `name0`, `name1`, … where one attribute can't hold it.

        Returns:
            None where there is none.
        """
        whole = self.text(owner, name)
        if whole is not None:
            return [whole] if isinstance(whole, str) else whole
        found: list[str] | None = None
        number = 0
        while (part := self.text(owner, f"{name}{number}")) is not None:
            found = (found or []) + ([part] if isinstance(part, str) else part)
            number += 1
        return found

    def _find(self, address: int, name: str) -> list[str] | str | None:
        key = name.encode()
        for kind, body in self._messages(address):
            if kind == _ATTRIBUTE:
                parts = _Attribute.parse(body)
                if parts.name == key:
                    return self._value(parts, name)
            elif kind == _ATTRIBUTE_INFO and _is_dense(body):
                raise UnreadableAttributeError("the object's attributes are stored apart, which Keras doesn't do")
        return None

    def _messages(self, address: int) -> Iterator[tuple[int, bytes]]:
        """Kind and body of each message in an object's header, through its continuation blocks."""
        blocks, form = self._first_block(address)
        for count, (start, size) in enumerate(blocks):
            if count >= _MAX_BLOCKS:
                raise UnreadableAttributeError(f"more than {_MAX_BLOCKS} continuation blocks")
            for kind, body in form.split(self._bytes(start, size, "object header")):
                if kind == _CONTINUATION:
                    # The list grows while it is gone through.
                    blocks.append(form.block(*struct.unpack_from("<2Q", body)))
                else:
                    yield kind, body

    def _first_block(self, address: int) -> tuple[list[tuple[int, int]], _Form]:
        start = self._bytes(address, 6, "object header")
        if start[:4] != b"OHDR":
            form = _Form(new=False, ordered=False)
            size = struct.unpack("<I", self._bytes(address + 8, 4, "object header"))[0]
            return [(address + 16, size)], form
        flags = start[5]
        position = address + 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        width = 1 << (flags & 3)
        size = int.from_bytes(self._bytes(position, width, "object header"), "little")
        return [(position + width, size)], _Form(new=True, ordered=bool(flags & 0x04))

    def _bytes(self, address: int, size: int, what: str) -> bytes:
        if size > _MAX_BLOCK_BYTES:
            raise UnreadableAttributeError(f"{what} of {size_text(size)}")
        self.file.seek(self.base + address)
        found = self.file.read(size) or b""
        if len(found) < size:
            raise UnreadableAttributeError(f"{what} beyond the end of the file")
        return found

    def _value(self, parts: _Attribute, name: str) -> list[str] | str | None:
        items = prod(parts.shape)
        if items == 0:
            return []
        if items > MAX_ITEMS:
            found = f"attribute `{name}` of {items:,} items"
            self.anomalies.append(anomaly("hdf5-attribute-size", self.where, found))
            return None
        kind, variant, width = parts.type
        if kind == _STRING and width:
            raw = [parts.data[n * width : (n + 1) * width].rstrip(b"\0") for n in range(items)]
        elif kind == _VARIABLE and variant == 1:
            raw = [self._string(parts.data[n * 16 : (n + 1) * 16]) for n in range(items)]
        else:
            raise UnreadableAttributeError("it isn't text")
        if sum(map(len, raw)) > MAX_BYTES:
            found = f"attribute `{name}` of {size_text(sum(map(len, raw)))}"
            self.anomalies.append(anomaly("hdf5-attribute-size", self.where, found))
            return None
        texts = [value.decode("utf-8", "backslashreplace") for value in raw]
        return texts if parts.shape else texts[0]

    def _string(self, reference: bytes) -> bytes:
        """One string of variable length; strings of one heap entry share it in memory too."""
        length, address, index = struct.unpack("<IQI", reference)
        if not length:
            return b""
        if address not in self._heaps:
            self._heaps[address] = self._heap(address)
        if index not in self._heaps[address]:
            raise UnreadableAttributeError("a string that isn't in its heap")
        return self._heaps[address][index][:length]

    def _heap(self, address: int) -> dict[int, bytes]:
        """All entries of a heap collection by their number."""
        head = self._bytes(address, 16, "global heap")
        if head[:4] != b"GCOL":
            raise UnreadableAttributeError("no global heap where a string points to")
        size = struct.unpack_from("<Q", head, 8)[0]
        self._heap_bytes += size
        if size > MAX_BYTES or self._heap_bytes > _MAX_HEAPS:
            raise UnreadableAttributeError(f"global heap of {size_text(size)}")
        self.file.seek(self.base + address)
        data = self.file.read(size) or b""
        entries, position = {}, 16
        while position + 16 <= len(data):
            index, _, _, length = struct.unpack_from("<2HIQ", data, position)
            if index == 0:
                break  # The rest is free space.
            entries[index] = data[position + 16 : position + 16 + length]
            if len(entries[index]) < length:
                raise UnreadableAttributeError("a heap entry that is longer than its heap")
            position += 16 + (length + 7) // 8 * 8
        return entries


@dataclass(frozen=True, slots=True)
class _Form:
    """How messages follow each other: the older form (version 1), or the newer (2), in creation order or not."""

    new: bool
    ordered: bool

    def block(self, address: int, size: int) -> tuple[int, int]:
        """Where a continuation block's messages are: the newer has a signature and a checksum around them."""
        return (address + 4, max(size - 8, 0)) if self.new else (address, size)

    def split(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        head = 4 + 2 * self.ordered if self.new else 8
        position = 0
        while position + head <= len(block):
            kind, size, flags = struct.unpack_from("<BHB" if self.new else "<HHB", block, position)
            position += head
            if not flags & _SHARED:
                yield kind, block[position : position + size]
            position += size


@dataclass(frozen=True, slots=True)
class _Attribute:
    """An attribute message taken apart; ``type`` is class, variant and size of an item."""

    name: bytes
    type: tuple[int, int, int]
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> _Attribute:
        version, flags, name_size, type_size, space_size = struct.unpack_from("<BB3H", body)
        if version not in (1, 2, 3) or (version > 1 and flags):
            raise UnreadableAttributeError(f"a form of attributes (version {version}) that Keras doesn't write")
        position = 9 if version == 3 else 8  # noqa: PLR2004 - HDF5's version
        parts = []
        for size in (name_size, type_size, space_size):
            parts.append(body[position : position + size])
            position += (size + 7) // 8 * 8 if version == 1 else size
        name, kind, space = parts
        category, variant, width = struct.unpack_from("<BB2xI", kind)
        return cls(name.rstrip(b"\0"), (category & 0x0F, variant & 0x0F, width), _shape(space), body[position:])


def _shape(space: bytes) -> tuple[int, ...]:
    version, rank, _, category = struct.unpack_from("<4B", space)
    if version == 2 and category == 2:  # noqa: PLR2004 - HDF5's codes
        return (0,)  # A null dataspace holds nothing.
    return struct.unpack_from(f"<{rank}Q", space, 8 if version == 1 else 4)


def _is_dense(body: bytes) -> bool:
    """Whether an attribute info message points to attributes outside of the header."""
    heap: int = struct.unpack_from("<Q", body, 2 + 2 * (body[1] & 1))[0]
    return heap != _UNDEFINED
