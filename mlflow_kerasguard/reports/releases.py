"""Which releases load a model, for people and for machines."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from mlflow_kerasguard.findings import Finding, Verdict
from mlflow_kerasguard.reports.text import WIDTH, plain

_ANSWERS = {Verdict.COMPATIBLE: "loads", Verdict.INCOMPATIBLE: "fails", Verdict.UNDECIDED: "not known"}

_INDENT = " " * 4

#: Layout of the JSON. Raise it when a key changes or goes.
SCHEMA_VERSION = 1


class Range(Protocol):
    """Successive releases with the same answer."""

    @property
    def package(self) -> str: ...
    @property
    def versions(self) -> tuple[str, ...]: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def reason(self) -> Finding | None: ...
    @property
    def unknown(self) -> str | None: ...
    @property
    def tensorflow(self) -> tuple[str, ...]: ...
    @property
    def pythons(self) -> tuple[str, ...]: ...


def render_text(model: str, summary: str, ranges: Sequence[Range]) -> str:
    """A line a range, newest last, and under it why the releases of that range fail."""
    rows = [(_span(item), _ANSWERS[item.verdict], _companions(item)) for item in ranges]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"model  {plain(model)}", f"       {plain(summary)}", ""]
    for item, (span, answer, companions) in zip(ranges, rows, strict=True):
        lines.append(f"{span.ljust(widths[0])}  {answer.ljust(widths[1])}  {companions}".rstrip())
        lines += textwrap.wrap(
            _why(item), WIDTH, initial_indent="    ", subsequent_indent="    ", break_long_words=False
        )
    return "\n".join(lines)


def render_json(model: str, summary: str, ranges: Sequence[Range]) -> str:
    """The same as JSON."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "model": model,
        "model_summary": summary,
        "ranges": [_to_dict(item) for item in ranges],
    }
    return json.dumps(document, indent=2)


RELEASES_FORMATS: Mapping[str, Callable[[str, str, Sequence[Range]], str]] = {
    "text": render_text,
    "json": render_json,
}


def _to_dict(item: Range) -> dict[str, Any]:
    return {
        "package": item.package,
        "versions": list(item.versions),
        "verdict": item.verdict.value,
        "reason": item.reason.to_dict() if item.reason else None,
        "unknown": item.unknown,
        "tensorflow": list(item.tensorflow),
        "python": list(item.pythons),
    }


def _span(item: Range) -> str:
    return f"{item.package.replace('_', '-')} {_ends(item.versions)}"


def _ends(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}"


def _companions(item: Range) -> str:
    if not item.tensorflow or not item.pythons:
        return ""
    minors = list(dict.fromkeys(".".join(version.split(".")[:2]) for version in item.tensorflow))
    return f"TensorFlow {_ends(minors)}, Python {_ends(item.pythons)}"


def _why(item: Range) -> str:
    if item.reason is None:
        return plain(item.unknown or "")
    return plain(f"{item.reason.code} {item.reason.where}: expected {item.reason.expected}, but {item.reason.found}")
