"""Pack a conda environment: looked at first, checked against the model, written whole or not at all."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mlflow_kerasguard.artifact import open_model
from mlflow_kerasguard.checking import check
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.environment.interpreter import find_python, read_interpreter
from mlflow_kerasguard.errors import NotPackableError, PackError
from mlflow_kerasguard.findings import Report
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.packing.conda import FORMATS, conda_pack, require_conda_pack
from mlflow_kerasguard.packing.conda_environment import find_prefix, is_conda_prefix
from mlflow_kerasguard.packing.inspection import inspect_prefix
from mlflow_kerasguard.packing.manifest import Manifest, describe, facts_of, manifest_of
from mlflow_kerasguard.staging import private_directory
from mlflow_kerasguard.tracking import fetch, log_files, require_run

#: Beginning of the codes of the rules that judge an environment to be packed.
_FAMILY = ("KG45",)

#: Where packs are among the artifacts of a run.
_ARTIFACT_DIRECTORY = "environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What was packed.

    Attributes:
        path: of the archive.
        manifest: what it is.
        notes: what may be wrong with it all the same; without errors.
        report: of the check of the model; None where no model was given.
        uri: of the same archive among the artifacts of a run; None where it wasn't asked for.
    """

    path: Path
    manifest: Manifest
    notes: Report
    report: Report | None = None
    uri: str | None = None


def pack(
    model_or_environment: str | Path,
    output: Path | None = None,
    *,
    environment: str | Path | None = None,
    form: str | None = None,
    force: bool = False,
    allow_undecided: bool = False,
    allow_changed: bool = False,
    run_id: str | None = None,
    show_progress: bool = False,
) -> Packed:
    """Pack a conda environment with conda-pack, for a model or for itself.

    Args:
        model_or_environment: a model, as for :func:`mlflow_kerasguard.check`, that the environment has to fit, or
            the directory of an environment.
        output: the archive; None for the environment's name, in the current directory.
        environment: directory or name of the environment; None for the active one.
        form: ``tar.gz`` or ``tar.zst``; None for what ``output`` ends with, else ``tar.gz``.
        force: replace what is at ``output``.
        allow_undecided: pack although some rule couldn't judge the model.
        allow_changed: pack although the environment changed since the model was logged.
        run_id: a run that the archive is to be an artifact of as well, below ``environment``.
        show_progress: show conda-pack's progress.

    Raises:
        NotPackableError: the environment couldn't be restored; says what to do.
        IncompatibleModelError: the model doesn't load in the environment, or it isn't known whether it does.
        PackError: it can't be packed, or the archive can't be written or stored.
        ModelNotFoundError: there is no such model.
        UsageError: there is no such run.
    """
    model = None if is_conda_prefix(Path(model_or_environment)) else model_or_environment
    # A directory that is an environment, but not one of conda's, is told as that instead of as a bad model.
    given = environment if environment is not None else (model_or_environment if _is_environment(model) else None)
    prefix = find_prefix(given)
    output, form = _output(prefix, output, form)
    _require_free(output, force)
    require_conda_pack(form)
    if run_id is not None:
        require_run(run_id)
    local = None if model is None else fetch(model)
    report = None
    # What is refused below ends it: it is quicker than to wait.
    with started_pack(prefix, output, form, show_progress=show_progress) as finish:
        spec = open_model(local).spec if local is not None else ModelSpec(source=str(prefix), format="unknown")
        here, notes = require_packable(prefix, spec, may_differ=allow_changed)
        if local is not None:
            report = replace(check(local, against=replace(here, packable=None)), model=str(model))
            report.raise_for_errors(allow_undecided=allow_undecided)
        manifest = finish(here)
    uri = None if run_id is None else _store(output, run_id)
    return Packed(path=output, manifest=manifest, notes=notes, report=report, uri=uri)


