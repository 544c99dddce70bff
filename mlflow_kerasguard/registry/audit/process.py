"""One process that reads and judges, seen from the one that started it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import IO, Any

#: Run with ``-I``: nothing but the path that it is given decides what it imports.
_CODE = """\
import importlib, json, sys
sys.path[:] = json.loads(sys.argv[1])
importlib.import_module(sys.argv[2]).main()
"""

_SHOWN = 600
_END_S = 2.0
#: Seconds in which a process reads its environments, or imports MLflow, on a machine that has a lot to do.
STARTING_S = 120.0


def command(module: str) -> list[str]:
    """What runs ``main`` of a module of this directory with this interpreter and its path."""
    # The directory that is worked in may be gone or move; an empty entry would be another one then.
    path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 - zip files and links stay what they are
    return [sys.executable, "-I", "-c", _CODE, json.dumps(path), f"{__package__}.{module}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A version to read and judge.

    Attributes:
        number: tells it from all others of the audit.
        location: where its files are.
        digests: of the environments.
        stamp: what it had when it was judged before; empty where it has to be read whatever it has.
    """

    number: int
    location: str
    digests: Sequence[str]
    stamp: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.number, "location": self.location, "digests": self.digests, "stamp": self.stamp}


#: A process and what it said; None for that it has ended.
Heard = tuple["Process", Mapping[str, Any] | None]


@dataclass(slots=True, eq=False)
class Process:
    """A worker.

    Args:
        heard: where what it says is put.
        first: its first line.
        variables: its environment variables.
    """

    heard: SimpleQueue[Heard]
    first: Mapping[str, Any]
    variables: Mapping[str, str]
    given: dict[int, Task] = field(default_factory=dict)
    started: dict[int, float] = field(default_factory=dict)
    heard_at: float = field(default_factory=time.monotonic)
    _process: subprocess.Popen[str] = field(init=False)
    _errors: IO[bytes] = field(init=False)
    _listener: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter
            command("worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env=dict(self.variables),
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._send(self.first)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                # A process that is killed may end in the middle of a line.
                with contextlib.suppress(ValueError):
                    self.heard.put((self, json.loads(line)))
        self.heard.put((self, None))

    def give(self, tasks: Sequence[Task]) -> None:
        """Have it read and judge versions."""
        self.given.update((task.number, task) for task in tasks)
        self._send([task.to_dict() for task in tasks])

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        # Where it has ended, that is heard in time.
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(f"{json.dumps(message)}\n")
            self._process.stdin.flush()

    def note(self, message: Mapping[str, Any]) -> Task | None:
        """Take in what it said; gives the task that is done with."""
        self.heard_at = time.monotonic()
        if "started" in message:
            self.started[message["started"]] = time.monotonic()
            return None
        self.started.pop(message["id"], None)
        return self.given.pop(message["id"], None)

    def late(self, limit: float) -> list[int]:
        """The versions that it has been at for longer than so many seconds."""
        now = time.monotonic()
        return [number for number, since in self.started.items() if now - since > limit]

    @property
    def is_stuck(self) -> bool:
        """Whether it doesn't even begin with what it was given."""
        return bool(self.given) and not self.started and time.monotonic() - self.heard_at > STARTING_S

    def finish(self) -> None:
        """Let it end by itself: there is nothing more to do."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def end(self, grace: float = 0) -> str:
        """End it after so many seconds, if it hasn't; gives how it did, and what it said last on standard error."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        status = self._process.returncode
        self._process.kill()
        self.finish()
        with contextlib.suppress(subprocess.TimeoutExpired):
            # One that waits for a file system that is gone can't be ended.
            self._process.wait(_END_S)
        self._listener.join(_END_S)
        how = "it had to be ended" if status is None else f"it ended with status {status}"
        return f"{how}{self._last_words()}"

    def _last_words(self) -> str:
        with self._errors:
            self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, self._errors.tell() - _SHOWN))
            said = " ".join(self._errors.read().decode("utf-8", errors="replace").split())
        return f": {said}" if said else ""
