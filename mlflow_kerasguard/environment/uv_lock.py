"""`uv.lock`.

It holds everything that the project may install anywhere: extras and groups as well. Where it has
several releases of one package, each says by ``resolution-markers`` where it is the one; whether a
package is installed at all follows from the markers of those that need it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from mlflow_kerasguard.environment.listed import Listed, python_of
from mlflow_kerasguard.environment.markers import holds, possible_pythons
from mlflow_kerasguard.environment.pylock import entries, pinned, requires_python
from mlflow_kerasguard.environment.text_files import read_text
from mlflow_kerasguard.environment.wanted import Wanted
from mlflow_kerasguard.errors import UsageError

_VERSION = 1

#: A package's place in the file, and its table.
_Package: TypeAlias = tuple[str, Mapping[str, Any]]


def is_uv_lock(document: Mapping[str, Any]) -> bool:
    """Whether a TOML document looks like one: other lock files keep their version elsewhere."""
    return "package" in document and isinstance(document.get("version"), int)


def read_uv_lock(document: Mapping[str, Any], path: Path, *, python: str | None = None) -> Listed:
    """The environment that a lock file describes.

    Args:
        document: the parsed file.
        path: where it is from.
        python: the Python that it is to be read for; None for the one in `.python-version` beside it.

    Raises:
        UsageError: it isn't of this version, or something in it is malformed.
    """
    if document["version"] != _VERSION:
        raise UsageError(f"`{path}`: `version` is {document['version']!r}; expected {_VERSION}")
    requires = requires_python(document, path)
    python = python or _pinned_python(path) or python_of(SpecifierSet(requires))
    pythons = possible_pythons(python, requires)
    return Listed(
        source=f"`{path}`",
        wanted=tuple(_packages(document, path, pythons)),
        python=python,
        requires_python=requires,
        complete=True,
    )


def _pinned_python(path: Path) -> str | None:
    """What uv's own `.python-version` says, where it names a plain version."""
    file = path.parent / ".python-version"
    lines = read_text(file).split() if file.is_file() else []
    parts = lines[0].split(".") if lines else []
    return lines[0] if len(parts) > 1 and all(part.isdigit() for part in parts) else None


def _packages(document: Mapping[str, Any], path: Path, pythons: tuple[str, ...]) -> Iterator[Wanted]:
    versions: dict[str, list[_Package]] = {}
    for where, table in entries(document, "package", path):
        applies = _applies(table, where, pythons)
        if applies is not False:
            versions.setdefault(canonicalize_name(table["name"]), []).append((where, table))
    needed = _needed(document, pythons)
    for name, found in versions.items():
        if name not in needed:
            continue
        if len(found) == 1:
            yield pinned(found[0][1], found[0][0])
        else:
            yield Wanted(name=name, specifier=None, where=_several(path, found))


def _needed(document: Mapping[str, Any], pythons: tuple[str, ...]) -> set[str]:
    """The names that the project's own packages lead to on this platform, with all their extras and groups."""
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for table in document["package"]:
        tables.setdefault(str(table.get("name")), []).append(table)
    pending = {name for name, found in tables.items() if any(map(_is_own, found))} or set(tables)
    needed: set[str] = set()
    while pending:
        name = pending.pop()
        needed.add(name)
        for table in tables.get(name, ()):
            pending |= {edge["name"] for edge in _edges(table) if _may_hold(edge, pythons)} - needed
    return {str(canonicalize_name(name)) for name in needed}


def _is_own(table: Mapping[str, Any]) -> bool:
    """Whether a package is the project itself, or a member of its workspace."""
    source = table.get("source")
    return isinstance(source, dict) and not {"virtual", "editable"}.isdisjoint(source)


def _edges(table: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    groups = [table.get("dependencies", ())]
    for key in ("optional-dependencies", "dev-dependencies"):
        groups += table.get(key, {}).values()
    for group in groups:
        yield from (edge for edge in group if isinstance(edge, dict) and "name" in edge)


def _may_hold(edge: Mapping[str, Any], pythons: tuple[str, ...]) -> bool:
    try:
        return "marker" not in edge or holds(Marker(edge["marker"]), pythons) is not False
    except InvalidMarker:
        return True


def _several(path: Path, found: list[_Package]) -> str:
    releases = " and ".join(str(table["version"]) for _, table in found)
    return f"`{path}` has {releases} for different environments (name a Python: `{path} python==3.11`)"


def _applies(package: Mapping[str, Any], where: str, pythons: tuple[str, ...]) -> bool | None:
    """Whether a package is for these Pythons: one of its markers holds, or it has none."""
    markers = package.get("resolution-markers")
    if markers is None:
        return True
    try:
        answers = {holds(Marker(text), pythons) for text in markers}
    except (InvalidMarker, TypeError) as error:
        raise UsageError(f"{where}: `resolution-markers` is {markers!r}; expected a list of markers") from error
    return True if True in answers else (None if None in answers else False)
