"""Where a module's source is, and what it imports: found without importing anything."""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.custom_code import restore
from mlflow_kerasguard.environment.module_sources import find_module

if TYPE_CHECKING:
    from types import ModuleType

_SITE_DIRECTORIES = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A module's source.

    Attributes:
        path: its file; None for a namespace package.
        is_package: whether other modules are below it.
    """

    path: Path | None
    is_package: bool

    @property
    def is_foreign(self) -> bool:
        """Installed, part of Python, or not Python source at all: nothing to be copied."""
        return self.path is not None and (is_installed(self.path) or self.path.suffix != ".py")

    def read(self) -> bytes | None:
        return self.path.read_bytes() if self.path is not None else None

    def relative_path(self, module: str) -> str:
        """Where the module lies below a directory that it can be imported from."""
        path = module.replace(".", "/")
        return f"{path}/__init__.py" if self.is_package else f"{path}.py"


def find_source(module: str, *, owner: Any = None) -> Source | None:
    """The source of a module; None where it has none, or there is no such module.

    Args:
        module: full name.
        owner: a class or function of the module, or of one that imports it. Where its code came out
            of a logged model, the other modules of that model come first.
    """
    bundle = restore.bundle_of(owner) if owner is not None else None
    if bundle is not None and module in bundle.files:
        path = bundle.files[module]
        return Source(path=path, is_package=path.name == "__init__.py")
    loaded = sys.modules.get(module)
    return _source_of_loaded(loaded) if loaded is not None else _source_on_path(module)


def _source_of_loaded(module: ModuleType) -> Source | None:
    file, paths = getattr(module, "__file__", None), getattr(module, "__path__", None)
    if file is not None:
        return Source(path=Path(file), is_package=paths is not None)
    return Source(path=None, is_package=True) if paths is not None else None


def _source_on_path(module: str) -> Source | None:
    spec = find_module(module)
    if spec is None:
        return None
    path = Path(spec.origin) if spec.origin and spec.has_location else None
    return Source(path=path, is_package=spec.submodule_search_locations is not None)


def is_installed(path: Path) -> bool:
    """Whether a file belongs to Python or to a distribution that was installed the ordinary way."""
    if _SITE_DIRECTORIES & set(path.parts) or path.name.endswith(tuple(EXTENSION_SUFFIXES)):
        return True
    return any(path.resolve().is_relative_to(directory) for directory in _installation_directories())


@cache
def _installation_directories() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple(Path(sysconfig.get_path(name)).resolve() for name in names)
