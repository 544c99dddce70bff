"""MLflow's helpers that its own flavors use but that it doesn't publish: all of them, in one place.

Each is imported when it is called: MLflow takes seconds to import, and checking needs none of it.
"""

# ruff: noqa: SLF001 - private helpers are what this module is for
from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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


def user() -> str:
    """Who works here, as MLflow says it of runs."""
    tags = import_module("mlflow.tracking.context.registry").resolve_tags()
    return str(tags.get(import_module("mlflow.utils.mlflow_tags").MLFLOW_USER, "unknown"))


def artifact_repository(uri: str) -> tuple[Any, str]:
    """The repository that a URI leads to, and the path in there; empty for its root."""
    module = import_module("mlflow.tracking.artifact_utils")
    root, path = module._get_root_uri_and_artifact_path(uri)
    return module.get_artifact_repository(root), str(path)


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
