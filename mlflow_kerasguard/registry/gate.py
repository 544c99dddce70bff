"""Whether a version may be promoted: a decision on values alone, for the command and the server alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from mlflow_kerasguard.checking import judge
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.environment.identity import facts_digest
from mlflow_kerasguard.findings import Report, Verdict
from mlflow_kerasguard.keras_runtime import with_backend_of_loader
from mlflow_kerasguard.model import Kind, ModelSpec
from mlflow_kerasguard.registry.policy import IN_ENVIRONMENTS, Demand, Exemption, Guard
from mlflow_kerasguard.registry.records import InvalidRecord, Record, Subject, find_record


class Outcome(str, Enum):
    """What becomes of a request."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A version as far as its signature and its tags say what it is.

    Attributes:
        model: name of the registered model.
        version: of it.
        created: when it was made, with a time zone.
        spec: the model, by its compatibility signature; None where there is none that can be judged.
        signature: SHA-256 of the signature; None likewise.
        unsigned: why there is none.
        unreachable: why nothing is known of it at all, such as a store that doesn't answer.
        tags: the version's.
    """

    model: str
    version: str
    created: datetime
    spec: ModelSpec | None = None
    signature: str | None = None
    unsigned: str | None = None
    unreachable: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> Subject:
        return Subject(model=self.model, version=self.version, signature=self.signature or "", created=self.created)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a version passes.

    Attributes:
        outcome: of all that was demanded.
        reasons: why it isn't allowed, a sentence each, without its full stop.
        reports: the check's, by the name of the environment; findings that are exempted are left out.
        exempted: findings that would have counted, by the name of the environment.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    reports: Mapping[str, Report] = field(default_factory=dict)
    exempted: Mapping[str, tuple[Exemption, ...]] = field(default_factory=dict)


def decide(
    candidate: Candidate,
    guards: Sequence[Guard],
    environment_of: Callable[[str], Environment],
    *,
    now: datetime,
    key: bytes | None = None,
) -> Decision:
    """Hold a version against every guard that applies.

    Args:
        candidate: the version.
        guards: those that apply; none allow everything.
        environment_of: gives an environment that a guard names.
        now: the time, with a time zone.
        key: of the records' seals.
    """
    decisions = [_decide(candidate, guard, environment_of, now, key) for guard in guards]
    outcomes = {decision.outcome for decision in decisions}
    worst = next((one for one in (Outcome.REFUSED, Outcome.UNDECIDED) if one in outcomes), Outcome.ALLOWED)
    return Decision(
        outcome=worst,
        # One guard's reason may be another's too.
        reasons=tuple(dict.fromkeys(reason for decision in decisions for reason in decision.reasons)),
        reports={name: report for decision in decisions for name, report in decision.reports.items()},
        exempted={name: found for decision in decisions for name, found in decision.exempted.items()},
    )


def _decide(
    candidate: Candidate,
    guard: Guard,
    environment_of: Callable[[str], Environment],
    now: datetime,
    key: bytes | None,
) -> Decision:
    if candidate.unreachable is not None:
        return Decision(outcome=Outcome.UNDECIDED, reasons=(candidate.unreachable,))
    refusals = list(_age(candidate, guard, now))
    spec = candidate.spec
    if candidate.signature is None and (guard.unsigned == "refuse" or Demand.SIGNED in guard.require):
        refusals.append(candidate.unsigned or "it has no compatibility signature that can be read")
    if spec is None:
        return _decision(refusals, [], {}, {})
    refusals += _of_the_model(spec, guard)
    doubts: list[str] = []
    reports: dict[str, Report] = {}
    exempted: dict[str, tuple[Exemption, ...]] = {}
    for name in guard.environments if guard.require & IN_ENVIRONMENTS else ():
        environment = environment_of(name)
        if Demand.COMPATIBLE in guard.require:
            loaded_in = with_backend_of_loader(environment, spec.backend)
            reports[name], exempted[name] = _without(judge(spec, loaded_in, compile=False), guard.allow)
            wrong, unknown = _of_the_report(reports[name])
            refusals += wrong
            doubts += unknown
        refusals += _of_the_record(candidate, guard, name, environment, key)
    return _decision(refusals, doubts, reports, exempted)


def _decision(
    refusals: Sequence[str],
    doubts: Sequence[str],
    reports: Mapping[str, Report],
    exempted: Mapping[str, tuple[Exemption, ...]],
) -> Decision:
    outcome = Outcome.REFUSED if refusals else Outcome.UNDECIDED if doubts else Outcome.ALLOWED
    return Decision(outcome=outcome, reasons=(*refusals, *doubts), reports=reports, exempted=exempted)


def _age(candidate: Candidate, guard: Guard, now: datetime) -> Iterator[str]:
    if guard.max_age_days is not None and now - candidate.created > timedelta(days=guard.max_age_days):
        days = (now - candidate.created).days
        yield f"it is {days} days old, and {guard.max_age_days:g} are allowed"


def _of_the_model(spec: ModelSpec, guard: Guard) -> Iterator[str]:
    """What is demanded of the model wherever it is going to be loaded."""
    lambdas = sum(1 for ref in spec.objects if ref.kind is Kind.LAMBDA)
    if Demand.NO_LAMBDA in guard.require and lambdas:
        yield f"it holds {lambdas} lambda{'s' * (lambdas != 1)}, which is Python bytecode"
    if Demand.CLEAN_COMMIT in guard.require and spec.origin.packaged_modules:
        provenance = spec.origin.provenance
        if provenance is None:
            yield "its custom code is in no git repository"
        elif provenance.modified:
            yield f"its custom code isn't that of commit {provenance.commit[:12]}: `{provenance.modified[0]}` differs"


def _without(report: Report, exemptions: Sequence[Exemption]) -> tuple[Report, tuple[Exemption, ...]]:
    """The report without what would count and is exempted, and the exemptions that made that difference."""
    codes = {exemption.code for exemption in exemptions}
    left_out = tuple(finding for finding in report.errors if finding.code in codes)
    kept = tuple(finding for finding in report.findings if finding not in left_out)
    known = tuple(item for item in report.undecided if item.rule.code not in codes)
    used = {finding.code for finding in left_out} | {item.rule.code for item in report.undecided}
    made = tuple(exemption for exemption in exemptions if exemption.code in used)
    return replace(report, findings=kept, undecided=known), made


def _of_the_report(report: Report) -> tuple[list[str], list[str]]:
    """Why a report refuses, and what it leaves open."""
    where = f"in {report.environment}"
    if report.verdict is Verdict.INCOMPATIBLE or not report.safe:
        first, *others = report.errors
        more = f", and {len(others)} more error{'s' * (len(others) != 1)}" if others else ""
        found = f"{first.code} at {first.where}: expected {first.expected}, found {first.found}{more}"
        fix = f" (to do: {first.fix})" if first.fix else ""
        kind = "incompatible" if report.verdict is Verdict.INCOMPATIBLE else "unsafe to load"
        return [f"it is {kind} {where}: {found}{fix}"], []
    if report.verdict is Verdict.UNDECIDED:
        first_open = report.undecided[0]
        return [], [f"it isn't known whether it loads {where}: {first_open.rule.code}: {first_open.reason}"]
    return [], []


def _of_the_record(
    candidate: Candidate, guard: Guard, name: str, environment: Environment, key: bytes | None
) -> Iterator[str]:
    """What is demanded that only somebody who loaded it could have seen."""
    wanted = guard.require & {Demand.REHEARSED, Demand.GOLDEN_VERIFIED}
    if not wanted:
        return
    doing = f"`kerasguard promote --rehearse` does it in `{name}`"
    try:
        record = find_record(candidate.tags, candidate.subject, facts_digest(environment), key)
    except InvalidRecord as reason:
        yield f"its record about `{name}` doesn't count: {reason}; {doing}"
        return
    passed = set(record.allowed if record else ()) - {exemption.code for exemption in guard.allow}
    if passed:
        yield f"its record about `{name}` doesn't count: it let {', '.join(sorted(passed))} pass; {doing}"
        return
    missing = sorted(demand.value for demand in wanted if not _shows(record, demand))
    if missing:
        yield f"it wasn't {' nor '.join(missing)} in `{name}`; {doing}"


def _shows(record: Record | None, demand: Demand) -> bool:
    if record is None or record.verdict != Verdict.COMPATIBLE.value:
        return False
    return record.rehearsed if demand is Demand.REHEARSED else record.golden
