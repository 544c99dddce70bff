"""Reports that go to a file."""

from __future__ import annotations

from pathlib import Path

from mlflow_kerasguard.errors import UsageError


def require_writable(path: Path | None) -> None:
    """Before minutes of work, not after.

    Raises:
        UsageError: it can't be a file.
    """
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise UsageError(f"the report can't be written to `{path}`; expected a file in a directory that is there")


def write_report(path: Path, text: str) -> None:
    """Let the report appear whole, or not at all.

    Raises:
        UsageError: it can't be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(f"{text}\n", encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(f"the report can't be written to `{path}`: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
