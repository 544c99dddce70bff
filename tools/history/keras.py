"""The history of Keras: what every release offers, as ``mlflow_kerasguard/keras_api/history.sqlite``.

``python -m tools.history keras`` adds the releases that the data lacks, which takes some seconds each;
``--again`` reads every release again, which is needed after a change of the reader.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from packaging.version import Version

from mlflow_kerasguard.keras_api.history import FILE, LAYOUT, SCHEMA
from mlflow_kerasguard.keras_api.loader import read_loader
from mlflow_kerasguard.keras_api.module_json import encode_loader, encode_module
from mlflow_kerasguard.keras_api.outline import ModuleOutline
from mlflow_kerasguard.keras_api.source_modules import Files, SourceModule, SourceModules
from tools.history.wheels import Wheel, index_versions, open_wheel

#: The first releases of the packages that are recorded. `keras` before 2.6 is TensorFlow's, under another name.
FIRST = {"keras": Version("2.6.0"), "tf_keras": Version("2.14.1")}

#: The Keras that is part of TensorFlow: its version, and the release of TensorFlow that is read for it.
INSIDE_TENSORFLOW = {"2.4.0": "2.4.4", "2.5.0": "2.5.3"}

#: Directories without anything that a model could name.
LEFT_OUT = (
    "datasets/",
    "benchmarks/",
    "integration_tests/",
    "distribute/",
    "tests/",
    "testing_infra/",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A release as it is recorded."""

    package: str
    version: str
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    loader: dict[str, Any] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.history keras", description=__doc__.split("\n")[0])
    parser.add_argument("--again", action="store_true", help="read all releases again, not only new ones")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the wheels there, and find them there again")
    options = parser.parse_args(arguments)
    rows = {} if options.again or not FILE.exists() else read_rows(FILE)
    for package, version, read in wanted(options.keep):
        if (package, version) not in rows:
            rows[package, version] = read()
            print(f"{package} {version}: {len(rows[package, version].modules)} modules", flush=True)
    write_rows(list(rows.values()), FILE)
    print(f"{FILE.name}: {len(rows)} releases, {FILE.stat().st_size / 1e6:.2f} MB")


def wanted(keep: Path | None) -> Iterator[tuple[str, str, Callable[[], Row]]]:
    """Every release that should be in the data, and how to read it."""
    for version, tensorflow in INSIDE_TENSORFLOW.items():
        yield "keras", version, partial(inside_tensorflow, version, tensorflow, keep)
    for package, first in FIRST.items():
        for version in index_versions(package.replace("_", "-")):
            if Version(version) >= first:
                yield package, version, partial(from_wheel, package, version, keep)


def from_wheel(package: str, version: str, keep: Path | None) -> Row:
    with open_wheel(f"{package}=={version}", keep=keep) as wheel:
        return read_row(package, version, wheel, paths=wheel.names, wheel=wheel)


def inside_tensorflow(version: str, tensorflow: str, keep: Path | None) -> Row:
    with open_wheel(f"tensorflow-cpu=={tensorflow}", python="3.8", keep=keep) as wheel:
        files = InsideTensorFlow(wheel)
        return read_row("keras", version, files, paths=files.names, wheel=wheel)


class InsideTensorFlow:
    """The files of the Keras inside TensorFlow, as if they were a package `keras`."""

    PLACES = (
        ("tensorflow/python/keras/", "keras/"),
        ("tensorflow/keras/", "keras/api/_v2/keras/"),
        # Its initializers derive from TensorFlow's.
        ("tensorflow/python/ops/init_ops_v2.py", "keras/tensorflow_ops/init_ops_v2.py"),
    )

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._paths: dict[str, str] = {}
        for place, ours in self.PLACES:
            self._paths |= {ours + name[len(place) :]: name for name in wheel.names if name.startswith(place)}
        self.names = frozenset(self._paths)

    def read(self, path: str) -> str | None:
        text = self._wheel.read(self._paths[path]) if path in self._paths else None
        if text is None:
            return None
        text = text.replace("tensorflow.python.keras", "keras").replace("tensorflow.keras", "keras.api._v2.keras")
        text = text.replace("tensorflow.python.ops", "keras.tensorflow_ops")
        return text.replace("from tensorflow.python import keras", "import keras")


