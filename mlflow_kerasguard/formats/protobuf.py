"""The wire format of protocol buffers, walked in place: no schema, no library, no copies.

The protobuf library takes longer to import than a whole check may take, and builds every message of
the file in memory. A walk needs neither, and its effort has a limit that a file can't raise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, overload

if TYPE_CHECKING:
    from mlflow_kerasguard.formats.window import Window

#: So many fields are walked in one file; the graph of a model with 10,000 layers has about a tenth.
MAX_FIELDS = 10_000_000

#: A file up to this size is read at once, a larger one page by page.
_IN_MEMORY = 32 << 20

_PAGE = 1 << 20

#: Names are quoted up to this many bytes; no operation's or function's is longer.
_LONGEST_NAME = 4096

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10

#: The bit that says that a number's next byte follows.
_CONTINUED = 0x80


class DamagedMessage(ValueError):
    """The bytes aren't a message; the text says at which byte, and why."""


class TooManyFields(ValueError):
    """The walk was given up."""


class Bytes(Protocol):
    """What is walked: ``bytes``, or pages of a file."""

    @overload
    def __getitem__(self, place: int, /) -> int: ...
    @overload
    def __getitem__(self, place: slice, /) -> bytes: ...
    def __len__(self) -> int: ...


class Pages:
    """A file's bytes, of which a page is in memory at a time."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._page = b""
        self._start = 0

    def __len__(self) -> int:
        return self._window.size

    @overload
    def __getitem__(self, place: int, /) -> int: ...
    @overload
    def __getitem__(self, place: slice, /) -> bytes: ...
    def __getitem__(self, place: int | slice, /) -> int | bytes:
        if isinstance(place, slice):
            return self._window.bytes_at(place.start, place.stop - place.start)
        if not 0 <= place - self._start < len(self._page):
            self._start = place
            self._page = self._window.bytes_at(place, _PAGE)
        return self._page[place - self._start]


class Message:
    """The walk through one file.

    Args:
        data: the file's bytes.
        max_fields: after so many fields the walk is given up.
    """

    def __init__(self, data: Bytes, *, max_fields: int = MAX_FIELDS) -> None:
        self._data = data
        self._left = max_fields
        self.size = len(data)

    @classmethod
    def of_window(cls, window: Window) -> Message:
        """The message that a file is."""
        return cls(window.bytes_at(0, window.size) if window.size <= _IN_MEMORY else Pages(window))

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The fields of the message between two places, in the file's order.

        Yields:
            Tag (number * 8 + wire type) and, for bytes, where they start and end; for a number, itself
            and 0. Numbers of fixed width, which no model's description needs, are left out.

        Raises:
            DamagedMessage: it isn't a message, or is cut off.
            TooManyFields: the file has more fields than any sound one.
        """
        data, at = self._data, start
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise TooManyFields
            first = at
            # Nearly all tags and lengths are of one byte; the general way takes twice as long.
            tag = data[at]
            tag, at = (tag, at + 1) if tag < _CONTINUED else self._number(at, end)
            kind = tag & 7
            if tag < 8 or tag >> 32:  # noqa: PLR2004 - field 0, or a tag of more than 32 bits
                raise DamagedMessage(f"byte {first:,} isn't the start of a field")
            if kind == _BYTES:
                size = data[at] if at < end else _CONTINUED
                size, at = (size, at + 1) if size < _CONTINUED else self._number(at, end)
                stop = at + size
                if stop > end:
                    raise DamagedMessage(f"the field at byte {first:,} ends {stop - end:,} bytes after its message")
                yield tag, at, stop
                at = stop
            elif kind == _VARINT:
                value, at = self._number(at, end)
                yield tag, value, 0
            else:
                at = self._skipped(kind, at, end, first)

    def _skipped(self, kind: int, at: int, end: int, first: int) -> int:
        """The place after a number of fixed width."""
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if size is None:
            raise DamagedMessage(f"the field at byte {first:,} has the unknown wire type {kind}")
        if at + size > end:
            raise DamagedMessage(f"the field at byte {first:,} ends after its message")
        return at + size

    def _number(self, at: int, end: int) -> tuple[int, int]:
        """A number of variable length, and the place after it."""
        value = shift = 0
        for place in range(at, min(at + _LONGEST_VARINT, end)):
            byte = self._data[place]
            value |= (byte & 0x7F) << shift
            if byte < _CONTINUED:
                return value, place + 1
            shift += 7
        raise DamagedMessage(f"the number at byte {at:,} has no end")

    def numbers(self, start: int, end: int, limit: int) -> Iterator[int]:
        """The first of the numbers that a field packs one after another."""
        at = start
        while at < end and limit > 0:
            value, at = self._number(at, end)
            yield value
            limit -= 1

    def name(self, start: int, end: int) -> str:
        """A short text; what isn't UTF-8 is escaped."""
        return self.content(start, min(end, start + _LONGEST_NAME)).decode("utf-8", "backslashreplace")

    def content(self, start: int, end: int) -> bytes:
        """The bytes of a field."""
        return self._data[start:end]


def signed(value: int) -> int:
    """A number as the signed one of 64 bits that it stands for."""
    return value - (1 << 64) if value >> 63 else value
