"""Lists and dicts of arrays taken apart, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

#: How leaves are arranged: None for a leaf by itself, else ``list`` or ``dict`` with what is inside.
Template: TypeAlias = tuple[Any, ...] | None


def flattened(value: Any) -> tuple[Template, list[Any]]:
    """A structure's template and its leaves, in order."""
    leaves: list[Any] = []
    return _take_apart(value, leaves), leaves


def _take_apart(value: Any, leaves: list[Any]) -> Template:
    if isinstance(value, Mapping):
        return ("dict", *((name, _take_apart(item, leaves)) for name, item in value.items()))
    if isinstance(value, list | tuple):
        return ("list", *(_take_apart(item, leaves) for item in value))
    leaves.append(value)
    return None


def filled(template: Template, leaves: Sequence[Any]) -> Any:
    """The structure of ``template`` with ``leaves``."""
    return leaves[0] if template is None else _put_together(template, iter(leaves))


def _put_together(template: Template, leaves: Iterator[Any]) -> Any:
    if template is None:
        return next(leaves)
    kind, *inside = template
    if kind == "dict":
        return {name: _put_together(item, leaves) for name, item in inside}
    return [_put_together(item, leaves) for item in inside]


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """``function`` of every leaf, in the same structure."""
    if isinstance(value, Mapping):
        return {name: mapped(function, item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [mapped(function, item) for item in value]
    return function(value)


def paths(template: Template, prefix: str = "") -> list[str]:
    """The keys and positions that lead to each leaf, joined by underscores."""
    if template is None:
        return [prefix]
    kind, *inside = template
    named = inside if kind == "dict" else enumerate(inside)
    joined = f"{prefix}_" if prefix else ""
    return [path for name, item in named for path in paths(item, f"{joined}{name}")]
