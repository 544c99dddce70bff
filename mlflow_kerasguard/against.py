"""Environments that aren't here: whatever ``--against`` takes, by what it is."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.environment.listed import Listed, make_environment
from mlflow_kerasguard.errors import UsageError

_EXPECTED = (
    "requirements such as `keras==3.8.0`, a requirements file, `pylock.toml`, `uv.lock`, conda `environment.yml`, a "
    "Python interpreter, a virtual environment, a logged model or a wheel of Keras"
)

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
#: An interpreter by its bare name; a distribution `python` always comes with a version.
_PYTHON = re.compile(r"(python|pypy)(\d(\.\d+)?)?")
_PROGRAM = re.compile(r"python|pypy", re.IGNORECASE)
_LOOKS_LIKE_PATH = re.compile(r"[^<>=!~;@\[\]]*([/\\]|\.(txt|in|toml|lock|ya?ml|json|whl|cfg)$)[^<>=!~;@\[\]]*")
_TOML = re.compile(r"^\s*\[\[(packages?|metadata|source)\]\]\s*$", re.MULTILINE)

#: Enough of a file to tell text from a program.
_HEAD = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a description turned out to be: one of its fields is set.

    Attributes:
        python: an interpreter.
        model: the directory of a logged model, which is on this machine.
        wheel: a wheel of Keras.
        listed: requirements.
        source: what to call it in reports; None for its path.
        is_file: whether requirements are those of a file, and not only a few that were written down.
    """

    python: Path | None = None
    model: Path | None = None
    wheel: Path | None = None
    listed: Listed | None = None
    source: str | None = None
    is_file: bool = False


def read_environment(text: str | Path, *, fetch: bool = False) -> Environment:
    """What a description says of an environment; its kind is told by content.

    Args:
        text: requirements, or the path (or MLflow URI) of a description. After the path of a lock or list,
            a Python and environment variables may follow: ``uv.lock python==3.11``.
        fetch: get a Keras release that the history lacks from the configured package index.

    Raises:
        UsageError: it can't be understood; says what and where, and what was expected.
        ModelNotFoundError: there is no model at a URI.
    """
    found = describe(text)
    if found.listed is not None:
        return make_environment(found.listed, fetch=fetch)
    if found.model is not None:
        from mlflow_kerasguard.logged_environment import read_logged_environment

        return read_logged_environment(found.model, found.source or str(found.model), fetch=fetch)
    if found.wheel is not None:
        from mlflow_kerasguard.environment.wheel import read_wheel

        return read_wheel(found.wheel)
    from mlflow_kerasguard.environment.interpreter import read_interpreter

    assert found.python is not None, "one of them is set"
    return read_interpreter(found.python, source=found.source)


def describe(text: str | Path) -> Description:
    """What a description is, by its content; lists are read.

    Args:
        text: as for :func:`read_environment`.

    Raises:
        UsageError: as for :func:`read_environment`.
        ModelNotFoundError: likewise.
    """
    path = Path(text)
    if not str(text).strip():
        raise UsageError(f"an environment can't be empty; expected {_EXPECTED}")
    if _exists(path):
        return _at_path(path, None)
    if isinstance(text, Path):
        raise UsageError(f"there is nothing at `{path}`; expected {_EXPECTED}")
    if _URI.match(text):
        return _at_uri(text)
    if _PYTHON.fullmatch(text):
        return _command(text)
    return _stated(text)


def _stated(text: str) -> Description:
    from mlflow_kerasguard.environment.requirement_strings import read_requirement_strings

    first, _, rest = text.strip().partition(" ")
    if rest and _exists(Path(first)):
        return _at_path(Path(first), read_requirement_strings(rest))
    if _LOOKS_LIKE_PATH.fullmatch(text):
        raise UsageError(f"there is nothing at `{text}`; expected {_EXPECTED}")
    return Description(listed=read_requirement_strings(text))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False  # Too long for a path, or with a NUL.


