"""The environments that a policy names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.policy import Policy


def read_named(policy: Policy, name: str) -> Environment:
    """An environment of a policy; paths are relative to the policy's file.

    Args:
        policy: the policy.
        name: one of its environments.

    Raises:
        UsageError: it can't be understood; names the policy's file and the environment.
        ModelNotFoundError: there is no model at a URI.
    """
    try:
        environment = read_environment(place_of(policy, name))
    except UsageError as error:
        raise UsageError(f"`{policy.source}`, environment `{name}`: {error}") from error
    # What this process has registered no server knows.
    return replace(environment, registered_objects=frozenset())


def place_of(policy: Policy, name: str) -> str:
    """What a policy says of an environment, with its path, where it has one, made absolute."""
    text = policy.environments[name]
    path, blank, rest = text.partition(" ")
    for whole, more in ((text, ""), (path, blank + rest)):
        found = policy.source.parent / whole
        if not Path(whole).is_absolute() and _exists(found):
            return f"{found}{more}"
    return text


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False  # Too long for a path, or with a NUL.
