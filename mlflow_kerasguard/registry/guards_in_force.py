"""Which guards of a policy a name falls under, in the eyes of the database that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mlflow_kerasguard.registry.policy import Guard, Policy

T = TypeVar("T")

#: These take other spellings for the same name: case, accents, blanks at the end, characters that they don't weigh.
LOOSE_DATABASES = frozenset({"mysql", "mssql"})


def of_alias(policy: Policy, database: str, model: str, alias: str) -> tuple[Guard, ...]:
    """The guards of an alias; of a name that the database may take for any other, all that guard aliases."""
    found = _found(database, (model, alias), policy.of_alias)
    return tuple(guard for guard in policy.guards if guard.aliases) if found is None else found


def of_stage(policy: Policy, database: str, model: str, stage: str) -> tuple[Guard, ...]:
    """The guards of a stage, likewise."""
    found = _found(database, (model, stage), policy.of_stage)
    return tuple(guard for guard in policy.guards if guard.stages) if found is None else found


def of_versions(policy: Policy, database: str, model: str) -> tuple[Guard, ...]:
    """The guards of every version, likewise; a new one is in the stage `None`."""
    found = _found(database, (model,), policy.of_versions)
    if found is None:
        found = tuple(guard for guard in policy.guards if guard.versions)
    return tuple(dict.fromkeys((*found, *of_stage(policy, database, model, "None"))))


def about(policy: Policy, database: str, model: str) -> tuple[Guard, ...]:
    """All guards of a registered model."""

    def of(name: str) -> tuple[Guard, ...]:
        return tuple(guard for guard in policy.guards if guard.is_about(name))

    found = _found(database, (model,), of)
    return policy.guards if found is None else found


def may_be_tag(database: str, key: str, prefix: str) -> bool:
    """Whether the database may take a tag's key for one that begins like that."""
    found = _found(database, (key,), lambda text: (text,) if text.casefold().startswith(prefix.casefold()) else ())
    return found is None or bool(found)


def _found(database: str, names: tuple[str, ...], find: Callable[..., tuple[T, ...]]) -> tuple[T, ...] | None:
    """What applies to names; None where that can't be told."""
    if not all(isinstance(name, str) for name in names):
        return ()  # MLflow refuses what is no name.
    if database not in LOOSE_DATABASES:
        return find(*names)
    if all(name.isascii() and name.isprintable() for name in names):
        return find(*(name.rstrip() for name in names))
    return None
