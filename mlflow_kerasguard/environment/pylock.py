"""`pylock.toml`, the lock file of PEP 751.

``packaging.pylock`` reads it too, but only since packaging 26, which the oldest MLflow that is supported
doesn't admit; and names, versions and markers are all that matters here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mlflow_kerasguard.environment.listed import Listed, python_of
from mlflow_kerasguard.environment.markers import holds, possible_pythons
from mlflow_kerasguard.environment.wanted import Wanted
from mlflow_kerasguard.errors import UsageError

_MAJOR = 1


def is_pylock(document: Mapping[str, Any]) -> bool:
    """Whether a TOML document calls itself one."""
    return "lock-version" in document and "packages" in document


def read_pylock(document: Mapping[str, Any], path: Path, *, python: str | None = None) -> Listed:
    """The environment that a lock file describes.

    Args:
        document: the parsed file.
        path: where it is from.
        python: the Python that it is to be read for; None for what the file says.

    Raises:
        UsageError: it isn't of this version, or something in it is malformed.
    """
    version = document["lock-version"]
    if not isinstance(version, str) or version.split(".")[0] != str(_MAJOR):
        raise UsageError(f"`{path}`: `lock-version` is {version!r}; expected `{_MAJOR}.0`")
    requires = requires_python(document, path)
    python = python or python_of(SpecifierSet(requires))
    pythons = possible_pythons(python, requires)
    groups = frozenset(map(str, document.get("default-groups", ())))
    wanted = tuple(_packages(document, path, pythons, groups))
    return Listed(source=f"`{path}`", wanted=wanted, python=python, requires_python=requires, complete=True)


def meets(locked: Iterable[Wanted], requirements: Iterable[str]) -> bool:
    """Whether a lock still has what is asked for beside it: a file of requirements is edited sooner than its lock.

    Args:
        locked: the lock's packages.
        requirements: requirements, without options. Those with a marker may be left out of the lock; those with a
            URL say themselves what is to be installed.
    """
    releases = {item.name: item.specifier for item in locked}
    for text in requirements:
        try:
            asked = Requirement(text)
        except InvalidRequirement:
            continue  # A path.
        release = releases.get(canonicalize_name(asked.name))
        if asked.url is not None:
            continue
        if release is None:
            if asked.marker is None:
                return False
        elif not all(asked.specifier.contains(one.version, prereleases=True) for one in release):
            return False
    return True


def requires_python(document: Mapping[str, Any], path: Path) -> str:
    """The specifier of ``requires-python``; empty where there is none."""
    text = document.get("requires-python", "")
    try:
        SpecifierSet(text)
    except (InvalidSpecifier, AttributeError, TypeError) as error:
        raise UsageError(f"`{path}`: `requires-python` is {text!r}; expected a specifier such as `>=3.11`") from error
    return str(text)


def entries(document: Mapping[str, Any], key: str, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The tables of an array of packages that have a version, each with its place."""
    packages = document[key]
    if not isinstance(packages, list):
        raise UsageError(f"`{path}`: `{key}` is no array of tables; expected `[[{key}]]`")
    for index, package in enumerate(packages):
        where = f"`{path}`, {key}[{index}]"
        if not isinstance(package, dict) or not isinstance(package.get("name"), str):
            raise UsageError(f"{where}: expected a table with a `name`")
        if "version" in package:
            yield f"{where} (`{package['name']}`)", package


def pinned(package: Mapping[str, Any], where: str, marker: Marker | None = None) -> Wanted:
    """A package of a lock as a requirement."""
    try:
        version = Version(package["version"])
    except (InvalidVersion, TypeError) as error:
        raise UsageError(f"{where}: `version` is {package['version']!r}; expected one such as `3.8.0`") from error
    name = canonicalize_name(package["name"])
    return Wanted(name=name, specifier=SpecifierSet(f"=={version}"), where=where, marker=marker)


def _packages(
    document: Mapping[str, Any], path: Path, pythons: tuple[str, ...], groups: frozenset[str]
) -> Iterator[Wanted]:
    for where, package in entries(document, "packages", path):
        marker = _marker(package, where)
        applies = True if marker is None else holds(marker, pythons, groups=groups)
        if applies is not False:
            # A marker that holds is done with: `combine` knows nothing of groups.
            yield pinned(package, where, None if applies else marker)


def _marker(package: Mapping[str, Any], where: str) -> Marker | None:
    if "marker" not in package:
        return None
    try:
        return Marker(package["marker"])
    except (InvalidMarker, TypeError) as error:
        raise UsageError(f"{where}: `marker` is {package['marker']!r}; expected an environment marker") from error
