"""The files of a version that a server reads to judge it: what is listed and fetched has bounds."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from mlflow_kerasguard import mlflow_private, mlflow_private_registry
from mlflow_kerasguard.artifact import MLMODEL, SIGNATURE
from mlflow_kerasguard.errors import ModelNotFoundError
from mlflow_kerasguard.integrity import is_inside
from mlflow_kerasguard.registry.time_limits import NotInTimeError, stop_if_given_up
from mlflow_kerasguard.tracking import MOST_FILES, SmallFiles, listed_files

#: A signature has a few kilobytes for each layer.
_LARGEST = 64 << 20
_READ = (MLMODEL, SIGNATURE)


@contextlib.contextmanager
def signature_files(uri: str) -> Iterator[SmallFiles]:
    """MLmodel and the signature of a model, and the names of its files; nothing else is read.

    Args:
        uri: where the model is, as the registry has it. Inside ``mlflow server`` proxied artifacts are taken from
            their destination.

    Raises:
        ModelNotFoundError: there is no model, it is too large, or its store doesn't let it be read.
    """
    mlflow_error, _ = mlflow_private.exception_class()
    with tempfile.TemporaryDirectory(prefix="kerasguard-") as directory:
        try:
            repository, root = mlflow_private_registry.artifact_repository_of_server(uri)
            local = mlflow_private_registry.local_directory(repository)
            names = (
                _fetch(repository, root, Path(directory))
                if local is None
                else _copy(Path(local), root, Path(directory))
            )
        except (ModelNotFoundError, NotInTimeError):
            raise
        except (mlflow_error, OSError) as error:
            raise ModelNotFoundError(f"its files can't be read: {error}") from error
        # What the clients of object stores raise has no base of its own.
        except Exception as error:
            raise ModelNotFoundError(f"its files can't be read: {type(error).__name__}: {error}") from error
        if MLMODEL not in names:
            raise ModelNotFoundError(f"there is no logged model where its files should be: no file `{MLMODEL}`")
        yield SmallFiles(directory=Path(directory), names=names)


def _fetch(repository: Any, root: str, directory: Path) -> Collection[str]:
    sizes: Mapping[str, int] = dict(listed_files(_Listing(repository), root))
    for name in _READ:
        stop_if_given_up()
        if name in sizes:
            _require_small(name, sizes[name])
            target = directory / name
            target.parent.mkdir(exist_ok=True)
            # Not `download_artifacts`: its threads would keep the server from ending while the store is silent.
            repository._download_file(f"{root}/{name}" if root else name, str(target))  # noqa: SLF001 - see above
            _require_small(name, target.stat().st_size)
    return sizes.keys()


@dataclass(frozen=True, slots=True)
class _Listing:
    """The listings of a repository, of which there may be no end, until nobody waits for them."""

    repository: Any

    def list_artifacts(self, path: str | None) -> Any:
        stop_if_given_up()
        return self.repository.list_artifacts(path)


def _copy(base: Path, root: str, directory: Path) -> Collection[str]:
    source = base / root
    if not is_inside(source, base):
        raise ModelNotFoundError("its files are outside of the artifact store")
    names = list(islice(_names_below(source), MOST_FILES + 1))
    if len(names) > MOST_FILES:
        raise ModelNotFoundError(f"the model has more than {MOST_FILES:,} files")
    for name in _READ:
        if name in names:
            target = directory / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(_content(source / name, name))
    return names


def _names_below(directory: Path) -> Iterator[str]:
    for folder, _, names in os.walk(directory):
        for name in names:
            yield Path(folder, name).relative_to(directory).as_posix()


def _content(path: Path, name: str) -> bytes:
    """A plain file's; neither a link nor a pipe is followed, which may have no end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ModelNotFoundError(f"`{name}` isn't a plain file")
        _require_small(name, found.st_size)
        return stream.read(_LARGEST + 1)


def _require_small(name: str, size: int) -> None:
    if size > _LARGEST:
        raise ModelNotFoundError(f"`{name}` has {size:,} bytes; {_LARGEST:,} are read")
