"""What every Keras release offers, shipped as data: answers about releases that aren't installed.

The data is made by ``python -m tools.history keras`` from the releases' wheels, with the same reader
that reads an installed Keras. It is a SQLite file, so that only the few modules that a model names
are read. Equal modules of successive releases are one row.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from mlflow_kerasguard.keras_api import KerasApi, LoaderFacts, Unknown
from mlflow_kerasguard.keras_api.module_json import RecordedModule, decode_loader
from mlflow_kerasguard.keras_api.release import ReleaseApi

#: The layout of the file: its tables, and the keys of ``module_json``.
LAYOUT = 1

FILE = Path(__file__).with_name("history.sqlite")

SCHEMA = """
CREATE TABLE releases (
    package TEXT, number INTEGER, version TEXT, requires TEXT, requires_python TEXT, loader TEXT,
    PRIMARY KEY (package, number)
) WITHOUT ROWID;
CREATE TABLE facts (id INTEGER PRIMARY KEY, json TEXT);
CREATE TABLE modules (
    package TEXT, name TEXT, first INTEGER, last INTEGER, facts INTEGER,
    PRIMARY KEY (package, name, first)
) WITHOUT ROWID;
"""

_FIND = "SELECT facts FROM modules WHERE package = ? AND name = ? AND first <= ? AND last >= ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release of a Keras.

    Attributes:
        package: ``keras`` or ``tf_keras``; the Keras inside TensorFlow 2.4 and 2.5 counts as ``keras``.
        version: PEP 440 version.
        requires: its ``Requires-Dist`` lines.
        requires_python: its ``Requires-Python``.
        api: what it offers.
    """

    package: str
    version: str
    requires: tuple[str, ...]
    requires_python: str | None
    api: KerasApi


def releases(package: str) -> tuple[str, ...]:
    """The versions of a package that are known, oldest first; empty for any other package."""
    return tuple(_numbers(package))


@lru_cache(maxsize=256)
def find_release(package: str, version: str) -> Release:
    """One release.

    Raises:
        Unknown: the history doesn't have it.
    """
    number = _numbers(package).get(version)
    if number is None:
        newest = next(reversed(_numbers(package)), "none")
        raise Unknown(f"`{package}` {version} isn't in the history of releases, which ends at {newest}")
    query = "SELECT requires, requires_python, loader FROM releases WHERE package = ? AND number = ?"
    requires, requires_python, loader = _connection().execute(query, (package, number)).fetchone()
    return Release(
        package=package,
        version=version,
        requires=tuple(json.loads(requires)),
        requires_python=requires_python,
        api=ReleaseApi(version, RecordedModules(package, number), _loader_reader(loader)),
    )


class RecordedModules:
    """The modules of one release in the history.

    Args:
        package: the top-level name.
        number: the release's place in the order of releases.
    """

    def __init__(self, package: str, number: int) -> None:
        self.package = package
        self._number = number
        self._modules: dict[str, RecordedModule | None] = {}

    def module(self, name: str) -> RecordedModule | None:
        if name not in self._modules:
            row = _connection().execute(_FIND, (self.package, name, self._number, self._number)).fetchone()
            self._modules[name] = RecordedModule(name, _facts(row[0])) if row else None
        return self._modules[name]


@cache
def _connection() -> sqlite3.Connection:
    # Immutable: no locks and no journal, so that a read-only installation works, and any thread may read.
    return sqlite3.connect(f"{FILE.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)


@cache
def _numbers(package: str) -> dict[str, int]:
    rows = _connection().execute("SELECT version, number FROM releases WHERE package = ? ORDER BY number", (package,))
    return dict(rows)


@lru_cache(maxsize=4096)
def _facts(identifier: int) -> dict[str, Any]:
    """A module's facts; releases share them."""
    facts: dict[str, Any] = json.loads(
        _connection().execute("SELECT json FROM facts WHERE id = ?", (identifier,)).fetchone()[0]
    )
    return facts


def _loader_reader(text: str) -> Callable[[], LoaderFacts]:
    return lambda: decode_loader(json.loads(text))
