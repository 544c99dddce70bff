"""A script's class as a module of its own: the definition and the top-level code that it uses.

Importing the whole script where the model is served would run the training again.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from mlflow_kerasguard.source_identity import SCRIPT_MODULE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def module_name(script: Path) -> str:
    """The name under which a script's definitions travel."""
    return f"{SCRIPT_MODULE_PREFIX}{re.sub(r'[^0-9A-Za-z_]', '_', script.stem)}"


def extract(source: str, names: Iterable[str], package: str | None) -> str | None:
    """The part of a script that defines ``names``.

    Args:
        source: the script's text.
        names: top-level names to keep.
        package: the package that the script was run in (``python -m``); relative imports become
            absolute ones.

    Returns:
        Source code of a module, in the script's order, or None where the script's top level doesn't
        define one of the names.
    """
    tree = ast.parse(source)
    statements = [node for node in tree.body if not _is_main_guard(node)]
    bound = {index: set(_bound_names(node)) for index, node in enumerate(statements)}
    wanted = set(names)
    if not wanted <= set().union(*bound.values()):
        return None
    # What these bring can't be told from the name.
    kept = {index for index, binds in bound.items() if "*" in binds}
    while True:
        new = {index for index, binds in bound.items() if index not in kept and binds & wanted}
        if not new:
            break
        kept |= new
        for index in new:
            wanted |= _used_names(statements[index])
    lines = source.splitlines(keepends=True)
    parts = [
        _text(node, lines, package)
        for index, node in enumerate(statements)
        if index in kept or (isinstance(node, ast.ImportFrom) and node.module == "__future__")
    ]
    return "\n".join(parts)


def _is_main_guard(node: ast.stmt) -> bool:
    """``if __name__ == "__main__":`` and anything else that asks for the name."""
    return isinstance(node, ast.If) and "__name__" in {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}


def _bound_names(node: ast.stmt) -> Iterator[str]:
    """The module-level names that a statement binds, also inside ``if``, ``try`` and ``with``."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.split(".", 1)[0]
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.withitem | ast.match_case):
            yield from _bound_names(child)  # type: ignore[arg-type]
        else:
            yield from (n.id for n in ast.walk(child) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def _used_names(node: ast.stmt) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _text(node: ast.stmt, lines: list[str], package: str | None) -> str:
    if isinstance(node, ast.ImportFrom) and node.level and package is not None:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        absolute = ast.ImportFrom(module=".".join([*above, *filter(None, [node.module])]), names=node.names, level=0)
        return ast.unparse(ast.fix_missing_locations(absolute)) + "\n"
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return "".join(lines[first - 1 : node.end_lineno]).rstrip() + "\n"
