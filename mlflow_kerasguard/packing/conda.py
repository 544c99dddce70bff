"""Let conda-pack write an archive, in a process of its own.

conda-pack writes to a temporary file in the system's directory for these, which it leaves there when it is
interrupted, and moves it to its place at the end. A process can be given another such directory: that of
the archive, which is private and goes away as a whole. It can also be ended: when it is interrupted while it
compresses, conda-pack may wait for itself for ever. And where writing fails in the thread that compresses, as
on a full disk, it goes on to the end, and fails only if the last write does; here that ends the process.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from mlflow_kerasguard.errors import PackError

#: Archives that keep links and permissions. conda-pack's others lose them, or change the package cache.
FORMATS = ("tar.gz", "tar.zst")

_INSTALL = "pip install 'mlflow-kerasguard[conda]'"

_PROGRAM = """
import os, signal, threading

signal.signal(signal.SIGINT, signal.SIG_DFL)

def fail(args):
    os.write(2, f"{args.exc_type.__name__}: {args.exc_value}\\n".encode())
    os._exit(1)

threading.excepthook = fail
from conda_pack.cli import main
main()
"""
_OS_ERROR = re.compile(r"^(?:OSError|PermissionError): \[Errno \d+\] (.*)$", re.MULTILINE)
_SHOWN = 600


def require_conda_pack(form: str = FORMATS[0]) -> None:
    """Refuse where what writes the format isn't installed.

    Raises:
        PackError: says what to install.
    """
    needed = ["conda_pack", *(["zstandard"] if form == "tar.zst" else [])]
    missing = [name.replace("_", "-") for name in needed if find_spec(name) is None]
    if missing:
        raise PackError(f"`{missing[0]}` isn't installed here, and `{form}` needs it: {_INSTALL}")


@contextmanager
def conda_pack(prefix: Path, archive: Path, form: str, *, show_progress: bool = False) -> Iterator[Callable[[], None]]:
    """conda-pack at work; leaving the context ends it where it isn't finished.

    Args:
        prefix: the environment.
        archive: the file to write, alone in a private directory.
        form: one of ``FORMATS``.
        show_progress: let conda-pack's progress bar appear on standard error.

    Yields:
        What waits until the archive is there, and raises ``PackError`` where conda-pack refuses or fails.
    """
    # The environment's own directory: by name, conda-pack would ask conda.
    arguments = ["--prefix", prefix, "--output", archive, "--format", form, "--n-threads", "-1"]
    with subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-c", _PROGRAM, *map(str, arguments), *([] if show_progress else ["--quiet"])],
        # What stands in the current directory would be imported first.
        cwd=archive.parent,
        env={**os.environ, "TMPDIR": str(archive.parent)},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno() if show_progress else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        try:
            yield lambda: _wait(process, prefix, archive)
        finally:
            process.kill()


def _wait(process: subprocess.Popen[str], prefix: Path, archive: Path) -> None:
    _, said = process.communicate()
    if process.returncode or not archive.is_file():
        raise PackError(f"conda-pack can't pack `{prefix}`: {_reason(said, process.returncode)}")
    # From a temporary file it has the mode of one.
    archive.chmod(0o644)


def _reason(said: str, status: int) -> str:
    if "FileNotFoundError" in said:
        gone = said.rpartition("FileNotFoundError:")[2].strip().splitlines()[0]
        return f"a file went away meanwhile ({gone}); end what uses the environment, and try again"
    errors = _OS_ERROR.findall(said)
    if errors:
        return f"{errors[-1]}; make room or give another path"
    text = said.rpartition("CondaPackError:")[2] if "CondaPackError:" in said else said.strip().rpartition("\n")[2]
    return " ".join(text.split())[:_SHOWN] or f"it ended with status {status} and said nothing"
