"""Adoption that runs nothing of the model: from its files and the requirements that it was logged with."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import h5py
import mlflow
import numpy as np
import pytest
import yaml

from mlflow_kerasguard import UnsuitableRequirementsError, UsageError, adopt
from mlflow_kerasguard.artifact import open_logged_model
from mlflow_kerasguard.tracking import fetch
from tests.files import dense, write_keras
from tests.registry.adoption import stock
from tests.registry.adoption.stock import BACKEND, adopt_unloaded, refused

pytestmark = [
    pytest.mark.usefixtures("store"),
    pytest.mark.filterwarnings("ignore::UserWarning:(mlflow|keras).*", "ignore:.*HDF5 file.*"),
]


def _signature(uri):
    return open_logged_model(fetch(uri)).signature


def test_without_rehearsal_the_logged_requirements_stay(models):
    python_env = models / "functional" / "python_env.yaml"
    python_env.write_text(re.sub("python: .*", "python: 3.12.4", python_env.read_text()))
    conda = yaml.safe_load((models / "functional" / "conda.yaml").read_text())
    conda["dependencies"][0] = "python=3.12.4"
    (models / "functional" / "conda.yaml").write_text(yaml.safe_dump(conda))
    uri = stock.register(models / "functional")

    adoption = adopt_unloaded(uri)

    assert (adoption.uri, adoption.rehearsal) == ("models:/stock/2", "skipped")
    assert "requirements" in adoption.report.environment
    new = fetch("models:/stock/2")
    signature = _signature("models:/stock/2")
    assert (signature.python, signature.model.backend) == ("3.12.4", "tensorflow")
    assert dict(adoption.pins).keys() == {"keras", "mlflow", "mlflow-kerasguard", "tensorflow"}
    assert {*stock.PINS["keras"], *BACKEND} <= set((new / "requirements.txt").read_text().splitlines())
    assert yaml.safe_load((new / "python_env.yaml").read_text())["python"] == "3.12.4"
    mlmodel = yaml.safe_load((new / "MLmodel").read_text())
    assert mlmodel["flavors"]["python_function"]["python_version"] == "3.12.4"
    assert not (new / "kerasguard" / "golden.npz").exists()
    assert mlflow.pyfunc.load_model("models:/stock/2").predict(stock.two_inputs()) is not None


def test_code_is_packaged_without_running_it(models):
    code = models / "custom" / "code" / "own_layers.py"
    code.write_text(f"{code.read_text()}\nopen({str(models / 'ran')!r}, 'w').close()\n")
    uri = stock.register(models / "custom")
    adoption = adopt(uri, rehearse=False)
    assert not (models / "ran").exists()
    assert all("it is a pickle" in note for note in adoption.notes)
    signature = _signature(adoption.uri)
    assert signature.code.objects == {
        "Scale": "own_layers:Scale",
        "own>Shift": "own_layers:Shift",
        "twice": "own_layers:twice",
        "apart": "own_layers:apart",
    }
    assert set(signature.code.fingerprints) == set(signature.code.objects)
    example = mlflow.models.Model.load(adoption.uri).load_input_example(str(fetch(adoption.uri)))
    assert example.shape == (4, 3)


class _Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("rehearse", [True, False])
def test_a_pickle_is_never_read(models, rehearse):
    for name in ("data/custom_objects.cloudpickle", "data/global_custom_objects.cloudpickle", "code/more.pkl"):
        (models / "custom" / name).write_bytes(pickle.dumps(_Hostile(models / "ran")))
    adoption = adopt(stock.register(models / "custom"), rehearse=rehearse)
    assert adoption.outcome == "adopted"
    assert not (models / "ran").exists()
    assert not [path for path in fetch(adoption.uri).rglob("*") if "pickle" in path.name or path.suffix == ".pkl"]


def test_a_backend_that_nobody_names_is_asked_for(models):
    uri = stock.register(models / "functional")
    refused(UnsuitableRequirementsError, uri, "leave out `tensorflow`", rehearse=False)


def test_missing_requirements_are_asked_for(models):
    for name in ("requirements.txt", "conda.yaml"):
        (models / "functional" / name).unlink()
    uri = stock.register(models / "functional")
    refused(UsageError, uri, "has no `requirements.txt`", rehearse=False)
    given = models / "given.txt"
    given.write_text("\n".join([*stock.PINS["keras"], *BACKEND]))
    assert adopt(uri, rehearse=False, pip_requirements=str(given)).outcome == "adopted"


def test_requirements_that_the_model_does_not_load_with_are_refused(models):
    uri = stock.register(models / "functional")
    given = ["keras==2.15.0", "tensorflow==2.15.0"]
    refused(UnsuitableRequirementsError, uri, "its requirements", rehearse=False, pip_requirements=given)
    refused(UsageError, uri, "no requirements file", rehearse=False, pip_requirements="nowhere.txt")


def test_a_dry_run_changes_nothing_and_runs_nothing(models):
    code = models / "custom" / "code" / "own_layers.py"
    code.write_text(f"{code.read_text()}\nopen({str(models / 'ran')!r}, 'w').close()\n")
    uri = stock.register(models / "custom")
    before = stock.everything()
    for rehearse in (True, False):
        adoption = adopt(uri, dry_run=True, rehearse=rehearse)
        assert (adoption.outcome, adoption.uri, adoption.name) == ("planned", None, "stock")
        assert adoption.report.ok
    assert stock.everything() == before
    assert not (models / "ran").exists()


#: Adopts, and says which of the heavy packages it has imported.
APART = """
import sys
from mlflow_kerasguard import adopt
print(adopt(sys.argv[1], rehearse=False).uri)
print([name for name in ("keras", "tensorflow", "jax", "torch") if name in sys.modules])
"""


def test_no_keras_is_imported(models):
    uri = stock.register(models / "custom")
    command = [sys.executable, "-c", APART, uri]
    variables = {**os.environ, "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["models:/stock/2", "[]"], done.stderr


def test_the_backend_that_was_logged_is_kept(models):
    path = models / "functional" / "MLmodel"
    path.write_text(path.read_text().replace("keras_backend: tensorflow", "keras_backend: jax"))
    adoption = adopt(
        stock.register(models / "functional"), rehearse=False, extra_pip_requirements=["jax==0.7.1", "jaxlib==0.7.1"]
    )
    assert dict(adoption.pins)["jax"] == "0.7.1"
    assert _signature(adoption.uri).model.backend == "jax"


def test_a_backend_that_nothing_tells_is_asked_for(models):
    file = models / "own.keras"
    arguments = {"to": "bare", "rehearse": False, "code_paths": [models / "own_layers.py"]}
    refused(UsageError, file, "don't say which backend", pip_requirements=stock.PINS["keras"], **arguments)
    refused(UsageError, file, "has no `requirements.txt` to go by", **arguments)


def _write_keras_2(path: Path, version: str) -> Path:
    """An HDF5 file as Keras 2 writes it."""
    source = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "dtype": "float32", "name": "in"}}
    dense = {"class_name": "Dense", "config": {"name": "dense", "units": 2, "dtype": "float32"}}
    config = {"class_name": "Sequential", "config": {"name": "old", "layers": [source, dense]}}
    with h5py.File(path, "w") as file:
        file.attrs.update(model_config=json.dumps(config), keras_version=version, backend="tensorflow")
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = ["in", "dense"]
        weights.create_group("in").attrs["weight_names"] = []
        group = weights.create_group("dense")
        group.attrs["weight_names"] = ["dense/kernel:0", "dense/bias:0"]
        group["dense/kernel:0"], group["dense/bias:0"] = np.zeros((3, 2), "float32"), np.zeros(2, "float32")
    return path


@pytest.mark.parametrize(
    ("version", "given", "line", "package"),
    [
        ("2.5.0", ["tensorflow==2.5.0"], None, "keras"),
        ("2.15.0", ["tensorflow==2.15.0"], "keras==2.15.0", "keras"),
        ("2.18.0", ["tensorflow==2.18.0"], "tf-keras==2.18.0", "tf_keras"),
        ("3.8.0", ["tensorflow==2.18.0"], "keras==3.8.0", "keras"),
        ("3.8.0", ["tensorflow==2.18.0", "keras==3.9.0"], "keras==3.9.0", "keras"),
    ],
)
def test_the_keras_of_the_file_completes_the_requirements(tmp_path, version, given, line, package):
    write = (
        _write_keras_2 if version.startswith("2.") else lambda path, of: write_keras(path, dense(), keras_version=of)
    )
    path = write(tmp_path / ("old.h5" if version.startswith("2.") else "old.keras"), version)
    adoption = adopt(path, to="old", rehearse=False, pip_requirements=given)
    lines = [item for item in (fetch(adoption.uri) / "requirements.txt").read_text().splitlines() if "keras=" in item]
    assert lines == ([line] if line else [])
    assert _signature(adoption.uri).model.keras_package == package


def test_a_requirement_that_only_the_old_model_has_is_refused(models):
    path = models / "functional" / "requirements.txt"
    path.write_text("keras==3.15.1\n./wheels/shop-1.0-py3-none-any.whl\n")
    uri = stock.register(models / "functional")
    refused(UsageError, uri, "is a file of the old model", rehearse=False, extra_pip_requirements=BACKEND)


def test_constraints_and_conda_files_are_kept(models):
    directory = models / "functional"
    (directory / "constraints.txt").write_text("h5py<4\n")
    with (directory / "requirements.txt").open("a") as stream:
        stream.write("\n-c constraints.txt\n")
    first = adopt_unloaded(stock.register(directory))
    new = fetch(first.uri)
    assert (new / "constraints.txt").read_text() == "h5py<4"
    assert "-c constraints.txt" in (new / "requirements.txt").read_text().splitlines()
    (directory / "requirements.txt").unlink()
    second = adopt_unloaded(stock.register(directory, name="conda"))
    assert dict(second.pins) == dict(first.pins)
    (directory / "conda.yaml").write_text("dependencies: none\n")
    uri = stock.register(directory, name="third")
    refused(UsageError, uri, "has no list of `dependencies`", rehearse=False, extra_pip_requirements=BACKEND)
    (directory / "conda.yaml").write_text("a: [\n")
    refused(UsageError, uri, "can't be read", rehearse=False, extra_pip_requirements=BACKEND)
