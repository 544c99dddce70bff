"""Whether a logged model's files are those that were logged, and none is there that does harm by being there.

Names are relative to the model's directory, with ``/``. They may be those of a model that is elsewhere:
what isn't in the directory is then judged by its name alone.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from mlflow_kerasguard.model import Anomaly

_PICKLE_SUFFIXES = (".pkl", ".pickle", ".cloudpickle", ".joblib", ".dill")
_NEVER_SHADOWED = frozenset(
    {"h5py", "jax", "keras", "mlflow", "mlflow_kerasguard", "numpy", "tensorflow", "tf_keras", "torch"}
)
_BLOCK = 1 << 20


def check_payload(
    digests: Mapping[str, str],
    directory: Path,
    names: Collection[str],
    *,
    folders: Iterable[str],
    named_in: str,
    unread: Collection[str] = (),
) -> Iterator[Anomaly]:
    """Hold the files against their digests.

    Args:
        digests: SHA-256 by name.
        directory: the model's.
        names: all its files.
        folders: those in which every file counts: what is added is as bad as what is changed.
        named_in: the file that has the digests.
        unread: names of files that only have to be there.
    """
    for name, digest in digests.items():
        path = directory / name
        if not is_inside(path, directory):
            yield outside(named_in, name)
        elif name in unread:
            continue
        elif not path.is_file():
            yield Anomaly(kind="payload-missing", where=name, found="nothing there")
        elif sha256_of(path) != digest:
            yield Anomaly(kind="payload-digest", where=name, found="its content changed after the model was logged")
    roots = tuple(f"{folder}/" for folder in folders)
    for name in names:
        if name.startswith(roots) and name not in digests and "__pycache__" not in name.split("/"):
            yield Anomaly(kind="payload-digest", where=name, found="it was added after the model was logged")


def code_on_path(code: str, directory: Path, names: Collection[str], *, own: bool, named_in: str) -> Iterator[Anomaly]:
    """What pyfunc's `code` would put before everything else on ``sys.path``.

    Args:
        code: the directory that MLmodel names.
        directory: the model's.
        names: all its files.
        own: whether the model is of this flavor, which never sets it.
        named_in: the file that names it.
    """
    if not is_inside(directory / code, directory):
        yield outside(named_in, code)
        return
    if own:
        yield Anomaly(kind="code-on-path", where=named_in, found="pyfunc's `code`, which this flavor never sets")
    root = "" if os.path.normpath(code) == "." else f"{os.path.normpath(code)}/"
    modules = {name[len(root) :].split("/")[0].removesuffix(".py") for name in names if name.startswith(root)}
    for module in sorted(modules & (_NEVER_SHADOWED | sys.stdlib_module_names)):
        yield Anomaly(kind="code-on-path", where=code, found=f"module `{module}` in place of the installed one")


def pickles(names: Iterable[str]) -> Iterator[Anomaly]:
    """Files that run code when they are read."""
    for name in names:
        if name.endswith(_PICKLE_SUFFIXES):
            yield Anomaly(kind="pickle-file", where=name, found=f"`{name.rpartition('/')[2]}`")


def files_below(directory: Path) -> list[str]:
    """The names of all files below a directory, without following links."""
    found = (Path(folder, name) for folder, _, names in sorted(os.walk(directory)) for name in sorted(names))
    return [path.relative_to(directory).as_posix() for path in found]


def outside(where: str, name: str) -> Anomaly:
    return Anomaly(kind="path-outside-model", where=where, found=f"`{name}`")


def is_inside(path: Path, directory: Path) -> bool:
    """Whether a path leads into a directory when links are followed."""
    root = os.path.realpath(directory)
    return os.path.commonpath([root, os.path.realpath(path)]) == root


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
