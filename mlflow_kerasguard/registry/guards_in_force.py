"""Which guards of a policy a name falls under, in the eyes of the database that keeps it."""

from __future__ import annotations

from mlflow_kerasguard.registry.policy import Guard, Policy

#: These take other spellings for the same name: case, accents, blanks at the end, characters that they don't weigh.
LOOSE_DATABASES = frozenset({"mysql", "mssql"})


def of_alias(policy: Policy, database: str, model: str, alias: str) -> tuple[Guard, ...]:
    """The guards of an alias; of a name that the database may take for any other, all that guard aliases."""
    if not _is_plain(database, model, alias):
        return tuple(guard for guard in policy.guards if guard.aliases)
    return policy.of_alias(model.rstrip(), alias.rstrip())


def of_stage(policy: Policy, database: str, model: str, stage: str) -> tuple[Guard, ...]:
    """The guards of a stage, likewise."""
    if not _is_plain(database, model):
        return tuple(guard for guard in policy.guards if guard.stages)
    return policy.of_stage(model.rstrip(), stage)


def of_versions(policy: Policy, database: str, model: str) -> tuple[Guard, ...]:
    """The guards of every version, likewise; a new one is in the stage `None`."""
    if not _is_plain(database, model):
        return tuple(guard for guard in policy.guards if guard.versions or "None" in guard.stages)
    return tuple(dict.fromkeys((*policy.of_versions(model.rstrip()), *policy.of_stage(model.rstrip(), "None"))))


def about(policy: Policy, database: str, model: str) -> tuple[Guard, ...]:
    """All guards of a registered model."""
    if not _is_plain(database, model):
        return policy.guards
    return tuple(guard for guard in policy.guards if guard.is_about(model.rstrip()))


def may_be_tag(database: str, key: str, prefix: str) -> bool:
    """Whether the database may take a tag's key for one that begins like that."""
    return key.casefold().startswith(prefix.casefold()) or not _is_plain(database, key)


def _is_plain(database: str, *names: str) -> bool:
    return database not in LOOSE_DATABASES or all(name.isascii() and name.isprintable() for name in names)
