"""Keras 3's tables of objects that are looked up by class name alone (``ALL_OBJECTS_DICT``).

``initializers.get({"module": …, "class_name": "Orthogonal", …})`` ignores the module and looks the
name up in such a table; what isn't in it can't be loaded, whatever the public API offers.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mlflow_kerasguard.keras_api.tree import Definition, NameTree


def read_table(tree: NameTree, namespace: str) -> dict[str, Definition] | None:
    """The table of ``keras.src.<namespace>``; None where the release has none."""
    name = f"{tree.package}.src.{namespace}"
    module = tree.module(name)
    if module is None or module.tables.listed is None:
        return None
    table: dict[str, Definition] = {}
    for listed in module.tables.listed:
        found = tree.resolve(name, listed)
        if found is not None and found.name is not None:
            table[found.name] = found
            if module.tables.snake_case:
                table[to_snake_case(found.name)] = found
    for alias, target in module.tables.aliases:
        found = tree.resolve(name, target)
        if found is not None:
            table[alias] = found
    return table


def get_uses_table(tree: NameTree, namespace: str) -> bool:
    """Whether ``get`` of a namespace hands a dict to its own ``deserialize``, which uses the table."""
    module = tree.module(f"{tree.package}.src.{namespace}")
    return module is not None and module.tables.deserializes


@lru_cache(maxsize=1024)
def to_snake_case(name: str) -> str:
    """``GlorotUniform`` → ``glorot_uniform``, as ``keras/src/utils/naming.py`` does."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
