"""The public names that packaged code uses: those of the modules that loading its objects imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlflow_kerasguard.custom_code.local_modules import imported_names, parents
from mlflow_kerasguard.custom_code.public_names import public_names


def used_names(modules: Mapping[str, tuple[str, bytes]], objects: Iterable[str]) -> dict[str, str]:
    """Read modules, and what they import among each other.

    Args:
        modules: name to file and content.
        objects: what the loader imports, as ``module:qualname``.

    Returns:
        Names such as ``tf.nn.softmax``, each with the place of its first use, such as ``layers.py:12``.
    """
    found: dict[str, str] = {}
    for module in _imported(modules, {target.partition(":")[0] for target in objects}):
        path, content = modules[module]
        for name, line in public_names(content).items():
            found.setdefault(name, f"{path}:{line}")
    return dict(sorted(found.items()))


def _imported(modules: Mapping[str, tuple[str, bytes]], first: Iterable[str]) -> list[str]:
    """Modules that are imported with others, in the order of their names."""
    queue, found = sorted(first), set()
    while queue:
        module = queue.pop()
        queue += [name for name in parents(module) if name not in found]
        if module in modules and module not in found:
            found.add(module)
            path, content = modules[module]
            is_package = path.endswith("__init__.py")
            queue += imported_names(content, module if is_package else module.rpartition(".")[0]) - found
    return sorted(found)
