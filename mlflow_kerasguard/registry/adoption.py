"""Adopt a model that was logged without the guard: a new, guarded version with the same Keras file."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlflow_kerasguard import artifact, mlflow_private
from mlflow_kerasguard.artifact import open_signed_model
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.errors import AdoptionError, ModelNotFoundError, UsageError
from mlflow_kerasguard.loading import refuse
from mlflow_kerasguard.logged_environment import requirements_of
from mlflow_kerasguard.pinning.files import Given
from mlflow_kerasguard.prepared import Prepared
from mlflow_kerasguard.registry.adoption_artifact import Draft, Options, examine, prepare_loaded, prepare_unloaded
from mlflow_kerasguard.registry.adoption_outcome import Adoption, Outcome
from mlflow_kerasguard.registry.adoption_source import (
    Located,
    Source,
    UnreadableModel,
    is_guarded,
    locate,
    open_source,
)
from mlflow_kerasguard.registry.publishing import NewVersion, find_name, publish, versions_of
from mlflow_kerasguard.rehearsal_record import PASSED
from mlflow_kerasguard.rules.lambdas import minor
from mlflow_kerasguard.signature import CompatibilitySignature
from mlflow_kerasguard.staging import private_directory
from mlflow_kerasguard.tracking import small_files

#: Tags of an adopted version: what it was adopted from, and the SHA-256 of the Keras file, which is the same.
FROM, DIGEST = "kerasguard.adopted_from", "kerasguard.adopted_digest"

#: How MLflow says that something isn't there, or not for everybody.
_NOWHERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "PERMISSION_DENIED")

#: Characters of a description that every store of MLflow's takes.
_LONGEST = 5000

#: Tag of the version that was adopted: its guarded version.
AS = "kerasguard.adopted_as"


def adopt(
    model: str | Path,
    *,
    to: str | None = None,
    code_paths: Iterable[str | Path] = (),
    custom_objects: Mapping[str, Any] | None = None,
    trusted: Iterable[str] = (),
    pip_requirements: Iterable[str] | str | None = None,
    extra_pip_requirements: Iterable[str] | str | None = None,
    rehearse: bool = True,
    again: bool = False,
    dry_run: bool = False,
) -> Adoption:
    """Make a guarded version of a model that ``mlflow.keras`` or ``mlflow.tensorflow`` logged, or of a Keras file.

    The new version holds the same Keras file, byte for byte, and MLflow's signature, input example and metadata of
    the old one. Pickles in the old one are neither read nor adopted. The old version stays as it is but for a tag that
    names the new one, and aliases stay where they are. Where anything fails, nothing is left of a new version.

    Args:
        model: the URI of a registered model's version, or of another logged model; the path of a logged model or of a
            ``.keras`` or HDF5 file.
        to: the registered model that gets the new version; by default the one that ``model`` is a version of.
        code_paths: files and directories with the code of custom objects, beside what was logged with the model; see
            :func:`mlflow_kerasguard.log_model`.
        custom_objects: name to class or function; packaged too.
        trusted: paths of objects that the caller vouches for, such as ``keras.layers.Lambda``.
        pip_requirements: requirements instead of the default ones.
        extra_pip_requirements: requirements in addition to these.
        rehearse: load the model here once it has passed the check, keep its predictions, and load it in a fresh process
            from the new artifact alone, as ``log_model`` does; the pins are then those of this environment. False runs
            nothing of the model; the pins are those that it was logged with, and the signature says that nobody saw it
            load.
        again: adopt what was adopted before.
        dry_run: stop after the check; nothing of the model is run, and nothing is changed.

    Returns:
        What came of it. A model that is guarded already, or was adopted before, isn't an error.

    Raises:
        IncompatibleModelError: the model doesn't load here (with ``rehearse``), or isn't safe.
        ModelNotLoggableError: it can't be rehearsed, or doesn't fit its requirements.
        LoadFailedError: Keras refused it although it had passed the check.
        AdoptionError: it holds no Keras file that could be adopted, or MLflow didn't take the new version.
        ModelNotFoundError: there is nothing at ``model``.
        UsageError: an argument can't be used as it was given.
    """
    options = Options(
        code_paths=tuple(code_paths),
        custom_objects=dict(custom_objects or {}),
        trusted=frozenset(trusted),
        given=Given(pip_requirements=pip_requirements, extra_pip_requirements=extra_pip_requirements),
    )
    if options.custom_objects and not rehearse:
        raise UsageError("`custom_objects` are packaged from a loaded model: give their files in `code_paths` instead")
    located = locate(model, to)
    if is_guarded(located):
        version = located.version
        known = {"name": version.name, "version": str(version.version)} if version else {"name": located.name}
        return Adoption(outcome=Outcome.GUARDED, source=located.uri, **known)
    with private_directory(Path(tempfile.gettempdir())) as scratch:
        source = _open(located, scratch)
        earlier = None if again else _find_earlier(located, source)
        if earlier is not None:
            return Adoption(
                outcome=Outcome.FOUND,
                source=located.uri,
                name=located.name,
                version=earlier,
                logged_with=source.logged_with,
            )
        draft = examine(source, options, load=rehearse)
        planned = Adoption(
            outcome=Outcome.PLANNED,
            source=located.uri,
            name=located.name,
            logged_with=source.logged_with,
            report=draft.report,
            notes=tuple(_left_behind(draft)),
        )
        if not rehearse:
            return _described(planned, located, draft, options, dry_run=dry_run)
        return planned if dry_run else _rehearsed(planned, located, draft, options)


def _open(located: Located, scratch: Path) -> Source:
    try:
        return open_source(located, scratch)
    except UnreadableModel as error:
        refuse(check_model(error.spec, installed(), families=("KG1",)), allow_undecided=True)
        raise


def _find_earlier(located: Located, source: Source) -> str | None:
    """The version that holds the same file, from the same place; a tag counts where the signature agrees with it."""
    client, digest = mlflow_private.client(), f"sha256:{source.sha256}"
    with _mlflow_answers():
        if find_name(client, located.name) is None:
            return None
        tagged = [
            str(version.version)
            for version in versions_of(client, located.name)
            if (version.tags.get(FROM), version.tags.get(DIGEST)) == (located.uri, digest)
        ]
    return next((version for version in tagged if _holds(f"models:/{located.name}/{version}", source)), None)


def _holds(uri: str, source: Source) -> bool:
    try:
        with small_files(uri) as files:
            logged = open_signed_model(files.directory, files.names)
    except ModelNotFoundError:
        return False
    signature = logged.signature if logged is not None else None
    return signature is not None and signature.files.get(signature.model_file) == source.sha256


def _rehearsed(planned: Adoption, located: Located, draft: Draft, options: Options) -> Adoption:
    with private_directory(Path(tempfile.gettempdir())) as directory:
        return _published(planned, located, draft, prepare_loaded(draft, options, directory))


def _described(planned: Adoption, located: Located, draft: Draft, options: Options, *, dry_run: bool) -> Adoption:
    with private_directory(Path(tempfile.gettempdir())) as directory:
        prepared, report = prepare_unloaded(draft, options, directory)
        planned = replace(planned, report=report)
        return planned if dry_run else _published(planned, located, draft, prepared)


def _published(planned: Adoption, located: Located, draft: Draft, prepared: Prepared) -> Adoption:
    signature = CompatibilitySignature.from_json((prepared.directory / artifact.SIGNATURE).read_bytes())
    with _mlflow_answers():
        new = _new_version(located, draft)
    version = publish(prepared, new)
    done = replace(
        planned,
        outcome=Outcome.ADOPTED,
        version=version,
        rehearsal=signature.rehearsal.result if signature.rehearsal else None,
        pins=tuple(sorted(signature.distributions.items())),
    )
    changes = [*_other_pins(draft.source, signature), *_point_to(str(done.uri), located)]
    return replace(done, notes=(*planned.notes, *changes))


@contextlib.contextmanager
def _mlflow_answers() -> Iterator[None]:
    """Make MLflow's errors this package's."""
    mlflow_error, _ = mlflow_private.exception_class()
    try:
        yield
    except (mlflow_error, OSError) as error:
        raise AdoptionError(f"MLflow doesn't answer as it should: {error}") from error


def _new_version(located: Located, draft: Draft) -> NewVersion:
    client, source, old = mlflow_private.client(), draft.source, located.version
    logged = _quiet(client.get_logged_model, _logged_model_id(located, source))
    run = _quiet(client.get_run, getattr(old, "run_id", None) or getattr(source.mlmodel, "run_id", None))
    if run is not None and run.info.lifecycle_stage != "active":
        run = None
    owner = run.info if run is not None else logged
    by = f", which {source.logged_with} logged" if source.logged_with else ""
    told = f"Adopted from {located.uri}{by}: the same Keras file, with the guard of mlflow-kerasguard."
    return NewVersion(
        name=located.name,
        tags={FROM: located.uri, DIGEST: f"sha256:{source.sha256}"},
        description="\n\n".join(filter(None, [told, getattr(old, "description", None)]))[:_LONGEST],
        run_id=run.info.run_id if run is not None else None,
        experiment_id=str(owner.experiment_id) if owner is not None else mlflow_private.experiment_id(),
        params=logged.params if logged is not None else {},
        model_type=logged.model_type if logged is not None else None,
    )


def _logged_model_id(located: Located, source: Source) -> str | None:
    """Of the old version's LoggedModel; what MLflow registered before there were any has none."""
    place = str(getattr(located.version, "source", ""))
    if place.startswith("models:/"):
        return place.removeprefix("models:/")
    return getattr(source.mlmodel, "model_id", None)


