"""What came of loads in real environments: a matrix for people, JSON for machines, a page to pass on."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence

from mlflow_kerasguard.rebuild.outcome import Outcome, Result
from mlflow_kerasguard.reports.text import WIDTH, plain

#: Layout of the JSON. Raise it when a key changes or goes.
SCHEMA_VERSION = 1

HEADER = ("environment", "result", "check", "Python", "Keras", "difference", "build", "load", "total")
_INDENT = "  "

#: Longest name of an environment that is repeated in the matrix.
_LONGEST_NAME = 40

#: Of the lines of a problem, those of a refusal's report are many.
_LINES_SHOWN = 40


def render_text(model: str, outcomes: Sequence[Outcome]) -> str:
    """A line an environment, and below, what there is to say of each."""
    rows = [HEADER, *(row(outcome) for outcome in outcomes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(each, widths, strict=True)).rstrip() for each in rows]
    blocks = [[f"model  {plain(model)}"], lines, *(_details(outcome) for outcome in outcomes)]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def render_json(model: str, outcomes: Sequence[Outcome]) -> str:
    """The same as JSON."""
    environments = [outcome.to_dict() for outcome in outcomes]
    return json.dumps({"schema_version": SCHEMA_VERSION, "model": model, "environments": environments}, indent=2)


def render_html(model: str, outcomes: Sequence[Outcome]) -> str:
    """The same as a page that needs no other file."""
    from mlflow_kerasguard.reports.page import render_page

    shown = [{"cells": row(outcome), "outcome": outcome, "details": _details(outcome)[1:]} for outcome in outcomes]
    return render_page("outcomes.html", model=plain(model), header=HEADER, rows=shown, summary=summary(outcomes))


OUTCOMES_FORMATS: Mapping[str, Callable[[str, Sequence[Outcome]], str]] = {
    "text": render_text,
    "json": render_json,
    "html": render_html,
}


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many environments are as they should be."""
    good = sum(outcome.result.is_good for outcome in outcomes)
    return f"{good} of {len(outcomes)} environments load the model as it was logged"


def row(outcome: Outcome) -> tuple[str, ...]:
    """The cells of an environment's line."""
    keras = next((v for n in ("keras", "tf-keras", "tf_keras") if (v := outcome.versions.get(n))), "-")
    was_built = outcome.result is not Result.NOT_BUILT
    return (
        plain(outcome.environment, _LONGEST_NAME),
        outcome.result.value,
        outcome.check or "-",
        outcome.versions.get("python", "-"),
        keras,
        "-" if outcome.largest is None else f"{outcome.largest:.2g}",
        "cached" if outcome.reused else f"{outcome.seconds.build:.1f} s",
        f"{outcome.seconds.imports + outcome.seconds.load + outcome.seconds.predict:.1f} s" if was_built else "-",
        f"{outcome.seconds.total:.1f} s",
    )


def _details(outcome: Outcome) -> list[str]:
    """What there is to say of one environment, below its name; nothing where there is nothing."""
    lines = [
        *_lines(outcome.problem),
        *(f"in packaged code, {plain(place)}" for place in outcome.places),
        *_check_line(outcome),
        *(f"doesn't go with what was asked for: {plain(item)}" for item in outcome.dropped),
        *map(plain, outcome.notes),
        *(["it printed last:", *(f"  {line}" for line in _lines(outcome.output))] if outcome.output else []),
    ]
    if not lines:
        return []
    return [f"{plain(outcome.environment)}: {outcome.result}", *(line for each in lines for line in _wrapped(each))]


def _check_line(outcome: Outcome) -> Iterator[str]:
    if outcome.check_reason:
        yield f"the check says {outcome.check or 'nothing'}: {plain(outcome.check_reason)}"


def _lines(text: str) -> list[str]:
    """Each line without control characters; not all of them."""
    lines = [plain(line) for line in text.splitlines()]
    return lines if len(lines) <= _LINES_SHOWN else [*lines[:_LINES_SHOWN], "..."]


def _wrapped(line: str) -> list[str]:
    indent = _INDENT + " " * (len(line) - len(line.lstrip()))
    # Tables and reports have their columns already.
    if "  " in line.strip() or len(line) + len(_INDENT) <= WIDTH:
        return [f"{_INDENT}{line}".rstrip()]
    return textwrap.wrap(line.strip(), WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
