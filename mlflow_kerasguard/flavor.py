"""Log, save and load: the flavor as users call it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard import staging
from mlflow_kerasguard.pinning.files import Given
from mlflow_kerasguard.prepared import Prepared, move_contents
from mlflow_kerasguard.saving import Request, prepare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlflow.models.model import Model, ModelInfo
    from mlflow.models.signature import ModelSignature

#: How long to wait for a registered model version; None for MLflow's own default.
AWAIT_REGISTRATION_DEFAULT = 300


def save_model(
    model: Any,
    path: str | Path,
    *,
    mlflow_model: Model | None = None,
    signature: ModelSignature | None = None,
    input_example: Any = None,
    code_paths: Iterable[str | Path] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    pip_requirements: Iterable[str] | str | None = None,
    extra_pip_requirements: Iterable[str] | str | None = None,
    conda_env: Mapping[str, Any] | str | None = None,
    metadata: Mapping[str, Any] | None = None,
    save_format: str = "keras",
    rehearse: bool = True,
    allow_lambda: bool = False,
    pack: str | None = None,
) -> None:
    """Save a Keras model to a local path, as a complete MLflow model.

    The path appears whole or not at all, also when the process is killed.

    Args:
        model: a built Keras model: of ``keras`` 3 on any backend, of ``tf_keras``, or of the Keras 2
            inside TensorFlow up to 2.15. Compiled or not; Sequential, Functional or subclassed.
        path: where to write; has to be free, or an empty directory.
        mlflow_model: an MLflow model description to complete; None for a new one.
        signature: description of the inputs and outputs; None to infer it from ``input_example``.
        input_example: data that the model takes. It is saved with the model, and the model's
            predictions on it are kept to be compared after loading.
        code_paths: files and directories to package beside the local modules that the model's custom
            objects come from, which are found without being named.
        custom_objects: name to class or function, as for ``keras.models.load_model``; packaged too.
        pip_requirements: requirements, or the path of a file with them, instead of the default pins of
            Keras, its backend, MLflow and this package.
        extra_pip_requirements: requirements in addition to these. Requirements that leave out the backend or
            pin a Keras that can't load the model are refused.
        conda_env: a conda environment, or the path of a file with one, instead of all of them.
        metadata: values to keep in MLmodel.
        save_format: ``keras`` or ``h5``. A Keras before 2.12 knows ``h5`` only and gets it.
        rehearse: let a fresh process that has only the artifact load it and predict, and refuse a model
            that doesn't load there or predicts otherwise. Without ``input_example`` its inputs are made
            up. False skips that; the compatibility signature says so.
        allow_lambda: log a model that holds lambdas. They are stored as bytecode, so it loads on the same
            minor version of Python only, and with ``trusted=["keras.layers.Lambda"]``.
        pack: ``"conda"`` packs the conda environment of this interpreter beside the model, for ``kerasguard
            unpack``. With TensorFlow that is half a gigabyte and half a minute.

    Raises:
        ContractError: a custom object can't be made again from its configuration; says what to add.
        RehearsalFailedError: a fresh process doesn't load the model, or it predicts otherwise there.
        ModelNotLoggableError: the model, or the code of one of its objects, can't be saved.
        PackError: the environment can't be packed.
        UsageError: an argument can't be used as it was given.
    """
    destination = Path(path)
    staging.require_free(destination)
    request = Request(
        model=model,
        signature=signature,
        input_example=input_example,
        code_paths=code_paths or (),
        custom_objects=custom_objects or {},
        given=Given(
            pip_requirements=pip_requirements, extra_pip_requirements=extra_pip_requirements, conda_env=conda_env
        ),
        metadata=metadata,
        save_format=save_format,
        rehearse=rehearse,
        allow_lambda=allow_lambda,
        pack=pack,
    )
    with staging.private_directory(destination.absolute().parent) as directory:
        prepared = prepare(request, directory)
        prepared.write_mlmodel(directory, mlflow_model if mlflow_model is not None else _new_model())
        staging.move_into_place(directory, destination)


def log_model(
    model: Any,
    name: str | None = None,
    *,
    signature: ModelSignature | None = None,
    input_example: Any = None,
    code_paths: Iterable[str | Path] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    pip_requirements: Iterable[str] | str | None = None,
    extra_pip_requirements: Iterable[str] | str | None = None,
    conda_env: Mapping[str, Any] | str | None = None,
    metadata: Mapping[str, Any] | None = None,
    registered_model_name: str | None = None,
    await_registration_for: int | None = AWAIT_REGISTRATION_DEFAULT,
    model_type: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    step: int = 0,
    model_id: str | None = None,
    save_format: str = "keras",
    rehearse: bool = True,
    allow_lambda: bool = False,
    pack: str | None = None,
) -> ModelInfo:
    """Log a Keras model to MLflow.

    The artifact is complete before MLflow creates a LoggedModel, so a model that can't be logged
    leaves nothing behind.

    Args:
        model: a built Keras model; see :func:`save_model`.
        name: the name of the logged model.
        signature: description of the inputs and outputs; None to infer it from ``input_example``.
        input_example: data that the model takes; see :func:`save_model`.
        code_paths: files and directories to package; see :func:`save_model`.
        custom_objects: name to class or function; see :func:`save_model`.
        pip_requirements: requirements instead of the default pins.
        extra_pip_requirements: requirements in addition to the default pins.
        conda_env: a conda environment instead of all of them.
        metadata: values to keep in MLmodel.
        registered_model_name: where given, also create a model version under this name.
        await_registration_for: seconds to wait until the version is ready; 0 or None not to wait.
        model_type: the type of the logged model.
        params: parameters to log with it.
        tags: tags to set on it.
        step: the training step that it belongs to.
        model_id: of an existing LoggedModel to log into.
        save_format: ``keras`` or ``h5``; see :func:`save_model`.
        rehearse: load it in a fresh process first; see :func:`save_model`.
        allow_lambda: log a model that holds lambdas; see :func:`save_model`.
        pack: ``"conda"`` packs the environment beside it; see :func:`save_model`.

    Returns:
        What MLflow knows of the logged model, as its own flavors return it.

    Raises:
        ContractError: a custom object can't be made again from its configuration; says what to add.
        RehearsalFailedError: a fresh process doesn't load the model, or it predicts otherwise there.
        ModelNotLoggableError: the model, or the code of one of its objects, can't be saved.
        PackError: the environment can't be packed.
        UsageError: an argument can't be used as it was given.
    """
    from mlflow.models import Model

    from mlflow_kerasguard.tracking import require_writable_store

    request = Request(
        model=model,
        signature=signature,
        input_example=input_example,
        code_paths=code_paths or (),
        custom_objects=custom_objects or {},
        given=Given(
            pip_requirements=pip_requirements, extra_pip_requirements=extra_pip_requirements, conda_env=conda_env
        ),
        metadata=metadata,
        save_format=save_format,
        rehearse=rehearse,
        allow_lambda=allow_lambda,
        pack=pack,
    )
    with staging.private_directory(Path(tempfile.gettempdir())) as directory:
        prepared = prepare(request, directory)
        require_writable_store()
        info: ModelInfo = Model.log(
            artifact_path=None,
            name=name,
            flavor=_PreparedFlavor(prepared),
            registered_model_name=registered_model_name,
            await_registration_for=await_registration_for,
            metadata=metadata,
            model_type=model_type,
            params=dict(params) if params is not None else None,
            tags=dict(tags) if tags is not None else None,
            step=step,
            model_id=model_id,
        )
        return info


class _PreparedFlavor:
    """What ``Model.log`` takes for a flavor module: it hands over what is ready."""

    #: MLflow records the name of the flavor's module.
    __name__ = "mlflow_kerasguard"

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared

    def save_model(self, path: str, mlflow_model: Model, **_: Any) -> None:
        directory = Path(path)
        move_contents(self._prepared.directory, directory)
        self._prepared.write_mlmodel(directory, mlflow_model)


def _new_model() -> Model:
    from mlflow.models import Model

    return Model()
