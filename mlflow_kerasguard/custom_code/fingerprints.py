"""Fingerprints of custom classes and functions: read from their source, which is never imported."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator

from mlflow_kerasguard.source_identity import Fingerprint, Parameter

_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

_CONSTRUCTOR = "__init__"

#: Fields of syntax trees that say how something was written, not what it means, or that only some
#: versions of Python have: a digest has to be the same on all of them.
_LEFT_OUT = frozenset({"kind", "type_comment", "type_params", "type_ignores"})


def fingerprint(source: bytes, qualname: str) -> Fingerprint | None:
    """Read one definition of a module.

    Args:
        source: the module's text.
        qualname: the class or function, such as ``Outer.Inner``.

    Returns:
        None where the module doesn't define it by a plain ``class`` or ``def``.

    Raises:
        SyntaxError: it isn't Python.
    """
    node = _find(ast.parse(source), qualname)
    if node is None:
        return None
    return Fingerprint(digest=_digest(node), parameters=tuple(_parameters(node)))


def source_of(source: bytes, qualname: str) -> str | None:
    """The text of one definition of a module, with its decorators; None where there is no such definition.

    Args:
        source: the module's text.
        qualname: as for :func:`fingerprint`.

    Raises:
        SyntaxError: it isn't Python.
    """
    node = _find(ast.parse(source), qualname)
    if node is None:
        return None
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return "\n".join(source.decode("utf-8", "replace").splitlines()[first - 1 : node.end_lineno])


def _find(tree: ast.Module, qualname: str) -> _Definition | None:
    """The last definition of that name counts, as when the module runs."""
    body: list[ast.stmt] = tree.body
    found: _Definition | None = None
    for part in qualname.split("."):
        named = [node for node in _definitions(body) if node.name == part]
        if not named:
            return None
        found = named[-1]
        body = found.body
    return found


def _definitions(body: list[ast.stmt]) -> Iterator[_Definition]:
    """Definitions at the top of a body, also inside ``if`` and ``try``."""
    for node in body:
        if isinstance(node, _Definition):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.With):
            for part in (node, *getattr(node, "handlers", ())):
                yield from _definitions(part.body)
            yield from _definitions([*getattr(node, "orelse", ()), *getattr(node, "finalbody", ())])


def _parameters(node: _Definition) -> Iterator[Parameter]:
    if isinstance(node, ast.ClassDef):
        own = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == _CONSTRUCTOR]
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


def _digest(node: ast.AST) -> str:
    digest = hashlib.sha256()
    for part in _normalized(node):
        digest.update(part.encode())
    return digest.hexdigest()


def _normalized(value: object) -> Iterator[str]:
    """A syntax tree as text: classes of nodes and their fields, without those that are empty."""
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name, field in ast.iter_fields(value):
            body = _without_docstring(value, field) if name == "body" else field
            if name not in _LEFT_OUT and body is not None and body != []:
                yield f" {name}="
                yield from _normalized(body)
        yield ")"
    elif isinstance(value, list):
        for item in value:
            yield from _normalized(item)
    else:
        yield repr(value)


def _without_docstring(node: ast.AST, body: object) -> object:
    if not isinstance(node, _Definition) or not isinstance(body, list) or ast.get_docstring(node, clean=False) is None:
        return body
    # A body can't be empty; one that was a docstring only means the same as `pass`.
    return body[1:] or [ast.Pass()]
