"""The environment files of an MLflow model: pins together with what the user gave."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.artifact import PYLOCK
from mlflow_kerasguard.errors import ModelNotLoggableError, UsageError
from mlflow_kerasguard.pinning.carried import CarriedWheel, carried_wheels, write_wheels
from mlflow_kerasguard.pinning.direct import THIS_DISTRIBUTION
from mlflow_kerasguard.pinning.installed import Installed, read_text
from mlflow_kerasguard.pinning.lines import OWN_PIN, tell_of_local, with_labels, with_wheels
from mlflow_kerasguard.pinning.plan import Plan, make_lock

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a user says of the environment; the fields are those of ``log_model``."""

    pip_requirements: Iterable[str] | str | None = None
    extra_pip_requirements: Iterable[str] | str | None = None
    conda_env: Mapping[str, Any] | str | None = None

    @property
    def extra_names(self) -> frozenset[str]:
        """The distributions that extra requirements name, given as lines or as the path of a file with lines."""
        extra = self.extra_pip_requirements or ()
        if isinstance(extra, str):
            return names_of(read_text(Path(extra)).splitlines())
        return names_of(line for line in extra if isinstance(line, str))

    @property
    def replaces(self) -> bool:
        """Whether the user's own list stands in place of the pins."""
        return self.pip_requirements is not None or self.conda_env is not None

    @property
    def is_nothing(self) -> bool:
        return self.pip_requirements is None and self.extra_pip_requirements is None and self.conda_env is None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFiles:
    """The contents of the environment files of an MLflow model.

    Attributes:
        conda_env: of ``conda.yaml``.
        pip_requirements: the lines of ``requirements.txt``.
        pip_constraints: the lines of ``constraints.txt``.
        labelled_pins: those of the requirements that wheels in the model meet, with the label of these.
    """

    conda_env: Mapping[str, Any]
    pip_requirements: tuple[str, ...]
    pip_constraints: tuple[str, ...]
    labelled_pins: tuple[str, ...] = ()

    def constrained(self, lines: list[str]) -> EnvironmentFiles:
        """The same with a file of constraints, as MLflow's flavors name it in the requirements."""
        if not lines:
            return self
        link = f"-c {mlflow_private.environment_file_names()['constraints']}"
        conda = [*mlflow_private.pip_requirements(self.conda_env), link]
        return replace(
            self,
            conda_env=mlflow_private.with_pip_requirements(self.conda_env, conda),
            pip_requirements=(*self.pip_requirements, link),
            pip_constraints=tuple(lines),
        )

    def write(self, directory: Path, *, lock: str | None = None, python: str | None = None) -> None:
        """Write them under MLflow's names.

        Args:
            directory: the model's.
            lock: the text of the lock file; None for none.
            python: version of the Python to ask for; None for this one's.
        """
        import yaml

        names = mlflow_private.environment_file_names()
        with (directory / names["conda"]).open("w", encoding="utf-8") as stream:
            yaml.safe_dump(dict(self.conda_env), stream, default_flow_style=False)
        (directory / names["requirements"]).write_text("\n".join(self.pip_requirements), encoding="utf-8")
        if self.pip_constraints:
            (directory / names["constraints"]).write_text("\n".join(self.pip_constraints), encoding="utf-8")
        if lock is not None:
            (directory / PYLOCK).write_text(lock, encoding="utf-8")
        # The only pins with a digest that the managers `virtualenv` and `uv` name their environments after.
        mlflow_private.write_python_env(directory / names["python"], list(self.labelled_pins), python)


def environment_files(
    defaults: list[str], given: Given, carried: Mapping[str, CarriedWheel] | None = None
) -> EnvironmentFiles:
    """Combine the pins with what the user gave, as MLflow's flavors do.

    Args:
        defaults: the pins that are written where the user says nothing.
        given: pip requirements replace the defaults, extra ones are added, a conda environment replaces everything.
        carried: the wheels that travel with the model.

    Raises:
        UsageError: more than one is given, or one can't be read.
    """
    carried = carried or {}
    try:
        conda, lines, constraints = mlflow_private.process_requirements(
            defaults, given.pip_requirements, given.extra_pip_requirements, given.conda_env
        )
    except (OSError, TypeError, ValueError, mlflow_private.exception_class()[0]) as error:
        raise UsageError(f"the given requirements can't be used: {error}") from error
    # This package is added where the user's list lacks it: MLmodel names it as the loader.
    lines = with_wheels(lines if THIS_DISTRIBUTION in names_of(lines) else [*lines, OWN_PIN], carried)
    labelled = with_labels(lines, carried)
    if given.replaces:
        _warn_of_missing(defaults, lines)
    return EnvironmentFiles(
        conda_env=mlflow_private.with_pip_requirements(conda, labelled),
        pip_requirements=tuple(lines),
        pip_constraints=tuple(constraints),
        labelled_pins=tuple(line for line in labelled if line not in lines),
    )


def files_for(plan: Plan, given: Given, directory: Path) -> EnvironmentFiles:
    """The environment files of a model, without the lock; the wheels that they name are written.

    Args:
        plan: what the model needs.
        given: what the user says.
        directory: the model's.

    Raises:
        ModelNotLoggableError: only this machine has something that the model needs, and no wheel of it can be made,
            or the user's own list lacks it.
        UsageError: what is given can't be used.
    """
    if given.replaces:
        files = environment_files(plan.lines(), given, write_wheels((), directory))
        _require_named(plan.local, names_of(files.pip_requirements))
        return files
    # Where the user says where something can be had, its name and version from here would only contradict.
    elsewhere = {item.name for item in plan.local} & given.extra_names
    carried = write_wheels((item for item in plan.local if item.name not in elsewhere), directory)
    files = environment_files([line for line in plan.lines() if not names_of([line]) & elsewhere], given, carried)
    # What the user adds may need other releases of what is only required by others.
    return files.constrained(plan.constraints()) if given.is_nothing else files


def write_files(plan: Plan, given: Given, directory: Path) -> None:
    """Write them, with a lock where everything that it would say is known and nothing else was asked for.

    Args:
        plan: what the model needs.
        given: what the user says.
        directory: the model's.
    """
    files = files_for(plan, given, directory)
    carried = carried_wheels(directory)
    files.write(directory, lock=make_lock(plan, carried=carried) if given.is_nothing else None)
    if plan.problems and given.is_nothing:
        _logger.warning("what is installed doesn't fit together: %s", "; ".join(map(str, plan.problems)))
    tell_of_local(plan.installed, carried)


def _require_named(local: Iterable[Installed], given: frozenset[str]) -> None:
    """Refuse a list of the user's own that lacks what only this machine has."""
    for item in local:
        if item.name not in given:
            raise ModelNotLoggableError(
                f"{item.described}, which only this machine has, and the given requirements don't name it; "
                "name in them where it can be had, or leave them out, and a wheel of it travels with the model"
            )


def _warn_of_missing(defaults: list[str], lines: list[str]) -> None:
    missing = sorted(names_of(defaults) - names_of(lines))
    if missing:
        _logger.warning(
            "the given requirements don't pin %s, which this model was logged with",
            ", ".join(f"`{n}`" for n in missing),
        )


def names_of(lines: Iterable[str]) -> frozenset[str]:
    """The distributions that requirement lines name, normalized."""
    found = set()
    for line in lines:
        try:
            found.add(str(canonicalize_name(Requirement(line).name)))
        except InvalidRequirement:
            continue  # An option, a path or a URL.
    return frozenset(found)
