"""Restore a packed environment elsewhere: verified first, written whole or not at all, then checked."""

from __future__ import annotations

import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow_kerasguard.artifact import ENVIRONMENT_PACK, is_logged_model
from mlflow_kerasguard.checking import check
from mlflow_kerasguard.errors import PackError
from mlflow_kerasguard.findings import Report
from mlflow_kerasguard.integrity import sha256_of
from mlflow_kerasguard.packing.conda import FORMATS, require_conda_pack
from mlflow_kerasguard.packing.extract import extract
from mlflow_kerasguard.packing.manifest import Manifest, glibc_here, manifest_of, parse_version
from mlflow_kerasguard.staging import move_into_place, private_directory, require_free
from mlflow_kerasguard.tracking import fetch, is_uri

_SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A restored environment.

    Attributes:
        directory: where it is.
        manifest: what its pack was.
        left_out: links that led out of the environment and weren't made.
        report: of the check of the model; None where there was no model.
        command: serves the model from it.
    """

    directory: Path
    manifest: Manifest
    left_out: tuple[str, ...]
    report: Report | None
    command: str


def unpack(pack: str | Path, destination: Path, *, model: str | Path | None = None) -> Unpacked:
    """Restore an environment and hold a model against it.

    ``conda-unpack``, a program in the pack, runs: unpack what you trust.

    Args:
        pack: path or URI of the archive, with its manifest beside it, or a logged model that has one with it.
        destination: where to; has to be free, or an empty directory. The environment stays there: it can't be
            moved afterwards.
        model: the model to serve, as for :func:`mlflow_kerasguard.check`.

    Raises:
        PackError: the pack isn't what its manifest says, is of another platform, or can't be written.
        UsageError: there is something at ``destination``.
    """
    require_free(destination)
    with _found(pack, model) as (archive, served):
        manifest = Manifest.read(manifest_of(archive))
        _require_platform(archive, manifest)
        require_intact(archive, manifest)
        if manifest.format == "tar.zst":
            require_conda_pack(manifest.format)
        destination = destination.absolute()
        left_out = _restore(archive, manifest, destination)
    local = None if served is None else fetch(served)
    report = None if local is None else check(local, against=destination)
    return Unpacked(
        directory=destination,
        manifest=manifest,
        left_out=left_out,
        report=report,
        command=serve_command(destination, served),
    )


def serve_command(directory: Path, model: str | Path | None) -> str:
    """The command that serves a model from an unpacked environment.

    Its programs start with ``#!/usr/bin/env python``, so they have to be found first.
    """
    wanted = "MODEL" if model is None else shlex.quote(str(model) if is_uri(model) else str(Path(model).absolute()))
    return f'PATH={shlex.quote(str(directory / "bin"))}:"$PATH" mlflow models serve -m {wanted} --env-manager local'


@contextmanager
def _found(pack: str | Path, model: str | Path | None) -> Iterator[tuple[Path, str | Path | None]]:
    """The archive with its manifest beside it, and the model that it is for."""
    path = Path(pack)
    if path.is_file():
        yield path, model
    elif is_uri(pack) and path.name.endswith(FORMATS):
        with tempfile.TemporaryDirectory(prefix="kerasguard-") as scratch:
            # The manifest first: it is small, and without it the archive is of no use.
            fetch(f"{pack}.json", scratch)
            yield fetch(pack, scratch), model
    elif not path.exists() and not is_uri(pack):
        raise PackError(
            f"there is no packed environment at `{pack}`; give its path, or a model that was logged with one"
        )
    else:
        yield _of_model(pack), model if model is not None else pack


def _of_model(model: str | Path) -> Path:
    directory = fetch(model)
    archive = directory / ENVIRONMENT_PACK
    if not is_logged_model(directory) or not archive.is_file():
        raise PackError(
            f'`{model}` has no `{ENVIRONMENT_PACK}`; give a pack, or a model that was logged with `pack="conda"`'
        )
    return archive


def _require_platform(archive: Path, manifest: Manifest) -> None:
    here = (sys.platform, platform.machine())
    if (manifest.platform, manifest.machine) != here:
        raise PackError(
            f"`{archive}` was packed on {manifest.platform} {manifest.machine}, and this is {' '.join(here)}: its "
            "programs don't run here; pack an environment on a machine like this one"
        )
    glibc = glibc_here()
    if manifest.needs_glibc and parse_version(glibc) < parse_version(manifest.needs_glibc):
        raise PackError(
            f"`{archive}` needs glibc {manifest.needs_glibc}, and here is {glibc or 'another C library'}; pack an "
            "environment on an older system, or unpack it on a newer one"
        )


def require_intact(archive: Path, manifest: Manifest) -> None:
    """Refuse an archive that isn't the one that the manifest describes.

    Raises:
        PackError: it is shorter, or its digest is another.
    """
    size = archive.stat().st_size
    if size != manifest.size:
        raise PackError(
            f"`{archive}` has {size:,} bytes instead of {manifest.size:,}: it wasn't copied or downloaded completely, "
            "or it is another one; bring it here again"
        )
    digest = sha256_of(archive)
    if digest != manifest.sha256:
        raise PackError(
            f"`{archive}` has the SHA-256 {digest[:12]}… instead of {manifest.sha256[:12]}…: it isn't what was "
            "packed; bring it here again"
        )


def _restore(archive: Path, manifest: Manifest, destination: Path) -> tuple[str, ...]:
    with private_directory(destination.parent) as scratch:
        left_out = extract(archive, manifest.format, scratch)
        if not (scratch / "bin" / "conda-unpack").is_file():
            raise PackError(f"`{archive}` has no `bin/conda-unpack`: conda-pack didn't make it; use `kerasguard pack`")
        move_into_place(scratch, destination)
    # conda-unpack writes the directory's own path into files, so it has to be where it will stay.
    with _removed_on_failure(destination):
        _conda_unpack(destination, archive)
    return left_out


@contextmanager
def _removed_on_failure(directory: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def _conda_unpack(directory: Path, archive: Path) -> None:
    command = [directory / "bin" / "python", directory / "bin" / "conda-unpack"]
    try:
        done = subprocess.run(  # noqa: S603 - what the user wants to serve from
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise PackError(f"the Python in `{archive}` doesn't start here: {error.strerror or error}") from error
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2][:_SHOWN]
        hint = "; a shorter path may do" if "padding" in said else ""
        raise PackError(f"`conda-unpack` of `{archive}` failed in `{directory}`: {said or done.returncode}{hint}")
