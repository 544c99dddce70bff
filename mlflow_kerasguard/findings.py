"""What a check says: values only, no I/O and no judgement.

A :class:`Rule` yields a :class:`Mismatch`; the engine stamps the two into a :class:`Finding`. A rule
that can't know yields nothing and is listed as :class:`Undecided`. A :class:`Report` holds both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from mlflow_kerasguard.errors import IncompatibleModelError

#: Layout of :meth:`Report.to_dict`. Add keys freely; raise the number when one changes or goes.
REPORT_SCHEMA_VERSION = 1

#: A mismatch's fix where another release of Keras is the way out: the engine puts a command in its place.
ANOTHER_RELEASE = "install another release of Keras"

#: How many places a finding that repeats over many layers names.
PLACES_SHOWN = 3


class Level(str, Enum):
    """How bad a finding is, in SARIF's words."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    def __str__(self) -> str:
        return self.value


class Verdict(str, Enum):
    """Will the model load in the environment and predict the same?"""

    COMPATIBLE = "compatible"
    INCOMPATIBLE = "incompatible"
    UNDECIDED = "undecided"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What never changes about a rule: the same for each of its findings.

    Attributes:
        code: permanent, ``KG`` and three digits; the hundreds are the family.
        level: how bad each finding of the rule is.
        title: what is wrong, in one line.
        why: why that matters, in a sentence or two.
        prevents_loading: whether its errors decide the verdict. Safety (KG1xx) is kept apart from
            the verdict, except where the file can't be read at all.
    """

    code: str
    level: Level
    title: str
    why: str
    prevents_loading: bool = True

    @property
    def family(self) -> str:
        """The first digit's family, such as ``KG2``."""
        return self.code[:3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One place where a model and an environment disagree.

    Attributes:
        where: the place in the model, such as ``layers["dense"].kernel_initializer``.
        expected: what the model asks for.
        found: what the environment has.
        fix: what to do, as a command where there is one.
        snippet: lines of code that belong to the fix.

    Texts are lowercase, without a final stop, identifiers in backticks. Only ``where`` names the
    place: mismatches that are alike but for it become one finding.
    """

    where: str
    expected: str
    found: str
    fix: str | None = None
    snippet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule together with the places where it found the same mismatch.

    Attributes:
        rule: the rule that found it.
        places: the first places in the model's order, at most ``PLACES_SHOWN``.
        count: how many places there are in all.
    """

    rule: Rule
    expected: str
    found: str
    fix: str | None
    places: tuple[str, ...]
    count: int = 1
    snippet: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        return self.rule.code

    @property
    def level(self) -> Level:
        return self.rule.level

    @property
    def title(self) -> str:
        return self.rule.title

    @property
    def why(self) -> str:
        return self.rule.why

    @property
    def where(self) -> str:
        """The first place."""
        return self.places[0]

    def to_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "level": self.level.value,
            "title": self.title,
            "where": self.where,
            "places": list(self.places),
            "count": self.count,
            "expected": self.expected,
            "found": self.found,
            "why": self.why,
            "fix": self.fix,
            "snippet": list(self.snippet),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """A rule that couldn't judge, and what it would have had to know."""

    rule: Rule
    reason: str

    def to_dict(self) -> dict[str, Any]:
        return {"code": self.rule.code, "title": self.rule.title, "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer to one check: one model against one environment.

    Attributes:
        model: the path or URI that was checked.
        model_summary: one line on what was found there.
        environment: one line on what it was held against.
        findings: all findings, errors first, in the order of the model within a rule.
        undecided: the rules that couldn't judge.
        details: facts about model and environment for machines, JSON only.
    """

    model: str
    model_summary: str
    environment: str
    findings: tuple[Finding, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings of level error."""
        return tuple(finding for finding in self.findings if finding.level is Level.ERROR)

    @property
    def verdict(self) -> Verdict:
        """Will it load and predict the same? An error outweighs what is undecided."""
        if any(finding.rule.prevents_loading for finding in self.errors):
            return Verdict.INCOMPATIBLE
        return Verdict.UNDECIDED if self.undecided else Verdict.COMPATIBLE

    @property
    def safe(self) -> bool:
        """Is it wise to load it? False where a rule of family KG1xx found an error."""
        return not any(finding.rule.family == "KG1" for finding in self.errors)

    @property
    def ok(self) -> bool:
        """Compatible and safe."""
        return self.verdict is Verdict.COMPATIBLE and self.safe

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready values; ``schema_version`` names the layout."""
        return {
            "schema_version": REPORT_SCHEMA_VERSION,
            "model": self.model,
            "model_summary": self.model_summary,
            "environment": self.environment,
            "verdict": self.verdict.value,
            "safe": self.safe,
            "ok": self.ok,
            "findings": [finding.to_dict() for finding in self.findings],
            "undecided": [item.to_dict() for item in self.undecided],
            "details": dict(self.details),
        }

    def raise_for_errors(self, *, allow_undecided: bool = False) -> None:
        """Raise unless the model may be loaded.

        Args:
            allow_undecided: let a model pass about which some rule couldn't judge.

        Raises:
            IncompatibleModelError: the verdict is incompatible, the model is unsafe, or the verdict
                is undecided and ``allow_undecided`` is false.
        """
        undecided = self.verdict is Verdict.UNDECIDED and not allow_undecided
        if self.verdict is Verdict.INCOMPATIBLE or not self.safe or undecided:
            raise IncompatibleModelError(self)

    def explain(self) -> str:
        """The findings alone, without verdict and environment."""
        from mlflow_kerasguard.reports.text import render_findings

        return render_findings(self)

    def __str__(self) -> str:
        # Imported here: the renderers see this module, and a text is wanted rarely.
        from mlflow_kerasguard.reports.text import render

        return render(self)
