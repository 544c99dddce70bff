"""What a registry's server decides about a call, and how it refuses: in one paragraph, with a status of the 400s.

Clients of MLflow try again for minutes after a status of the 500s.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any, TypeVar

from mlflow_kerasguard import mlflow_private, mlflow_private_registry
from mlflow_kerasguard.errors import KerasGuardError
from mlflow_kerasguard.registry.candidates import candidate_of
from mlflow_kerasguard.registry.gate import Candidate, Decision, Outcome, decide
from mlflow_kerasguard.registry.policy import Demand, Guard, Policy
from mlflow_kerasguard.registry.policy_watch import PolicyWatch, Unusable
from mlflow_kerasguard.registry.promoted import UNDECIDED_ENDING
from mlflow_kerasguard.registry.records import RECORD_KEY
from mlflow_kerasguard.registry.time_limits import TimeLimit
from mlflow_kerasguard.registry.version_files import signature_files
from mlflow_kerasguard.registry.version_rows import VersionRow

_logger = logging.getLogger(__name__)

T = TypeVar("T")

#: What only a record can show.
RECORDED = frozenset({Demand.REHEARSED, Demand.GOLDEN_VERIFIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A version that a call would bring under guards.

    Attributes:
        row: the version.
        guards: what it has to satisfy.
        called: how it is called in messages.
        model: the registered model that it will belong to, where that is another.
        tags: its records afterwards, where the call changes them.
    """

    row: VersionRow
    guards: tuple[Guard, ...]
    called: str
    model: str | None = None
    tags: Mapping[str, str] | None = None


class Guarding:
    """The decisions of a server under one policy.

    Args:
        watch: the policy.
        limit: for judging a call.
    """

    def __init__(self, watch: PolicyWatch, limit: TimeLimit) -> None:
        self._watch, self._limit = watch, limit

    def select(self, what: str, choose: Callable[[Policy], T]) -> tuple[Policy, T]:
        """What a policy says of a call, which is refused where it may be guarded and the policy can't be used.

        Args:
            what: what isn't done then, as the beginning of a sentence.
            choose: takes what matters from a policy; something that is false lets the call pass.

        Returns:
            The policy, and what was chosen.

        Raises:
            MlflowException: the call is refused.
        """
        try:
            policy = self._watch.current()
        except Unusable as error:
            if error.last is None or choose(error.last):
                raise self._undecided(what, f"its policy can't be used: {error}") from None
            policy = error.last
        return policy, choose(policy)

    def require(self, what: str, policy: Policy, claims: Sequence[Claim]) -> None:
        """Let a call pass only if all versions satisfy what guards them.

        Raises:
            MlflowException: PERMISSION_DENIED where one doesn't, INVALID_PARAMETER_VALUE where it can't be told.
        """
        if claims:
            claim, decision = self._in_time(what, lambda: self._first_that_fails(policy, claims))
            self._raise_unless_allowed(what, claim, decision)

    def require_record(self, what: str, policy: Policy, claims: Sequence[Claim]) -> None:
        """Let a change of records pass unless a guard that is satisfied by them wouldn't be afterwards.

        Raises:
            MlflowException: as for :func:`require`.
        """
        if claims:
            claim, decision = self._in_time(what, lambda: self._first_that_loses(policy, claims))
            self._raise_unless_allowed(what, claim, decision)

    def conflict(self, what: str) -> Exception:
        """For a version that doesn't stay the same for long enough."""
        return self._undecided(what, "it was changed again and again meanwhile")

    def _in_time(self, what: str, judge: Callable[[], T]) -> T:
        try:
            return self._limit.run(judge)
        except KerasGuardError as error:
            raise self._undecided(what, str(error)) from error
        except Exception as error:
            _logger.exception("a guarded call couldn't be judged")
            raise self._undecided(what, f"{type(error).__name__}, which the server's log shows") from error

    def _first_that_fails(self, policy: Policy, claims: Sequence[Claim]) -> tuple[Claim, Decision]:
        decisions = []
        for claim in claims:
            decision = self._decide(policy, _candidate(claim), claim.guards)
            if decision.outcome is Outcome.REFUSED:
                return claim, decision
            decisions.append((claim, decision))
        return next((one for one in decisions if one[1].outcome is not Outcome.ALLOWED), decisions[0])

    def _first_that_loses(self, policy: Policy, claims: Sequence[Claim]) -> tuple[Claim, Decision]:
        decisions = []
        for claim in claims:
            guards = tuple(_of_records(guard) for guard in claim.guards)
            now = _candidate(claim)
            before = self._decide(policy, now, guards)
            after = self._decide(policy, replace(now, tags=claim.tags or {}), guards)
            has_lost = before.outcome is not Outcome.REFUSED
            decisions.append((claim, after if has_lost else Decision(outcome=Outcome.ALLOWED)))
        return next((one for one in decisions if one[1].outcome is not Outcome.ALLOWED), decisions[0])

    def _decide(self, policy: Policy, candidate: Candidate, guards: Sequence[Guard]) -> Decision:
        key = os.environ.get(RECORD_KEY)
        environment_of = partial(self._watch.environment, policy)
        now = datetime.now(timezone.utc)
        return decide(candidate, guards, environment_of, now=now, key=key.encode() if key else None)

    def _raise_unless_allowed(self, what: str, claim: Claim, decision: Decision) -> None:
        if decision.outcome is Outcome.ALLOWED:
            return
        why = "; ".join(decision.reasons)
        if decision.outcome is Outcome.UNDECIDED:
            raise self._undecided(what, why, claim)
        raise _error(
            "PERMISSION_DENIED",
            f"{what}: the registry's policy `{self._watch.name}` guards it, and {claim.called} doesn't pass, because "
            f"{self._watch.for_clients(why).rstrip('.')}. Nothing was changed.",
        )

    def _undecided(self, what: str, why: str, claim: Claim | None = None) -> Exception:
        about = f"whether {claim.called} passes isn't known" if claim else "it can't be judged now"
        return _error(
            "INVALID_PARAMETER_VALUE",
            f"{what}: the registry's policy `{self._watch.name}` guards it, and {about}: "
            f"{self._watch.for_clients(why).rstrip('.')}. {UNDECIDED_ENDING}",
        )


def _candidate(claim: Claim) -> Candidate:
    row = claim.row if claim.model is None else replace(claim.row, name=claim.model)
    return candidate_of(row, lambda: signature_files(row.location))


def _of_records(guard: Guard) -> Guard:
    """What a guard demands of records alone."""
    changes: dict[str, Any] = {"require": guard.require & RECORDED, "max_age_days": None, "unsigned": "pass"}
    return guard.model_copy(update=changes)


def _error(code: str, message: str) -> Exception:
    made, _ = mlflow_private.exception_class()
    return made(message, error_code=getattr(mlflow_private_registry.error_codes(), code))  # type: ignore[call-arg]  # MLflow's takes a code
