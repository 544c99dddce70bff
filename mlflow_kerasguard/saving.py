"""Prepare the complete artifact of a model in memory, all but MLmodel, in a private directory.

Everything that can go wrong goes wrong here, before MLflow creates anything.
"""

from __future__ import annotations

import logging
import platform
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlflow_kerasguard import artifact, staging
from mlflow_kerasguard.contracts import blame, require_kept
from mlflow_kerasguard.custom_code.capture import CapturedCode, capture
from mlflow_kerasguard.custom_code.identities import fingerprints, import_work, parsed_modules
from mlflow_kerasguard.custom_code.live_objects import LiveObjects
from mlflow_kerasguard.custom_code.provenance import provenance_of
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.errors import ModelNotLoggableError, UsageError
from mlflow_kerasguard.findings import Verdict
from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.keras_runtime import KerasRuntime, require_built, runtime_of
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.packing.beside_model import plan_packing
from mlflow_kerasguard.pinning.files import Given, files_for, write_files
from mlflow_kerasguard.pinning.plan import Plan, make_plan
from mlflow_kerasguard.pinning.suitable import require_suitable
from mlflow_kerasguard.prepared import Prepared, digests, move_file, schema_of, write_signature
from mlflow_kerasguard.recording import Recorded, record_predictions
from mlflow_kerasguard.rehearsal.run import Job, RehearsalProcess
from mlflow_kerasguard.rehearsal_record import SKIPPED, Rehearsal
from mlflow_kerasguard.rules.config import LAMBDA
from mlflow_kerasguard.signature import CompatibilitySignature, PackagedCode
from mlflow_kerasguard.source_code.definitions import Module

_logger = logging.getLogger(__name__)

