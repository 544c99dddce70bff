"""What MLflow doesn't publish of its model registry and its server; the rest is in `mlflow_private`."""

# ruff: noqa: SLF001 - private helpers are what this module is for
from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from mlflow_kerasguard.mlflow_private import artifact_repository, client, exception_class

#: `runs:` leads to a store, `models:` to a run or a store.
_MOST_INDIRECTIONS = 4
#: The tag of a LoggedModel that MLflow's page reads its model versions from.
VERSIONS_TAG = "mlflow.modelVersions"


def registered_version(uri: str) -> Any:
    """The version of a registered model that a `models:/` URI leads to; None where it leads to a LoggedModel."""
    known = name_and_version(uri)
    return client().get_model_version(*known) if known else None


def name_and_version(uri: str) -> tuple[str, str] | None:
    """What a ``models:`` URI leads to, aliases resolved; None where it is no registered model's."""
    found = import_module("mlflow.store.artifact.utils.models").get_model_name_and_version(client(), uri)
    return (str(found[0]), str(found[1])) if len(found) == 2 else None  # noqa: PLR2004 - a pair


def require_names(*, alias: str | None = None, model: str | None = None) -> None:
    """Let MLflow refuse what can be no alias or no name of a registered model, with its ``MlflowException``."""
    validation = import_module("mlflow.utils.validation")
    if alias is not None:
        validation._validate_model_alias_name(alias)
        validation._validate_model_alias_name_reserved(alias)
    if model is not None:
        validation._validate_model_name(model)


def registry_store_class() -> Any:
    """The class of MLflow's model registry in a database, which knows of workspaces where they are enabled."""
    variables = import_module("mlflow.environment_variables")
    enabled = getattr(variables, "MLFLOW_ENABLE_WORKSPACES", None)  # Older releases have none.
    if enabled is not None and enabled.get():
        return import_module("mlflow.store.model_registry.sqlalchemy_workspace_store").WorkspaceAwareSqlAlchemyStore
    return import_module("mlflow.store.model_registry.sqlalchemy_store").SqlAlchemyStore


def registry_tables() -> Any:
    """The module with the tables of the model registry."""
    return import_module("mlflow.store.model_registry.dbmodels.models")


def artifact_repository_of_server(uri: str) -> tuple[Any, str]:
    """As :func:`artifact_repository`, also inside ``mlflow server``, which doesn't ask itself over HTTP."""
    server = _server_handlers()
    if server is not None:
        server._get_tracking_store()  # From then on this process's clients ask the server's own database.
    for _ in range(_MOST_INDIRECTIONS):
        if not uri.startswith(("runs:", "models:")):
            break
        uri = _underlying_uri(uri)
    if server is None or not server._is_servable_proxied_run_artifact_root(uri):
        return artifact_repository(uri)
    path = server._get_proxied_run_artifact_destination_path(uri)
    scoped = getattr(server, "_get_workspace_scoped_repo_path_if_enabled", None)
    return server._get_artifact_repo_mlflow_artifacts(), path if scoped is None else scoped(path)


def _server_handlers() -> Any:
    """The part of ``mlflow server`` that answers requests; None where this isn't one of its processes."""
    return import_module("mlflow.server.handlers") if os.environ.get("_MLFLOW_SERVER_FILE_STORE") else None


def _underlying_uri(uri: str) -> str:
    if uri.startswith("runs:"):
        kind = import_module("mlflow.store.artifact.runs_artifact_repo").RunsArtifactRepository
    else:
        kind = import_module("mlflow.store.artifact.models_artifact_repo").ModelsArtifactRepository
    return str(kind.get_underlying_uri(uri))


def read_replica_uri() -> str | None:
    """The database that ``mlflow server`` was told to read from, where it isn't the one that it writes to."""
    return os.environ.get("_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE")


def local_directory(repository: Any) -> str | None:
    """The directory of a repository that is one."""
    local = import_module("mlflow.store.artifact.local_artifact_repo").LocalArtifactRepository
    return str(repository.artifact_dir) if isinstance(repository, local) else None


def error_codes() -> Any:
    """The module with MLflow's error codes."""
    return import_module("mlflow.protos.databricks_pb2")


def registered_model_of(uri: str) -> tuple[str, str] | None:
    """Name and version in a URI ``models:/NAME/VERSION``; None for any other."""
    if not uri.startswith("models:"):
        return None
    mlflow_error, _ = exception_class()
    try:
        parsed = import_module("mlflow.store.artifact.utils.models")._parse_model_uri(uri)
    except mlflow_error:
        return None
    return (parsed.name, str(parsed.version)) if parsed.version is not None else None


def repository_at(uri: str, tracking_uri: str) -> Any:
    """The repository whose root is a location of a model version."""
    mlflow = import_module("mlflow")
    if mlflow.get_tracking_uri() != tracking_uri:
        mlflow.set_tracking_uri(tracking_uri)
    return import_module("mlflow.store.artifact.artifact_repository_registry").get_artifact_repository(uri)


def download_file(repository: Any, path: str, destination: Path) -> None:
    """Fetch one file, without asking first whether it is a directory."""
    getattr(repository, "repo", repository)._download_file(path, str(destination))


def range_request(repository: Any, path: str, start: int, end: int) -> tuple[int, bytes] | None:
    """Part of a file that MLflow's server hands out, as a status and bytes; None of any other repository.

    Args:
        repository: of the model.
        path: of the file, in there.
        start: the first byte.
        end: the one after the last.
    """
    inner = getattr(repository, "repo", repository)
    if not isinstance(inner, import_module("mlflow.store.artifact.http_artifact_repo").HttpArtifactRepository):
        return None
    request = import_module("mlflow.utils.rest_utils").http_request
    headers = {"Range": f"bytes={start}-{end - 1}"}
    with request(inner._host_creds, f"/{path}", "GET", extra_headers=headers, stream=True) as response:
        # Of what is no part no more is read than the part would have had.
        return response.status_code, response.raw.read(end - start, decode_content=True)


def registry_client(uri: str | None) -> tuple[Any, str]:
    """A client of the model registry at a URI, or of the one that is set, and that registry's URI."""
    mlflow = import_module("mlflow")
    return mlflow.MlflowClient(registry_uri=uri), str(uri or mlflow.get_registry_uri())


def storage_locations(client: Any) -> dict[tuple[str, str], str]:
    """Where the files of all versions are, by name and version, where the registry is a database; else nothing.

    It is what ``get_model_version_download_uri`` says of each, for which it takes milliseconds.
    """
    store = client._get_registry_client().store
    table = import_module("mlflow.store.model_registry.dbmodels.models").SqlModelVersion
    if not isinstance(store, import_module("mlflow.store.model_registry.sqlalchemy_store").SqlAlchemyStore):
        return {}
    of_workspace = store._get_workspace_clauses(table) if hasattr(store, "_get_workspace_clauses") else ()
    with store.ManagedSessionMaker() as session:
        rows = session.query(table.name, table.version, table.storage_location).filter(*of_workspace)
        return {(str(name), str(version)): str(location) for name, version, location in rows if location}


def tracking_uri() -> str:
    """The URI of the tracking store that is set."""
    return str(import_module("mlflow").get_tracking_uri())