def _command(name: str) -> Description:
    found = shutil.which(name)
    if found is None:
        raise UsageError(f"there is no `{name}` on PATH; expected {_EXPECTED}")
    return Description(python=Path(found))


def _at_uri(uri: str) -> Description:
    from mlflow_kerasguard.artifact import is_logged_model
    from mlflow_kerasguard.tracking import fetch as fetch_model

    directory = fetch_model(uri)
    if not is_logged_model(directory):
        raise UsageError(f"`{uri}` isn't a logged model; expected {_EXPECTED}")
    return Description(model=directory, source=uri)


def _at_path(path: Path, further: Listed | None) -> Description:
    found = _directory(path) if path.is_dir() else _file(path, further)
    if found.listed is not None:
        return replace(found, listed=_with(found.listed, further, path))
    if further is not None:
        raise UsageError(f"`{path}` says itself what it has; expected nothing after it")
    return found


def _with(listed: Listed, further: Listed | None, path: Path) -> Listed:
    if further is None:
        return listed
    if further.wanted:
        name = further.wanted[0].name
        raise UsageError(f"`{name}` can't be added to `{path}`; expected `python==…` or environment variables")
    python = further.python or listed.python
    return replace(listed, python=python, variables={**(listed.variables or {}), **(further.variables or {})})


def _directory(path: Path) -> Description:
    from mlflow_kerasguard.artifact import is_logged_model
    from mlflow_kerasguard.environment.interpreter import find_python

    if is_logged_model(path):
        return Description(model=path)
    python = find_python(path)
    if python is None:
        raise UsageError(f"the directory `{path}` has neither `MLmodel` nor `bin/python`; expected {_EXPECTED}")
    return Description(python=python, source=f"`{path}`")


def _file(path: Path, further: Listed | None) -> Description:
    head = _head(path)
    if head.startswith(b"PK") or path.suffix == ".whl":
        return Description(wheel=path)
    if b"\0" in head or (head.startswith(b"#!") and os.access(path, os.X_OK)):
        # Any other program might do anything.
        if not _PROGRAM.search(path.name):
            raise UsageError(f"`{path}` is a program or binary file that isn't called Python; expected {_EXPECTED}")
        return Description(python=path)
    return Description(listed=_read_list(path, further.python if further else None), is_file=True)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD)
    except OSError as error:
        raise UsageError(f"`{path}` can't be read: {error.strerror or error}; expected {_EXPECTED}") from error


def _read_list(path: Path, python: str | None) -> Listed:
    from mlflow_kerasguard.environment.conda import read_conda
    from mlflow_kerasguard.environment.requirements_file import read_requirements_file
    from mlflow_kerasguard.environment.text_files import parse_toml, read_text

    if path.suffix in {".yml", ".yaml"}:
        return read_conda(path)
    text = read_text(path)
    if text.lstrip().startswith("{"):
        raise UsageError(f"`{path}`, line 1: it is JSON, such as a `Pipfile.lock`; expected {_EXPECTED}")
    if path.suffix == ".toml" or _TOML.search(text):
        return _read_toml(parse_toml(text, path), path, python)
    return read_requirements_file(path)


def _read_toml(document: Mapping[str, Any], path: Path, python: str | None) -> Listed:
    from mlflow_kerasguard.environment.pylock import is_pylock, read_pylock
    from mlflow_kerasguard.environment.uv_lock import is_uv_lock, read_uv_lock

    if is_pylock(document):
        return read_pylock(document, path, python=python)
    if is_uv_lock(document):
        return read_uv_lock(document, path, python=python)
    keys = ", ".join(f"`{key}`" for key in sorted(document)[:6]) or "nothing"
    raise UsageError(
        f"`{path}` is neither a `pylock.toml` nor a `uv.lock`: it has {keys}; lock files of other tools aren't read"
    )
