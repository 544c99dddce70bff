"""Which classes and functions of modules may run, as far as that shows in what mentions them.

A class or function whose name appears in nothing that runs doesn't run itself. Names are compared as they
stand there, whatever they are bound to, so that rather too much is taken for live.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Code that runs when something at the top of a module is called.

    Attributes:
        owner: the class or function there.
        lines: from the first line to the last.
        mentions: names and attributes in it.
    """

    owner: str
    lines: range
    mentions: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A module: what runs when it is imported, and what may run later.

    Attributes:
        mentions: names and attributes in what runs at once.
        bodies: what doesn't.
    """

    mentions: frozenset[str]
    bodies: tuple[Body, ...]


def outline(tree: ast.Module) -> Outline:
    """Read a module's syntax tree."""
    at_once: set[str] = set()
    bodies: list[Body] = []
    queue: list[tuple[ast.AST, str]] = [(node, "") for node in tree.body]
    while queue:
        node, owner = queue.pop()
        at_once.update(_mentioned(node))
        if isinstance(node, _FUNCTIONS):
            bodies.append(_body(node, owner or node.name))
            now = [*node.decorator_list, node.args, *filter(None, [node.returns])]
            queue += [(item, owner) for item in now]
        else:
            inside = owner or node.name if isinstance(node, ast.ClassDef) else owner
            queue += [(child, inside) for child in ast.iter_child_nodes(node)]
    return Outline(mentions=frozenset(at_once), bodies=tuple(bodies))


def dead_bodies(outlines: Iterable[Outline], names: Iterable[str]) -> Iterator[list[Body]]:
    """For each module, the bodies that don't run.

    Args:
        outlines: modules that are imported.
        names: classes and functions that are called from outside.
    """
    modules = list(outlines)
    live = {*names}.union(*(module.mentions for module in modules))
    waiting = [body for module in modules for body in module.bodies]
    while found := [body for body in waiting if body.owner in live]:
        waiting = [body for body in waiting if body.owner not in live]
        live.update(*(body.mentions for body in found))
    for module in modules:
        yield [body for body in module.bodies if body.owner not in live]


def _body(node: _Function, owner: str) -> Body:
    mentions = {name for item in node.body for inside in ast.walk(item) for name in _mentioned(inside)}
    return Body(
        owner=owner,
        lines=range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1),
        mentions=frozenset(mentions),
    )


def _mentioned(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value  # For `getattr`, and tables of names.
    elif isinstance(node, ast.alias) and node.asname:
        yield node.name
