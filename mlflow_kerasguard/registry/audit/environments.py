"""The environments of an audit, the same in each of its processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.environment.identity import environment_digest
from mlflow_kerasguard.registry.audit.values import AuditedEnvironment

HERE = "this interpreter"


def read_environments(against: Sequence[str | None]) -> dict[str, Environment]:
    """Environments by their digest, in order; None for this interpreter.

    Raises:
        UsageError: one can't be understood.
    """
    environments = [_read(item) for item in against]
    return {environment_digest(environment): environment for environment in environments}


def _read(against: str | None) -> Environment:
    if against is None:
        from mlflow_kerasguard.environment.installed import installed

        # What this process has registered no server knows.
        return replace(installed(), registered_objects=frozenset())
    from mlflow_kerasguard.against import read_environment

    return read_environment(against)


def described(against: Sequence[str | None]) -> list[AuditedEnvironment]:
    """What there is to say of each, those that are the same once.

    Raises:
        UsageError: one can't be understood.
    """
    found: dict[str, AuditedEnvironment] = {}
    for item in against:
        ((digest, environment),) = read_environments([item]).items()
        name = HERE if item is None else item
        known = AuditedEnvironment(name=name, description=environment.describe(), digest=digest)
        found.setdefault(digest, known)
    return list(found.values())


def texts(against: Sequence[str | Path | None]) -> list[str | None]:
    """What was given, as another process can be told."""
    return [None if item is None else str(item) for item in against]
