"""What two models differ in, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Protocol

from mlflow_kerasguard.reports.text import plain

#: Layout of the JSON. Raise it when a key changes or goes.
SCHEMA_VERSION = 1

_TITLES = {
    "versions": "Versions",
    "objects": "Objects",
    "config": "Configuration",
    "weights": "Weights",
    "code": "Custom code",
    "environment": "Environment",
}


class Item(Protocol):
    """One thing in which two models differ."""

    @property
    def section(self) -> str: ...
    @property
    def where(self) -> str: ...
    @property
    def before(self) -> str | None: ...
    @property
    def after(self) -> str | None: ...
    @property
    def details(self) -> tuple[str, ...]: ...


def render_text(first: str, second: str, items: Sequence[Item]) -> str:
    """A block a section; ``-`` stands before what only the first model has, ``+`` before the second's."""
    lines = [f"- {plain(first)}", f"+ {plain(second)}"]
    if not items:
        return "\n".join([*lines, "", "no differences"])
    for section, members in groupby(items, key=lambda item: item.section):
        lines += ["", _TITLES[section]]
        for item in members:
            lines.append(f"  {_line(item)}")
            lines += [f"    {plain(detail)}".rstrip() for detail in item.details]
    return "\n".join(lines)


def _line(item: Item) -> str:
    where = plain(item.where)
    if item.after is None:
        return f"- {where}: {plain(str(item.before))}"
    if item.before is None:
        return f"+ {where}: {plain(item.after)}"
    if item.before == item.after:
        return f"{where}: {plain(item.after)}"
    return f"{where}: {plain(item.before)} -> {plain(item.after)}"


def render_json(first: str, second: str, items: Sequence[Item]) -> str:
    """The same as JSON."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "first": first,
        "second": second,
        "differences": [
            {
                "section": item.section,
                "where": item.where,
                "before": item.before,
                "after": item.after,
                "details": list(item.details),
            }
            for item in items
        ],
    }
    return json.dumps(document, indent=2)


DIFFERENCES_FORMATS: Mapping[str, Callable[[str, str, Sequence[Item]], str]] = {
    "text": render_text,
    "json": render_json,
}
