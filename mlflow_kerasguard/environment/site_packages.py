"""What is installed in directories such as ``site-packages``, read from files: nothing of it is imported."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from importlib.machinery import PathFinder
from pathlib import Path

from mlflow_kerasguard.environment import Distribution, normalized
from mlflow_kerasguard.keras_api import KerasApi, Unknown
from mlflow_kerasguard.keras_api.source import SourceKerasApi
from mlflow_kerasguard.keras_api.source_modules import Directory

#: Files in which a Keras release states its version, newest layout first.
_VERSION_FILES = ("src/version.py", "src/__init__.py", "__init__.py")


class Distributions(Mapping[str, Distribution]):
    """What is installed on a path, found by name; metadata is read only when it is asked for.

    By the names of the metadata directories, as PyPA's specification of recorded installations says.
    ``importlib.metadata`` would do, but with it come the modules for e-mail and sockets, and a tenth of
    the time that a whole check may take.
    """

    def __init__(self, path: tuple[str, ...]) -> None:
        self._path = path
        self._read = cache(_distribution)

    @cached_property
    def _found(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for directory in self._path:
            for name in _listing(directory):
                stem, dot, suffix = name.rpartition(".")
                if dot and suffix in {"dist-info", "egg-info"}:
                    # The first one on the path is the one that is imported.
                    found.setdefault(normalized(stem.split("-", 1)[0]), Path(directory, name))
        return found

    def __getitem__(self, name: str) -> Distribution:
        return self._read(self._found[name])

    def directory(self, name: str) -> Path:
        """Where the metadata of a distribution is."""
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _listing(directory: str) -> list[str]:
    try:
        return [entry.name for entry in Path(directory).iterdir()]
    except OSError:
        return []  # The standard library's zip, say.


def _distribution(directory: Path) -> Distribution:
    return read_distribution(directory.name.rpartition(".")[0], _metadata(directory))


def read_distribution(stem: str, metadata: str) -> Distribution:
    """The few header fields that rules need; parsing the whole message is slow.

    Args:
        stem: name and version as the metadata's directory is called.
        metadata: the text.
    """
    fields: dict[str, list[str]] = {}
    for line in metadata.split("\n\n", 1)[0].splitlines():
        name, separator, value = line.partition(":")
        if separator and not name.startswith((" ", "\t")):
            fields.setdefault(name.lower(), []).append(value.strip())
    return Distribution(
        name=normalized(fields.get("name", [stem.split("-", 1)[0]])[0]),
        version=fields.get("version", [stem.partition("-")[2] or "0"])[0],
        requires=tuple(fields.get("requires-dist", ())),
        requires_python=fields.get("requires-python", [None])[0],
    )


def _metadata(directory: Path) -> str:
    """The text of a distribution's metadata; old tools wrote a file instead of a directory."""
    for path in (directory / "METADATA", directory / "PKG-INFO", directory):
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
    return ""


def keras_reader(path: tuple[str, ...]) -> Callable[[str], KerasApi]:
    """What reads the API of ``keras`` or ``tf_keras`` where it would be imported from."""

    @cache
    def read(package: str) -> KerasApi:
        directory = find_package(package, path)
        if directory is None:
            raise Unknown(f"`{package}` isn't installed")
        version = read_version(directory)
        if version is None:
            raise Unknown(f"`{directory}` doesn't state a version of `{package}`")
        return SourceKerasApi(package, version, Directory(directory.parent))

    return read


def find_package(package: str, path: tuple[str, ...]) -> Path | None:
    """The directory of an installed top-level package."""
    spec = PathFinder.find_spec(package, list(path))
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def read_version(directory: Path) -> str | None:
    """A package's ``__version__``, from its source."""
    for name in _VERSION_FILES:
        try:
            text = (directory / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        match = re.search(r"^__version__ = [\"']([^\"']+)[\"']", text, re.MULTILINE)
        if match:
            return match[1]
    return None
