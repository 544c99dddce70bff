"""A wheel of Keras, read where it lies."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

from mlflow_kerasguard.environment import Distribution, Environment
from mlflow_kerasguard.environment.site_packages import read_distribution
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.keras_api import KerasApi, Unknown
from mlflow_kerasguard.keras_api.source import SourceKerasApi

#: Keras's wheels have less than 2 MB, and its largest module less than 1 MB.
_LARGEST_WHEEL = 64 << 20
_LARGEST_MODULE = 16 << 20

_PACKAGES = {"keras": "keras", "tf-keras": "tf_keras"}


def read_wheel(path: Path) -> Environment:
    """An environment of which only Keras is known, from its wheel.

    Raises:
        UsageError: it is no wheel, or one of something else.
    """
    files = WheelFiles(path)
    distribution = files.distribution()
    package = _PACKAGES.get(distribution.name)
    if package is None:
        raise UsageError(f"`{path}` is a wheel of `{distribution.name}`; expected one of `keras` or `tf-keras`")
    api = SourceKerasApi(package, distribution.version, files)
    source = f"`{path}`"

    def read(wanted: str) -> KerasApi:
        if wanted != package:
            raise Unknown(f"{source} says nothing of `{wanted}`")
        return api

    return Environment(source=source, distributions={distribution.name: distribution}, read_keras_api=read)


class WheelFiles:
    """Files in a wheel, as a reader of modules wants them.

    Args:
        path: the wheel.

    Raises:
        UsageError: it can't be read, or isn't a zip archive.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as stream:
                content = stream.read(_LARGEST_WHEEL + 1)
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except OSError as error:
            raise UsageError(f"`{path}` can't be read: {error.strerror or error}") from error
        except (zipfile.BadZipFile, ValueError) as error:
            raise UsageError(f"`{path}` is no zip archive: {error}; expected a wheel of Keras") from error
        self._names = frozenset(self._archive.namelist())

    def read(self, path: str) -> str | None:
        if path not in self._names:
            return None
        try:
            with self._archive.open(path) as stream:
                content = stream.read(_LARGEST_MODULE + 1)
            return content[:_LARGEST_MODULE].decode("utf-8")
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
            raise UsageError(f"`{self._path}`: `{path}` can't be read: {error}; expected a sound wheel") from error

    def distribution(self) -> Distribution:
        """What the wheel's metadata says."""
        names = sorted(name for name in self._names if name.endswith(".dist-info/METADATA") and name.count("/") == 1)
        if not names:
            raise UsageError(f"`{self._path}` has no `*.dist-info/METADATA`; expected a wheel of Keras")
        return read_distribution(names[0].removesuffix(".dist-info/METADATA"), str(self.read(names[0])))
