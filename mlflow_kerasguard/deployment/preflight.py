"""Judge a logged model in the environment that is going to serve it, before any of it is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlflow_kerasguard.artifact import LoggedModel, open_logged_model, open_signed_model
from mlflow_kerasguard.checking import judge
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.environment.installed import configured_backend, installed
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.findings import Report, Verdict
from mlflow_kerasguard.keras_runtime import with_backend_of_loader
from mlflow_kerasguard.logged_environment import read_pinned_environment
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.policies import PyfuncOptions
from mlflow_kerasguard.tracking import fetch, small_files

#: MLflow's environment manager that makes no environment.
LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What is known of a model before it is served.

    Attributes:
        report: the check's, in the environment that is going to serve.
        signature_sha256: the digest of the compatibility signature; None where there is none.
    """

    report: Report
    signature_sha256: str | None

    @property
    def passed(self) -> bool:
        """Whether the server would take the model; it also takes one of which something isn't known."""
        return self.report.verdict is not Verdict.INCOMPATIBLE and self.report.safe


def preflight(model_uri: str, *, manager: str, variables: Mapping[str, str] = os.environ) -> Preflight:
    """Judge a model as MLflow's scoring server is going to.

    It is judged by its compatibility signature: of a model that is elsewhere only the small files are
    downloaded. Where another flavor logged it, its Keras file has to be read.

    Args:
        model_uri: the path of a logged model, or any URI that MLflow knows.
        manager: MLflow's environment manager. ``local`` means this interpreter, any other the environment that
            the model pins.
        variables: environment variables of the process that is going to load it.

    Raises:
        ModelNotFoundError: there is nothing at ``model_uri``.
        UsageError: the model, its environment or an environment variable can't be used as it is.
    """

    def environment_of(spec: ModelSpec, directory: Path) -> Environment:
        return with_backend_of_loader(_serving_environment(directory, model_uri, manager, variables), spec.backend)

    found = judge_by_signature(model_uri, environment_of, variables=variables)
    if found is None:
        directory = fetch(model_uri)
        found = _judged(open_logged_model(directory), model_uri, directory, environment_of, variables)
    return found


#: Gives the environment in which a model is to be judged, from the model and the directory with its small files.
EnvironmentOf = Callable[[ModelSpec, Path], Environment]


def judge_by_signature(
    model_uri: str, environment_of: EnvironmentOf, repository: Any = None, *, variables: Mapping[str, str] = os.environ
) -> Preflight | None:
    """Judge a model that this flavor logged; None of any other.

    Args:
        model_uri: as for :func:`preflight`.
        environment_of: gives the environment.
        repository: as for :func:`mlflow_kerasguard.tracking.small_files`.
        variables: as for :func:`preflight`.

    Raises:
        ModelNotFoundError: there is nothing at ``model_uri``.
        UsageError: the model, its environment or an environment variable can't be used as it is.
    """
    with small_files(model_uri, repository) as files:
        logged = open_signed_model(files.directory, files.names)
        return None if logged is None else _judged(logged, model_uri, files.directory, environment_of, variables)


def _judged(
    logged: LoggedModel, model_uri: str, directory: Path, environment_of: EnvironmentOf, variables: Mapping[str, str]
) -> Preflight:
    options = PyfuncOptions.of(variables)
    spec = replace(logged.spec, source=model_uri, custom_code=options.custom_code, trusted=frozenset(options.trusted))
    report = judge(spec, environment_of(spec, directory), compile=False)
    return Preflight(report=report, signature_sha256=logged.signature_sha256)


def _serving_environment(directory: Path, model_uri: str, manager: str, variables: Mapping[str, str]) -> Environment:
    if manager == LOCAL:
        # What this process has registered its server doesn't know.
        return replace(installed(), registered_objects=frozenset())
    try:
        environment = read_pinned_environment(directory, model_uri, manager=manager, variables=variables)
    except UsageError as error:
        # The files may have been downloaded to a directory that nobody knows.
        raise UsageError(str(error).replace(str(directory), model_uri)) from error
    return replace(environment, configured_backend=environment.configured_backend or configured_backend())
