"""The source of a lambda in memory: which line it is on, what it takes and what it returns."""

from __future__ import annotations

import ast
import linecache
from dataclasses import replace
from pathlib import Path
from types import FunctionType

from mlflow_kerasguard.observed import ObservedLambda


def describe_lambda(
    where: str, function: FunctionType | None, *, is_layer: bool, comes_back: bool = True
) -> ObservedLambda:
    """A lambda in words.

    Args:
        where: its place in the model.
        function: None where the live object isn't known.
        is_layer: it is the function of a ``Lambda`` layer.
        comes_back: whether Keras can make a function of what it has written.
    """
    described = ObservedLambda(where=where, is_layer=is_layer, comes_back=comes_back)
    if function is None:
        return described
    code = function.__code__
    place = f"{Path(code.co_filename).name}:{code.co_firstlineno}"
    node = _find(function)
    if node is None:
        return replace(described, place=place)
    return replace(described, place=place, arguments=ast.unparse(node.args), body=ast.unparse(node.body))


def _find(function: FunctionType) -> ast.Lambda | None:
    """The lambda's syntax; None where its source can't be had, or several on one line are alike."""
    text = "".join(linecache.getlines(function.__code__.co_filename))
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    line = function.__code__.co_firstlineno
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and node.lineno == line]
    if len(nodes) > 1:
        nodes = [node for node in nodes if _looks_like(node, function)]
    return nodes[0] if len(nodes) == 1 else None


def _looks_like(node: ast.Lambda, function: FunctionType) -> bool:
    """Whether a lambda takes the same parameters and uses the same constants, names and attributes."""
    code = function.__code__
    constants = {part.value for part in ast.walk(node.body) if isinstance(part, ast.Constant)}
    names = {part.id for part in ast.walk(node.body) if isinstance(part, ast.Name)}
    names |= {part.attr for part in ast.walk(node.body) if isinstance(part, ast.Attribute)}
    parameters = [argument.arg for argument in node.args.args]
    return (
        parameters == list(code.co_varnames[: len(parameters)])
        and names - set(parameters) == {*code.co_names, *code.co_freevars}
        and constants >= {value for value in code.co_consts if isinstance(value, int | float | str)}
    )
