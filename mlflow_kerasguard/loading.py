"""Load a model: read it, check it, and only then run anything of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard import artifact, golden, mlflow_private
from mlflow_kerasguard.artifact import LoggedModel
from mlflow_kerasguard.custom_code.restore import Bundle, resolve_here
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.errors import IncompatibleModelError, LoadFailedError, UsageError
from mlflow_kerasguard.keras_runtime import KerasRuntime, import_keras, innermost_message, with_backend_of_loader
from mlflow_kerasguard.policies import CustomCode, PyfuncOptions
from mlflow_kerasguard.rules.view import keras_package
from mlflow_kerasguard.serving import KerasModelWrapper
from mlflow_kerasguard.tracking import fetch

if TYPE_CHECKING:
    from mlflow_kerasguard.environment import Environment
    from mlflow_kerasguard.findings import Report
    from mlflow_kerasguard.model import ModelSpec


def load_model(
    model_uri: str | Path,
    dst_path: str | Path | None = None,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    trusted: Iterable[str] = (),
    verify: bool = False,
    allow_undecided: bool = True,
    custom_code: str = CustomCode.PACKAGED,
) -> Any:
    """Load a Keras model, after it has been checked against this environment.

    Args:
        model_uri: a local path, or any URI that MLflow knows, of a model logged by this flavor, by
            ``mlflow.keras`` or by ``mlflow.tensorflow``; or a bare ``.keras`` or ``.h5`` file.
        dst_path: the local directory to download to; None for a temporary one.
        custom_objects: name to class or function, as for ``keras.models.load_model``; they win over
            what travels with the model.
        compile: compile the model as the logged one was, so that training can go on.
        trusted: paths of objects that the caller vouches for, such as ``keras.layers.Lambda``.
        verify: compare the model's predictions with those kept when it was logged.
        allow_undecided: load also where some rule couldn't judge.
        custom_code: ``packaged`` for the code of custom objects that travels with the model; ``host`` for
            that of this environment's own modules, which has to be what was logged; ``require-same`` for
            the packaged code, where this environment has to have the same.

    Returns:
        The Keras model.

    Raises:
        IncompatibleModelError: the model doesn't load here, or isn't safe; the text is the whole
            report. Where MLflow's exceptions have been imported, it is also an ``MlflowException``.
        LoadFailedError: Keras refused it all the same.
        PredictionMismatchError: it predicts otherwise than it did.
        ModelNotFoundError: there is nothing at ``model_uri``.
        UsageError: ``verify`` without golden predictions, or no such ``custom_code``.
    """
    policy = CustomCode.of(custom_code)
    logged = artifact.open_model(fetch(model_uri, dst_path))
    given = dict(custom_objects or {})
    spec = replace(with_caller(logged.spec, given, frozenset(trusted)), custom_code=policy)
    model, _ = _checked_and_loaded(logged, spec, given, compile=compile, allow_undecided=allow_undecided)
    if verify:
        _verify(logged, model)
    return model


def _checked_and_loaded(
    logged: LoggedModel, spec: ModelSpec, given: Mapping[str, Any], *, compile: bool, allow_undecided: bool = True
) -> tuple[Any, Report]:
    environment = environment_of_loader(spec)
    report = check_model(spec, environment, compile=compile)
    refuse(report, allow_undecided=allow_undecided)
    # What comes before this line has run nothing of the model, and imported no Keras.
    return construct(logged, spec, environment, given, report, compile=compile), report


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A logged model that has been checked, and can be loaded whatever the check says.

    That is for environments which are there to be tried: :func:`load_model` refuses.

    Attributes:
        report: the check's, in this environment.
        import_keras: import what the model is going to be loaded with.
        construct: load the model.
    """

    report: Report
    import_keras: Callable[[], KerasRuntime]
    construct: Callable[[], Any]


