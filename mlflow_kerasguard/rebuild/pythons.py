"""Where a Python of some version is, looked for in the places that people keep them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_VERSION = "import sys; print('%d.%d.%d' % sys.version_info[:3])"

#: A Python on a slow network drive takes seconds to start.
_PATIENCE = 20


def find_python(version: str) -> Path | None:
    """An interpreter: of exactly this version where there is one, else of the same minor release.

    Args:
        version: full, such as ``3.11.7``, or minor, such as ``3.11``.

    Returns:
        Its path; None where there is neither.
    """
    minor = ".".join(version.split(".")[:2])
    near = None
    # One after the other: each has to be started to be asked.
    for path in _candidates(minor):
        has = _version_of(path)
        if version in (has, minor) and has.startswith(f"{minor}."):
            return path
        near = near or (path if has.startswith(f"{minor}.") else None)
    return near


def _candidates(minor: str) -> Iterator[Path]:
    """This process's own Python without its virtual environment, then those of pyenv, then those on PATH."""
    # Relative to an installation, not to a virtual environment of it.
    yield Path(sys.base_prefix) / "bin" / f"python{minor}"
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(root.glob(f"versions/{minor}.*/bin/python"), key=_by_patch, reverse=True)
    for name in (f"python{minor}", "python3", "python"):
        found = shutil.which(name)
        if found:
            yield Path(found)


def _by_patch(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.parts[-3].split(".") if part.isdigit())


def _version_of(python: Path) -> str:
    if not python.is_file():
        return ""
    command = [str(python), "-I", "-S", "-c", _VERSION]
    try:
        done = subprocess.run(  # noqa: S603 - an interpreter that was found
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
