"""Fingerprints of classes and functions: read from their source, which is never imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlflow_kerasguard.source_code.definitions import Definition, Module, digest, without_docstring
from mlflow_kerasguard.source_identity import CONSTRUCTOR, FUNCTION, Fingerprint, Parameter


def fingerprint(module: Module, qualname: str) -> Fingerprint | None:
    """Describe one definition of a module.

    Args:
        module: the module.
        qualname: the class or function, such as ``Outer.Inner``.

    Returns:
        None where the module doesn't define it by a plain ``class`` or ``def``.
    """
    node = module.find(qualname)
    if node is None:
        return None
    return Fingerprint(digest=digest([node]), parameters=tuple(_parameters(node)), parts=dict(_parts(node)))


def source_of(module: Module, qualname: str) -> str | None:
    """The text of one definition of a module, with its decorators; None where there is no such definition.

    Args:
        module: the module.
        qualname: as for :func:`fingerprint`.
    """
    node = module.find(qualname)
    if node is None:
        return None
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return "\n".join(module.source.decode("utf-8", "replace").splitlines()[first - 1 : node.end_lineno])


def _parts(node: Definition) -> Iterator[tuple[str, str]]:
    """Digests of a class's methods, or of a function's body. Parameters are told apart from these."""
    if not isinstance(node, ast.ClassDef):
        yield FUNCTION, _digest_of_body(node)
        return
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
    for name in dict.fromkeys(item.name for item in methods):
        # A property's getter and setter are of one name.
        own = [item for item in methods if item.name == name]
        yield name, _digest_of_body(own[-1]) if name == CONSTRUCTOR else digest(own)


def _digest_of_body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    body = without_docstring(node)
    assert isinstance(body, list)
    return digest(body)


def _parameters(node: Definition) -> Iterator[Parameter]:
    if isinstance(node, ast.ClassDef):
        own = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == CONSTRUCTOR]
        if own:
            yield from list(_arguments(own[-1].args))[1:]
        return
    yield from _arguments(node.args)


def _arguments(arguments: ast.arguments) -> Iterator[Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args]
    without = len(positional) - len(arguments.defaults)
    defaults = [None] * without + [ast.unparse(default) for default in arguments.defaults]
    for argument, default in zip(positional, defaults, strict=True):
        yield Parameter(name=argument.arg, default=default)
    if arguments.vararg:
        yield Parameter(name=f"*{arguments.vararg.arg}")
    for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield Parameter(name=argument.arg, default=None if value is None else ast.unparse(value))
    if arguments.kwarg:
        yield Parameter(name=f"**{arguments.kwarg.arg}")
