"""Tests run in several processes, which take turns with what only one of them may do at a time."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def turn(lock: Path) -> Iterator[None]:
    """Wait until no other process holds the file ``lock``, which is made where it isn't there."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
