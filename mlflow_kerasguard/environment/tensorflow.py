"""Which Keras comes with which TensorFlow, by the ``Requires-Dist`` of TensorFlow's own wheels."""

from __future__ import annotations

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mlflow_kerasguard import tensorflow_api
from mlflow_kerasguard.keras_api import Unknown

#: The distributions that bring the module ``tensorflow``.
DISTRIBUTIONS = (
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-gpu",
    "tensorflow-macos",
    "tensorflow-intel",
    "tensorflow-rocm",
    "tensorflow-cpu-aws",
    "tensorflow-aarch64",
)

#: The releases before it contain their Keras.
_FIRST_WITHOUT = Version("2.6")


def keras_of(specifier: SpecifierSet) -> SpecifierSet | None:
    """What every TensorFlow of a specifier asks of Keras, or has inside.

    None where they differ, or where none of them is known.
    """
    asked = {_asked(version) for version in specifier.filter(tensorflow_api.releases())}
    (only,) = asked if len(asked) == 1 else (None,)
    return None if only is None else SpecifierSet(only)


def requires(version: str) -> tuple[str, ...]:
    """What a TensorFlow release asks of Keras, as a ``Requires-Dist`` line."""
    try:
        asked = _asked(version)
    except Unknown:
        return ()
    return (f"keras{asked}",) if asked and Version(version) >= _FIRST_WITHOUT else ()


def _asked(version: str) -> str | None:
    """The specifier for ``keras``; of releases with a Keras inside, that Keras."""
    release = Version(version)
    if release < _FIRST_WITHOUT:
        return f"=={release.major}.{release.minor}.0"
    found = (Requirement(line) for line in tensorflow_api.find_release(version).requires)
    return next((str(item.specifier) for item in found if item.name == "keras"), None)
