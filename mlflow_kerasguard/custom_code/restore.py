"""Import packaged modules from a logged model without touching what the process has imported.

Each model's modules live in a :class:`Bundle` of their own, so that two models may bring different
modules of one name, and a model may be loaded beside the very sources that it was logged from. While
the bundle is active its modules stand in ``sys.modules``; afterwards everything there is as before.
Imports that packaged code makes later, inside a function, activate the bundle again.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import sys
import threading
import weakref
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import resolve_name, spec_from_loader
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.errors import KerasGuardError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType

#: `sys.modules` is global to the process, so one bundle at a time may stand in it.
_LOCK = threading.RLock()

_BUNDLES: weakref.WeakSet[Bundle] = weakref.WeakSet()


class Bundle:
    """The packaged modules of one logged model.

    Attributes:
        files: module name to its source file.
    """

    def __init__(self, files: Mapping[str, Path], digests: Mapping[Path, str]) -> None:
        """Describe the modules; nothing is read or run yet.

        Args:
            files: module name to its source file.
            digests: source file to the SHA-256 that its content has to have.
        """
        self.files = dict(files)
        self._digests = dict(digests)
        self._packages = {name.rpartition(".")[0] for name in files} - {""}
        self._top_levels = {name.split(".", 1)[0] for name in files}
        self._modules: dict[str, ModuleType] = {}
        self._depth = 0
        self._finder = _Finder(self)
        self._builtins = {**vars(builtins), "__import__": self._import}
        _BUNDLES.add(self)

    def resolve(self, target: str) -> Any:
        """Import a packaged object.

        Args:
            target: ``module:qualname``.
        """
        module, _, qualname = target.partition(":")
        with self.active():
            __import__(module)
            return attrgetter(qualname)(sys.modules[module])

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Let the bundle's modules stand in ``sys.modules`` for a while."""
        with _LOCK:
            self._depth += 1
            aside = self._swap_in() if self._depth == 1 else {}
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._swap_out(aside)

    def owns(self, thing: Any) -> bool:
        """Whether a class or function was defined by one of these modules."""
        module = self._modules.get(getattr(thing, "__module__", None) or "")
        with contextlib.suppress(AttributeError):
            return module is not None and attrgetter(thing.__qualname__)(module) is thing
        return False

    def _swap_in(self) -> dict[str, ModuleType]:
        aside = self._take_from_sys_modules()
        sys.modules.update(self._modules)
        sys.meta_path.insert(0, self._finder)
        return aside

    def _swap_out(self, aside: dict[str, ModuleType]) -> None:
        sys.meta_path.remove(self._finder)
        self._modules = self._take_from_sys_modules()
        sys.modules.update(aside)

    def _take_from_sys_modules(self) -> dict[str, ModuleType]:
        names = [name for name in sys.modules if name.split(".", 1)[0] in self._top_levels]
        return {name: sys.modules.pop(name) for name in names}

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> Any:
        """What an ``import`` statement in packaged code does."""
        package = (globals or {}).get("__package__") or ""
        absolute = resolve_name("." * level + name, package) if level else name
        if absolute.split(".", 1)[0] not in self._top_levels:
            return builtins.__import__(name, globals, locals, fromlist, level)
        with self.active():
            return builtins.__import__(name, globals, locals, fromlist, level)

    def find_spec(self, name: str, path: Sequence[str] | None) -> ModuleSpec | None:
        if name in self.files:
            file = self.files[name]
            is_package = file.name == "__init__.py"
            return spec_from_loader(name, _SourceLoader(self, file), origin=str(file), is_package=is_package)
        if any(package == name or package.startswith(f"{name}.") for package in self._packages):
            return _namespace_spec(name, path)
        return None

    def run(self, module: ModuleType, path: Path) -> None:
        """Execute a module's source, if it is still the one that was checked."""
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self._digests[path]:
            raise KerasGuardError(f"`{path}` changed after it had been checked; download the model again")
        module.__dict__.update(__file__=str(path), __builtins__=self._builtins)
        exec(compile(content, str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - an import


def _namespace_spec(name: str, path: Sequence[str] | None) -> ModuleSpec:
    """A package without ``__init__.py``; other distributions may have modules below the same name."""
    spec = ModuleSpec(name, None, is_package=True)
    elsewhere = PathFinder.find_spec(name, path)
    if elsewhere is not None and elsewhere.origin is None:
        spec.submodule_search_locations = list(elsewhere.submodule_search_locations or ())
    return spec


class _Finder(MetaPathFinder):
    """Finds a bundle's modules, and nothing else under their top-level names."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = weakref.ref(bundle)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del target
        bundle = self._bundle()
        return bundle.find_spec(fullname, path) if bundle is not None else None


class _SourceLoader(Loader):
    """Runs one verified source file; writes no bytecode into the logged model."""

    def __init__(self, bundle: Bundle, path: Path) -> None:
        self._bundle = bundle
        self._path = path

    def create_module(self, spec: ModuleSpec) -> None:
        del spec

    def exec_module(self, module: ModuleType) -> None:
        self._bundle.run(module, self._path)


def resolve_here(target: str) -> Any:
    """Import an object of this environment's own modules, which no bundle stands in for meanwhile.

    Args:
        target: ``module:qualname``.
    """
    module, _, qualname = target.partition(":")
    with _LOCK:
        return attrgetter(qualname)(import_module(module))


def bundle_of(thing: Any) -> Bundle | None:
    """The bundle that defined a class or function; None where it comes from elsewhere."""
    return next((bundle for bundle in list(_BUNDLES) if bundle.owns(thing)), None)
