"""What a module imports, told from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def parents(module: str) -> list[str]:
    """The packages above a module, nearest first."""
    names = []
    while "." in module:
        module = module.rpartition(".")[0]
        names.append(module)
    return names


def top_level_of(module: str) -> str:
    return module.split(".", 1)[0]


def imported_names(source: bytes, package: str) -> set[str]:
    """The modules that a module's source may import, wherever in it the import stands.

    ``from a import b`` names both ``a`` and ``a.b``: only the file system tells whether the latter is
    a module.

    Args:
        source: the module's text.
        package: the package that relative imports start from; empty for none.

    Raises:
        SyntaxError: it isn't Python.
    """
    return imported_by(ast.parse(source), package)


def imported_by(tree: ast.Module, package: str) -> set[str]:
    """The same of a module's syntax tree."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(_names_of_from(node, package))
    return names


def origin(node: ast.ImportFrom, package: str) -> str:
    """The whole name of the module that ``from … import`` names; empty for what is beyond the top.

    Args:
        node: the statement.
        package: the package that relative imports start from; empty for none.
    """
    above = package.split(".")
    kept = above[: len(above) - node.level + 1] if node.level else []
    return ".".join(filter(None, [*kept, node.module]))


def _names_of_from(node: ast.ImportFrom, package: str) -> Iterator[str]:
    base = origin(node, package)
    if base:
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
