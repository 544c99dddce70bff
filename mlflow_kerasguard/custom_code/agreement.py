"""Whether the files of modules still define what was imported from them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import decode_source
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from mlflow_kerasguard.custom_code.live_code import difference, functions_of
from mlflow_kerasguard.custom_code.live_objects import is_custom, top_level
from mlflow_kerasguard.custom_code.local_modules import is_installed
from mlflow_kerasguard.errors import CodeCaptureError


def reached(thing: Any) -> Iterator[Any]:
    """A class or function, the project's classes that it inherits from, and what their code calls by name."""
    queue, seen = [thing], set()
    while queue:
        one = queue.pop()
        if id(one) in seen or not _is_of_the_project(one):
            continue
        seen.add(id(one))
        yield one
        queue += one.__mro__[1:] if isinstance(one, type) else []
        for function in functions_of(one):
            queue += _used(function)


def require_current(thing: Any) -> None:
    """Refuse a class or function whose file was changed after it had been imported.

    Only plain modules are looked at: what loads a module otherwise may also write its code otherwise.

    Raises:
        CodeCaptureError: names the object and the file.
    """
    for one in reached(thing):
        if one.__module__ == "__main__":
            continue  # Compared with what is taken from it.
        module = sys.modules.get(one.__module__)
        file = getattr(module, "__file__", None)
        if type(getattr(module, "__loader__", None)) is not SourceFileLoader or not file or module is None:
            continue
        changed = _difference(Path(file), one)
        if changed is not None:
            raise CodeCaptureError(
                f"`{one.__qualname__}` of module `{one.__module__}` isn't what `{file}` defines any more "
                f"(`{changed}` differs): the file was changed after it had been imported; put it back as it was, or "
                "import it in a new process and build the model again"
            )


def _difference(file: Path, thing: Any) -> str | None:
    try:
        source = decode_source(file.read_bytes())
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None  # What packages the file says it better.
    return difference(source, thing, lambda name: name == str(file))


def _is_of_the_project(thing: Any) -> bool:
    if not isinstance(thing, type | FunctionType) or not is_custom(thing):
        return False
    if top_level(thing) in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(thing.__module__), "__file__", None)
    return thing.__module__ == "__main__" or (file is not None and not is_installed(Path(file)))


def _used(function: FunctionType) -> Iterator[Any]:
    """The classes and functions that a function's code finds by name, in its module or in one that this imports."""
    names = set(_names(function.__code__))
    for name in names:
        value = function.__globals__.get(name)
        values = [vars(value).get(inner) for inner in names] if isinstance(value, ModuleType) else [value]
        for one in values:
            yield from [one] if isinstance(one, type) else functions_of(one)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _names(value)
