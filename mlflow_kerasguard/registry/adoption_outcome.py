"""What came of an adoption: values, and the text for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from mlflow_kerasguard.findings import Report

_WIDTH = 11


class Outcome(str, Enum):
    """How an adoption ended.

    ``adopted``: there is a new version. ``planned``: there would be one (a dry run). ``found``: there is one from an
    earlier adoption. ``guarded``: the model has the guard already.
    """

    ADOPTED = "adopted"
    PLANNED = "planned"
    FOUND = "found"
    GUARDED = "guarded"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """The answer to one adoption.

    Attributes:
        outcome: how it ended.
        source: the URI or the file's name that was adopted.
        name: the registered model of the guarded version.
        version: the guarded version; None where it doesn't exist (yet).
        logged_with: the flavor that logged the source, such as ``mlflow.keras``; None where that isn't known.
        report: of the check that the source passed; None where none was made.
        rehearsal: ``passed`` or ``skipped``; None where there was none.
        pins: distributions that the guarded version pins and that the model itself needs, name to version.
        notes: what isn't as it was in the source, one line each.
    """

    outcome: Outcome
    source: str
    name: str
    version: str | None = None
    logged_with: str | None = None
    report: Report | None = None
    rehearsal: str | None = None
    pins: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def uri(self) -> str | None:
        """Of the guarded version."""
        return None if self.version is None else f"models:/{self.name}/{self.version}"

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-ready values."""
        return {
            "outcome": self.outcome.value,
            "source": self.source,
            "name": self.name,
            "version": self.version,
            "uri": self.uri,
            "logged_with": self.logged_with,
            "verdict": None if self.report is None else self.report.verdict.value,
            "rehearsal": self.rehearsal,
            "pins": dict(self.pins),
            "notes": list(self.notes),
            "report": None if self.report is None else self.report.to_dict(),
        }

    def __str__(self) -> str:
        lines = [f"{self.outcome.value.upper()}: {_sentence(self)}"]
        if self.report is not None:
            lines += [_row("model", self.report.model_summary), _row("check", _checked(self.report))]
        if self.rehearsal is not None:
            lines.append(_row("rehearsal", self.rehearsal))
        if self.pins:
            lines.append(_row("pins", ", ".join(f"{name} {version}" for name, version in self.pins)))
        return "\n".join([*lines, *(_row("note", note) for note in self.notes)])


def _sentence(adoption: Adoption) -> str:
    source, uri = adoption.source, adoption.uri
    if adoption.outcome is Outcome.ADOPTED:
        return f"{uri} is {source} with the guard"
    if adoption.outcome is Outcome.FOUND:
        return f"{uri} is {source} with the guard, from an earlier adoption"
    if adoption.outcome is Outcome.GUARDED:
        return f"{source} has the guard, there is nothing to adopt"
    return f"a new version of `{adoption.name}` would be {source} with the guard; nothing was changed"


def _checked(report: Report) -> str:
    return f"{report.verdict} in {report.environment}"


def _row(name: str, text: str) -> str:
    return f"{name:{_WIDTH}}{text}"
