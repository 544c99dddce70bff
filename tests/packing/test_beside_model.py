"""`save_model(..., pack="conda")`."""

from __future__ import annotations

import json
import sys

import pytest
import yaml

from mlflow_kerasguard import check, save_model
from mlflow_kerasguard.cli import main
from mlflow_kerasguard.errors import NotPackableError, PackError, UsageError
from mlflow_kerasguard.integrity import sha256_of
from mlflow_kerasguard.packing.beside_model import plan_packing
from tests.conftest import sign_again
from tests.keras_cases import keras, rows
from tests.packing.conda_like import make_editable, make_prefix

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

PACK = "kerasguard/environment.tar.gz"


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """The tests' interpreter believes to be in it."""
    made = make_prefix(tmp_path / "env", tmp_path / "cache", with_keras=True)
    monkeypatch.setattr("mlflow_kerasguard.packing.beside_model.own_prefix", lambda: made)
    return made


def small_model():
    return keras.Sequential([keras.layers.InputLayer((3,)), keras.layers.Dense(2)])


def test_it_goes_along(prefix, tmp_path, capsys):
    model = tmp_path / "model"
    save_model(small_model(), model, input_example=rows(4, 3), pack="conda", rehearse=False)
    signature = json.loads((model / "kerasguard" / "signature.json").read_text())
    assert signature["files"][f"{PACK}.json"] == sha256_of(model / f"{PACK}.json")
    assert PACK not in signature["files"], "a load doesn't read half a gigabyte"
    assert yaml.safe_load((model / "MLmodel").read_text())["flavors"]["kerasguard"]
    assert check(model).ok
    assert main(["unpack", str(model), "-o", str(tmp_path / "there")]) == 0
    assert f"serve -m {model} " in capsys.readouterr().out
    (model / f"{PACK}.json").write_text("{}")
    assert "KG114" in {finding.code for finding in check(model).findings}, "and neither can the manifest be changed"


def test_an_environment_that_changed_since_then(logged, prefix, tmp_path, capsys):
    environment = json.loads((logged / "kerasguard" / "signature.json").read_text())["environment"]
    sign_again(logged, environment={**environment, "distributions": {**environment["distributions"], "h5py": "1.0"}})
    arguments = ["pack", str(logged), "--env", str(prefix), "-o", str(tmp_path / "env.tar.gz")]
    assert main(arguments) == 1
    said = capsys.readouterr().out
    assert "KG455" in said
    assert "h5py==1.0" in said
    assert not (tmp_path / "env.tar.gz").exists()
    assert main([*arguments, "--allow-changed"]) == 0


def test_what_cannot_be_packed_is_told_before_anything_else(prefix, tmp_path):
    make_editable(prefix, "shop", "/home/me/shop")
    with pytest.raises(NotPackableError, match="KG450"):
        save_model("not even a model", tmp_path / "model", pack="conda")
    assert not (tmp_path / "model").exists()


def test_outside_of_conda(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (tmp_path / "pyvenv.cfg").touch()
    with pytest.raises(PackError, match=r"is a virtual environment.*--format wheelhouse"):
        save_model("not even a model", tmp_path / "model", pack="conda")


def test_another_word():
    with pytest.raises(UsageError, match="`pack` has to be `conda` or None, not 'zip'"):
        plan_packing("zip")
    assert plan_packing(None) is None
