"""A candidate beside all that is demanded: decided, loaded where that is wished, decided again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mlflow_kerasguard.artifact import open_logged_model
from mlflow_kerasguard.environment.identity import facts_digest
from mlflow_kerasguard.errors import RegistryError, UsageError
from mlflow_kerasguard.findings import Verdict
from mlflow_kerasguard.rebuild import outcome as rebuild
from mlflow_kerasguard.registry.demands import Demands
from mlflow_kerasguard.registry.gate import Candidate, Decision, Outcome, decide
from mlflow_kerasguard.registry.promoted import Held, Promotion
from mlflow_kerasguard.registry.records import (
    AGAINST_TAG,
    BY_TAG,
    DIGEST_TAG,
    RECORD_KEY,
    TIME_TAG,
    VERDICT_TAG,
    InvalidRecord,
    KeyMissing,
    Record,
    find_record,
)
from mlflow_kerasguard.registry.rehearsing import Place, rehearse_each
from mlflow_kerasguard.tracking import fetch
from mlflow_kerasguard.version import __version__

#: In place of a verdict, where a policy lets a version pass that can't be judged.
_UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What came of it; see :class:`~mlflow_kerasguard.registry.promoted.Promotion`."""

    outcome: Outcome
    reasons: tuple[str, ...]
    environments: tuple[Held, ...]


def weigh(candidate: Candidate, demands: Demands, *, now: datetime, key: bytes | None, rehearse: bool) -> Weighed:
    """Hold a version against all that is demanded.

    Args:
        candidate: the version.
        demands: what has to hold.
        now: the time, with a time zone.
        key: of the records' seals.
        rehearse: whether to load it in each environment, where the rest allows it.

    Raises:
        UsageError: an environment can't be built, or the records are sealed with a key that isn't here.
        RegistryError: other files are there than a moment ago.
    """
    environments = {place.name: place.environment for place in demands.places}

    def decided(version: Candidate, *, whole: bool) -> Decision:
        guards = demands.guards if whole else demands.before_loading
        return decide(version, guards, environments.__getitem__, now=now, key=key)

    first = decided(candidate, whole=False)
    if first.outcome is not Outcome.ALLOWED:
        return _weighed(first, _held(candidate, demands.places, first, {}, key))
    if rehearse and candidate.spec is None:
        return Weighed(outcome=Outcome.REFUSED, reasons=(_unsigned(candidate),), environments=())
    outcomes = _rehearse(candidate, demands.places) if rehearse else {}
    held = _held(candidate, demands.places, first, outcomes, key)
    refusals, doubts = _of_loads(outcomes)
    if refusals or doubts:
        outcome = Outcome.REFUSED if refusals else Outcome.UNDECIDED
        return Weighed(outcome=outcome, reasons=(*refusals, *doubts), environments=held)
    # As it will be, once the records are written.
    records = [_record(candidate, each, now.isoformat(timespec="seconds"), "") for each in held]
    tags = {**candidate.tags, **{record.tag: record.sealed(key) for record in records}}
    return _weighed(decided(replace(candidate, tags=tags), whole=True), held)


def _weighed(decision: Decision, held: tuple[Held, ...]) -> Weighed:
    return Weighed(outcome=decision.outcome, reasons=decision.reasons, environments=held)


def _unsigned(candidate: Candidate) -> str:
    return f"it can't be rehearsed: {candidate.unsigned}"


def _held(
    candidate: Candidate,
    places: Sequence[Place],
    decision: Decision,
    outcomes: Mapping[str, rebuild.Outcome],
    key: bytes | None,
) -> tuple[Held, ...]:
    return tuple(
        _one(candidate, place, decision, outcomes.get(place.name), key)
        for place in places
        if place.name in decision.reports
    )


