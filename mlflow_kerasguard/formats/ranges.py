"""A file that is elsewhere, of which only the parts that are looked at are fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlflow_kerasguard.formats.window import Window

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: What is fetched at a time.
BLOCK = 64 << 10

#: Gives the bytes from a position up to another; raises OSError.
Fetch = Callable[[int, int], bytes]


class TooMuchError(OSError):
    """More of a file would have to be fetched than it may be."""


@dataclass(slots=True)
class Blocks:
    """The parts of a file that have been fetched.

    Args:
        fetch: fetches one.
        size: of the file, in bytes.
        most: so many blocks are fetched.

    Attributes:
        problem: the first that came up: what was read after it says nothing of the file.
        fetched: how many blocks were.
    """

    fetch: Fetch
    size: int
    most: int
    problem: OSError | None = None
    fetched: int = 0
    _known: dict[int, bytes] = field(default_factory=dict)

    def read(self, start: int, count: int) -> bytes:
        """Up to ``count`` bytes from ``start``, fewer at the end.

        Raises:
            OSError: they can't be had.
        """
        end = min(start + count, self.size)
        if start >= end:
            return b""
        first, last = start // BLOCK, (end - 1) // BLOCK
        joined = b"".join(self._block(number) for number in range(first, last + 1))
        return joined[start - first * BLOCK : end - first * BLOCK]

    def _block(self, number: int) -> bytes:
        if number not in self._known:
            if self.problem is None:
                self._get(number)
            if self.problem is not None:
                raise self.problem
        return self._known[number]

    def _get(self, number: int) -> None:
        start = number * BLOCK
        try:
            self._known[number] = self._fetched(start, min(start + BLOCK, self.size))
        except OSError as error:
            self.problem = error

    def _fetched(self, start: int, end: int) -> bytes:
        if self.fetched >= self.most:
            raise TooMuchError(f"more than {self.most * BLOCK:,} bytes of it would have to be fetched")
        self.fetched += 1
        data = self.fetch(start, end)
        if len(data) != end - start:
            raise OSError(f"{len(data):,} bytes arrived where {end - start:,} were asked for")
        return data


class RangedWindow(Window):
    """A stretch of a file that is elsewhere.

    Args:
        blocks: of the file.
        offset: where the stretch begins.
        size: its bytes.
    """

    def __init__(self, blocks: Blocks, offset: int, size: int) -> None:
        super().__init__(-1, offset, size)
        self._blocks = blocks

    def part(self, offset: int, size: int) -> RangedWindow:
        return RangedWindow(self._blocks, self._offset + offset, max(min(size, self.size - offset), 0))

    def readinto(self, buffer: Buffer) -> int:
        target = memoryview(buffer).cast("B")
        data = self.bytes_at(self._position, len(target))
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def bytes_at(self, offset: int, count: int) -> bytes:
        count = min(count, self.size - offset)
        return self._blocks.read(self._offset + offset, count) if count > 0 else b""
