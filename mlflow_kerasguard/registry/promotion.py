"""Promotion: a version gets an alias, a stage or a copy elsewhere only where its environments load it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mlflow_kerasguard import mlflow_private, mlflow_private_registry
from mlflow_kerasguard.errors import NotPromotedError, RegistryError, UsageError
from mlflow_kerasguard.registry.candidates import created, read_candidate
from mlflow_kerasguard.registry.demands import Demands, demands_of
from mlflow_kerasguard.registry.gate import Candidate, Outcome
from mlflow_kerasguard.registry.policy import Policy
from mlflow_kerasguard.registry.policy_file import find_policy, read_policy
from mlflow_kerasguard.registry.promoted import Kind, Promotion, Target
from mlflow_kerasguard.registry.records import RECORD_TAG, REPORT_TAG, record_key
from mlflow_kerasguard.registry.registered import Registry
from mlflow_kerasguard.registry.report_storage import store_report
from mlflow_kerasguard.registry.weighing import Weighed, records_of, tags_for_people, weigh

_STAGES = ("None", "Staging", "Production", "Archived")


def promote(
    model: str,
    *,
    alias: str | None = None,
    stage: str | None = None,
    to: str | None = None,
    against: str | Sequence[str] = (),
    policy: str | Path | None = None,
    dry_run: bool = False,
    rehearse: bool = False,
) -> Promotion:
    """Give a registered version an alias, a stage or a copy in another model, if its environments load it.

    The version is judged by its signature, in every environment that a policy names for this alias, stage or model,
    and in those of ``against``; without either, in this interpreter. Only where all that is demanded holds, the
    verdict is written into tags of the version and a report is stored with its run; the alias comes last. Where the
    call is ended in between, the version has no more than tags, and the same call does the rest.

    Args:
        model: ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``.
        alias: the alias that it is to get. Exactly one of the three is given.
        stage: the stage that it is to get.
        to: the registered model that it is to be copied to, as a new version; made where it isn't there. Where the
            newest version there is such a copy already, that one is finished.
        against: environments beside those of the policy: names that the policy gives, or what
            :func:`mlflow_kerasguard.check` takes.
        policy: the policy's file; None for that of ``MLFLOW_KERASGUARD_POLICY``, else ``kerasguard.toml`` or the table
            ``[tool.kerasguard]`` of ``pyproject.toml`` in the current directory, where there is one.
        dry_run: decide, and change nothing.
        rehearse: also load the model in each environment, and compare its predictions with those that were kept when
            it was logged. Its code runs there.

    Returns:
        What was decided and done.

    Raises:
        NotPromotedError: it is refused, or something isn't known; nothing was changed.
        RegistryError: the registry doesn't answer, or forbids it.
        UsageError: an argument or the policy can't be used as it was given.
        ModelNotFoundError: there is no such version.
    """
    target = _target(alias, stage, to)
    rules = _policy(policy)
    registry = Registry()
    version = registry.resolve(str(model))
    registry.require_ready(version)
    demands = demands_of(
        rules, target, version.name, [against] if isinstance(against, str) else list(map(str, against))
    )
    candidate = read_candidate(version, f"models:/{version.name}/{version.version}")
    now, key = datetime.now(timezone.utc), record_key(os.environ)
    weighed = weigh(candidate, demands, now=now, key=key, rehearse=rehearse)
    promotion = _promotion(target, candidate, demands, weighed, now)
    if promotion.outcome is not Outcome.ALLOWED:
        raise NotPromotedError(promotion)
    if dry_run:
        return replace(promotion, notes=(*promotion.notes, "this is a dry run: nothing was changed"))
    return _Work(registry=registry, version=version, key=key).carry_out(promotion, candidate)


def _target(alias: str | None, stage: str | None, to: str | None) -> Target:
    given = [
        Target(kind=kind, name=name)
        for kind, name in ((Kind.ALIAS, alias), (Kind.STAGE, stage), (Kind.COPY, to))
        if name is not None
    ]
    if len(given) != 1:
        raise UsageError("give one of an alias, a stage, and the name of another registered model")
    (target,) = given
    if target.kind is Kind.STAGE:
        found = next((known for known in _STAGES if known.casefold() == target.name.casefold()), None)
        if found is None:
            raise UsageError(f"there is no stage `{target.name}`; expected {', '.join(_STAGES)}")
        return replace(target, name=found)
    mlflow_error, _ = mlflow_private.exception_class()
    try:
        mlflow_private_registry.require_names(alias=alias, model=to)
    except mlflow_error as error:
        raise UsageError(str(error)) from error
    return target


def _policy(path: str | Path | None) -> Policy | None:
    found = find_policy(Path(), os.environ) if path is None else Path(path)
    return None if found is None else read_policy(found)


def _promotion(target: Target, candidate: Candidate, demands: Demands, weighed: Weighed, now: datetime) -> Promotion:
    return Promotion(
        model=candidate.model,
        version=candidate.version,
        target=target,
        outcome=weighed.outcome,
        reasons=weighed.reasons,
        environments=weighed.environments,
        signature=candidate.signature,
        policy=None if demands.policy is None else str(demands.policy),
        time=now.isoformat(timespec="seconds"),
        by=mlflow_private.user(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is done once it is allowed, in an order in which nothing is ever half-promoted."""

    registry: Registry
    version: Any
    key: bytes | None

    def carry_out(self, promotion: Promotion, candidate: Candidate) -> Promotion:
        before = self.registry.holder(promotion.target, promotion.model)
        now = self.registry.require_same(self.version)
        written = self._write_tags(self.version, promotion, replace(candidate, tags=dict(now.tags)))
        stored, note = store_report(promotion, self.version.run_id)
        written[REPORT_TAG] = _shortened(stored or str(promotion))
        self.registry.set_tags(self.version, {REPORT_TAG: written[REPORT_TAG]})
        notes = promotion.notes if note is None else (*promotion.notes, note)
        done = replace(promotion, done=True, before=before, stored=stored, notes=notes)
        self.registry.require_same(self.version)
        try:
            if promotion.target.kind is Kind.COPY:
                return self._copy(done, candidate)
            self.registry.give(promotion.target, self.version)
        except RegistryError as error:
            if error.refused or error.undecided:
                # Records stay: what was seen was seen, and others may promote by them at the same time.
                shown = {key: value for key, value in written.items() if not key.startswith(RECORD_TAG)}
                self.registry.restore_tags(self.version, shown, dict(now.tags))
            raise
        return done

    def _copy(self, promotion: Promotion, candidate: Candidate) -> Promotion:
        """A copy has its source's tags, so that its own records can only be written once it is there."""
        notes = promotion.notes
        name = promotion.target.name
        copied = self.registry.newest_copy(self.version, name)
        if copied is None:
            copied = self.registry.copy(self.version, name)
        else:
            notes = (*notes, f"the newest version of `{name}` was this copy already")
        about = replace(
            candidate,
            model=copied.name,
            version=str(copied.version),
            created=created(copied),
            tags=dict(copied.tags),
        )
        written = self._write_tags(copied, promotion, about)
        stale = [key for key in copied.tags if key.startswith(RECORD_TAG) and key not in written]
        self.registry.delete_tags(copied, stale)
        return replace(promotion, made=str(copied.version), notes=notes)

    def _write_tags(self, version: Any, promotion: Promotion, about: Candidate) -> dict[str, str]:
        records = {record.tag: record.sealed(self.key) for record in records_of(promotion, about, self.key)}
        # What counts comes first.
        written = {**records, **tags_for_people(promotion)}
        self.registry.set_tags(version, written)
        return written


#: A server may take more; people won't read more.
_LONGEST_TAG = 4000


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TAG else f"{text[:_LONGEST_TAG]}\n..."
