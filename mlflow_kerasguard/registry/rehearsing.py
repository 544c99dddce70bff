"""A version, really loaded in the environments that it is held against."""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlflow_kerasguard.against import Description, describe
from mlflow_kerasguard.checking import check
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.environment.listed import Listed
from mlflow_kerasguard.environment.wanted import Wanted
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.rebuild.commands import Commands, ToolFailed
from mlflow_kerasguard.rebuild.judging import checked_by, judge
from mlflow_kerasguard.rebuild.managers import Manager, choose_manager
from mlflow_kerasguard.rebuild.outcome import Outcome, Result, Seconds
from mlflow_kerasguard.rebuild.plans import EnvironmentPlan, Pin, read_plan, replaced, without_lock
from mlflow_kerasguard.rebuild.rehearsals import job_of, rehearse_plans
from mlflow_kerasguard.rebuild.store import Built
from mlflow_kerasguard.rebuild.trial import Job, try_load

_OWN = "mlflow-kerasguard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An environment, and where it is.

    Attributes:
        name: what to call it.
        text: whatever ``--against`` takes; None for this interpreter.
        environment: what is known of it.
    """

    name: str
    text: str | None
    environment: Environment


def rehearse_each(directory: Path, places: Sequence[Place]) -> Mapping[str, Outcome]:
    """Load a model in each environment as serving does, predict, and compare.

    An interpreter runs as it is, in a fresh process; what lists name is built. The model's code is run there, unless
    the check says that it isn't safe.

    Args:
        directory: the whole model.
        places: the environments.

    Returns:
        An outcome each, by name.

    Raises:
        UsageError: an environment is none that could be built; told before anything is run.
    """
    job = job_of(directory, compile=False)
    found = {place.name: describe(place.text) if place.text else _here() for place in places}
    plans = {p.name: _plan(directory, p, found[p.name]) for p in places if found[p.name].python is None}
    outcomes: dict[str, Outcome] = {}
    if plans:
        outcomes.update(zip(plans, rehearse_plans(job, list(plans.values()), _manager()), strict=True))
    for place in places:
        python = found[place.name].python
        if python is not None:
            outcomes[place.name] = _in_interpreter(python, place, job)
    return {place.name: outcomes[place.name] for place in places}


def _here() -> Description:
    return Description(python=Path(sys.executable))


def _manager() -> Manager:
    try:
        return choose_manager("uv")
    except UsageError:
        return choose_manager("virtualenv")


def _plan(directory: Path, place: Place, found: Description) -> EnvironmentPlan:
    """What to install for a description that isn't an interpreter."""
    name, text = place.name, place.text or ""
    pinned = read_plan(directory, platform.python_version())
    if found.model is not None:
        other = read_plan(found.model, platform.python_version())
        if other.digests and other.digests != pinned.digests:
            raise UsageError(f"environment `{name}` has wheels that travel with another model: nothing else has them")
        return replace(other, name=name)
    if found.listed is None:
        raise UsageError(f"environment `{name}` is a wheel of Keras, in which alone nothing loads; give requirements")
    if found.is_file:
        return _listed(found.listed, name, pinned.python)
    # A few requirements say what differs from the model's own.
    return replace(replaced(pinned, text, without_lock(directory, pinned)), name=name)


def _listed(listed: Listed, name: str, python: str) -> EnvironmentPlan:
    wanted = [item for item in listed.wanted if item.name != _OWN]
    return EnvironmentPlan(
        name=name,
        python=listed.python or python,
        pins=tuple(Pin(name=item.name, text=_text(item)) for item in wanted if not item.only_constrains),
        constraints=tuple(_text(item) for item in wanted if item.only_constrains),
        variables=listed.variables or {},
    )


def _text(item: Wanted) -> str:
    if item.specifier is None:
        raise UsageError(
            f"{item.where}: `{item.name}` isn't named by a release of an index, so it can't be built again"
        )
    marker = f"; {item.marker}" if item.marker else ""
    return f"{item.name}{item.specifier}{marker}"


def _in_interpreter(python: Path, place: Place, job: Job) -> Outcome:
    environment = place.environment
    if not environment.lists(_OWN):
        problem = f"it has no `{_OWN}`, which loads the model there; install it"
        return Outcome(environment=place.name, result=Result.NOT_BUILT, problem=problem)
    checked = checked_by(check(job.directory, environment, compile=job.compile))
    plan = EnvironmentPlan(name=place.name, python=environment.python or "", pins=())
    built = Built(
        directory=python.parent,
        python=environment.python or "",
        versions={name: item.version for name, item in environment.distributions.items()},
        dropped=(),
        reused=True,
    )
    with tempfile.TemporaryDirectory(prefix="kerasguard-") as compiled:
        try:
            trial = try_load(python, Path(compiled), replace(job, variables=_variables(environment)), Commands())
        except (ToolFailed, OSError) as failure:
            return Outcome(environment=place.name, result=Result.NOT_BUILT, problem=str(failure), **checked)
    return judge(trial, plan=plan, built=built, job=job, seconds=Seconds(), checked=checked)


def _variables(environment: Environment) -> dict[str, str]:
    backend = environment.configured_backend
    legacy = {"TF_USE_LEGACY_KERAS": "1"} if environment.legacy_keras else {}
    return {**({"KERAS_BACKEND": backend} if backend else {}), **legacy}
