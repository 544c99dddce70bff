"""MLflow's helpers that its own flavors use but that it doesn't publish: all of them, in one place.

Each is imported when it is called: MLflow takes seconds to import, and checking needs none of it.
"""

# ruff: noqa: SLF001 - private helpers are what this module is for
from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


#: `runs:` leads to a store, `models:` to a run or a store.
_MOST_INDIRECTIONS = 4


def _environment() -> Any:
    return import_module("mlflow.utils.environment")


def process_requirements(
    defaults: list[str], pip_requirements: Any, extra_pip_requirements: Any, conda_env: Any
) -> tuple[Mapping[str, Any], list[str], list[str]]:
    """A conda environment, requirements and constraints, from pins and what the user gave."""
    module = _environment()
    module._validate_env_arguments(conda_env, pip_requirements, extra_pip_requirements)
    if conda_env is not None:
        conda, requirements, constraints = module._process_conda_env(conda_env)
    else:
        conda, requirements, constraints = module._process_pip_requirements(
            list(defaults), pip_requirements, extra_pip_requirements
        )
    return conda, list(requirements), list(constraints or ())


def with_pip_requirements(conda_env: Mapping[str, Any], requirements: list[str]) -> Mapping[str, Any]:
    """A conda environment with other pip requirements."""
    changed: Mapping[str, Any] = _environment()._overwrite_pip_deps(conda_env, requirements)
    return changed


def pip_requirements(conda_env: Mapping[str, Any]) -> list[str]:
    """The lines for pip in a conda environment."""
    return list(_environment()._get_pip_deps(conda_env))


def environment_file_names() -> dict[str, str]:
    """What the files beside MLmodel are called: ``conda``, ``requirements``, ``constraints``, ``python``."""
    module = _environment()
    return {
        "conda": module._CONDA_ENV_FILE_NAME,
        "requirements": module._REQUIREMENTS_FILE_NAME,
        "constraints": module._CONSTRAINTS_FILE_NAME,
        "python": module._PYTHON_ENV_FILE_NAME,
    }


def write_python_env(path: Path, requirements: list[str], python: str | None = None) -> None:
    """Write a version of Python (by default this one's), build packages, and requirements besides the file's."""
    python_env = _environment()._PythonEnv.current()
    python_env.python = python or python_env.python
    python_env.dependencies = [*python_env.dependencies, *requirements]
    python_env.to_yaml(str(path))


def split_example(example: Any) -> tuple[Any, Any]:
    """The data and the parameters of an input example."""
    data, params = import_module("mlflow.models.utils")._split_input_data_and_params(example)
    return data, params


def save_example(example: Any, directory: Path) -> Mapping[str, Any]:
    """Write an input example beside MLmodel; gives what MLmodel says of it."""
    saved = import_module("mlflow.models.utils")._Example(example)
    saved.save(str(directory))
    info: Mapping[str, Any] = saved.info
    return info


def download(uri: str, directory: str | None) -> str:
    """Fetch an artifact; gives its local path."""
    module = import_module("mlflow.tracking.artifact_utils")
    return str(module._download_artifact_from_uri(uri, output_path=directory))


def client() -> Any:
    """MLflow's client of the tracking store that is set."""
    return import_module("mlflow").MlflowClient()


def registered_version(uri: str) -> Any:
    """The version of a registered model that a `models:/` URI leads to; None where it leads to a LoggedModel."""
    known = import_module("mlflow.store.artifact.utils.models").get_model_name_and_version(client(), uri)
    return client().get_model_version(*known) if len(known) > 1 else None


def read_mlmodel(directory: Path) -> Any:
    """What MLmodel says, as an ``mlflow.models.Model``."""
    return import_module("mlflow.models").Model.load(str(directory))


def read_example(mlmodel: Any, directory: Path) -> Any:
    """The input example of a logged model, together with its parameters where it has some."""
    data, params = mlmodel.load_input_example(str(directory)), mlmodel.load_input_example_params(str(directory))
    return data if params is None else (data, params)


def new_mlmodel(logged_model: Any, run_id: str | None) -> Any:
    """The description of a LoggedModel's artifact, still without flavors."""
    return import_module("mlflow.models").Model(
        artifact_path=logged_model.artifact_location,
        model_uuid=logged_model.model_id,
        run_id=run_id,
        model_id=logged_model.model_id,
    )


def remove_artifacts(location: str) -> None:
    """Remove all that is stored at a place."""
    import_module("mlflow.tracking.artifact_utils").get_artifact_repository(location).delete_artifacts()


def experiment_id() -> str:
    """The experiment that a new LoggedModel belongs to, where no run says so."""
    return str(import_module("mlflow.tracking.fluent")._get_experiment_id())


#: The tag of a LoggedModel that MLflow's page reads its model versions from.
VERSIONS_TAG = "mlflow.modelVersions"


def user() -> str:
    """Who works here, as MLflow says it of runs."""
    tags = import_module("mlflow.tracking.context.registry").resolve_tags()
    return str(tags.get(import_module("mlflow.utils.mlflow_tags").MLFLOW_USER, "unknown"))


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


def artifact_repository(uri: str) -> tuple[Any, str]:
    """The repository that a URI leads to, and the path in there; empty for its root."""
    module = import_module("mlflow.tracking.artifact_utils")
    root, path = module._get_root_uri_and_artifact_path(uri)
    return module.get_artifact_repository(root), str(path)


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


def serve_command() -> Any:
    """``mlflow models serve``, as the click command that it is."""
    return import_module("mlflow.models.cli").serve


def local_artifact_location() -> str | None:
    """Where the current experiment keeps artifacts, if that is a local directory."""
    mlflow = import_module("mlflow")
    run = mlflow.active_run()
    experiment_id = run.info.experiment_id if run else import_module("mlflow.tracking.fluent")._get_experiment_id()
    location = mlflow.MlflowClient().get_experiment(experiment_id).artifact_location
    if not import_module("mlflow.utils.uri").is_local_uri(location):
        return None
    return str(import_module("mlflow.utils.file_utils").local_file_uri_to_path(location))


def total_size(directory: Path) -> int | None:
    """The bytes in a directory, as MLmodel states them."""
    size: int | None = import_module("mlflow.utils.file_utils").get_total_file_size(str(directory))
    return size


def exception_class() -> tuple[type[Exception], int]:
    """``MlflowException``, and the code that servers answer with status 400."""
    module = import_module("mlflow.exceptions")
    return module.MlflowException, module.INVALID_PARAMETER_VALUE


def scoring_app(implementation: Any, directory: Path) -> Any:
    """The scoring server's ASGI application for an object with ``predict`` and the MLmodel in ``directory``."""
    model = import_module("mlflow.models").Model.load(str(directory))
    pyfunc = import_module("mlflow.pyfunc").PyFuncModel(model_meta=model, model_impl=implementation)
    return import_module("mlflow.pyfunc.scoring_server").init(pyfunc)


def serving_example(directory: Path) -> str | None:
    """The body of a request that MLflow keeps with an input example; None where there is no example."""
    models = import_module("mlflow.models")
    example: str | None = models.Model.load(str(directory)).get_serving_input(str(directory))
    return example


def is_silence(error: BaseException | None) -> bool:
    """Whether an error comes from a server that isn't there or doesn't answer."""
    exceptions = import_module("requests.exceptions")
    kinds = (exceptions.ConnectionError, exceptions.Timeout, ConnectionError, TimeoutError)
    while error is not None:
        if isinstance(error, kinds):
            return True
        error = error.__cause__ or error.__context__
    return False


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
