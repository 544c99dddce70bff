"""What is demanded of a version that is to be promoted, and where the environments of that are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.registry.policy import IN_ENVIRONMENTS, Demand, Guard, Policy
from mlflow_kerasguard.registry.policy_environments import place_of, read_named
from mlflow_kerasguard.registry.promoted import Kind, Target
from mlflow_kerasguard.registry.rehearsing import Place

#: What the default is called.
HERE = "this interpreter"
#: What only somebody who loaded it can know.
_SEEN = frozenset({Demand.REHEARSED, Demand.GOLDEN_VERIFIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What has to hold.

    Attributes:
        guards: all of them.
        places: the environments that they name, in order.
        policy: the file that they are from; None where no guard of one applies.
    """

    guards: tuple[Guard, ...]
    places: tuple[Place, ...]
    policy: Path | None = None

    @property
    def before_loading(self) -> tuple[Guard, ...]:
        """The same without what only somebody who loaded it can know."""
        return tuple(guard.model_copy(update={"require": guard.require - _SEEN}) for guard in self.guards)


def demands_of(policy: Policy | None, target: Target, model: str, against: Sequence[str]) -> Demands:
    """What has to hold before a version gets what it is to be given.

    Args:
        policy: the team's; None where there is none.
        target: what it is to be given.
        model: name of its registered model.
        against: environments beside those of the policy: names of the policy's, or whatever ``check`` takes. Without
            any, and without a guard, it is this interpreter.

    Raises:
        UsageError: an environment can't be understood.
        ModelNotFoundError: there is no model at a URI.
    """
    guards = _guards(policy, target, model)
    if guards:
        extended = tuple(_with(guard, against) for guard in guards)
    else:
        extended = (_plain(target, model, against or [HERE]),)
    names = dict.fromkeys(name for guard in extended if guard.require & IN_ENVIRONMENTS for name in guard.environments)
    places = tuple(_place(policy, name, is_given=name in against) for name in names)
    return Demands(guards=extended, places=places, policy=policy.source if policy and guards else None)


def _guards(policy: Policy | None, target: Target, model: str) -> tuple[Guard, ...]:
    if policy is None:
        return ()
    if target.kind is Kind.ALIAS:
        return policy.of_alias(model, target.name)
    if target.kind is Kind.STAGE:
        return policy.of_stage(model, target.name)
    return policy.of_versions(target.name)


def _with(guard: Guard, against: Sequence[str]) -> Guard:
    """A guard with further environments; what was seen in one is worth nothing where the check says otherwise."""
    in_environments = bool(against) or bool(guard.require & IN_ENVIRONMENTS)
    return guard.model_copy(
        update={
            "environments": tuple(dict.fromkeys((*guard.environments, *against))),
            "require": guard.require | ({Demand.COMPATIBLE} if in_environments else set()),
        }
    )


def _plain(target: Target, model: str, environments: Sequence[str]) -> Guard:
    return Guard(models=(model,), aliases=(target.name,), environments=tuple(dict.fromkeys(environments)))


def _place(policy: Policy | None, name: str, *, is_given: bool) -> Place:
    if policy is not None and name in policy.environments:
        return Place(name=name, text=place_of(policy, name), environment=read_named(policy, name))
    environment = read_environment(name) if is_given else installed()
    # What this process has registered no server knows.
    return Place(
        name=name, text=name if is_given else None, environment=replace(environment, registered_objects=frozenset())
    )
