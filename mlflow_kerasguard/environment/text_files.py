"""Text that describes an environment, and what its readers say when it can't be read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mlflow_kerasguard.errors import UsageError

#: A lock file of a thousand packages has some megabytes.
_LIMIT = 64 << 20


def read_text(path: Path) -> str:
    """A file as text.

    Raises:
        UsageError: it can't be read, is too large, or isn't UTF-8.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"`{path}` can't be read: {error.strerror or error}") from error
    if len(content) > _LIMIT:
        raise UsageError(f"`{path}` has more than {_LIMIT >> 20} MiB; expected a description of an environment")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"`{path}`, line {line}: byte {content[error.start]:#04x} isn't UTF-8; expected text"
        ) from error


def parse_toml(text: str, path: Path, expected: str = "a `pylock.toml` or a `uv.lock`") -> dict[str, Any]:
    """A TOML document.

    Args:
        text: its text.
        path: where it is from.
        expected: what it should be, for the error.

    Raises:
        UsageError: it isn't one; says at which line.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"`{path}` isn't TOML: {error}; expected {expected}") from error
    return document