def _quiet(find: Callable[[str], Any], key: str | None) -> Any:
    """What a key leads to; None where it leads nowhere: it may be of another server, or deleted."""
    mlflow_error, _ = mlflow_private.exception_class()
    try:
        return find(key) if key else None
    except mlflow_error as error:
        if getattr(error, "error_code", None) not in _NOWHERE:
            raise
        return None


def _point_to(uri: str, located: Located) -> Iterator[str]:
    """Tag the old version with the new one; whoever may not is told, and the adoption stands."""
    if located.version is None:
        return
    try:
        with _mlflow_answers():
            mlflow_private.client().set_model_version_tag(located.version.name, located.version.version, AS, uri)
    except AdoptionError as error:
        yield f"{located.uri} couldn't be tagged with `{AS}`: {error}"


def _left_behind(draft: Draft) -> Iterator[str]:
    source = draft.source
    for name in source.pickles:
        yield f"`{name}` isn't adopted: it is a pickle, and was not read"
    taken = {path.split("/", 1)[0] for path in draft.code.files}
    if source.code and not taken.intersection(path.name for path in source.code):
        yield "the code that was logged with it isn't adopted: no object of the model comes from there"


def _other_pins(source: Source, signature: CompatibilitySignature) -> Iterator[str]:
    """Where the new requirements aren't the old ones; those of a model that wasn't loaded are."""
    if source.directory is None or signature.rehearsal is None or signature.rehearsal.result != PASSED:
        return
    try:
        logged = requirements_of(source.directory)
    except UsageError:
        yield "it was logged without requirements"
        return
    pinned = {**signature.closure, **signature.distributions}
    for item in logged.wanted:
        if item.only_constrains:
            continue
        if item.name not in pinned:
            yield f"`{item.name}{item.specifier or ''}` was among its requirements, and nothing of the model needs it"
        elif item.specifier is not None and not item.specifier.contains(pinned[item.name], prereleases=True):
            yield f"it was logged with `{item.name}{item.specifier}`, and is pinned to {pinned[item.name]} now"
    if logged.python and minor(logged.python) != minor(signature.python):
        yield f"it was logged with Python {logged.python}, and asks for {signature.python} now"
