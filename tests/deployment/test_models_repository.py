"""The repository of the scheme `models:`: MLflow's own, or one that refuses before it downloads."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository

from mlflow_kerasguard import IncompatibleModelError, check
from mlflow_kerasguard.deployment.models_repository import CHECK_DOWNLOADS
from tests.conftest import break_model
from tests.deployment.models import damage_weights

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def turned_on(monkeypatch):
    monkeypatch.setenv(CHECK_DOWNLOADS, "1")


def test_mlflow_finds_it():
    (point,) = entry_points(group="mlflow.artifact_repository", name="models")
    assert point.value == "mlflow_kerasguard.deployment.models_repository:make_repository"


@pytest.mark.parametrize("value", [None, "", "0", "false"])
def test_turned_off_it_is_mlflows_own(value, registered, logged, monkeypatch):
    monkeypatch.delenv(CHECK_DOWNLOADS, raising=False)
    if value is not None:
        monkeypatch.setenv(CHECK_DOWNLOADS, value)
    assert type(get_artifact_repository(registered)) is ModelsArtifactRepository
    break_model(logged)
    assert Path(mlflow.artifacts.download_artifacts(registered)).is_dir()


def test_a_compatible_model_is_downloaded(registered, turned_on, tmp_path):
    path = Path(mlflow.artifacts.download_artifacts(registered, dst_path=str(tmp_path)))
    assert (path / "data" / "model.keras").is_file()
    assert "registered_model_meta" in {item.name for item in path.iterdir()}, "as MLflow leaves it"


def test_an_incompatible_model_is_refused_before_its_weights_are_read(registered, logged, turned_on, tmp_path):
    break_model(logged)
    damage_weights(logged)
    with pytest.raises(IncompatibleModelError, match="from_the_future") as caught:
        mlflow.pyfunc.load_model(registered)
    assert isinstance(caught.value, MlflowException)
    with pytest.raises(IncompatibleModelError):
        mlflow.artifacts.download_artifacts(registered, dst_path=str(tmp_path))
    assert not (tmp_path / "data").exists()
    # Single files can be had, and what looks at the model itself isn't kept from it.
    assert Path(mlflow.artifacts.download_artifacts(f"{registered}/MLmodel", dst_path=str(tmp_path))).is_file()
    assert check(registered).model == registered


def test_models_of_other_flavors_are_mlflows_business(registered, logged, turned_on):
    (logged / "MLmodel").write_text("flavors:\n  sklearn: {}\n  keras:\n    data: data\n")
    damage_weights(logged)
    assert Path(mlflow.artifacts.download_artifacts(registered)).is_dir()


def test_where_nothing_is_mlflow_says_so(registered, logged, turned_on):
    (logged / "MLmodel").unlink()
    mlflow.artifacts.download_artifacts(registered)
    with pytest.raises(MlflowException, match="nobody"):
        mlflow.artifacts.download_artifacts("models:/nobody/1")
