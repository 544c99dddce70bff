"""Capture the source of custom objects: the local modules that they come from, and what these import.

Sources only, never pickles. What is installed as a distribution isn't copied but pinned; see
:mod:`mlflow_kerasguard.pinning`. The other direction is :mod:`mlflow_kerasguard.custom_code.restore`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.custom_code.agreement import require_current
from mlflow_kerasguard.custom_code.live_objects import FRAMEWORKS, LiveObjects, is_custom, lookup_names
from mlflow_kerasguard.custom_code.local_modules import (
    Source,
    find_source,
    is_installed,
)
from mlflow_kerasguard.custom_code.main_program import main_source
from mlflow_kerasguard.errors import CodeCaptureError, UsageError
from mlflow_kerasguard.model import Kind, ModelSpec
from mlflow_kerasguard.source_code.imports import imported_names, parents, top_level_of
from mlflow_kerasguard.source_code.used_names import used_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_IGNORED_DIRECTORIES = frozenset({"__pycache__", ".git", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedCode:
    """The code that travels with a model.

    Attributes:
        files: path below the artifact's code directory to content.
        modules: module name to its file among ``files``.
        objects: the name under which Keras looks for an object to where it is, ``module:qualname``;
            the module is one of ``modules``.
        imported_objects: likewise, where the module belongs to an installed distribution.
        imports: modules of distributions that the captured modules import.
        sources: the files that the code was taken from.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[str, str] = field(default_factory=dict)
    imported_objects: Mapping[str, str] = field(default_factory=dict)
    imports: frozenset[str] = frozenset()
    sources: frozenset[Path] = frozenset()

    @property
    def needed_modules(self) -> frozenset[str]:
        """The modules of distributions that the code imports, and those whose objects the model has."""
        return self.imports.union(place.partition(":")[0] for place in self.imported_objects.values())

    def public_names(self) -> dict[str, str]:
        """Names of TensorFlow and Keras that the packaged objects' modules use, to where they do so first."""
        modules = {name: (path, self.files[path]) for name, path in self.modules.items()}
        return used_names(modules, self.objects.values())


def capture(
    spec: ModelSpec,
    live: LiveObjects,
    *,
    custom_objects: Mapping[str, Any],
    code_paths: Iterable[str | Path] = (),
) -> CapturedCode:
    """Take the source of every custom object in a saved model.

    Args:
        spec: the model as its file describes it.
        live: where its objects are in this process.
        custom_objects: objects that the user named; all of them are taken.
        code_paths: files and directories that the user added.

    Raises:
        CodeCaptureError: an object's source can't be had; names it and says what to do.
        UsageError: an entry of ``code_paths`` can't be used.
    """
    collected = _Collection()
    collected.add_paths(code_paths)
    for name, thing in dict(_wanted(spec, live, custom_objects)).items():
        collected.add_object(name, thing)
    collected.add_main_module()
    return collected.result()


def capture_paths(code_paths: Iterable[str | Path]) -> CapturedCode:
    """Take files and directories as they are, without looking for objects.

    Args:
        code_paths: as for :func:`capture`.

    Raises:
        UsageError: an entry can't be used.
    """
    collected = _Collection()
    collected.add_paths(code_paths)
    return collected.result()


