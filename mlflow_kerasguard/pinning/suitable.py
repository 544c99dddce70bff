"""Hold the requirements that a user gave against the model: they decide where it will be loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.markers import default_environment

from mlflow_kerasguard.artifact import REQUIREMENTS
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment.conda import parse_match_spec
from mlflow_kerasguard.environment.listed import VARIABLES, Listed, make_environment, split_python
from mlflow_kerasguard.environment.requirements_file import parse_line
from mlflow_kerasguard.environment.wanted import Wanted
from mlflow_kerasguard.errors import UnsuitableRequirementsError, UsageError
from mlflow_kerasguard.findings import Report, Verdict
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.pinning.closure import close
from mlflow_kerasguard.pinning.direct import backend_distributions
from mlflow_kerasguard.pinning.files import EnvironmentFiles
from mlflow_kerasguard.pinning.installed import InstalledDistributions
from mlflow_kerasguard.pinning.lines import pins

#: Lines that say how to install, and nothing of what; constraints are kept apart.
_OPTIONS = (
    "-c",
    "--constraint",
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--no-",
    "--only-",
    "--pre",
    "--prefer",
    "--trusted",
)
_GIVEN = "the given requirements"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What lines ask for.

    Attributes:
        wanted: as far as they name distributions.
        is_whole: whether all of them do: a path or URL may bring anything.
    """

    wanted: tuple[Wanted, ...]
    is_whole: bool


def require_suitable(files: EnvironmentFiles, model: ModelSpec, *, source: str = _GIVEN) -> Report:
    """Refuse requirements that the model can't be loaded with.

    Args:
        files: with what the user gave.
        model: what it asks for, with what its signature says.
        source: what to call them.

    Returns:
        What the check says of it.

    Raises:
        UnsuitableRequirementsError: Keras or its backend is left out, or one that is pinned doesn't load the model.
    """
    asked = _read(files, source)
    others, python = split_python(asked.wanted)
    if asked.is_whole:
        _require_named(frozenset(item.name for item in others if not item.only_constrains), model, source)
    variables = files.conda_env.get("variables")
    listed = Listed(
        source=source,
        wanted=others,
        python=python,
        variables=_variables(variables) if isinstance(variables, dict) else {},
    )
    try:
        environment = make_environment(listed, fetch=False)
    except UsageError as error:
        raise UnsuitableRequirementsError(f"the model isn't logged: nothing meets {source}: {error}") from error
    report = check_model(model, environment, compile=False)
    if report.verdict is Verdict.INCOMPATIBLE:
        raise UnsuitableRequirementsError(
            f"the model isn't logged: it doesn't load with {source}\n\n{report}", report=report
        )
    return report


def _variables(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if name in VARIABLES}


def _read(files: EnvironmentFiles, source: str) -> _Asked:
    wanted: list[Wanted] = []
    is_whole = True
    for line in (line for line in files.pip_requirements if not line.startswith(_OPTIONS)):
        try:
            found = list(parse_line(line, Path(REQUIREMENTS), source))
        except UsageError:
            found = []  # What pip makes of it is for pip to say.
        wanted += found
        is_whole = is_whole and bool(found)
    wanted += [replace(item, only_constrains=True) for item in _constraints(files, source)]
    return _Asked(wanted=(*wanted, *_of_conda(files.conda_env, source)), is_whole=is_whole)


def _constraints(files: EnvironmentFiles, source: str) -> Iterator[Wanted]:
    for line in files.pip_constraints:
        try:
            yield from parse_line(line, Path(REQUIREMENTS), source)
        except UsageError:
            continue


def _of_conda(environment: Mapping[str, Any], source: str) -> Iterator[Wanted]:
    for item in environment.get("dependencies", ()):
        if isinstance(item, str):
            try:
                yield parse_match_spec(item, source)
            except UsageError:
                continue


def _require_named(names: frozenset[str], model: ModelSpec, source: str) -> None:
    """Keras and its backend are there, or come with something that is."""
    installed = InstalledDistributions()
    roots = {name: frozenset[str]() for name in names if name in installed.distributions}
    markers = {name: str(value) for name, value in default_environment().items()}
    brought = names.union(close(roots, installed.requirements_of, markers).versions)
    package, backend = str(model.keras_package), str(model.backend)
    parts = [(package.replace("_", "-"),), *backend_distributions(backend)]
    missing = [part for part in parts if not brought.intersection(part)]
    if missing:
        here = [next((name for name in part if name in installed.distributions), part[0]) for part in missing]
        known = {name: item.version for name in here if (item := installed.requirements_of(name)) is not None}
        lines = pins(known) + [name for name in here if name not in known]
        raise UnsuitableRequirementsError(
            f"the model isn't logged: {source} leave out {' and '.join(f'`{name}`' for name in here)}, without which "
            f"it can't be loaded; add {' and '.join(f'`{line}`' for line in lines)}"
        )
