"""What a wheel of an installed distribution has to hold.

An ordinary installation lists its files. An editable one lists a link only: its metadata is where it was
installed, and its sources are where the modules are imported from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution, PackagePath
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.wheel_labels import unlabelled
from mlflow_kerasguard.wheels.contents import METADATA, WheelContents

_DIRECT_URL = "direct_url.json"

#: What installers write into the metadata, and what is written anew.
_NOT_METADATA = frozenset(
    {
        "INSTALLER",
        "RECORD",
        "RECORD.jws",
        "RECORD.p7s",
        "REQUESTED",
        "WHEEL",
        _DIRECT_URL,
        "uv_build.json",
        "uv_cache.json",
    }
)
_CACHE = "__pycache__"
#: What lies beside a package in a checkout that isn't laid out with `src`.
_NOT_PACKAGED = frozenset({"docs", "examples", "test", "tests"})
_COMPILED = (".pyc", ".pyo")


def contents_of(distribution: Distribution, modules: Iterable[str] | None = None) -> WheelContents:
    """The contents of a wheel that installs what is installed.

    Args:
        distribution: of pure Python.
        modules: the top-level modules that belong to it, to be taken from where they are imported from. If
            None, those that an editable installation names, and what an ordinary one lists.

    Raises:
        UsageError: it isn't pure Python, lies in part outside of its modules, or its modules can't be told.
    """
    name = str(distribution.metadata["Name"])
    _require_pure(distribution, name)
    metadata = {path: content for path, content in _metadata_files(distribution) if path not in _NOT_METADATA}
    if METADATA not in metadata:
        raise UsageError(f"`{name}` has no metadata in a `.dist-info` directory; install it with pip or uv")
    if modules is not None or is_editable(distribution):
        files = dict(_files_of_modules(distribution, name, modules))
    else:
        files = dict(_listed_files(distribution, name))
    return WheelContents(name=name, version=unlabelled(distribution.version), files=files, metadata=metadata)


def direct_url(distribution: Distribution) -> dict[str, object] | None:
    """Where a distribution was installed from, as PEP 610 records it; None where it came from an index."""
    text = distribution.read_text(_DIRECT_URL)
    return dict(json.loads(text)) if text else None


def is_editable(distribution: Distribution) -> bool:
    """Whether what is installed is a link to sources elsewhere."""
    origin = (direct_url(distribution) or {}).get("dir_info")
    return isinstance(origin, dict) and bool(origin.get("editable"))


def _require_pure(distribution: Distribution, name: str) -> None:
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    tags = [line.partition(":")[2].strip() for line in lines if line.startswith("Tag:")]
    binary = [tag for tag in tags if not tag.endswith("-none-any")]
    if binary:
        raise UsageError(f"`{name}` is installed for `{binary[0]}`; a wheel can be made of pure Python only")


def _metadata_files(distribution: Distribution) -> Iterator[tuple[str, bytes]]:
    for entry in distribution.files or ():
        if entry.parts[0].endswith(".dist-info"):
            yield "/".join(entry.parts[1:]), _read(distribution, entry)


def _listed_files(distribution: Distribution, name: str) -> Iterator[tuple[str, bytes]]:
    scripts = {point.name for point in distribution.entry_points if point.group in {"console_scripts", "gui_scripts"}}
    for entry in distribution.files or ():
        if entry.parts[0].endswith(".dist-info") or _is_compiled(entry):
            continue
        if entry.parts[0] != "..":
            _require_no_extension(entry, name)
            yield entry.as_posix(), _read(distribution, entry)
        elif entry.name not in scripts:  # Installers make those of entry points again.
            raise UsageError(f"`{name}` has a file outside of its modules, `{entry}`; it can't be put into a wheel")


def _read(distribution: Distribution, entry: PackagePath) -> bytes:
    try:
        return Path(str(distribution.locate_file(entry))).read_bytes()
    except OSError as error:
        raise UsageError(f"`{entry}` can't be read: {error.strerror}; install `{distribution.name}` again") from error


def _files_of_modules(
    distribution: Distribution, name: str, modules: Iterable[str] | None
) -> Iterator[tuple[str, bytes]]:
    for module in sorted(_top_level(distribution, name) if modules is None else modules):
        root = _location(module, name)
        for path in [root] if root.is_file() else files_below(root):
            relative = PurePosixPath(path.relative_to(root.parent).as_posix())
            _require_no_extension(relative, name)
            yield relative.as_posix(), path.read_bytes()


def _top_level(distribution: Distribution, name: str) -> list[str]:
    """The modules that setuptools lists; else the one that is called as the distribution, or the only one there."""
    listed = (distribution.read_text("top_level.txt") or "").split()
    if listed:
        return listed
    usual = canonicalize_name(name).replace("-", "_")
    linked = {module for directory in _linked(distribution) for module in _packages(directory)}
    return list(linked) if len(linked) == 1 and usual not in linked else [usual]


def _linked(distribution: Distribution) -> Iterator[Path]:
    """The directories that an editable installation puts on the path."""
    for entry in distribution.files or ():
        if entry.suffix == ".pth":
            lines = _read(distribution, entry).decode(errors="replace").splitlines()
            yield from (Path(line) for line in lines if line and not line.startswith(("#", "import ", "import\t")))


def _packages(directory: Path) -> Iterator[str]:
    yield from (path.parent.name for path in directory.glob("*/__init__.py") if path.parent.name not in _NOT_PACKAGED)


def _location(module: str, name: str) -> Path:
    """The directory of a package, or the file of a module."""
    spec = find_spec(module)
    if spec is None:
        raise UsageError(f"it can't be told which modules belong to `{name}`: there is no `{module}`")
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(str(spec.origin))


def files_below(root: Path) -> Iterator[Path]:
    """The files of a package in order, without what Python compiled and what is hidden."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != _CACHE and not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith(_COMPILED):
                yield Path(folder, name)


def _is_compiled(path: PurePosixPath) -> bool:
    return path.suffix in _COMPILED or _CACHE in path.parts


def _require_no_extension(path: PurePosixPath, name: str) -> None:
    if path.name.endswith(tuple(EXTENSION_SUFFIXES)):
        raise UsageError(f"`{name}` has a compiled module, `{path}`; a wheel can be made of pure Python only")
