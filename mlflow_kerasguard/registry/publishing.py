"""A prepared artifact becomes a version of a registered model; where that fails or is interrupted, nothing is left.

The version is created last, with its tags and description in one call: nobody sees it half-made.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from mlflow_kerasguard import mlflow_private, mlflow_private_registry
from mlflow_kerasguard.errors import AdoptionError
from mlflow_kerasguard.prepared import Prepared

_logger = logging.getLogger(__name__)

#: Marks what one call of :func:`publish` made, so that it is found again when an answer got lost.
_ATTEMPT = "kerasguard.attempt"

#: What MLflow doesn't take in the name of a LoggedModel.
_NOT_IN_NAMES = re.compile(r"[/:.%\"']")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version to create.

    Attributes:
        name: of the registered model, which is created where it is missing.
        tags: of the version.
        description: of the version.
        run_id: of the run that trained the model; None where there is none.
        experiment_id: where its LoggedModel belongs.
        params: of the LoggedModel.
        model_type: likewise.
    """

    name: str
    tags: Mapping[str, str]
    description: str
    experiment_id: str
    run_id: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    model_type: str | None = None


def publish(prepared: Prepared, new: NewVersion) -> str:
    """Store an artifact as a LoggedModel, and register it.

    Returns:
        The number of the version.

    Raises:
        AdoptionError: MLflow refused or failed; nothing is left, or the log says what.
    """
    mlflow_error, _ = mlflow_private.exception_class()
    try:
        return _publish(prepared, new)
    except (mlflow_error, OSError) as error:
        raise AdoptionError(f"MLflow didn't take a new version of `{new.name}`: {error}") from error


def _publish(prepared: Prepared, new: NewVersion) -> str:
    client, attempt = mlflow_private.client(), uuid.uuid4().hex
    with ExitStack() as made:
        # Each is undone by what marks it: an interrupt may come before MLflow's answer has.
        _undo(made, f"a LoggedModel of experiment {new.experiment_id}", lambda: _remove_logged(client, new, attempt))
        logged = client.create_logged_model(
            new.experiment_id,
            name=_NOT_IN_NAMES.sub("_", new.name),
            source_run_id=new.run_id,
            tags={_ATTEMPT: attempt},
            params=dict(new.params),
            model_type=new.model_type,
        )
        prepared.write_mlmodel(prepared.directory, mlflow_private.new_mlmodel(logged, new.run_id))
        client.log_model_artifacts(logged.model_id, str(prepared.directory))
        client.finalize_logged_model(logged.model_id, "READY")
        _create_name(client, new.name, made)
        _undo(made, f"a version of `{new.name}`", lambda: _remove_versions(client, new, attempt))
        version = client.create_model_version(
            new.name,
            source=f"models:/{logged.model_id}",
            run_id=new.run_id,
            tags={**new.tags, _ATTEMPT: attempt},
            description=new.description,
            model_id=logged.model_id,
        )
        made.pop_all()
    link = json.dumps([{"name": new.name, "version": int(version.version)}])
    _attempt(client.set_logged_model_tags, logged.model_id, {mlflow_private_registry.VERSIONS_TAG: link})
    return str(version.version)


def _create_name(client: Any, name: str, made: ExitStack) -> None:
    """Create the registered model where it is missing."""
    if find_name(client, name) is None:
        _undo(made, f"the registered model `{name}`", lambda: _remove_name(client, name))
        client.create_registered_model(name)


def find_name(client: Any, name: str) -> Any:
    """The registered model of a name; None where there is none."""
    return next(iter(client.search_registered_models(f"name = {_quoted(name)}")), None)


def versions_of(client: Any, name: str) -> Iterator[Any]:
    """All versions of a registered model, with their tags; the newest first."""
    token = None
    while True:
        page = client.search_model_versions(
            f"name = {_quoted(name)}", order_by=["version_number DESC"], page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _quoted(name: str) -> str:
    return f'"{name}"' if "'" in name else f"'{name}'"


def _undo(made: ExitStack, what: str, remove: Callable[[], None]) -> None:
    def undo() -> None:
        try:
            remove()
        except Exception as error:  # noqa: BLE001 - the first failure is the one to tell; this says what it left
            _logger.warning("%s may be left behind, as it couldn't be removed: %s", what, error)

    made.callback(undo)


def _remove_logged(client: Any, new: NewVersion, attempt: str) -> None:
    for logged in client.search_logged_models([new.experiment_id], filter_string=f"tags.`{_ATTEMPT}` = '{attempt}'"):
        if logged.model_id in logged.artifact_location:
            _attempt(mlflow_private.remove_artifacts, logged.artifact_location)
        client.delete_logged_model(logged.model_id)


def _remove_versions(client: Any, new: NewVersion, attempt: str) -> None:
    for version in versions_of(client, new.name):
        if version.tags.get(_ATTEMPT) == attempt:
            client.delete_model_version(new.name, version.version)


def _remove_name(client: Any, name: str) -> None:
    if find_name(client, name) is not None and not any(True for _ in versions_of(client, name)):
        client.delete_registered_model(name)


def _attempt(function: Callable[..., Any], *arguments: Any) -> None:
    """Do what is of use but nobody depends on."""
    try:
        function(*arguments)
    except Exception as error:  # noqa: BLE001 - stores raise what they like
        _logger.info("%s", error)
