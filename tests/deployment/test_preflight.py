"""What is judged before a server starts: by the signature, in the environment that is going to serve."""

from __future__ import annotations

import re

import pytest

from mlflow_kerasguard import tracking
from mlflow_kerasguard.checking import check
from mlflow_kerasguard.cli import main
from mlflow_kerasguard.deployment.preflight import preflight
from mlflow_kerasguard.errors import ModelNotFoundError, UsageError
from mlflow_kerasguard.findings import Verdict
from tests.conftest import break_model
from tests.deployment.models import damage_weights, pin_old_keras
from tests.files import dense, write_keras

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.mark.parametrize("manager", ["local", "virtualenv", "uv", "conda"])
def test_a_model_passes_in_each_environment_that_could_serve_it(manager, logged):
    found = preflight(str(logged), manager=manager)
    assert found.passed
    assert re.fullmatch(r"[0-9a-f]{64}", found.signature_sha256)
    expected = "this interpreter" if manager == "local" else f"the environment that `{logged}` pins"
    assert found.report.environment.startswith(expected)


@pytest.mark.parametrize("manager", ["virtualenv", "conda"])
def test_what_counts_is_the_environment_that_mlflow_makes(manager, logged):
    pin_old_keras(logged)
    assert preflight(str(logged), manager="local").passed
    found = preflight(str(logged), manager=manager)
    assert not found.passed
    assert "keras 3.0.5" in found.report.environment


def test_an_incompatible_model_is_refused_by_its_signature(logged):
    break_model(logged)
    found = preflight(str(logged), manager="local")
    assert found.report.verdict is Verdict.INCOMPATIBLE
    assert "from_the_future" in str(found.report)


def test_the_weights_arent_read(registered, logged):
    damage_weights(logged)
    assert not check(registered).safe
    found = preflight(registered, manager="local")
    assert found.passed
    assert found.report.model == registered
    assert check(registered, by_signature=True).ok
    assert main(["check", "--by-signature", registered]) == 0


def test_but_they_have_to_be_there(registered, logged):
    (logged / "data" / "model.keras").unlink()
    assert not preflight(registered, manager="local").passed


@pytest.mark.parametrize("name", ["kerasguard/code/added.py", "weights.pkl"])
def test_files_count_by_their_names(name, registered, logged):
    (logged / name).write_text("x = 1\n")
    assert not preflight(registered, manager="local").report.safe


def test_the_policy_and_what_is_trusted_are_those_of_the_server(logged, monkeypatch):
    monkeypatch.setenv("MLFLOW_KERASGUARD_CUSTOM_CODE", "host")
    assert not preflight(str(logged), manager="local").passed, "the sources are gone"
    monkeypatch.setenv("MLFLOW_KERASGUARD_CUSTOM_CODE", "none")
    with pytest.raises(UsageError, match="MLFLOW_KERASGUARD_CUSTOM_CODE"):
        preflight(str(logged), manager="local")


def test_a_model_of_another_flavor_is_read(tmp_path):
    (tmp_path / "data").mkdir()
    write_keras(tmp_path / "data" / "model.keras", dense())
    (tmp_path / "MLmodel").write_text("flavors:\n  keras:\n    data: data\n")
    found = preflight(str(tmp_path), manager="local")
    assert found.passed
    assert found.signature_sha256 is None
    with pytest.raises(UsageError, match="has no compatibility signature"):
        check(tmp_path, by_signature=True)


def test_files_of_an_environment_that_cant_be_read(registered, logged):
    (logged / "requirements.txt").write_text("keras=3\n")
    with pytest.raises(UsageError, match=re.escape(f"`{registered}/requirements.txt`, line 1: ")):
        preflight(registered, manager="uv")


def test_a_listing_without_an_end(registered, monkeypatch):
    monkeypatch.setattr(tracking, "MOST_FILES", 3)
    with pytest.raises(ModelNotFoundError, match="more than 3 files"):
        preflight(registered, manager="local")


def test_what_is_no_model_at_all(tmp_path, store):
    with pytest.raises(ModelNotFoundError):
        preflight(str(tmp_path / "nowhere"), manager="local")
    with pytest.raises(ModelNotFoundError, match="models:/nobody/1"):
        preflight("models:/nobody/1", manager="local")
    (tmp_path / "files").mkdir()
    with pytest.raises(ModelNotFoundError, match="no file `MLmodel`"):
        preflight((tmp_path / "files").as_uri(), manager="local")
    assert not preflight(str(tmp_path / "files"), manager="local").passed
