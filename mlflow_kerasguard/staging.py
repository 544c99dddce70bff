"""Directories that are written in private and moved into place as a whole.

A process that is killed leaves a private directory behind, never a half-written model; the next one
removes it. Whether its owner is alive is told by a lock on the directory, which the kernel releases
with the process, not by its number, which is reused and means nothing in another container.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_kerasguard.errors import ModelNotLoggableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = ".kerasguard-"


def require_free(destination: Path) -> None:
    """Refuse a destination that something is at.

    Raises:
        UsageError: it exists and isn't an empty directory.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if not destination.is_dir() or any(destination.iterdir()):
            destination.lstat()
            raise UsageError(f"`{destination}` exists already and isn't an empty directory; give another path")


@contextlib.contextmanager
def private_directory(parent: Path) -> Iterator[Path]:
    """A new directory inside ``parent`` that is removed on leaving, unless it was moved away.

    Args:
        parent: made where it is missing; what dead processes left in it is removed.

    Raises:
        ModelNotLoggableError: ``parent`` can't be written to.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        remove_stale(parent)
        path, lock = _locked_directory(parent)
    except OSError as error:
        raise ModelNotLoggableError(f"can't write to `{parent}`: {error.strerror or error}") from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _locked_directory(parent: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = os.open(path, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Another process may have taken it for a stale one before the lock was ours.
        if path.exists():
            return path, lock
        os.close(lock)


def remove_stale(parent: Path) -> None:
    """Remove the private directories whose processes are gone."""
    for path in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(lock)


def move_into_place(source: Path, destination: Path) -> None:
    """Make a finished directory appear at ``destination``, whole.

    Raises:
        UsageError: something has appeared there meanwhile.
        ModelNotLoggableError: it can't be written.
    """
    try:
        source.chmod(0o777 & ~_umask())
        source.rename(destination)
    except OSError as error:
        require_free(destination)
        raise ModelNotLoggableError(f"can't write `{destination}`: {error.strerror or error}") from error


def _umask() -> int:
    """The process's umask; `mkdtemp` ignores it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
