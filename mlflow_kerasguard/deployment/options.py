"""The options of ``mlflow models serve``, as MLflow itself declares them: new ones come by themselves."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.deployment.preflight import LOCAL
from mlflow_kerasguard.errors import UsageError

_MODEL, _MODEL_URI = "model", "model_uri"
#: What MLflow takes where it isn't told otherwise.
_DEFAULT_MANAGER = "virtualenv"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Arguments of ``mlflow models serve``, understood.

    Attributes:
        model_uri: the model.
        manager: the environment manager.
        serve: does what MLflow's command does with them.
    """

    model_uri: str
    manager: str
    serve: Callable[[], Any]


def parse(arguments: Sequence[str]) -> ServeOptions:
    """Understand the arguments of ``mlflow models serve``, and the model where it stands alone.

    Raises:
        UsageError: MLflow doesn't take them; says why.
    """
    import click

    command = _command()
    try:
        context = command.make_context("kerasguard serve", list(arguments))
    except click.ClickException as error:
        said = error.format_message().rstrip(".")
        raise UsageError(f"{said}; `kerasguard serve --help` tells the options") from error
    except Exception as error:
        # MLflow's own complaints about values; importing its exceptions to name them isn't worth it.
        raise UsageError(str(error)) from error
    values = dict(context.params)
    alone, named = values.pop(_MODEL), values.pop(_MODEL_URI)
    if (alone is None) == (named is None):
        raise UsageError("expected one model, as `kerasguard serve MODEL_URI` or with `-m MODEL_URI`")
    values[_MODEL_URI] = alone or named
    return ServeOptions(
        model_uri=values[_MODEL_URI],
        manager=_manager(values),
        serve=lambda: context.invoke(mlflow_private.serve_command().callback, **values),
    )


def _manager(values: Mapping[str, Any]) -> str:
    if values.get("no_conda"):
        return LOCAL
    return values.get("env_manager") or _DEFAULT_MANAGER


def describe() -> str:
    """The options for people, as MLflow describes them."""
    import click

    command = _command()
    context = click.Context(command, info_name="kerasguard serve")
    formatter = context.make_formatter()
    command.format_options(context, formatter)
    return str(formatter.getvalue())


def flags() -> frozenset[str]:
    """The names of options that take no value, such as ``install-mlflow``."""
    found = (option for option in mlflow_private.serve_command().params if getattr(option, "is_flag", False))
    return frozenset(name.removeprefix("--") for option in found for name in option.opts)


def _command() -> Any:
    """MLflow's command with the model as an argument as well."""
    import click

    own = copy.copy(mlflow_private.serve_command())
    own.params = [_optional(item) if item.name == _MODEL_URI else item for item in own.params]
    own.params.append(click.Argument([_MODEL], required=False))
    return own


def _optional(option: Any) -> Any:
    changed = copy.copy(option)
    changed.required = False
    return changed
