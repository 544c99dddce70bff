"""The environment that a release of the record ran in, as the check sees it."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow_kerasguard.environment import Distribution, Environment
from mlflow_kerasguard.keras_api.history import find_release

#: The distributions that the record names.
_DISTRIBUTIONS = ("keras", "tensorflow", "h5py", "numpy")


def loaders_environment(release: Mapping[str, str]) -> Environment:
    """A release with its own Keras from the shipped history, and nothing else installed."""
    return Environment(
        source=f"Keras {release['keras']}",
        python=release["python"],
        platform="linux",
        distributions={name: Distribution(name=name, version=release[name]) for name in _DISTRIBUTIONS},
        complete=True,
        # Unknown where the history lacks the release; then nothing is decided.
        read_keras_api=lambda package: find_release(package, release["keras"]).api,
        has_module=lambda name: name in _DISTRIBUTIONS,
    )
