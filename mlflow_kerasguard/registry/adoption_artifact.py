"""The artifact of an adopted model: loaded and rehearsed as `log_model` does it, or described without being loaded."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlflow_kerasguard import artifact, mlflow_private
from mlflow_kerasguard.artifact import LoggedModel
from mlflow_kerasguard.custom_code.capture import CapturedCode
from mlflow_kerasguard.custom_code.identities import parsed_modules
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Report, Verdict
from mlflow_kerasguard.integrity import is_inside
from mlflow_kerasguard.loading import construct, environment_of_loader, refuse, with_caller
from mlflow_kerasguard.model import ModelSpec, Section
from mlflow_kerasguard.pinning.files import Given
from mlflow_kerasguard.pinning.suitable import require_suitable
from mlflow_kerasguard.prepared import Prepared, digests, schema_of, write_signature
from mlflow_kerasguard.recording import with_params
from mlflow_kerasguard.registry.adoption_code import find_code, is_of_keras
from mlflow_kerasguard.registry.adoption_pins import logged_pins
from mlflow_kerasguard.registry.adoption_source import Source
from mlflow_kerasguard.rehearsal_record import SKIPPED, Rehearsal
from mlflow_kerasguard.rules.config import LAMBDA
from mlflow_kerasguard.saving import Request, packaged, prepare, write_code
from mlflow_kerasguard.signature import CompatibilitySignature

#: What requirements are called in reports.
_LOGGED, _GIVEN = "the requirements that it was logged with", "its requirements, with those that were given"

_logger = logging.getLogger(__name__)

#: What MLmodel calls the files of an input example.
_EXAMPLE_FILES = ("artifact_path", "serving_input_path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user says; see :func:`mlflow_kerasguard.adopt`."""

    code_paths: tuple[str | Path, ...] = ()
    custom_objects: Mapping[str, Any] = field(default_factory=dict)
    trusted: frozenset[str] = frozenset()
    given: Given = field(default_factory=Given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A model that passed the check, and from which nothing has been run.

    Attributes:
        source: where it is from.
        spec: what was checked: with the code that goes along.
        code: that code.
        signature: a compatibility signature that says nothing of the environment.
        environment: what it was checked against.
        report: of the check; with ``families`` KG1 alone where it isn't going to be loaded here.
    """

    source: Source
    spec: ModelSpec
    code: CapturedCode
    signature: CompatibilitySignature
    environment: Environment
    report: Report


def examine(source: Source, options: Options, *, load: bool) -> Draft:
    """Check a model, together with the code that goes along.

    Args:
        source: the model.
        options: what the user says.
        load: whether it is going to be loaded here; otherwise only its safety counts.

    Raises:
        IncompatibleModelError: it doesn't load here, or isn't safe.
        UsageError: code can't be used.
    """
    bare = with_caller(source.spec, options.custom_objects, options.trusted)
    environment = environment_of_loader(bare)
    code = find_code(bare, environment, options.code_paths, source.code)
    write_code(code, source.draft)
    signature = CompatibilitySignature(
        model_file=source.model_file,
        model=source.spec,
        python="",
        platform=sys.platform,
        code=packaged(code, parsed_modules(code), source.spec),
        files=digests(source.draft, [source.model_file, *artifact.PAYLOAD_DIRECTORIES]),
        rehearsal=Rehearsal(result=SKIPPED),
        adopted_from=source.spec.source,
    )
    # Which Python and distributions it was saved with isn't known as it is of what the guard logged.
    origin = replace(signature.origin, python=None)
    spec = with_caller(replace(source.spec, origin=origin), options.custom_objects, options.trusted)
    report = check_model(spec, environment, compile=False, families=("KG",) if load else ("KG1",))
    refuse(report, allow_undecided=True)
    return Draft(source=source, spec=spec, code=code, signature=signature, environment=environment, report=report)


def prepare_loaded(draft: Draft, options: Options, directory: Path) -> Prepared:
    """Load the model here, and prepare its artifact as `log_model` does: with golden predictions and a rehearsal.

    Args:
        draft: that passed the check.
        options: what the user says.
        directory: private and empty.

    Raises:
        LoadFailedError: Keras didn't load it although it had passed.
        ModelNotLoggableError: as for ``log_model``.
        UsageError: an argument can't be used.
    """
    source = draft.source
    file = source.draft / source.model_file
    logged = LoggedModel(directory=source.draft, spec=draft.spec, model_file=file, signature=draft.signature)
    model = construct(
        logged, draft.spec, draft.environment, options.custom_objects, draft.report, compile=_compiles(draft)
    )
    code = source.draft / artifact.CODE_DIRECTORY
    request = Request(
        model=model,
        file=file,
        adopted_from=draft.spec.source,
        signature=source.mlmodel.signature if source.mlmodel else None,
        input_example=_example(source),
        code_paths=sorted(code.iterdir()),
        custom_objects=options.custom_objects,
        given=options.given,
        metadata=source.mlmodel.metadata if source.mlmodel else None,
        allow_lambda=LAMBDA in options.trusted,
    )
    return prepare(request, directory)


def _compiles(draft: Draft) -> bool:
    """Whether to load it with its training configuration: where that has objects whose code has to go along."""
    trained_with = [ref for ref in draft.spec.objects if ref.section is Section.COMPILE]
    if all(is_of_keras(ref, draft.spec, draft.environment) for ref in trained_with):
        return False
    return check_model(draft.spec, draft.environment).verdict is not Verdict.INCOMPATIBLE


def _example(source: Source) -> Any:
    if source.directory is None or not _example_files(source):
        return None
    try:
        return mlflow_private.read_example(source.mlmodel, source.directory)
    except Exception as error:  # noqa: BLE001 - whatever reading somebody's JSON raises
        _logger.warning("the input example of `%s` can't be read, so it isn't adopted: %s", source.spec.source, error)
        return None


def _example_files(source: Source) -> list[str]:
    """The files of the input example that are there, and inside the model."""
    info, directory = getattr(source.mlmodel, "saved_input_example_info", None) or {}, source.directory
    assert directory is not None, "a bare file has no example"
    names = [str(info[key]) for key in _EXAMPLE_FILES if info.get(key)]
    found = [name for name in names if (directory / name).is_file() and is_inside(directory / name, directory)]
    return found if found == names else []


def prepare_unloaded(draft: Draft, options: Options, directory: Path) -> tuple[Prepared, Report]:
    """Prepare the artifact from files alone: with the logged requirements, and without golden predictions.

    Args:
        draft: that passed the check.
        options: what the user says.
        directory: private and empty.

    Returns:
        The artifact, and the check of the model against the requirements.

    Raises:
        UnsuitableRequirementsError: the model doesn't load with the logged requirements, or they lack its backend.
        UsageError: the requirements can't be used.
    """
    source, mlmodel = draft.source, draft.source.mlmodel
    shutil.copytree(source.draft, directory, dirs_exist_ok=True)
    pins = logged_pins(source, options.given, directory)
    described = with_params(mlmodel.signature) if mlmodel is not None else None
    signature = replace(
        draft.signature,
        model=replace(draft.signature.model, keras_package=pins.package, backend=pins.backend),
        python=pins.python,
        distributions=pins.distributions,
        inputs=schema_of(described, "inputs"),
        outputs=schema_of(described, "outputs"),
        files={**draft.signature.files, **digests(directory, [artifact.WHEELS_DIRECTORY])},
    )
    spec = replace(signature.to_model_spec(source.spec.source), trusted=options.trusted)
    report = require_suitable(pins.files, spec, source=_LOGGED if options.given.is_nothing else _GIVEN)
    pins.files.write(directory, python=pins.python)
    prepared = Prepared(
        directory=directory,
        flavor=write_signature(signature, directory),
        signature=described,
        example=_copied_example(source, directory),
        metadata=mlmodel.metadata if mlmodel is not None else None,
        python=pins.python,
    )
    return prepared, report


def _copied_example(source: Source, directory: Path) -> Mapping[str, Any] | None:
    names: Iterable[str] = _example_files(source) if source.directory is not None else ()
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(str(source.directory)) / name, directory / name)
    return source.mlmodel.saved_input_example_info if names else None
