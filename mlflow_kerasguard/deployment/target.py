"""The target ``kerasguard`` of ``mlflow deployments``: a model is served here, once it has passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import click
from mlflow.deployments import BaseDeploymentClient

from mlflow_kerasguard.deployment import launch, options
from mlflow_kerasguard.errors import IncompatibleModelError, KerasGuardError, UsageError
from mlflow_kerasguard.findings import Report

_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})


class DeploymentRefusedError(IncompatibleModelError, click.ClickException):
    """The model is incompatible or unsafe; MLflow's command prints the report, and no traceback."""

    def __init__(self, report: Report) -> None:
        click.ClickException.__init__(self, str(report))
        self.report = report


class DeploymentError(KerasGuardError, click.ClickException):
    """What was asked can't be done; MLflow's command prints the reason, and no traceback."""

    def __init__(self, message: str) -> None:
        click.ClickException.__init__(self, message)


def run_local(name: str, model_uri: str, flavor: str | None = None, config: Mapping[str, Any] | None = None) -> None:
    """Serve a model on this machine until the server is told to end.

    Args:
        name: of the deployment; it stands for nothing here.
        model_uri: the path of a logged model, or any URI that MLflow knows.
        flavor: ``python_function``, which is the only one that can be served.
        config: the options of ``mlflow models serve`` without the dashes, such as ``{"env-manager": "uv"}``.

    Raises:
        DeploymentRefusedError: the model is incompatible or unsafe.
        DeploymentError: an argument can't be used, there is no such model, or the server failed.
    """
    del name
    if flavor not in {None, "python_function"}:
        raise DeploymentError(f"a model is served as `python_function`, not as `{flavor}`; leave the flavor out")
    try:
        found = launch.serve(["--model-uri", model_uri, *_arguments(config or {})])
    except KerasGuardError as error:
        raise DeploymentError(" ".join(str(error).split())) from error
    if not found.passed:
        raise DeploymentRefusedError(found.report)


def _arguments(config: Mapping[str, Any]) -> list[str]:
    arguments, without_value = [], options.flags()
    for name, value in config.items():
        text = str(value)
        option = f"--{str(name).replace('_', '-')}"
        if option.removeprefix("--") not in without_value:
            arguments += [option, text]
        elif text.lower() in _TRUE:
            arguments.append(option)
        elif text.lower() not in _FALSE:
            raise UsageError(f"`{name}` is yes or no; expected `-C {name}=true`, not `{name}={text}`")
    return arguments


def target_help() -> str:
    """What ``mlflow deployments help -t kerasguard`` prints."""
    return (
        "`mlflow deployments run-local -t kerasguard -m MODEL_URI --name NAME` holds a model against the environment\n"
        "that is going to serve it, and serves it on this machine where it passes, as `kerasguard serve` does.\n"
        "Options of `mlflow models serve` are given as `-C port=5001 -C env-manager=local`:\n\n"
        f"{options.describe()}"
    )


class KerasGuardDeploymentClient(BaseDeploymentClient):
    """There is nothing to manage: a model is served as long as ``run-local`` runs."""

    def create_deployment(self, *_: Any, **__: Any) -> NoReturn:
        _refuse("create")

    def update_deployment(self, *_: Any, **__: Any) -> NoReturn:
        _refuse("update")

    def delete_deployment(self, *_: Any, **__: Any) -> NoReturn:
        _refuse("delete")

    def list_deployments(self, *_: Any, **__: Any) -> NoReturn:
        _refuse("list")

    def get_deployment(self, *_: Any, **__: Any) -> NoReturn:
        _refuse("get")

    def predict(self, *_: Any, **__: Any) -> NoReturn:
        _refuse("predict")


def _refuse(what: str) -> NoReturn:
    raise DeploymentError(
        f"the target `kerasguard` can't {what}: it serves on this machine only, with `mlflow deployments run-local -t "
        "kerasguard -m MODEL_URI --name NAME`; `kerasguard check MODEL_URI` judges a model for any other place"
    )
