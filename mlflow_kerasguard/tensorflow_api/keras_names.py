"""The public names of each Keras release. Shipped data, written by ``python -m tools.history tensorflow``."""

from __future__ import annotations

from functools import cache

from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.tensorflow_api.table import NameTable, read_data

__all__ = ["PACKAGES", "find", "table"]

#: Data file beside this module.
KERAS_NAMES = "keras_names.json.gz"

#: ``keras`` is what ``import keras`` gives, ``tf.keras`` what TensorFlow shows of the same release
#: (since Keras 3 with further, older names), and ``tf_keras`` the package of that name.
PACKAGES = ("keras", "tf.keras", "tf_keras")


def find(package: str, version: str) -> frozenset[str]:
    """All public names of a release, such as ``keras.layers.Dense``, whatever the package is called.

    Args:
        package: one of ``PACKAGES``.
        version: a release of ``keras`` (2.4 and 2.5 are TensorFlow's own), or of ``tf_keras``.

    Raises:
        Unknown: the history lacks it.
    """
    return table(package).at(version)


@cache
def table(package: str) -> NameTable:
    """The names of all releases of a package; it also tells which release brought or dropped one.

    Raises:
        Unknown: there is no such package here.
    """
    document = _document().get(package)
    if document is None:
        raise Unknown(f"the public names of `{package}` aren't known")
    return NameTable.read(f"`{package}`", document)


@cache
def _document() -> dict[str, object]:
    return read_data(KERAS_NAMES)
