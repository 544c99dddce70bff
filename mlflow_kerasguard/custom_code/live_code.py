"""The compiled code of live classes and functions, and whether a source still compiles to it.

A file may be edited after it was imported, and a notebook's cell after it ran; what is packaged has to be
what the model in memory runs. Where something else than the source decides what the code is, nothing is said.
"""

from __future__ import annotations
import __future__

import ast
import contextlib
import sys
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache, partial, partialmethod
from types import CodeType, FunctionType
from typing import Any

#: Flags of code objects that say what kind of function it is, without features of `__future__` and hints.
_KINDS = 0x3FF

#: Packages whose wrappers of functions (compiled ones) lead back to what they wrap.
_COMPILERS = frozenset({"jax", "jaxlib", "tensorflow"})


def functions_of(thing: Any) -> Iterator[FunctionType]:
    """A function, or those of a class's own body, also behind decorators."""
    queue = list(vars(thing).values()) if isinstance(thing, type) else [thing]
    seen: set[int] = set()
    while queue:
        value = queue.pop()
        if value is None or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType):
            yield value
        if isinstance(value, type):
            is_own = isinstance(thing, type) and value.__qualname__ == f"{thing.__qualname__}.{value.__name__}"
            queue += vars(value).values() if is_own and value.__module__ == thing.__module__ else []
        else:
            queue += _wrapped(value)


def _wrapped(value: Any) -> list[Any]:
    if isinstance(value, FunctionType):
        return [vars(value).get("__wrapped__"), *_closed_over(value)]
    if isinstance(value, property):
        return [value.fget, value.fset, value.fdel]
    if isinstance(value, staticmethod | classmethod):
        return [value.__func__]
    if isinstance(value, partial | partialmethod | cached_property):
        return [value.func]
    if type(value).__module__.split(".", 1)[0] in _COMPILERS:
        return [getattr(value, name, None) for name in ("python_function", "__wrapped__")]
    return []


def _closed_over(function: FunctionType) -> Iterator[FunctionType]:
    """Functions that a function refers to by its closure, as decorators do."""
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # Nothing has been put into it yet.
            if isinstance(cell.cell_contents, FunctionType):
                yield cell.cell_contents


def is_same_code(one: Any, other: Any) -> bool:
    """Whether two classes or functions run the same code, as far as their functions tell."""
    return _all_code(one) == _all_code(other)


def _all_code(thing: Any) -> set[Any]:
    return {(_key(function.__code__), _canonical(function.__code__)) for function in functions_of(thing)}


def difference(source: str, thing: Any, belongs: Callable[[str], bool | None]) -> str | None:
    """What of a class or function isn't what a source defines.

    Args:
        source: Python source.
        thing: the live class or function.
        belongs: whether code of a file (``co_filename``) comes from that source; None where that can't be told.

    Returns:
        The name of the function that differs; None where none does, or nothing can be said.
    """
    try:
        tree, compiled, arguments = _read(source)
    except (SyntaxError, ValueError):
        return None
    for function in functions_of(thing):
        code = function.__code__
        certain = belongs(code.co_filename)
        found = compiled.get(_key(code))
        if certain is False or (found is None and certain is None):
            continue
        signatures = arguments.get(_key(code), [])
        if _canonical(code) not in (found or ()) or not _has_defaults_of(function, signatures):
            return _key(code)
    return next(_missing(tree, thing), None) if isinstance(thing, type) else None


@lru_cache(maxsize=8)
def _read(source: str) -> tuple[ast.Module, dict[str, set[Any]], dict[str, list[ast.arguments]]]:
    """A source's tree, code and parameters; asked for once per class and function that is compared."""
    tree = ast.parse(source)
    return tree, _compiled(tree), _arguments(tree)


def _arguments(tree: ast.Module) -> dict[str, list[ast.arguments]]:
    """The parameters in a source, by the functions' names as code objects have them."""
    found: dict[str, list[ast.arguments]] = {}
    queue: list[tuple[ast.AST, str]] = [(tree, "")]
    while queue:
        node, prefix = queue.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{node.name}"
            prefix = f"{name}." if isinstance(node, ast.ClassDef) else f"{name}.<locals>."
            if not isinstance(node, ast.ClassDef):
                found.setdefault(name if sys.version_info >= (3, 11) else node.name, []).append(node.args)
        queue += [(child, prefix) for child in ast.iter_child_nodes(node)]
    return found


def _has_defaults_of(function: FunctionType, signatures: list[ast.arguments]) -> bool:
    """Defaults aren't in a function's own code; those that are constants can be compared."""
    return not signatures or any(all(_same_defaults(function, one)) for one in signatures)


def _same_defaults(function: FunctionType, signature: ast.arguments) -> Iterator[bool]:
    live = list(function.__defaults__ or ())
    yield len(live) == len(signature.defaults)
    keywords = function.__kwdefaults__ or {}
    live += [keywords.get(argument.arg) for argument in signature.kwonlyargs]
    for node, value in zip([*signature.defaults, *signature.kw_defaults], live, strict=False):
        yield not isinstance(node, ast.Constant) or _constant(node.value) == _constant(value)


def _compiled(tree: ast.Module) -> dict[str, set[Any]]:
    """The code in a source by qualified name; with and without ``annotations`` of ``__future__``.

    A notebook's later cells inherit that from earlier ones.
    """
    body = [node for node in tree.body if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]
    plain = ast.Module(body=body, type_ignores=[])
    found: dict[str, set[Any]] = {}
    for future in (0, __future__.annotations.compiler_flag):
        flags = future | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        queue: list[CodeType] = [compile(plain, "<source>", "exec", flags=flags, dont_inherit=True)]
        while queue:
            code = queue.pop()
            found.setdefault(_key(code), set()).add(_canonical(code))
            queue += [value for value in code.co_consts if isinstance(value, CodeType)]
    return found


def _key(code: CodeType) -> str:
    """Python 3.10 knows no more than the name."""
    return getattr(code, "co_qualname", code.co_name)


def _canonical(code: CodeType) -> Any:
    """What a code object does, without where it stands."""
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    constants = tuple(map(_constant, code.co_consts))
    if "__firstlineno__" in code.co_names:
        # The body of a class inside a function: Python 3.13 keeps its line in it, and the attributes of
        # `self` in no order.
        return names, frozenset(one for one in constants if one[0] not in ("int", "tuple"))
    flags = code.co_flags & _KINDS
    return names, counts, constants, flags, code.co_code, getattr(code, "co_exceptiontable", b"")


def _constant(value: Any) -> tuple[str, Any]:
    """A constant so that 1, 1.0 and True differ."""
    kind = type(value).__name__
    if isinstance(value, CodeType):
        return kind, _canonical(value)
    if isinstance(value, tuple):
        return kind, tuple(map(_constant, value))
    if isinstance(value, frozenset):
        return kind, frozenset(map(_constant, value))
    return kind, repr(value)


def _missing(tree: ast.Module, cls: type) -> Iterator[str]:
    """Methods that the source's class has and the live one hasn't: they were added to the source."""
    found = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__qualname__]
    if len(found) != 1 or any(isinstance(node, ast.Delete) for node in found[0].body):
        return
    for node in found[0].body:
        is_private = getattr(node, "name", "").startswith("__") and not getattr(node, "name", "").endswith("__")
        if isinstance(node, ast.FunctionDef) and not is_private and node.name not in vars(cls):
            yield f"{cls.__qualname__}.{node.name}"
