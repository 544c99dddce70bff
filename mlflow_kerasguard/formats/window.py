"""A file, or a stretch of one, as an object that h5py and NumPy can read from."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self


class Window(io.RawIOBase):
    """Bytes ``offset`` to ``offset + size`` of an open file, without a copy of them.

    Every reader of one model works on one descriptor through windows: what was judged first can't be
    swapped for another file in between, and an uncompressed member of an archive needs no unpacking.
    """

    def __init__(self, descriptor: int, offset: int, size: int, *, owns: bool = False) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._offset = offset
        self._position = 0
        self._owns = owns
        self.size = size

    @property
    def path(self) -> str | None:
        """A path that opens the very same file again, where the window is the whole of it."""
        return f"/dev/fd/{self._descriptor}" if self._owns else None

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """The whole of a regular file; closing the window closes it.

        Raises:
            OSError: it can't be opened, or isn't a regular file.
        """
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise OSError(f"{path.name} isn't a regular file")
        return cls(descriptor, 0, status.st_size, owns=True)

    def part(self, offset: int, size: int) -> Window:
        """A window on a part of this one; it is usable as long as this one is open."""
        return Window(self._descriptor, self._offset + offset, max(min(size, self.size - offset), 0))

    def close(self) -> None:
        if self._owns and not self.closed:
            os.close(self._descriptor)
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise OSError(f"can't seek to {start + offset}, before the start")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        target = memoryview(buffer).cast("B")[: max(self.size - self._position, 0)]
        count = os.preadv(self._descriptor, [target], self._offset + self._position) if len(target) else 0
        self._position += count
        return count

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Up to ``count`` bytes from ``offset``, fewer at the end; the position stays."""
        count = min(count, self.size - offset)
        return os.pread(self._descriptor, count, self._offset + offset) if count > 0 else b""