def read_row(package: str, version: str, files: Files, *, paths: frozenset[str], wheel: Wheel) -> Row:
    """Read one release with the reader that reads an installed Keras."""
    modules = SourceModules(package, files)
    return Row(
        package=package,
        version=version,
        requires=wheel.requires,
        requires_python=wheel.requires_python,
        loader=encode_loader(read_loader(modules)),
        modules={name: text for name in module_names(package, paths) if (text := module_text(modules, name))},
    )


def module_names(package: str, paths: frozenset[str]) -> list[str]:
    """The modules among a release's files that a model can lead to."""
    names = []
    for path in sorted(paths):
        inside = path.removeprefix(f"{package}/").removeprefix("src/")
        is_test = path.endswith("_test.py") or inside.startswith(LEFT_OUT) or "/_tf_keras/" in path
        if path.startswith(f"{package}/") and path.endswith(".py") and not is_test:
            names.append(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    return names


def module_text(modules: SourceModules, name: str) -> str | None:
    module = modules.module(name)
    return _module_text(name, module.text, module.is_package) if module is not None else None


@cache
def _module_text(name: str, text: str, is_package: bool) -> str:
    """The recorded form of a module; most are the same in the next release."""
    outline = ModuleOutline(name, text, is_package=is_package)
    return json.dumps(encode_module(SourceModule(outline), outline.defined), separators=(",", ":"))


def read_rows(path: Path) -> dict[tuple[str, str], Row]:
    """All releases of a data file."""
    with closing(sqlite3.connect(path)) as connection:
        texts = dict(connection.execute("SELECT id, json FROM facts"))
        found = list(connection.execute("SELECT * FROM modules"))
        rows = {}
        for package, number, version, requires, requires_python, loader in connection.execute("SELECT * FROM releases"):
            rows[package, version] = Row(
                package=package,
                version=version,
                requires=tuple(json.loads(requires)),
                requires_python=requires_python,
                loader=json.loads(loader),
                modules={
                    name: texts[facts]
                    for owner, name, first, last, facts in found
                    if owner == package and first <= number <= last
                },
            )
        return rows


def write_rows(rows: list[Row], path: Path) -> None:
    """Write a data file anew; the same releases always give the same file."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with closing(sqlite3.connect(temporary)) as connection:
        connection.executescript(SCHEMA)
        connection.execute(f"PRAGMA user_version = {LAYOUT}")
        identifiers: dict[str, int] = {}
        for package in sorted({row.package for row in rows}):
            ordered = sorted((row for row in rows if row.package == package), key=lambda row: Version(row.version))
            connection.executemany(
                "INSERT INTO releases VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (
                        package,
                        number,
                        row.version,
                        json.dumps(row.requires),
                        row.requires_python,
                        json.dumps(row.loader),
                    )
                    for number, row in enumerate(ordered)
                ],
            )
            spans = [(package, *span) for span in module_spans(ordered, identifiers)]
            connection.executemany("INSERT INTO modules VALUES (?, ?, ?, ?, ?)", spans)
        connection.executemany("INSERT INTO facts VALUES (?, ?)", [(n, text) for text, n in identifiers.items()])
        connection.commit()
        connection.execute("VACUUM")
    temporary.replace(path)


def _metadata(row: Row) -> tuple[str, str | None, str]:
    return json.dumps(row.requires), row.requires_python, json.dumps(row.loader)


def module_spans(ordered: list[Row], identifiers: dict[str, int]) -> Iterator[tuple[str, int, int, int]]:
    """Runs of releases in which a module is the same: name, first, last, its facts."""
    for name in sorted({name for row in ordered for name in row.modules}):
        run: tuple[str, int] | None = None
        for number, row in enumerate([*ordered, Row(package="", version="")]):
            text = row.modules.get(name)
            if run is not None and run[0] != text:
                yield name, run[1], number - 1, identifiers.setdefault(run[0], len(identifiers))
                run = None
            if run is None and text is not None:
                run = (text, number)
