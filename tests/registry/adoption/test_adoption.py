"""Adoption with everything: models of MLflow's own flavors become guarded versions that predict the same."""

from __future__ import annotations

import json
import sys

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from mlflow_kerasguard import adopt, load_model
from mlflow_kerasguard.artifact import open_logged_model
from mlflow_kerasguard.integrity import sha256_of
from tests.keras_cases import keras
from tests.registry.adoption import stock

pytestmark = [
    pytest.mark.usefixtures("store"),
    pytest.mark.filterwarnings("ignore::UserWarning:(mlflow|keras).*", "ignore:.*HDF5 file.*"),
]


def _fetched(uri):
    return open_logged_model(_path(uri))


def _path(uri):
    from mlflow_kerasguard.tracking import fetch

    return fetch(uri)


def test_a_logged_model_becomes_a_guarded_version(models):
    model, data = stock.functional(), stock.two_inputs()
    signature = mlflow.models.infer_signature(data, model.predict(data, verbose=0))
    with mlflow.start_run() as run:
        mlflow.keras.log_model(
            model,
            name="stock",
            signature=signature,
            registered_model_name="stock",
            pip_requirements=[*stock.PINS["keras"], "shop-features==1.0"],
            metadata={"team": "shop"},
            params={"width": 2},
        )
    client = MlflowClient()
    client.set_registered_model_alias("stock", "champion", "1")
    client.update_model_version("stock", "1", description="The first one.")
    expected = mlflow.pyfunc.load_model("models:/stock/1").predict(data)

    adoption = adopt("models:/stock@champion")

    assert (adoption.outcome, adoption.source, adoption.uri) == ("adopted", "models:/stock/1", "models:/stock/2")
    assert (adoption.logged_with, adoption.rehearsal) == ("mlflow.keras", "passed")
    assert adoption.notes == ("`shop-features==1.0` was among its requirements, and nothing of the model needs it",)
    old, new = (_fetched(uri) for uri in ("models:/stock/1", "models:/stock/2"))
    assert sha256_of(old.model_file) == sha256_of(new.model_file)
    assert (new.signature.adopted_from, new.signature.rehearsal.inputs) == ("models:/stock/1", "generated")

    version = client.get_model_version("stock", "2")
    assert version.tags["kerasguard.adopted_from"] == "models:/stock/1"
    assert version.tags["kerasguard.adopted_digest"] == f"sha256:{sha256_of(new.model_file)}"
    assert version.description.splitlines()[0].startswith("Adopted from models:/stock/1, which mlflow.keras logged")
    assert version.description.endswith("The first one.")
    assert version.run_id == run.info.run_id
    logged = client.get_logged_model(version.source.removeprefix("models:/"))
    assert (logged.source_run_id, logged.status, logged.params) == (run.info.run_id, "READY", {"width": "2"})
    assert client.get_model_version_by_alias("stock", "champion").version in {1, "1"}
    assert json.loads(logged.tags["mlflow.modelVersions"]) == [{"name": "stock", "version": 2}]
    assert client.get_model_version("stock", "1").tags == {"kerasguard.adopted_as": "models:/stock/2"}

    mlmodel = mlflow.models.Model.load("models:/stock/2")
    assert mlmodel.signature.inputs == signature.inputs
    assert mlmodel.metadata == {"team": "shop"}
    np.testing.assert_allclose(_numbers(mlflow.pyfunc.load_model("models:/stock/2").predict(data)), expected, rtol=1e-5)
    assert load_model("models:/stock/2", verify=True).optimizer is not None

    again = adopt("models:/stock/1")
    assert (again.outcome, again.uri) == ("found", "models:/stock/2")
    guarded = adopt("models:/stock/2")
    assert (guarded.outcome, guarded.uri) == ("guarded", "models:/stock/2")
    assert len(client.search_model_versions("name = 'stock'")) == 2


def _numbers(predicted):
    return next(iter(predicted.values())) if isinstance(predicted, dict) else predicted


def test_code_and_example_travel_along_and_a_pickle_does_not(models, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])  # MLflow puts the code of a model there for good.
    uri = stock.register(models / "custom")
    data = stock.rows(3, 3)
    own = mlflow.pyfunc.load_model(uri).predict(data)
    stock.forget("own_layers")

    adoption = adopt(uri, to="own")

    assert adoption.uri == "models:/own/1"
    pickles = [note for note in adoption.notes if note.endswith("it is a pickle, and was not read")]
    assert len(pickles) == len(list((models / "custom").rglob("*.cloudpickle"))) == 2
    new = _fetched("models:/own/1")
    assert not list(new.directory.rglob("*pickle*"))
    assert set(new.signature.code.objects) == {"Scale", "own>Shift", "twice", "apart"}
    assert new.signature.rehearsal.inputs == "example"
    mlmodel = mlflow.models.Model.load(str(new.directory))
    np.testing.assert_array_equal(
        mlmodel.load_input_example(str(new.directory)),
        mlflow.models.Model.load(uri).load_input_example(str(models / "custom")),
    )
    assert "own_layers" not in sys.modules
    assert load_model("models:/own/1", verify=True).loss.__name__ == "apart"
    assert not [name for name in keras.utils.get_custom_objects() if name.startswith("own>")]
    np.testing.assert_allclose(mlflow.pyfunc.load_model("models:/own/1").predict(data), own, rtol=1e-5)


def test_a_bare_hdf5_file_with_its_code(models):
    adoption = adopt(models / "own.h5", to="bare", code_paths=[models / "own_layers.py"])
    assert (adoption.source, adoption.uri) == ("own.h5", "models:/bare/1")
    new = _fetched("models:/bare/1")
    assert new.model_file.name == "model.h5"
    assert set(new.signature.code.objects) == {"Scale", "own>Shift", "twice", "apart"}
    assert MlflowClient().get_model_version("bare", "1").run_id in {None, ""}
    data = stock.rows(3, 3)
    expected = load_model(models / "own.keras", custom_objects=_classes(models)).predict(data, verbose=0)
    np.testing.assert_allclose(mlflow.pyfunc.load_model("models:/bare/1").predict(data), expected, rtol=1e-5)


def _classes(models):
    namespace = {"__name__": "elsewhere"}
    exec((models / "own_layers.py").read_text(), namespace)
    keras.utils.get_custom_objects().pop("own>Shift")
    return {"own>Shift": namespace["Shift"], **{name: namespace[name] for name in ("Scale", "twice", "apart")}}


def test_objects_of_this_process_go_along(models, local_modules):
    own = local_modules(own_layers=stock.OWN)
    objects = {**stock.own_objects(own), "own>Shift": own.Shift}
    adopt(models / "own.keras", to="bare", custom_objects=objects)
    stock.forget("own_layers")
    assert set(_fetched("models:/bare/1").signature.code.modules) == {"own_layers"}
    assert json.loads((_path("models:/bare/1") / "kerasguard" / "signature.json").read_text())["adopted_from"]
