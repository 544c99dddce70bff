"""Read a packed environment's archive into a directory, and nothing anywhere else.

An environment needs its links, so they are made, but only those that stay inside: a relative target that
climbs at its beginning only, and no higher than the top. What is written through such links then stays
inside as well. Python 3.10 doesn't have tarfile's own filters in all its releases, and theirs give up at the
first link that leads out, which an environment may have and do without.
"""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from mlflow_kerasguard.errors import PackError
from mlflow_kerasguard.packing.inspection import leads_outside

#: Never set-uid, never writable for others.
_MODE = 0o755


def extract(archive: Path, form: str, directory: Path) -> tuple[str, ...]:
    """Write everything in an archive into a directory that is private and empty.

    Args:
        archive: the file, whose digest has been verified.
        form: ``tar.gz`` or ``tar.zst``.
        directory: where to.

    Returns:
        The links that lead out of the environment, which weren't made.

    Raises:
        PackError: it isn't such an archive, it holds what no environment needs, or the disk is full.
    """
    left_out: list[str] = []
    links: set[str] = set()
    try:
        with _opened(archive, form) as tar:
            for member in tar:
                member.name = str(PurePosixPath(member.name))
                _require_plain(member, links, archive)
                if member.issym() and leads_outside(member.name, member.linkname):
                    left_out.append(f"{member.name} -> {member.linkname}")
                    continue
                if member.issym():
                    links.add(member.name)
                tar.extract(_owned(member), directory)
    except OSError as error:
        raise PackError(f"`{directory.parent}` can't be written: {error.strerror or error}; make room there") from error
    except (tarfile.TarError, EOFError, zlib.error, ValueError, KeyError) as error:
        raise PackError(
            f"`{archive}` isn't a `{form}` that can be read ({error}); pack the environment again"
        ) from error
    return tuple(left_out)


@contextmanager
def _opened(archive: Path, form: str) -> Iterator[tarfile.TarFile]:
    """The archive, read from beginning to end once."""
    if form == "tar.zst":
        with archive.open("rb") as raw, _decompressed(raw) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            yield _unfiltered(tar)
    else:
        with tarfile.open(archive, mode="r|gz") as tar:
            yield _unfiltered(tar)


@contextmanager
def _decompressed(raw: Any) -> Iterator[Any]:
    import zstandard

    try:
        with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream:
            yield stream
    except zstandard.ZstdError as error:
        raise tarfile.ReadError(str(error)) from error


def _unfiltered(tar: tarfile.TarFile) -> tarfile.TarFile:
    """The same, without the filter that newer Pythons have or ask for: every member is looked at here."""
    tar.extraction_filter = lambda member, _path: member
    return tar


def _require_plain(member: tarfile.TarInfo, links: set[str], archive: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise PackError(f"`{archive}` would write to `{member.name}`, outside of the environment; don't use it")
    if not (member.isreg() or member.isdir() or member.islnk() or member.issym()):
        raise PackError(
            f"`{archive}` holds `{member.name}`, a device or pipe, which no environment needs; don't use it"
        )
    beneath = links.intersection(str(parent) for parent in path.parents)
    if beneath and not (member.isreg() or member.isdir()):
        raise PackError(f"`{archive}` would make the link `{member.name}` beneath another one; don't use it")
    source = PurePosixPath(member.linkname)
    if member.islnk() and (
        source.is_absolute() or ".." in source.parts or links.intersection(map(str, (source, *source.parents)))
    ):
        raise PackError(f"`{archive}` holds `{member.name}`, a link to `{member.linkname}`; don't use it")


def _owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The member with the permissions that whoever unpacks it would give it."""
    member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
    # What can't be written or entered by its owner couldn't be changed by conda-unpack either.
    member.mode = (member.mode & _MODE) | (0o700 if member.isdir() else 0o600)
    return member
