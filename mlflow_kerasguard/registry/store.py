"""The model registry's store of ``mlflow server`` that keeps to a policy: schemes ``kerasguard+sqlite`` and so on.

MLflow imports this module whenever it is asked for a registry, and may be in the middle of being imported itself:
what it takes is imported inside the functions.
"""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from mlflow_kerasguard.registry.policy_watch import PolicyWatch

#: In front of the scheme of the database.
PREFIX = "kerasguard+"
#: The parameter of the URI that names the policy; it isn't given to the database.
PARAMETER = "policy"


def make_store(store_uri: str) -> Any:
    """MLflow's own registry in a database, whose calls pass only if the policy allows them.

    Args:
        store_uri: the database's URI with ``kerasguard+`` in front. Its parameter ``policy``, or else the environment
            variable ``MLFLOW_KERASGUARD_POLICY``, names the policy's file.

    Raises:
        SystemExit: this is the start of ``mlflow server``, and the policy can't be used; says why. Elsewhere the calls
            that it may guard are refused until it can be used.
    """
    from mlflow_kerasguard import mlflow_private_registry
    from mlflow_kerasguard.errors import UsageError
    from mlflow_kerasguard.registry.guarding import Guarding
    from mlflow_kerasguard.registry.time_limits import time_limit

    database, policy = _parts_of(store_uri)
    watch = _watch(policy)
    if _is_start_of_server():
        _require_usable(watch)
    try:
        limit = time_limit()
    except UsageError as error:
        raise _refused_uri(str(error)) from error
    base = mlflow_private_registry.registry_store_class()
    # Older releases have one database.
    knows_replicas = "read_db_uri" in inspect.signature(base).parameters
    options = {"read_db_uri": mlflow_private_registry.read_replica_uri()} if knows_replicas else {}
    return _guarded_class(base)(database, guarding=Guarding(watch, limit), **options)


@cache
def _guarded_class(base: type) -> Any:
    from mlflow_kerasguard.registry.guarded_calls import GuardedCalls

    return type(f"Guarded{base.__name__}", (GuardedCalls, base), {})


def _parts_of(store_uri: str) -> tuple[str, Path | None]:
    """The database's own URI, and the policy's file."""
    import os

    from mlflow_kerasguard.registry.policy_file import POLICY

    address, _, query = store_uri.removeprefix(PREFIX).partition("?")
    parameters = [parameter for parameter in query.split("&") if parameter]
    named = [unquote(value) for key, _, value in (item.partition("=") for item in parameters) if key == PARAMETER]
    others = [parameter for parameter in parameters if parameter.partition("=")[0] != PARAMETER]
    path = (named or [os.environ.get(POLICY, "")])[-1]
    return "?".join(part for part in (address, "&".join(others)) if part), Path(path).absolute() if path else None


@cache
def _watch(policy: Path | None) -> PolicyWatch:
    """One for all stores of a process: MLflow makes several."""
    from mlflow_kerasguard.registry.policy_watch import PolicyWatch

    return PolicyWatch(policy)


def _is_start_of_server() -> bool:
    import click

    context = click.get_current_context(silent=True)
    return context is not None and context.info_name in {"server", "ui"}


def _require_usable(watch: PolicyWatch) -> None:
    from mlflow_kerasguard.errors import KerasGuardError
    from mlflow_kerasguard.registry.time_limits import time_limit

    try:
        time_limit()
        watch.require_usable()
    except KerasGuardError as error:
        # MLflow would print a traceback of any other exception.
        raise SystemExit(f"the server isn't started: {error}") from error


def _refused_uri(message: str) -> Exception:
    from mlflow_kerasguard import mlflow_private

    made, code = mlflow_private.exception_class()
    return made(message, code)
