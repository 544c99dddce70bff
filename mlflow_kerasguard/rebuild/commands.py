"""Programs that are started, waited for, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mlflow_kerasguard.errors import KerasGuardError

#: Of a failing program's output; what matters comes last.
LAST_LINES = 25

#: Variables that would make another Python, or an installer, look at this one's modules.
_MISLEADING = ("PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX", "__PYVENV")


class Cancelled(KerasGuardError):
    """The work was given up because somebody asked for it."""


class ToolFailed(KerasGuardError):
    """A program that was to build an environment failed.

    Attributes:
        output: the last lines that it printed.
    """

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A program that ended well, and how long it took."""

    stdout: str
    seconds: float


class Commands:
    """Runs programs, each in a process group of its own, so that all of it can be ended."""

    def __init__(self) -> None:
        self._running: set[int] = set()
        self._lock = threading.Lock()
        self._cancelled = False

    def run(self, command: Sequence[str | Path], what: str, directory: Path) -> Done:
        """Run a program to its end.

        Args:
            command: the program and its arguments.
            what: what it is to do, for messages.
            directory: where it runs.

        Raises:
            ToolFailed: it can't be started, or its exit status isn't 0.
            Cancelled: somebody doesn't want it any more.
        """
        started = time.monotonic()
        whole = [str(part) for part in command]
        with self.started(whole, directory, plain_variables(), stdin=subprocess.DEVNULL) as process:
            stdout, stderr = process.communicate()
        self.require_wanted()
        if process.returncode:
            raise ToolFailed(f"{what}: {_ended(command, process.returncode)}", last_lines(stdout + stderr))
        return Done(stdout=_text(stdout), seconds=time.monotonic() - started)

    @contextlib.contextmanager
    def started(
        self,
        command: Sequence[str],
        directory: Path,
        variables: Mapping[str, str],
        *,
        stdin: int,
        output: IO[bytes] | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A program that runs; on leaving, it and all that it started are gone.

        Args:
            command: the program and its arguments.
            directory: where it runs.
            variables: its environment variables.
            stdin: as for ``subprocess.Popen``.
            output: where what it prints goes; None for a pipe for each stream.

        Raises:
            ToolFailed: it can't be started.
            Cancelled: nothing is to be started any more.
        """
        with self._lock:
            self.require_wanted()
            try:
                process = subprocess.Popen(  # noqa: S603 - installers and interpreters that this package chose
                    command,
                    cwd=directory,
                    env=variables,
                    stdin=stdin,
                    stdout=output or subprocess.PIPE,
                    stderr=subprocess.STDOUT if output else subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                raise ToolFailed(f"`{command[0]}` can't be started: {error.strerror or error}") from error
            self._running.add(process.pid)
        try:
            with process:
                try:
                    yield process
                finally:
                    _kill(process.pid)
        finally:
            with self._lock:
                self._running.discard(process.pid)

    def cancel(self) -> None:
        """End everything that runs, and let nothing new be started."""
        with self._lock:
            self._cancelled = True
            for pid in self._running:
                _kill(pid)

    def require_wanted(self) -> None:
        """Raises ``Cancelled`` where the work has been given up."""
        if self._cancelled:
            raise Cancelled("interrupted")


def plain_variables() -> dict[str, str]:
    """This process's variables, without those that lead another Python to this one's modules."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_MISLEADING)}


def last_lines(output: bytes) -> str:
    """The end of what a program printed."""
    return "\n".join(_text(output).strip().splitlines()[-LAST_LINES:])


def _text(output: bytes) -> str:
    return output.decode("utf-8", errors="replace")


def _ended(command: Sequence[str | Path], status: int) -> str:
    # Of `python -m uv`, what matters is uv.
    name = command[command.index("-m") + 1] if "-m" in command else Path(command[0]).name
    return f"`{name}` was ended by {signal.Signals(-status).name}" if status < 0 else f"`{name}` failed ({status})"


def _kill(group: int) -> None:
    """End a process group; its members may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
