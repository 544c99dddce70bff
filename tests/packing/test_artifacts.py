"""A pack among the artifacts of a run: stored, brought back, and what can be wrong with either."""

from __future__ import annotations

import mlflow
import pytest

from mlflow_kerasguard.cli import main
from mlflow_kerasguard.errors import ModelNotFoundError, PackError, UsageError
from mlflow_kerasguard.packing.manifest import manifest_of
from mlflow_kerasguard.packing.pack import pack
from mlflow_kerasguard.packing.unpack import unpack

pytestmark = [pytest.mark.usefixtures("store"), pytest.mark.filterwarnings("ignore::UserWarning:mlflow")]


@pytest.fixture
def run_id(store) -> str:
    with mlflow.start_run() as run:
        return run.info.run_id


def names(run_id: str) -> set[str]:
    return {item.path for item in mlflow.MlflowClient().list_artifacts(run_id, "environment")}


def test_there_and_back(prefix, run_id, tmp_path, capsys):
    output = tmp_path / "env.tar.gz"
    assert main(["pack", str(prefix), "-o", str(output), "--run-id", run_id]) == 0
    uri = f"runs:/{run_id}/environment/env.tar.gz"
    assert f"stored    {uri}" in capsys.readouterr().out
    assert names(run_id) == {"environment/env.tar.gz", "environment/env.tar.gz.json"}
    assert output.is_file()
    output.unlink()
    assert main(["unpack", uri, "-o", str(tmp_path / "there")]) == 0
    assert (tmp_path / "there" / "lib" / "text.cfg").is_file()
    assert "-m MODEL --env-manager local" in capsys.readouterr().out


def test_a_run_that_isnt_there_is_told_before_anything_is_packed(prefix, tmp_path):
    with pytest.raises(UsageError, match="there is no run `absent`"):
        pack(prefix, tmp_path / "env.tar.gz", run_id="absent")
    assert not list(tmp_path.glob("env.tar.gz*"))


def test_what_cant_be_stored_stays_here(prefix, run_id, tmp_path, monkeypatch):
    def down(*_):
        raise mlflow.MlflowException("the artifact store is down")

    monkeypatch.setattr(mlflow.MlflowClient, "log_artifact", down)
    with pytest.raises(PackError, match=r"is written, but couldn't be stored .*: the artifact store is down; `mlflow"):
        pack(prefix, tmp_path / "env.tar.gz", run_id=run_id)
    assert (tmp_path / "env.tar.gz").is_file()
    assert manifest_of(tmp_path / "env.tar.gz").is_file()


def test_an_archive_without_its_manifest(packed, run_id, tmp_path):
    mlflow.MlflowClient().log_artifact(run_id, str(packed), "environment")
    with pytest.raises(ModelNotFoundError, match=r"env\.tar\.gz\.json"):
        unpack(f"runs:/{run_id}/environment/env.tar.gz", tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_wheels_are_a_directory_and_no_artifact(tmp_path, capsys):
    arguments = ["pack", "models:/m/1", "--format", "wheelhouse", "-o", str(tmp_path / "wheels"), "--run-id", "r"]
    assert main(arguments) == 2
    assert "leave `--run-id` out" in capsys.readouterr().err
