"""The environment files of an MLflow model: pins together with what the user gave."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.artifact import PYLOCK, WHEELS_DIRECTORY, sha256_of
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.pinning.direct import THIS_DISTRIBUTION
from mlflow_kerasguard.pinning.installed import read_text
from mlflow_kerasguard.pinning.lines import needs_wheel, own_line, require_index, warn_of_local
from mlflow_kerasguard.pinning.lock import CarriedWheel
from mlflow_kerasguard.pinning.plan import Plan, make_lock
from mlflow_kerasguard.wheels import with_label, with_own_wheel

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
    def is_nothing(self) -> bool:
        return self.pip_requirements is None and self.extra_pip_requirements is None and self.conda_env is None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFiles:
    """The contents of the environment files of an MLflow model."""

    conda_env: Mapping[str, Any]
    pip_requirements: tuple[str, ...]
    pip_constraints: tuple[str, ...]

    def write(self, directory: Path, *, lock: str | None = None) -> None:
        """Write them under MLflow's names.

        Args:
            directory: the model's.
            lock: the text of the lock file; None for none.
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
        # The only pin with a digest that the managers `virtualenv` and `uv` name their environments after.
        own = [line for line in with_label(self.pip_requirements) if line not in self.pip_requirements]
        mlflow_private.write_python_env(directory / names["python"], own)


def environment_files(defaults: list[str], given: Given) -> EnvironmentFiles:
    """Combine the pins with what the user gave, as MLflow's flavors do.

    Args:
        defaults: the pins that are written where the user says nothing.
        given: pip requirements replace the defaults, extra ones are added, a conda environment replaces everything.

    Raises:
        UsageError: more than one is given, or one can't be read.
    """
    try:
        conda, lines, constraints = mlflow_private.process_requirements(
            defaults, given.pip_requirements, given.extra_pip_requirements, given.conda_env
        )
    except (OSError, TypeError, ValueError, mlflow_private.exception_class()[0]) as error:
        raise UsageError(f"the given requirements can't be used: {error}") from error
    lines = _with_loader(lines)
    conda = mlflow_private.with_pip_requirements(conda, with_label(lines))
    if given.conda_env is not None or given.pip_requirements is not None:
        _warn_of_missing(defaults, lines)
    return EnvironmentFiles(conda_env=conda, pip_requirements=tuple(lines), pip_constraints=tuple(constraints))


def files_for(plan: Plan, given: Given) -> EnvironmentFiles:
    """The environment files of a model, without the lock.

    Raises:
        ModelNotLoggableError: only this machine has something that the model needs.
        UsageError: what is given can't be used.
    """
    local = {item.name for item in plan.installed if needs_wheel(item, plan.roles[item.name])}
    # Where the user says where something can be had, its name and version from here would only contradict.
    elsewhere = local & given.extra_names
    files = environment_files([line for line in plan.lines() if not names_of([line]) & elsewhere], given)
    replaced = given.pip_requirements is not None or given.conda_env is not None
    require_index(plan.installed, plan.roles, names_of(files.pip_requirements) if replaced else frozenset(elsewhere))
    return files


def write_files(plan: Plan, given: Given, directory: Path) -> None:
    """Write them, with a lock where everything that it would say is known and nothing else was asked for.

    Args:
        plan: what the model needs.
        given: what the user says.
        directory: the model's; the wheels that travel with it are there already.
    """
    carried = carried_wheels(directory) if given.is_nothing else {}
    files_for(plan, given).write(directory, lock=make_lock(plan, carried=carried) if given.is_nothing else None)
    if plan.problems and given.is_nothing:
        _logger.warning("what is installed doesn't fit together: %s", "; ".join(map(str, plan.problems)))
    warn_of_local(plan.installed, plan.roles)


def carried_wheels(directory: Path) -> dict[str, CarriedWheel]:
    """The wheels in a model's directory, by distribution."""
    paths = sorted((directory / WHEELS_DIRECTORY).glob("*.whl"))
    return {
        str(parse_wheel_filename(path.name)[0]): CarriedWheel(
            path=path.relative_to(directory).as_posix(), sha256=sha256_of(path)
        )
        for path in paths
    }


def _with_loader(lines: list[str]) -> list[str]:
    """Add this package where the user's list lacks it: MLmodel names it as the loader."""
    return with_own_wheel(lines if THIS_DISTRIBUTION in names_of(lines) else [*lines, own_line()])


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