def _wanted(spec: ModelSpec, live: LiveObjects, custom_objects: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from custom_objects.items()
    for ref in spec.objects:
        thing = live.find(ref) if ref.kind is not Kind.LAMBDA else None
        if thing is not None:
            yield from ((name, thing) for name in lookup_names(ref))


class _Collection:
    """What has been captured so far."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._modules: dict[str, str] = {}
        self._followed: set[str] = set()
        self._objects: dict[str, str] = {}
        self._imported_objects: dict[str, str] = {}
        self._imports: set[str] = set()
        self._sources: set[Path] = set()
        self._main_objects: dict[str, Any] = {}

    def result(self) -> CapturedCode:
        return CapturedCode(
            files=dict(sorted(self._files.items())),
            modules=dict(sorted(self._modules.items())),
            objects=dict(sorted(self._objects.items())),
            imported_objects=dict(sorted(self._imported_objects.items())),
            sources=frozenset(self._sources),
            imports=frozenset(name for name in self._imports if top_level_of(name) not in sys.stdlib_module_names),
        )

    def add_object(self, name: str, thing: Any) -> None:
        qualname, module = getattr(thing, "__qualname__", None), getattr(thing, "__module__", None)
        if qualname is None or module is None:
            raise CodeCaptureError(
                f"the custom object `{name}` has to be a class or a function; {thing!r} can't be packaged by its source"
            )
        if not is_custom(thing):
            self._imported_objects[name] = f"{module}:{qualname}"
            return
        if "<" in qualname:
            raise CodeCaptureError(
                f"the custom object `{name}` (`{qualname}` of `{module}`) is defined inside a function, where no "
                "import can reach it; move it to the top level of a module file"
            )
        if module == "__main__":
            self._main_objects[name] = thing
            return
        source = find_source(module, owner=thing)
        if source is None:
            raise CodeCaptureError(
                f"the custom object `{name}` is of module `{module}`, which has no source file; "
                "move it to a `.py` file, import it from there and build the model again"
            )
        if source.path is not None and is_installed(source.path):
            self._imported_objects[name] = f"{module}:{qualname}"
            self._imports.add(module)
            return
        require_current(thing)
        self._objects[name] = f"{module}:{qualname}"
        self._add_module(module, owner=thing)

    def _add_module(self, name: str, owner: Any = None) -> None:
        """The module, the packages above it, and the local modules that these import."""
        queue = [name]
        while queue:
            module = queue.pop()
            if module in self._followed:
                continue
            self._followed.add(module)
            source = find_source(module, owner=owner)
            if source is None:  # Not a module but a name inside one, or an optional import.
                continue
            if source.is_foreign or top_level_of(module) in FRAMEWORKS:
                self._imports.add(module)
                continue
            queue += [*parents(module), *self._add_source(module, source)]

    def _add_source(self, module: str, source: Source) -> set[str]:
        content = source.read()
        if content is None:  # A namespace package: a directory without `__init__.py`.
            return set()
        path = source.relative_path(module)
        self._put(path, content, module)
        self._sources.update(filter(None, [source.path]))
        self._modules[module] = path
        package = module if source.is_package else module.rpartition(".")[0]
        try:
            return imported_names(content, package)
        except SyntaxError as error:
            raise CodeCaptureError(f"module `{module}` ({source.path}) isn't valid Python: {error}") from error

    def _put(self, path: str, content: bytes, origin: object) -> None:
        if self._files.setdefault(path, content) != content:
            raise UsageError(
                f"two different files would be packaged as `{path}`, the second from `{origin}`; "
                "rename one of them, or leave it out of `code_paths`"
            )

    def add_paths(self, code_paths: Iterable[str | Path]) -> None:
        if isinstance(code_paths, str | Path):
            raise UsageError(f"`code_paths` has to be a list of paths, not {code_paths!r}")
        for entry in map(Path, code_paths):
            root = entry.resolve()
            if not root.exists():
                raise UsageError(f"there is nothing at `{entry}`, which `code_paths` names")
            for path in [root] if root.is_file() else _files_below(root):
                self._add_file(path, path.relative_to(root.parent))

    def _add_file(self, path: Path, relative: Path) -> None:
        self._put(relative.as_posix(), path.read_bytes(), path)
        self._sources.add(path)
        name = _module_of(PurePosixPath(relative.as_posix()))
        if name is not None:
            self._modules[name] = relative.as_posix()

    def add_main_module(self) -> None:
        """The part of the running script or notebook that defines the objects taken from it."""
        if not self._main_objects:
            return
        main = main_source(self._main_objects)
        path, content = f"{main.module}.py", main.text.encode()
        self._put(path, content, main.module)
        self._sources.update(main.files)
        self._modules[main.module] = path
        self._objects.update({n: f"{main.module}:{thing.__qualname__}" for n, thing in self._main_objects.items()})
        for thing in self._main_objects.values():
            require_current(thing)
        for name in imported_names(content, ""):
            self._add_module(name)


def _files_below(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root).parts
        if path.is_file() and path.suffix != ".pyc" and not _IGNORED_DIRECTORIES & set(inside):
            yield path


def _module_of(path: PurePosixPath) -> str | None:
    """The name under which a packaged file can be imported; None where it can't."""
    parts = (path.parent if path.name == "__init__.py" else path.with_suffix("")).parts
    if path.suffix != ".py" or not parts or not all(part.isidentifier() for part in parts):
        return None
    return ".".join(parts)
