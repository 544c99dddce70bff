"""A registry with a version of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.audit.models import YOUNG, broken, foreign, guarded, other, register

#: Of a registered model's name, what MLflow lets pass.
ODD = "odd name @#?é%'"


@pytest.fixture
def fleet(store: None, tmp_path: Path) -> Path:
    """The directory of a registry's models; the registry is the one that is set."""
    from mlflow import MlflowClient

    models = tmp_path / "models"
    register("sum", guarded(models / "1"), guarded(models / "2", YOUNG), "/nowhere/to/be found")
    register("mixed", foreign(models / "3"), foreign(models / "4", YOUNG), other(models / "5"), broken(models / "6"))
    MlflowClient().create_registered_model(ODD)
    MlflowClient().create_model_version(ODD, (models / "1").as_uri())
    MlflowClient().set_registered_model_alias("sum", "champion", "1")
    MlflowClient().set_registered_model_alias("mixed", "champion", "2")
    return models
