"""Verdicts held against the record: each load judged, and the figures that come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.findings import Finding, Report, Verdict
from tests.truth.environments import loaders_environment
from tests.truth.named import innermost_names, names_one
from tests.truth.record import Load, Record

#: The row that sums up all loaders.
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A load, and what the check says of it.

    Attributes:
        load: what really happened.
        verdict: what the check says.
        codes: of the findings that are errors.
        reason: why the check is undecided, where it is.
        names: the innermost classes and keys that the load's error names.
        named: whether a finding that decides the verdict names one of them.
    """

    load: Load
    verdict: Verdict
    codes: frozenset[str]
    reason: str
    names: frozenset[str]
    named: bool

    @property
    def judgement(self) -> str:
        return judge(self.verdict, good=self.load.good)

    @property
    def unnamed(self) -> bool:
        """Whether the error names something, and no finding does."""
        return bool(self.names) and not self.named

    @property
    def nameless(self) -> bool:
        """Whether it fails with an error that names nothing of the model."""
        return self.load.fails and not self.names


def judge(verdict: Verdict, *, good: bool) -> str:
    """The field of :class:`Figures` that a verdict counts for."""
    if verdict is Verdict.UNDECIDED:
        return "undecided"
    if (verdict is Verdict.COMPATIBLE) == good:
        return "right"
    return "false_alarms" if good else "false_passes"


@dataclass(slots=True, kw_only=True)
class Figures:
    """How good verdicts are, as counts.

    Attributes:
        loads: how many were judged.
        right: verdicts that say what happened.
        false_passes: called compatible, but it fails, hangs or predicts something else.
        false_alarms: called incompatible, but it loads and predicts the same.
        undecided: neither.
        naming: failing loads whose error names a class or key.
        named: those of them where a finding names it as well.
        nameless: failing loads whose error names nothing of the model.
    """

    loads: int = 0
    right: int = 0
    false_passes: int = 0
    false_alarms: int = 0
    undecided: int = 0
    naming: int = 0
    named: int = 0
    nameless: int = 0

    def count(self, judgement: str, *, naming: bool = False, named: bool = False, nameless: bool = False) -> None:
        self.loads += 1
        setattr(self, judgement, getattr(self, judgement) + 1)
        self.naming += naming
        self.named += named
        self.nameless += nameless

    def worse_than(self, other: Figures) -> list[str]:
        """The fields in which these figures are worse."""
        more_is_better = {"loads": 0, "right": 1, "named": 1, "naming": 0, "nameless": 0}
        worse = []
        for field in fields(self):
            gain = (getattr(self, field.name) - getattr(other, field.name)) * more_is_better.get(field.name, -1)
            worse += [field.name] if gain < 0 else []
        return worse


def judged_loads(record: Record, loaders: Iterable[str]) -> Iterator[Judged]:
    """Every load of these loaders, judged by what the check says."""
    for loader in loaders:
        environment = loaders_environment(record.releases[loader])
        for load in record.loads(loader):
            yield judged(load, check_model(record.spec(load.saver, load.file), environment))


def judged(load: Load, report: Report) -> Judged:
    names = innermost_names(load.error) if load.fails else frozenset()
    named = any(names_one(_text(finding), names) for finding in report.errors if finding.rule.prevents_loading)
    return Judged(
        load=load,
        verdict=report.verdict,
        codes=frozenset(finding.code for finding in report.errors),
        reason=next((item.reason for item in report.undecided), ""),
        names=names,
        named=named,
    )


def _text(finding: Finding) -> str:
    return " ".join([*finding.places, finding.expected, finding.found])


def figures_of(loads: Iterable[Judged]) -> dict[str, Figures]:
    """Figures per loader, and over all of them."""
    rows: dict[str, Figures] = {}
    for item in loads:
        for row in (item.load.loader, ALL):
            rows.setdefault(row, Figures()).count(
                item.judgement, naming=bool(item.names), named=item.named, nameless=item.nameless
            )
    return {**{name: row for name, row in rows.items() if name != ALL}, ALL: rows[ALL]}


#: What people do without a check: the versions of saver and loader are compared.
ORACLES: dict[str, Callable[[str, str], bool]] = {
    "same version": lambda saver, loader: saver == loader,
    "same major version": lambda saver, loader: saver.split(".")[0] == loader.split(".")[0],
}


def oracle_figures(record: Record, loads: Iterable[Judged]) -> dict[str, Figures]:
    """What the simple oracles score on the same loads; they never say why."""
    rows = {name: Figures() for name in ORACLES}
    for item in loads:
        versions = [record.releases[name]["keras"] for name in (item.load.saver, item.load.loader)]
        for name, oracle in ORACLES.items():
            verdict = Verdict.COMPATIBLE if oracle(*versions) else Verdict.INCOMPATIBLE
            rows[name].count(judge(verdict, good=item.load.good), naming=bool(item.names), nameless=item.nameless)
    return rows


def as_json(rows: dict[str, Figures]) -> dict[str, dict[str, int]]:
    return {name: asdict(row) for name, row in rows.items()}


def from_json(document: dict[str, dict[str, int]]) -> dict[str, Figures]:
    return {name: Figures(**row) for name, row in document.items()}
