"""Where a module's source lies on a path: found as an import would find it, but nothing is imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.machinery import SOURCE_SUFFIXES, ModuleSpec, PathFinder
from pathlib import Path

from mlflow_kerasguard.keras_api import Unknown


def find_module(
    name: str, path: Sequence[str] | None = None, *, find_top: Callable[[str], ModuleSpec | None] | None = None
) -> ModuleSpec | None:
    """A module's place; unlike ``importlib.util.find_spec`` it imports no package above it.

    Args:
        name: full name.
        path: directories to look in; None for ``sys.path``.
        find_top: finds a top-level module; None for looking in ``path``.
    """
    parent, _, last = name.rpartition(".")
    if not parent:
        return find_top(name) if find_top is not None else PathFinder.find_spec(name, path)
    above = find_module(parent, path, find_top=find_top)
    if above is None or above.submodule_search_locations is None:
        return None
    # Not by its full name: for a package without `__init__.py`, Python would look up the one above it
    # among the modules that have been imported.
    return PathFinder.find_spec(last, list(above.submodule_search_locations))


def source_reader(path: tuple[str, ...]) -> Callable[[str], bytes | None]:
    """What reads the source of a module that would be imported from ``path``, as ``Environment.read_source`` does."""

    def read(name: str) -> bytes | None:
        return read_source(name, find_module(name, path))

    return read


def read_source(name: str, spec: ModuleSpec | None) -> bytes | None:
    """The text of a module; None where there is no such module, or only a directory of its name.

    Raises:
        Unknown: it is there, but not as a source file.
    """
    if spec is None or spec.origin is None:
        return None
    return read_file(name, Path(spec.origin))


def read_file(name: str, path: Path) -> bytes:
    """The text of a module that is in a file.

    Raises:
        Unknown: it isn't a source file, or can't be read.
    """
    if path.suffix not in SOURCE_SUFFIXES:
        raise Unknown(f"module `{name}` isn't there as Python source")
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unknown(f"the source of module `{name}` can't be read: {error.strerror or error}") from error