def _one(
    candidate: Candidate, place: Place, decision: Decision, loaded: rebuild.Outcome | None, key: bytes | None
) -> Held:
    digest = facts_digest(place.environment)
    earlier = _earlier(candidate, place.name, digest, key)
    result = None if loaded is None else loaded.result
    described = place.environment.describe()
    return Held(
        name=place.name,
        environment=described if place.name in described else f"{place.name}: {described}",
        digest=digest,
        report=decision.reports[place.name],
        exempted=decision.exempted.get(place.name, ()),
        rehearsal=loaded,
        # What was seen before stays true of the same files in the same environment.
        rehearsed=bool(result and result.is_good) or bool(earlier and earlier.rehearsed),
        golden=result is rebuild.Result.SAME or bool(earlier and earlier.golden),
    )


def _earlier(candidate: Candidate, name: str, digest: str, key: bytes | None) -> Record | None:
    try:
        return find_record(candidate.tags, candidate.subject, digest, key)
    except KeyMissing as error:
        # What would be written in its place counts for less.
        raise UsageError(
            f"`models:/{candidate.model}/{candidate.version}` has a record about `{name}` that is sealed with a "
            f"key: set `{RECORD_KEY}` to promote it"
        ) from error
    except InvalidRecord:
        return None


def _rehearse(candidate: Candidate, places: Sequence[Place]) -> Mapping[str, rebuild.Outcome]:
    uri = f"models:/{candidate.model}/{candidate.version}"
    with tempfile.TemporaryDirectory(prefix="kerasguard-") as scratch:
        directory = fetch(uri, Path(scratch))
        if open_logged_model(directory).signature_sha256 != candidate.signature:
            raise RegistryError(f"the files of `{uri}` were replaced meanwhile: nothing is promoted; try again")
        return rehearse_each(directory, places)


def _of_loads(outcomes: Mapping[str, rebuild.Outcome]) -> tuple[list[str], list[str]]:
    """Why loads refuse, and what they leave open."""
    refusals, doubts = [], []
    for name, outcome in outcomes.items():
        said = " ".join(outcome.problem.split("\n", 1)[0].rstrip(":").split())
        if outcome.result is rebuild.Result.NOT_BUILT:
            doubts.append(f"it couldn't be loaded in `{name}`: {said}")
        elif not outcome.result.is_good:
            refusals.append(f"it was rehearsed in `{name}`: {said}")
    return refusals, doubts


def records_of(promotion: Promotion, about: Candidate, key: bytes | None) -> Iterator[Record]:
    """What counts: a record for each environment.

    Args:
        promotion: one that is allowed.
        about: the version that gets them, with the tags that it has by now: the one that was judged, or its copy.
        key: of the records' seals.
    """
    for held in promotion.environments:
        # Somebody else may have loaded it meanwhile.
        earlier = _earlier(about, held.name, held.digest, key)
        seen = replace(
            held,
            rehearsed=held.rehearsed or bool(earlier and earlier.rehearsed),
            golden=held.golden or bool(earlier and earlier.golden),
        )
        yield _record(about, seen, promotion.time, promotion.by)


def _record(about: Candidate, held: Held, time: str, by: str) -> Record:
    subject = about.subject
    return Record(
        model=subject.model,
        version=subject.version,
        signature=subject.signature,
        created=subject.created.isoformat(),
        environment=held.environment,
        environment_digest=held.digest,
        verdict=held.report.verdict.value,
        rehearsed=held.rehearsed,
        golden=held.golden,
        allowed=tuple(item.code for item in held.exempted),
        time=time,
        by=by,
        guard=__version__,
    )


def tags_for_people(promotion: Promotion) -> dict[str, str]:
    """What people and MLflow's searches find; it proves nothing."""
    judged = bool(promotion.environments)
    return {
        VERDICT_TAG: Verdict.COMPATIBLE.value if judged else _UNJUDGED,
        AGAINST_TAG: "; ".join(held.environment for held in promotion.environments),
        DIGEST_TAG: "" if promotion.signature is None else f"sha256:{promotion.signature}",
        TIME_TAG: promotion.time,
        BY_TAG: promotion.by,
    }
