"""The tables of objects in a module's text (``ALL_OBJECTS`` and its like)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlflow_kerasguard.keras_api.facts import Tables

_LISTED = re.compile(r"^ALL_OBJECTS = [{\[(]([^}\])]*)[}\])]", re.MULTILINE)
_UPDATED = re.compile(r"^ALL_OBJECTS_DICT\.update\(\s*\{([^{}]*)\}\s*\)", re.MULTILINE)
_ASSIGNED = re.compile(r'^ALL_OBJECTS_DICT\["(\w+)"\] = ([\w.]+)', re.MULTILINE)
#: Keras 2 has one table a thread.
_LOCAL = re.compile(r'^\s+LOCAL\.ALL_OBJECTS\[\s*"(\w+)"\s*\] = ([\w.]+)', re.MULTILINE)
_ENTRY = re.compile(r'"(\w+)": ([\w.]+)')
_LINE = re.compile(r"^\s+[\"'](\w+)[\"']: ([\w.]+),", re.MULTILINE)
_LAYER_MODULES = re.compile(r"^ALL_(?:V2_)?MODULES = \(([^)]*)\)", re.MULTILINE)
#: Modules with neither have no tables: most of them, and searching their text would take time.
_HINT = re.compile(r"^def deserialize\(|^ALL_", re.MULTILINE)


def read_tables(text: str) -> Tables:
    """Read a module's tables; all empty where it has none."""
    if not _HINT.search(text):
        return Tables()
    listed = _LISTED.search(text)
    entries: dict[str, tuple[str, ...]] = {}
    for key, target in _LINE.findall(text):
        entries[key] = (*entries.get(key, ()), target)
    return Tables(
        listed=tuple(re.findall(r"\w+", re.sub(r"#.*", "", listed[1]))) if listed else None,
        snake_case="to_snake_case(" in text,
        aliases=tuple(_aliases(text)),
        deserializes=bool(re.search(r"(?:= |return )deserialize\(identifier\)", text)),
        entries=entries,
        layer_modules=tuple(_layer_modules(text)),
    )


def _aliases(text: str) -> Iterator[tuple[str, str]]:
    for update in _UPDATED.finditer(text):
        yield from _ENTRY.findall(update[1])
    yield from _ASSIGNED.findall(text)
    yield from _LOCAL.findall(text)


def _layer_modules(text: str) -> Iterator[str]:
    # Each table's classes replace those of the one before.
    for table in reversed(_LAYER_MODULES.findall(text)):
        yield from (part.strip() for part in table.split(",") if part.strip())
