"""The history of TensorFlow, and the public names of Keras, as ``mlflow_kerasguard/tensorflow_api/*.json.gz``.

``python -m tools.history tensorflow`` adds the releases that the data lacks, which takes about half a
minute each: a wheel of 200 MB is downloaded, read and deleted. ``--again`` reads every release again,
which is needed after a change of the reader.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import Version

import mlflow_kerasguard.tensorflow_api as api
from mlflow_kerasguard.tensorflow_api import keras_names as keras_api
from mlflow_kerasguard.tensorflow_api.table import read_data
from tools.history.api_names import bundled_keras_names, foreign_modules, keras_names, tensorflow_names
from tools.history.deprecations import deprecated_names
from tools.history.name_tables import document, rows_of, write
from tools.history.operations import read_operations
from tools.history.package_files import Files, downloaded, wheel_tags
from tools.history.wheels import open_wheel

DIRECTORY = Path(api.__file__).parent

#: The wheels that are read: the same TensorFlow without what it needs for graphics cards.
PROJECT = "tensorflow-cpu"

FIRST, FIRST_KERAS = Version("2.4.0"), Version("2.6.0")

#: The Keras that is part of TensorFlow: its version by the release of TensorFlow that is read for it.
INSIDE_TENSORFLOW = {"2.4.4": "2.4.0", "2.5.3": "2.5.0"}

_VERSION_HEADER = "tensorflow/include/tensorflow/core/public/version.h"
_GRAPH_VERSION = re.compile(r"#define TF_GRAPH_DEF_VERSION(\w*)\s+(\d+)")


@dataclass(kw_only=True)
class History:
    """All rows, by release."""

    facts: dict[str, dict[str, Any]]
    operations: dict[str, frozenset[str]]
    names: dict[str, frozenset[str]]
    deprecations: dict[str, frozenset[str]]
    keras: dict[str, dict[str, frozenset[str]]]

    @classmethod
    def empty(cls) -> History:
        keras: dict[str, dict[str, frozenset[str]]] = {package: {} for package in keras_api.PACKAGES}
        return cls(facts={}, operations={}, names={}, deprecations={}, keras=keras)

    @classmethod
    def read(cls) -> History:
        """What is there already."""
        rows: Any = read_data(api.RELEASES)["releases"]
        return cls(
            facts={row["version"]: row for row in rows},
            operations=rows_of(api.operations()),
            names=rows_of(api.public_names()),
            deprecations=rows_of(api.deprecations()),
            keras={package: rows_of(keras_api.table(package)) for package in keras_api.PACKAGES},
        )

    def write(self) -> None:
        facts = sorted(self.facts.values(), key=lambda row: Version(row["version"]))
        write(DIRECTORY / api.RELEASES, {"releases": facts})
        write(DIRECTORY / api.OPERATIONS, document(self.operations))
        write(DIRECTORY / api.NAMES, document(self.names))
        write(DIRECTORY / api.DEPRECATIONS, document(self.deprecations))
        write(DIRECTORY / keras_api.KERAS_NAMES, {package: document(self.keras[package]) for package in self.keras})

    def add_tensorflow(self, version: str, files: Files, **facts: Any) -> None:
        """Read a release of TensorFlow."""
        self.facts[version] = {"version": version, **facts, **graph_facts(files)}
        self.operations[version] = operation_entries(files)
        self.names[version] = tensorflow_names(files)
        self.deprecations[version] = deprecated_names(files)
        if version in INSIDE_TENSORFLOW:
            for package in ("keras", "tf.keras"):
                self.keras[package][INSIDE_TENSORFLOW[version]] = bundled_keras_names(files)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.history tensorflow", description=__doc__.split("\n")[0])
    parser.add_argument("--again", action="store_true", help="read all releases again, not only new ones")
    options = parser.parse_args(arguments)
    empty = History(
        facts={}, operations={}, names={}, deprecations={}, keras={package: {} for package in keras_api.PACKAGES}
    )
    history = empty if options.again or not (DIRECTORY / api.RELEASES).exists() else History.read()
    add_keras(history)
    add_tensorflow(history)
    history.write()
    files = sorted(DIRECTORY.glob("*.json.gz"))
    print(", ".join(f"{path.name}: {path.stat().st_size:,} bytes" for path in files))


def add_keras(history: History) -> None:
    """Read the releases of Keras that the history lacks."""
    for package, shown in (("keras", ("keras", "tf.keras")), ("tf_keras", ("tf_keras",))):
        # Withdrawn releases are still installed somewhere.
        versions = {version for version, _, _ in wheel_tags(package.replace("_", "-"))}
        for version in sorted(versions, key=Version):
            if is_wanted(version, FIRST_KERAS) and version not in history.keras[package]:
                with open_wheel(f"{package}=={version}") as wheel:
                    for name in shown:
                        history.keras[name][version] = keras_names(wheel, name)
                print(f"{package} {version}: {len(history.keras[package][version])} names", flush=True)


def add_tensorflow(history: History) -> None:
    """Read the releases of TensorFlow that the history lacks."""
    pythons = pythons_by_release((PROJECT, "tensorflow"))
    readable = pythons_by_release((PROJECT,))
    for version in sorted(readable, key=Version):
        if is_wanted(version, FIRST) and version not in history.facts:
            with downloaded(f"{PROJECT}=={version}", readable[version][-1]) as wheel:
                history.add_tensorflow(
                    version,
                    wheel,
                    requires=wheel.requires,
                    requires_python=wheel.requires_python,
                    pythons=pythons[version],
                )
            print(f"tensorflow {version}: {len(history.names[version])} names", flush=True)


def is_wanted(version: str, first: Version) -> bool:
    """Whether a release is final and not too old."""
    return Version(version) >= first and not Version(version).is_prerelease


def pythons_by_release(projects: Iterable[str]) -> dict[str, list[str]]:
    """Release to the Pythons that have a wheel for Linux on x86-64, lowest first."""
    found: dict[str, set[str]] = {}
    for project in projects:
        for version, python, platform in wheel_tags(project):
            match = re.fullmatch(r"cp(\d)(\d+)", python)
            if match and platform.endswith("x86_64") and "linux" in platform:
                found.setdefault(version, set()).add(f"{match[1]}.{match[2]}")
    return {version: sorted(pythons, key=Version) for version, pythons in found.items()}


def graph_facts(files: Files) -> dict[str, Any]:
    """GraphDef versions, and the modules that are loaded from other packages."""
    versions = {name: int(number) for name, number in _GRAPH_VERSION.findall(files.read(_VERSION_HEADER) or "")}
    return {
        "producer": versions[""],
        "min_producer": versions["_MIN_PRODUCER"],
        "foreign_names": sorted(f"tf.{name}" for name in foreign_modules(files)),
    }


def operation_entries(files: Files) -> frozenset[str]:
    """The entries of the table of operations: each, and each with its attributes."""
    found = read_operations(files)
    attributes = {f"{name}{api.SEPARATOR}{attribute}" for name in found for attribute in found[name]}
    return frozenset(found) | attributes
