"""Prepare the complete artifact of a model in memory, all but MLmodel, in a private directory.

Everything that can go wrong goes wrong here, before MLflow creates anything.
"""

from __future__ import annotations

import hashlib
import logging
import platform
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlflow_kerasguard import artifact, golden, mlflow_private, requirements
from mlflow_kerasguard.custom_code.capture import CapturedCode, capture
from mlflow_kerasguard.custom_code.live_objects import LiveObjects, require_constructible
from mlflow_kerasguard.custom_code.provenance import provenance_of
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.errors import ModelNotLoggableError, UsageError
from mlflow_kerasguard.findings import Verdict
from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.keras_runtime import KerasRuntime, require_built, runtime_of
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.serving import KerasModelWrapper
from mlflow_kerasguard.signature import SCHEMA_VERSION, CompatibilitySignature, PackagedCode

_logger = logging.getLogger(__name__)

SAVE_FORMATS = ("keras", "h5")

#: Names of the narrow types, the coarsest first.
_NARROW_TYPES = ("bfloat16", "float16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked to log; the fields are those of ``log_model``."""

    model: Any
    signature: Any = None
    input_example: Any = None
    code_paths: Iterable[str | Path] = ()
    custom_objects: Mapping[str, Any] = field(default_factory=dict)
    pip_requirements: Any = None
    extra_pip_requirements: Any = None
    conda_env: Any = None
    metadata: Mapping[str, Any] | None = None
    save_format: str = "keras"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A complete artifact but for MLmodel.

    Attributes:
        directory: where it is.
        flavor: MLmodel's section of this flavor.
        signature: MLflow's signature, given or inferred; None where there is none.
        example: what MLmodel says of the input example; None where there is none.
        metadata: the user's.
    """

    directory: Path
    flavor: Mapping[str, Any]
    signature: Any
    example: Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None

    def write_mlmodel(self, directory: Path, mlflow_model: Any) -> None:
        """Describe the artifact in ``mlflow_model`` and write it.

        Args:
            directory: where the files are now.
            mlflow_model: the ``mlflow.models.Model`` to complete.
        """
        from mlflow import pyfunc

        if self.signature is not None:
            mlflow_model.signature = self.signature
        if self.example is not None:
            mlflow_model.saved_input_example_info = dict(self.example)
        if self.metadata is not None:
            mlflow_model.metadata = dict(self.metadata)
        mlflow_model.add_flavor(artifact.FLAVOR, **self.flavor)
        names = mlflow_private.environment_file_names()
        pyfunc.add_to_model(
            mlflow_model, loader_module=artifact.LOADER_MODULE, conda_env=names["conda"], python_env=names["python"]
        )
        mlflow_model.model_size_bytes = mlflow_private.total_size(directory)
        mlflow_model.save(str(directory / artifact.MLMODEL))


def prepare(request: Request, directory: Path) -> Prepared:
    """Write everything but MLmodel.

    Args:
        request: what to log.
        directory: private and empty.

    Raises:
        ModelNotLoggableError: the model can't be saved, or an object's code can't be had.
        UsageError: an argument can't be used.
    """
    runtime = runtime_of(request.model)
    suffix = _suffix(request.save_format, runtime)
    require_built(request.model)
    spec, live, model_file = _save_file(request, runtime, directory, suffix)
    code = capture(spec, live, custom_objects=request.custom_objects, code_paths=request.code_paths)
    _write_code(code, directory)
    distributions = requirements.distributions_in_play(runtime.package, runtime.backend, code.imports)
    _write_environment(request, requirements.pins(distributions), directory)
    signature, example = _predictions(request, directory)
    compatibility = CompatibilitySignature(
        model_file=model_file,
        model=replace(spec, keras_package=runtime.package, keras_version=runtime.version, backend=runtime.backend),
        python=platform.python_version(),
        platform=sys.platform,
        distributions=distributions,
        inputs=_schema(signature, "inputs"),
        outputs=_schema(signature, "outputs"),
        code=_packaged(code),
        files=_digests(directory, [model_file, artifact.GOLDEN, artifact.CODE_DIRECTORY]),
    )
    _warn_if_incompatible(compatibility)
    return Prepared(
        directory=directory,
        flavor=_write_signature(compatibility, directory),
        signature=signature,
        example=example,
        metadata=request.metadata,
    )


def _suffix(save_format: str, runtime: KerasRuntime) -> str:
    if save_format not in SAVE_FORMATS:
        allowed = " or ".join(f"`{name}`" for name in SAVE_FORMATS)
        raise UsageError(f"`save_format` has to be {allowed}, not {save_format!r}")
    return save_format if runtime.writes_keras_format else "h5"


def _save_file(
    request: Request, runtime: KerasRuntime, directory: Path, suffix: str
) -> tuple[ModelSpec, LiveObjects, str]:
    """Save, and read back what was saved: the file is what counts, not the model in memory."""
    model_file = f"{artifact.DATA_DIRECTORY}/{artifact.MODEL_STEM}.{suffix}"
    path = directory / model_file
    path.parent.mkdir()
    live = LiveObjects(request.model, runtime, request.custom_objects)
    runtime.save(request.model, path)
    spec = read_model(path)
    if not spec.readable:
        found = "; ".join(f"{anomaly.where}: {anomaly.found}" for anomaly in spec.anomalies)
        raise ModelNotLoggableError(f"what Keras {runtime.version} saved can't be read back: {found}")
    require_constructible(spec, live)
    return spec, live, model_file


def _write_code(code: CapturedCode, directory: Path) -> None:
    root = directory / artifact.CODE_DIRECTORY
    root.mkdir(parents=True)
    for name, content in code.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _packaged(code: CapturedCode) -> PackagedCode:
    return PackagedCode(
        modules={name: f"{artifact.CODE_DIRECTORY}/{path}" for name, path in code.modules.items()},
        objects=code.objects,
        imported_objects=code.imported_objects,
        fingerprints=code.fingerprints(),
        provenance=provenance_of(code.sources),
        public_names=code.public_names(),
    )


def _write_environment(request: Request, pins: list[str], directory: Path) -> None:
    requirements.environment_files(
        pins,
        pip_requirements=request.pip_requirements,
        extra_pip_requirements=request.extra_pip_requirements,
        conda_env=request.conda_env,
    ).write(directory)


def _predictions(request: Request, directory: Path) -> tuple[Any, Any]:
    """Predict on the input example: MLflow's signature, its record of the example, and the golden file."""
    if request.input_example is None:
        if request.signature is None:
            _logger.warning("logging a Keras model without `signature` or `input_example`: its inputs aren't described")
        return request.signature, None
    wrapper = KerasModelWrapper(request.model)
    data, params = mlflow_private.split_example(request.input_example)
    try:
        inputs = wrapper.inputs_from(data)
        wrapper.try_first_row(inputs)
        recorded = golden.record(wrapper.predict_arrays, inputs, _compute_dtype(request.model))
    except Exception as error:
        raise ModelNotLoggableError(f"the model doesn't predict on `input_example`: {error}") from error
    golden.write(recorded, directory / artifact.GOLDEN)
    outputs = wrapper.presented(recorded.outputs, data)
    if isinstance(data, list | tuple) and any(hasattr(item, "shape") for item in data):
        data = wrapper.named_inputs(data)
    return _describe_example(request, data, params, outputs, directory)


def _describe_example(request: Request, data: Any, params: Any, outputs: Any, directory: Path) -> tuple[Any, Any]:
    from mlflow.models.signature import infer_signature

    if isinstance(data, list) and any(hasattr(item, "shape") for item in data):
        _logger.warning(
            "MLflow can't describe a list of arrays, and this model's inputs have no names: "
            "the predictions on `input_example` are kept, a signature isn't inferred"
        )
        return request.signature, None
    signature = request.signature or infer_signature(data, outputs, params)
    return signature, mlflow_private.save_example(data if params is None else (data, params), directory)


def _compute_dtype(model: Any) -> str:
    """The narrowest type that a layer computes in."""
    types = {str(getattr(layer, "compute_dtype", None)) for layer in (model, *model.layers)}
    return next((name for name in _NARROW_TYPES if name in types), "float32")


def _schema(signature: Any, part: str) -> Any:
    schema = getattr(signature, part, None)
    return schema.to_dict() if schema is not None else None


def _digests(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the payload: of files, and of every file below directories."""
    found = {}
    for root in (directory / name for name in names):
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.is_file():
                found[path.relative_to(directory).as_posix()] = artifact.sha256_of(path)
    return found


def _write_signature(signature: CompatibilitySignature, directory: Path) -> dict[str, Any]:
    """Write it and give MLmodel's section of this flavor."""
    content = signature.to_json().encode()
    (directory / artifact.SIGNATURE).write_bytes(content)
    return {
        "data": artifact.DATA_DIRECTORY,
        "model_file": signature.model_file,
        "format": signature.model.format,
        "keras_package": signature.model.keras_package,
        "keras_version": signature.model.keras_version,
        "keras_backend": signature.model.backend,
        "signature": artifact.SIGNATURE,
        "signature_sha256": hashlib.sha256(content).hexdigest(),
        "schema_version": SCHEMA_VERSION,
    }


def _warn_if_incompatible(signature: CompatibilitySignature) -> None:
    """Say it now where not even this environment would take the model."""
    report = check_model(signature.to_model_spec(signature.model_file), installed(), compile=False)
    if report.verdict is Verdict.INCOMPATIBLE or not report.safe:
        _logger.warning("the model is logged, but it can't be loaded again, not even here:\n%s", report)


def move_contents(source: Path, destination: Path) -> None:
    """Move a prepared artifact to where MLflow wants it; on one file system nothing is copied."""
    destination.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        shutil.move(path, destination / path.name)
