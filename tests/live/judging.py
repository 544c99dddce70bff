"""Our own verdict on a file for a release, to hold against what happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.releases import Release

#: Says which verdict we give on a file: `compatible`, `incompatible` or `undecided`.
Judge = Callable[[Path], str]


def judge_for(release: Release, packages: dict[str, str]) -> Judge:
    """The judge for a loader, with the packages that it had."""
    from mlflow_kerasguard.engine import check_model
    from mlflow_kerasguard.environment import Distribution, Environment
    from mlflow_kerasguard.formats import read_model
    from mlflow_kerasguard.keras_api.history import find_release

    package = "tf_keras" if release.module == "tf_keras" else "keras"
    versions = {package if name == "keras" else name: version for name, version in packages.items()}
    environment = Environment(
        source=f"Keras {release.name}",
        python=versions.pop("python"),
        platform="linux",
        distributions={name: Distribution(name=name, version=version) for name, version in versions.items()},
        complete=True,
        read_keras_api=lambda asked: find_release(asked, packages["keras"]).api,
        has_module=lambda name: name in versions,
    )
    return lambda file: check_model(read_model(file), environment).verdict.value


def happened(outcome: dict[str, Any]) -> str:
    """The verdict that would have been right."""
    good = outcome["load"] == "ok" and outcome.get("predictions", "same") == "same"
    return "compatible" if good else "incompatible"