def examine(directory: Path, *, compile: bool, trusted: Iterable[str] = ()) -> Examined:
    """Check a logged model against this environment.

    Args:
        directory: where its files are.
        compile: as for :func:`load_model`.
        trusted: as for :func:`load_model`.
    """
    logged = artifact.open_model(directory)
    spec = with_caller(logged.spec, {}, frozenset(trusted))
    environment = environment_of_loader(spec)
    report = check_model(spec, environment, compile=compile)
    return Examined(
        report=report,
        import_keras=lambda: import_keras(keras_package(spec, environment), environment.configured_backend),
        construct=lambda: construct(logged, spec, environment, {}, report, compile=compile),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model that passed the check.

    Attributes:
        model: the Keras model, not compiled.
        report: the check's.
        signature_sha256: the digest of the compatibility signature; None where there is none.
    """

    model: Any
    report: Report
    signature_sha256: str | None


def load_with_options(directory: Path, options: PyfuncOptions) -> Loaded:
    """Check a logged model against this environment, and load it without its training configuration.

    Args:
        directory: where its files are.
        options: what environment variables say.

    Raises:
        IncompatibleModelError: as for :func:`load_model`.
        LoadFailedError: as for :func:`load_model`.
    """
    logged = artifact.open_model(directory)
    spec = replace(with_caller(logged.spec, {}, frozenset(options.trusted)), custom_code=options.custom_code)
    model, report = _checked_and_loaded(logged, spec, {}, compile=False)
    return Loaded(model=model, report=report, signature_sha256=logged.signature_sha256)


def with_caller(spec: ModelSpec, given: Mapping[str, Any], trusted: frozenset[str]) -> ModelSpec:
    """The model together with what the caller brings and vouches for."""
    provided = spec.origin.provided_objects | frozenset(given)
    packaged = {name: target for name, target in spec.origin.packaged_objects.items() if name not in given}
    origin = replace(spec.origin, provided_objects=provided, packaged_objects=packaged)
    return replace(spec, trusted=trusted, origin=origin)


def environment_of_loader(spec: ModelSpec) -> Environment:
    """This environment, with the backend that :func:`import_keras` is going to choose."""
    environment = installed()
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "backend"):
        return replace(environment, configured_backend=_active_backend(keras))
    return with_backend_of_loader(environment, spec.backend)


def _active_backend(keras: Any) -> str:
    backend = getattr(keras.backend, "backend", None)
    return str(backend()) if callable(backend) else "tensorflow"


def refuse(report: Report, *, allow_undecided: bool) -> None:
    """Raise unless the model may be loaded.

    Args:
        report: the check's.
        allow_undecided: let a model pass about which some rule couldn't judge.

    Raises:
        IncompatibleModelError: where MLflow's exceptions have been imported, it is one of them as well.
    """
    try:
        report.raise_for_errors(allow_undecided=allow_undecided)
    except IncompatibleModelError:
        raise _incompatible(report) from None


def _incompatible(report: Report) -> IncompatibleModelError:
    """The refusal; also one of MLflow's own errors, where somebody could be waiting for one."""
    if "mlflow.exceptions" not in sys.modules:
        return IncompatibleModelError(report)
    return _mlflow_error_class()(report)


@cache
def _mlflow_error_class() -> type[IncompatibleModelError]:
    mlflow_error, invalid_parameter = mlflow_private.exception_class()

    class MlflowIncompatibleModelError(IncompatibleModelError, mlflow_error):  # type: ignore[misc, valid-type]  # found at run time
        """The refusal as MLflow's callers know errors; a server answers it with status 400."""

        def __init__(self, report: Report) -> None:
            mlflow_error.__init__(self, str(report), error_code=invalid_parameter)  # type: ignore[call-arg]  # likewise
            self.report = report

    MlflowIncompatibleModelError.__name__ = MlflowIncompatibleModelError.__qualname__ = IncompatibleModelError.__name__
    return MlflowIncompatibleModelError


def construct(
    logged: LoggedModel,
    spec: ModelSpec,
    environment: Environment,
    given: Mapping[str, Any],
    report: Report,
    *,
    compile: bool,
) -> Any:
    """Import Keras, restore the packaged code and deserialize.

    Args:
        logged: the model, with its file; of its signature only the packaged code counts.
        spec: what was checked, with what the caller brings and vouches for.
        environment: that of :func:`environment_of_loader`.
        given: name to class or function.
        report: that of the check, which the model has passed.
        compile: as for :func:`load_model`.

    Raises:
        LoadFailedError: Keras refused it all the same.
    """
    package = keras_package(spec, environment)
    assert logged.model_file is not None, "an unreadable model doesn't pass the check"
    try:
        runtime = import_keras(package, environment.configured_backend)
        # Outside of the isolation: these modules stay imported, so what they register has to stay as well.
        imported = _imported_objects(spec)
        with runtime.isolated_registry():
            objects = {**_packaged_objects(logged, spec, runtime), **imported, **given}
            return runtime.load(logged.model_file, custom_objects=objects, compile=compile, trusted=spec.trusted)
    except Exception as error:
        raise LoadFailedError(
            f"Keras didn't load `{logged.spec.source}` although it had passed the check: {innermost_message(error)}\n"
            f"This is a gap in the check; please report it to the developers of mlflow-kerasguard together with this "
            f"text.\nWhat was checked:\n{report}",
            report,
        ) from error


def _imported_objects(spec: ModelSpec) -> dict[str, Any]:
    """The objects that come from modules of this environment."""
    targets = dict(spec.origin.imported_objects)
    if spec.custom_code is CustomCode.HOST:
        targets.update(spec.origin.packaged_objects)
    return {name: resolve_here(target) for name, target in targets.items()}


def _packaged_objects(logged: LoggedModel, spec: ModelSpec, runtime: KerasRuntime) -> dict[str, Any]:
    """The objects that travel with the model, and what their modules registered when they were imported."""
    signature = logged.signature
    if signature is None or spec.custom_code is CustomCode.HOST:
        return {}
    before = runtime.registry.copy()
    files = {module: logged.path(name) for module, name in signature.code.modules.items()}
    digests = {path: signature.files[path.relative_to(logged.directory).as_posix()] for path in files.values()}
    bundle = Bundle(files, digests)
    objects = {name: bundle.resolve(target) for name, target in signature.code.objects.items()}
    registered = {name: thing for name, thing in runtime.registry.items() if before.get(name) is not thing}
    return {**registered, **objects}


def _verify(logged: LoggedModel, model: Any) -> None:
    path = logged.path(artifact.GOLDEN)
    if logged.signature is None or artifact.GOLDEN not in logged.signature.files:
        raise UsageError(
            f"`verify=True` needs predictions to compare with, and `{logged.spec.source}` holds none; "
            "log the model with `input_example`"
        )
    golden.verify(golden.read(path), KerasModelWrapper(model).predict_arrays)
