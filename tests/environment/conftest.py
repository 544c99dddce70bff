"""A history of releases that doesn't grow: what the readers of lists look releases up in."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.keras_api import Unknown, history
from tests.builders import CLASSES, environment

RELEASES = {
    "keras": ("2.4.0", "2.5.0", "2.6.0", "2.14.0", "2.15.0", "3.0.0", "3.5.0", "3.8.0", "3.12.4", "3.15.1"),
    "tf_keras": ("2.15.0", "2.18.0"),
}

#: What the model of ``tests.files.dense`` needs.
_CLASSES = {**CLASSES, "keras.layers.Dense": "units activation use_bias name dtype trainable"}


def keras_only(name: str, version: str) -> Environment:
    return environment(packages={name: version}, classes=_CLASSES, functions={"keras.activations.linear"})


def find_release(package: str, version: str) -> history.Release:
    if version not in RELEASES.get(package, ()):
        raise Unknown(f"no {package} {version}")
    return history.Release(
        package=package,
        version=version,
        requires=("numpy",),
        requires_python=">=3.9",
        api=keras_only(package.replace("_", "-"), version).read_keras_api(package),
    )


@pytest.fixture
def made_up_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "releases", lambda package: RELEASES.get(package, ()))
    monkeypatch.setattr(history, "find_release", find_release)
