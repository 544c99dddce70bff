"""Plain values as TOML, as far as a lock needs it: Python reads TOML and doesn't write it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(document: Mapping[str, Any]) -> str:
    """A document of strings, lists and tables; lists of tables at its top get headings of their own."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    arrays = {key: value for key, value in document.items() if _is_array_of_tables(value)}
    tables = {key: value for key, value in document.items() if isinstance(value, Mapping)}
    for key, value in document.items():
        if key not in arrays and key not in tables:
            yield f"{_key(key)} = {_value(value)}"
    for key, items in arrays.items():
        for item in items:
            yield f"\n[[{_key(key)}]]"
            yield from (f"{_key(name)} = {_value(value)}" for name, value in item.items())
    for key, table in tables.items():
        yield f"\n[{_key(key)}]"
        yield from (f"{_key(name)} = {_value(value)}" for name, value in table.items())


def _is_array_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value)


def _text(value: str) -> str:
    """JSON's strings are TOML's, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
