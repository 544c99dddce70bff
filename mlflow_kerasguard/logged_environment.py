"""The environment that a logged model was made in, as its own files tell."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlflow_kerasguard.artifact import CONDA_ENV, MLMODEL, PYTHON_ENV, REQUIREMENTS, open_logged_model
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.environment.conda import read_conda
from mlflow_kerasguard.environment.listed import VARIABLES, Listed, make_environment
from mlflow_kerasguard.environment.requirements_file import read_requirements_file
from mlflow_kerasguard.environment.wanted import parse_requirement
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.signature import CompatibilitySignature


def read_logged_environment(directory: Path, source: str, *, fetch: bool) -> Environment:
    """The environment of a logged model: its signature's, else that of the requirements that MLflow wrote.

    Neither lists everything that was installed, so the environment isn't complete.

    Args:
        directory: where its files are.
        source: the path or URI to name in reports.
        fetch: get a Keras that the history lacks from the package index.

    Raises:
        UsageError: it has no file that says so, or one can't be read.
    """
    signature = open_logged_model(directory).signature
    listed = _from_signature(signature) if signature else requirements_of(directory)
    named = Listed(source=f"the environment of `{source}`", wanted=listed.wanted, python=listed.python)
    return make_environment(named, fetch=fetch)


def read_pinned_environment(directory: Path, source: str, *, manager: str, variables: Mapping[str, str]) -> Environment:
    """The environment that MLflow makes for a logged model: what its files ask for, whatever it was logged in.

    Args:
        directory: where its files are.
        source: the path or URI to name in reports.
        manager: MLflow's environment manager: ``conda`` takes another file than all others.
        variables: the environment variables of the process that is going to load it.

    Raises:
        UsageError: it has no file that says so, or one can't be read.
    """
    listed = read_conda(directory / CONDA_ENV) if manager == "conda" else requirements_of(directory)
    set_here = {name: variables[name] for name in VARIABLES if name in variables}
    named = replace(
        listed,
        source=f"the environment that `{source}` pins",
        # Where the files name no Python, MLflow takes the one that it runs on.
        python=listed.python or platform.python_version(),
        variables={**(listed.variables or {}), **set_here},
    )
    return replace(make_environment(named, fetch=False), platform=sys.platform)


def _from_signature(signature: CompatibilitySignature) -> Listed:
    where = "the compatibility signature"
    pins = (f"{name}=={version}" for name, version in signature.distributions.items())
    wanted = tuple(parse_requirement(pin, where) for pin in pins)
    return Listed(source=where, wanted=wanted, python=signature.python)


def requirements_of(directory: Path) -> Listed:
    """What the files beside MLmodel ask for.

    Raises:
        UsageError: there are none, or one can't be read.
    """
    conda, python_env, requirements = (directory / name for name in (CONDA_ENV, PYTHON_ENV, REQUIREMENTS))
    python = next(
        (python for file in (python_env, conda) if file.is_file() and (python := read_conda(file).python)), None
    )
    if requirements.is_file():
        listed = read_requirements_file(requirements)
    elif conda.is_file():
        listed = read_conda(conda)
    else:
        raise UsageError(
            f"`{directory / MLMODEL}` has no `{REQUIREMENTS}` and no `{CONDA_ENV}` beside it; expected a model that "
            "was logged with its environment"
        )
    return Listed(source=listed.source, wanted=listed.wanted, python=python)