SAVE_FORMATS = ("keras", "h5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked to log; the fields are those of ``log_model``.

    Attributes:
        file: the Keras file that ``model`` was loaded from: it is moved into the artifact as it is; None for a model
            that has to be saved.
        adopted_from: the model version or file that it was adopted from.
    """

    model: Any
    file: Path | None = None
    adopted_from: str | None = None
    signature: Any = None
    input_example: Any = None
    code_paths: Iterable[str | Path] = ()
    custom_objects: Mapping[str, Any] = field(default_factory=dict)
    given: Given = field(default_factory=Given)
    metadata: Mapping[str, Any] | None = None
    save_format: str = "keras"
    rehearse: bool = True
    allow_lambda: bool = False
    pack: str | None = None


def prepare(request: Request, directory: Path) -> Prepared:
    """Write everything but MLmodel.

    Args:
        request: what to log.
        directory: private and empty.

    Raises:
        ModelNotLoggableError: the model can't be saved, or an object's code can't be had.
        UsageError: an argument can't be used.
    """
    packing = plan_packing(request.pack)
    runtime = runtime_of(request.model)
    suffix = _suffix(request.save_format, runtime)
    require_built(request.model)
    with ExitStack() as stack:
        # It imports Keras while this process saves.
        process = _start_rehearsal(runtime, stack) if request.rehearse else None
        spec, live, model_file = _file_in_place(request, runtime, directory, suffix)
        code = capture(spec, live, custom_objects=request.custom_objects, code_paths=request.code_paths)
        modules = parsed_modules(code)
        work = import_work(code, modules)
        contracts = require_kept(spec, live, runtime, work, allow_lambda=request.allow_lambda)
        write_code(code, directory)
        plan = make_plan(runtime.package, runtime.backend, code.needed_modules)
        environment = files_for(plan, request.given, directory)  # What can't be used is told before the model predicts.
        recorded = record_predictions(request.model, request.signature, request.input_example, directory)
        model = replace(spec, keras_package=runtime.package, backend=runtime.backend)
        compatibility = replace(
            _described(model if request.file else replace(model, keras_version=runtime.version), plan, recorded),
            model_file=model_file,
            code=packaged(code, modules, spec),
            files=digests(directory, [model_file, artifact.GOLDEN, *artifact.PAYLOAD_DIRECTORIES]),
            adopted_from=request.adopted_from,
        )
        if not request.given.is_nothing:
            require_suitable(environment, compatibility.to_model_spec(model_file))
        if process is None:
            _warn_if_incompatible(compatibility)
        else:
            job = Job(
                directory=directory,
                compile=_compiles(compatibility),
                inputs=recorded.inputs,
                trusted=(LAMBDA,) if request.allow_lambda else (),
                sources=code.sources,
                hints=contracts.explain(),
            )
            compatibility, plan = _rehearsed(process, job, compatibility, code)
    write_files(plan, request.given, directory)
    wheels = digests(directory, [artifact.WHEELS_DIRECTORY])  # What was imported in the rehearsal may have added some.
    compatibility = replace(compatibility, files={**compatibility.files, **wheels})
    compatibility = packing.carry_out(compatibility, directory) if packing is not None else compatibility
    return Prepared(
        directory=directory,
        flavor=write_signature(compatibility, directory),
        signature=recorded.signature,
        example=recorded.example,
        metadata=request.metadata,
    )


def _start_rehearsal(runtime: KerasRuntime, stack: ExitStack) -> RehearsalProcess:
    scratch = stack.enter_context(staging.private_directory(Path(tempfile.gettempdir())))
    return stack.enter_context(closing(RehearsalProcess(runtime, scratch)))


def _rehearsed(
    process: RehearsalProcess, job: Job, signature: CompatibilitySignature, code: CapturedCode
) -> tuple[CompatibilitySignature, Plan]:
    """The signature with what the rehearsal showed, and a plan with the distributions that it needed besides."""
    artifact.write_flavor(job.directory, write_signature(signature, job.directory))
    rehearsal = process.rehearse(job)
    (job.directory / artifact.MLMODEL).unlink()
    package, backend = str(signature.model.keras_package), str(signature.model.backend)
    plan = make_plan(package, backend, code.needed_modules.union(rehearsal.imports), asked_by=rehearsal.modules)
    changed = replace(
        signature, rehearsal=rehearsal, distributions=plan.distributions, closure=plan.closure, roles=plan.roles
    )
    return changed, plan


def _compiles(signature: CompatibilitySignature) -> bool:
    """Whether the model loads together with its training configuration, as far as the check can tell.

    Keras 3 can't read back the losses that it writes into HDF5.
    """
    if not signature.model.compile_config:
        return False
    report = check_model(signature.to_model_spec(signature.model_file), installed())
    if report.verdict is Verdict.INCOMPATIBLE:
        _logger.warning("the model loads with `compile=False` only, without its training configuration:\n%s", report)
    return report.verdict is not Verdict.INCOMPATIBLE


def _suffix(save_format: str, runtime: KerasRuntime) -> str:
    if save_format not in SAVE_FORMATS:
        allowed = " or ".join(f"`{name}`" for name in SAVE_FORMATS)
        raise UsageError(f"`save_format` has to be {allowed}, not {save_format!r}")
    return save_format if runtime.writes_keras_format else "h5"


def _file_in_place(
    request: Request, runtime: KerasRuntime, directory: Path, suffix: str
) -> tuple[ModelSpec, LiveObjects, str]:
    """Save, or take the file that is there, and read it back: the file is what counts, not the model in memory."""
    (directory / artifact.DATA_DIRECTORY).mkdir()
    live = LiveObjects(request.model, runtime, request.custom_objects)
    if request.file is not None:
        spec, model_file = move_file(request.file, request.file.suffix[1:], directory)
        return spec, live, model_file
    model_file = f"{artifact.DATA_DIRECTORY}/{artifact.MODEL_STEM}.{suffix}"
    try:
        runtime.save(request.model, directory / model_file)
    except ModelNotLoggableError as error:
        blame(request.model, runtime, error)
        raise
    spec = read_model(directory / model_file)
    if not spec.readable:
        found = "; ".join(f"{anomaly.where}: {anomaly.found}" for anomaly in spec.anomalies)
        raise ModelNotLoggableError(f"what Keras {runtime.version} saved can't be read back: {found}")
    return spec, live, model_file


def _described(model: ModelSpec, plan: Plan, recorded: Recorded) -> CompatibilitySignature:
    """What is known before the rehearsal, without the files."""
    return CompatibilitySignature(
        model_file="",
        model=model,
        python=platform.python_version(),
        platform=sys.platform,
        distributions=plan.distributions,
        closure=plan.closure,
        roles=plan.roles,
        inputs=schema_of(recorded.signature, "inputs"),
        outputs=schema_of(recorded.signature, "outputs"),
        rehearsal=Rehearsal(result=SKIPPED),
    )


def write_code(code: CapturedCode, directory: Path) -> None:
    """Write captured code into an artifact."""
    root = directory / artifact.CODE_DIRECTORY
    root.mkdir(parents=True)
    for name, content in code.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def packaged(code: CapturedCode, parsed: Mapping[str, Module], spec: ModelSpec) -> PackagedCode:
    """What the compatibility signature says of captured code."""
    return PackagedCode(
        modules={name: f"{artifact.CODE_DIRECTORY}/{path}" for name, path in code.modules.items()},
        objects=code.objects,
        imported_objects=code.imported_objects,
        fingerprints=fingerprints(code, parsed, spec),
        module_digests={name: module.digest for name, module in parsed.items()},
        provenance=provenance_of(code.sources),
        public_names=code.public_names(),
    )


def _warn_if_incompatible(signature: CompatibilitySignature) -> None:
    """Say it now where not even this environment would take the model."""
    report = check_model(signature.to_model_spec(signature.model_file), installed(), compile=False)
    if report.verdict is Verdict.INCOMPATIBLE or not report.safe:
        _logger.warning("the model is logged, but it can't be loaded again, not even here:\n%s", report)
