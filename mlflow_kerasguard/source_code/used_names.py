"""The public names that packaged code uses: in the modules that loading its objects imports, and what they call."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from operator import itemgetter

from mlflow_kerasguard.source_code.dead_code import dead_bodies, outline
from mlflow_kerasguard.source_code.imports import imported_by, parents
from mlflow_kerasguard.source_code.public_names import uses


def used_names(modules: Mapping[str, tuple[str, bytes]], objects: Iterable[str]) -> dict[str, str]:
    """Read modules, and what they import among each other.

    Args:
        modules: name to file and content.
        objects: what the loader imports, as ``module:qualname``.

    Returns:
        Names such as ``tf.nn.softmax``, each with the place of its first use, such as ``layers.py:12``.
    """
    targets = [target.partition(":") for target in objects]
    imported = _imported(modules, {module for module, _, _ in targets})
    trees = list(imported.values())
    dead = dead_bodies(map(outline, trees), (qualname.split(".")[0] for _, _, qualname in targets))
    found: dict[str, str] = {}
    for module, tree, bodies in zip(imported, trees, dead, strict=True):
        for name, line in sorted(uses(tree), key=itemgetter(1)):
            if not any(line in body.lines for body in bodies):
                found.setdefault(name, f"{modules[module][0]}:{line}")
    return dict(sorted(found.items()))


def _imported(modules: Mapping[str, tuple[str, bytes]], first: Iterable[str]) -> dict[str, ast.Module]:
    """The syntax trees of modules that are imported with others, in the order of their names."""
    queue, seen = sorted(first), set()
    found: dict[str, ast.Module] = {}
    while queue:
        module = queue.pop()
        queue += [name for name in parents(module) if name not in seen]
        if module not in modules or module in seen:
            continue
        seen.add(module)
        path, content = modules[module]
        try:
            tree = found[module] = ast.parse(content)
        except (SyntaxError, ValueError):
            continue  # It can't be imported either; an object's own module has been read before.
        package = module if path.endswith("__init__.py") else module.rpartition(".")[0]
        queue += imported_by(tree, package) - seen
    return dict(sorted(found.items()))
