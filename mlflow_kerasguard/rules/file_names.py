"""Which file names and containers a Keras takes: it chooses its loader by the extension."""

from __future__ import annotations

from packaging.version import Version

from mlflow_kerasguard.keras_api import KerasApi
from mlflow_kerasguard.rules.view import is_keras_3

#: The first release that loads an unzipped `.keras` directory.
_FIRST_WITH_DIRECTORIES = Version("3.4")
_EXTENSIONS = {"zip": (".keras",), "hdf5": (".h5", ".hdf5")}


def suits_all(name: str, container: str) -> bool:
    """Whether every Keras that knows the format reads a file of that name; extensions are lowercase."""
    return name.endswith(_EXTENSIONS.get(container, ()))


def takes_any_hdf5(api: KerasApi) -> bool:
    """Whether whatever isn't a zip archive is tried as HDF5: Keras 2 and `tf_keras`."""
    return not is_keras_3(api)


def takes_directories(api: KerasApi) -> bool:
    """Whether a directory with `config.json` is loaded."""
    return api.package == "keras" and Version(api.version) >= _FIRST_WITH_DIRECTORIES
