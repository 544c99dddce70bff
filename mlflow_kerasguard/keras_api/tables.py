"""Keras 3's tables of objects that are looked up by class name alone (``ALL_OBJECTS_DICT``).

``initializers.get({"module": …, "class_name": "Orthogonal", …})`` ignores the module and looks the
name up in such a table; what isn't in it can't be loaded, whatever the public API offers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlflow_kerasguard.keras_api.tree import Definition, SourceTree

_LISTED = re.compile(r"^ALL_OBJECTS = [{\[(]([^}\])]*)[}\])]", re.MULTILINE)
_UPDATED = re.compile(r"^ALL_OBJECTS_DICT\.update\(\s*\{([^{}]*)\}\s*\)", re.MULTILINE)
_ASSIGNED = re.compile(r'^ALL_OBJECTS_DICT\["(\w+)"\] = ([\w.]+)', re.MULTILINE)
_ENTRY = re.compile(r'"(\w+)": ([\w.]+)')


def read_table(tree: SourceTree, namespace: str) -> dict[str, Definition] | None:
    """The table of ``keras.src.<namespace>``; None where the release has none."""
    module = f"{tree.package}.src.{namespace}"
    outline = tree.module(module)
    listed = _LISTED.search(outline.text) if outline is not None else None
    if outline is None or listed is None:
        return None
    table: dict[str, Definition] = {}
    for name in re.findall(r"\w+", re.sub(r"#.*", "", listed[1])):
        found = tree.resolve(module, name)
        if found is not None and found.name is not None:
            table[found.name] = found
            if "to_snake_case(" in outline.text:
                table[to_snake_case(found.name)] = found
    for alias, target in _aliases(outline.text):
        found = tree.resolve(module, target)
        if found is not None:
            table[alias] = found
    return table


def get_uses_table(tree: SourceTree, namespace: str) -> bool:
    """Whether ``get`` of a namespace hands a dict to its own ``deserialize``, which uses the table."""
    outline = tree.module(f"{tree.package}.src.{namespace}")
    return outline is not None and bool(re.search(r"(?:= |return )deserialize\(identifier\)", outline.text))


def _aliases(text: str) -> Iterator[tuple[str, str]]:
    for update in _UPDATED.finditer(text):
        yield from _ENTRY.findall(update[1])
    yield from _ASSIGNED.findall(text)


def to_snake_case(name: str) -> str:
    """``GlorotUniform`` → ``glorot_uniform``, as ``keras/src/utils/naming.py`` does."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