def _store(output: Path, run_id: str) -> str:
    # The archive last: where it is, its manifest is.
    files = (manifest_of(output), output)
    try:
        return f"{log_files(files, run_id, _ARTIFACT_DIRECTORY)}/{output.name}"
    except OSError as error:
        raise PackError(
            f"`{output}` is written, but couldn't be stored as an artifact of the run `{run_id}`: {error}; "
            f"`mlflow artifacts log-artifact --run-id {run_id} --artifact-path {_ARTIFACT_DIRECTORY} "
            "--local-file PATH` stores it and its manifest"
        ) from error


def _is_environment(model: str | Path | None) -> bool:
    """Whether what was given in place of a model is an environment."""
    return model is None or (Path(model) / "pyvenv.cfg").is_file() or (Path(model) / "conda-meta").is_dir()


def require_packable(prefix: Path, model: ModelSpec, *, may_differ: bool = False) -> tuple[Environment, Report]:
    """Refuse an environment that conda-pack wouldn't pack, or that wouldn't work elsewhere.

    Args:
        prefix: its directory.
        model: what it is for.
        may_differ: whether it may be another one than the model was logged with.

    Returns:
        The environment, with its ``packable``, and what may be wrong with it all the same.

    Raises:
        NotPackableError: names what is wrong, and what to do.
        PackError: it has no Python.
    """
    packable = inspect_prefix(prefix, may_differ=may_differ)
    python = find_python(prefix)
    if python is None:
        raise PackError(
            f"`{prefix}` has no Python; `conda install --prefix {shlex.quote(str(prefix))} python` adds one"
        )
    environment = replace(read_interpreter(python, source=f"`{prefix}`"), packable=packable)
    report = check_model(model, environment, families=_FAMILY)
    if report.errors:
        raise NotPackableError(report)
    return environment, report


@contextmanager
def started_pack(
    prefix: Path, output: Path, form: str, *, show_progress: bool = False
) -> Iterator[Callable[[Environment], Manifest]]:
    """Start conda-pack, which reads for a while before it needs all cores; leaving early leaves nothing.

    Args:
        prefix: the directory of the environment.
        output: the archive.
        form: one of ``FORMATS``.
        show_progress: show conda-pack's progress.

    Yields:
        What takes the environment, as :func:`require_packable` gives it, waits, and puts the archive and its manifest
        in their places, whole; it raises ``PackError`` where conda-pack refuses, or the disk is full.
    """
    with private_directory(output.absolute().parent) as scratch:
        archive = scratch / output.name
        with conda_pack(prefix, archive, form, show_progress=show_progress) as wait:

            def finish(environment: Environment) -> Manifest:
                facts = facts_of(prefix, environment)
                wait()
                manifest = describe(archive, form, facts)
                _in_place(lambda: manifest_of(archive).write_text(manifest.to_json(), encoding="utf-8"), output)
                # The archive last: where it is, its manifest is.
                _in_place(lambda: (manifest_of(archive).replace(manifest_of(output)), archive.replace(output)), output)
                return manifest

            yield finish


def _in_place(action: Callable[[], object], output: Path) -> None:
    try:
        action()
    except OSError as error:
        raise PackError(
            f"`{output}` can't be written: {error.strerror or error}; make room or give another path"
        ) from error


def _output(prefix: Path, output: Path | None, form: str | None) -> tuple[Path, str]:
    if output is None:
        form = form or FORMATS[0]
        return Path(f"{prefix.name}.{form}"), form
    ending = next((known for known in FORMATS if output.name.endswith(f".{known}")), None)
    if ending is None or form not in {None, ending}:
        wanted = f"`.{form}`" if form else " or ".join(f"`.{known}`" for known in FORMATS)
        raise PackError(f"`{output}` has to end with {wanted}, so that its format can be told; give another name")
    return output, ending


def _require_free(output: Path, force: bool) -> None:
    for path in (output, manifest_of(output)):
        if path.is_dir() or (path.exists() and not force):
            raise PackError(f"`{path}` exists already; give another path, or `--force` to replace a file")
