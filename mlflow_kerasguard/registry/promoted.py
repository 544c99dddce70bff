"""What becomes of a wish to promote a version: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from mlflow_kerasguard.findings import Report
from mlflow_kerasguard.rebuild import outcome as rebuild
from mlflow_kerasguard.registry.gate import Outcome
from mlflow_kerasguard.registry.policy import Exemption

#: How a guarded registry's answer ends where it can't tell; whoever asked knows it by that.
UNDECIDED_ENDING = "Nothing was changed; try again when that is mended."


class Kind(str, Enum):
    """What a version can be given."""

    ALIAS = "alias"
    STAGE = "stage"
    COPY = "copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a version is to be given.

    Attributes:
        kind: an alias, a stage, or a copy of it in another registered model.
        name: of the alias, of the stage, or of that model.
    """

    kind: Kind
    name: str

    def __str__(self) -> str:
        if self.kind is Kind.COPY:
            return f"a version of `{self.name}`"
        return f"the {self.kind.value} `{self.name}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A version beside one environment.

    Attributes:
        name: what the environment is called.
        environment: one line on it.
        digest: its identity.
        report: the check's, without what is exempted.
        exempted: what would have counted.
        rehearsal: what came of loading it there just now; None where it wasn't.
        rehearsed: whether it is known to load there, from now or from an earlier promotion.
        golden: likewise, whether it gives the predictions that were kept when it was logged.
    """

    name: str
    environment: str
    digest: str
    report: Report
    exempted: tuple[Exemption, ...] = ()
    rehearsal: rebuild.Outcome | None = None
    rehearsed: bool = False
    golden: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "environment": self.environment,
            "digest": f"sha256:{self.digest}",
            "verdict": self.report.verdict.value,
            "rehearsed": self.rehearsed,
            "golden": self.golden,
            "exempted": [{"code": item.code, "reason": item.reason} for item in self.exempted],
            "report": self.report.to_dict(),
            "rehearsal": None if self.rehearsal is None else self.rehearsal.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One version, what it was to be given, and what was decided and done.

    Attributes:
        model: name of the registered model.
        version: of it.
        target: what it was to be given.
        outcome: the decision.
        reasons: why it isn't allowed, a sentence each, without its full stop.
        environments: each that it was held against.
        signature: SHA-256 of its compatibility signature; None where it has none.
        policy: the file whose guards counted; None where there were none.
        time: when, in ISO 8601 with a time zone.
        by: who asked.
        done: whether anything was changed: never by a dry run, nor where it isn't allowed.
        before: the version that had the alias before; None where there was none.
        made: number of the copy.
        stored: URI of the report; None where it couldn't be stored.
        notes: what else there is to know.
    """

    model: str
    version: str
    target: Target
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    environments: tuple[Held, ...] = ()
    signature: str | None = None
    policy: str | None = None
    time: str
    by: str
    done: bool = False
    before: str | None = None
    made: str | None = None
    stored: str | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)

    @property
    def uri(self) -> str:
        """Of the version."""
        return f"models:/{self.model}/{self.version}"

    @property
    def rehearsals(self) -> Mapping[str, rebuild.Outcome]:
        """What came of loading it just now, by the environment's name."""
        return {held.name: held.rehearsal for held in self.environments if held.rehearsal is not None}

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "model": self.model,
            "version": self.version,
            "target": {"kind": self.target.kind.value, "name": self.target.name},
            "outcome": self.outcome.value,
            "reasons": list(self.reasons),
            "done": self.done,
            "before": self.before,
            "made": self.made,
            "environments": [held.to_dict() for held in self.environments],
            "signature": None if self.signature is None else f"sha256:{self.signature}",
            "policy": self.policy,
            "time": self.time,
            "by": self.by,
            "report": self.stored,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        # Imported here: the renderers see this module.
        from mlflow_kerasguard.reports.promotions import render_text

        return render_text(self)
