"""The environment that a release of the record ran in, as the check sees it."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.version import Version

from mlflow_kerasguard.environment import Distribution, Environment
from mlflow_kerasguard.keras_api.history import find_release

#: The distributions that the record names.
_DISTRIBUTIONS = ("tensorflow", "h5py", "numpy")


def loaders_environment(release: Mapping[str, str]) -> Environment:
    """A release with its own Keras from the shipped history, and nothing else installed."""
    # After 2.15, Keras 2 goes on as `tf_keras`.
    is_legacy = Version("2.16") <= Version(release["keras"]) < Version("3")
    package = "tf_keras" if is_legacy else "keras"
    versions = {**release, "tf-keras": release["keras"]}
    names = (package.replace("_", "-"), *_DISTRIBUTIONS)
    return Environment(
        source=f"Keras {release['keras']}",
        python=release["python"],
        platform="linux",
        distributions={name: Distribution(name=name, version=versions[name]) for name in names},
        complete=True,
        # Unknown where the history lacks the release; then nothing is decided.
        read_keras_api=lambda asked: find_release(asked, release["keras"]).api,
        has_module=lambda name: name in (package, *_DISTRIBUTIONS),
    )
