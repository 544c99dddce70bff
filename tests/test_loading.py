"""Loading: the check comes first, and what it refuses runs nothing of the model."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import mlflow
import numpy as np
import pytest

from mlflow_kerasguard import (
    IncompatibleModelError,
    KerasGuardError,
    LoadFailedError,
    ModelNotFoundError,
    _load_pyfunc,
    check,
    load_model,
    loading,
    save_model,
)
from mlflow_kerasguard.environment import Distribution
from mlflow_kerasguard.keras_runtime import import_keras, innermost_message
from tests.builders import environment, model
from tests.conftest import sign_again
from tests.files import dense, layer, write_keras
from tests.keras_cases import BACKEND, IS_KERAS_3, keras, rows, sequential

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

NOISY = """
import {keras} as keras, os, pathlib
pathlib.Path(os.environ["MARKER"]).touch()
class Noisy(keras.layers.Layer):
    def call(self, inputs):
        return inputs
"""


def edit_config(file: Path, change) -> None:
    """Rewrite the configuration inside a `.keras` file."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def add_unknown_key(config) -> None:
    config["config"]["layers"][-2]["config"]["from_the_future"] = 1


@pytest.fixture
def noisy(local_modules, tmp_path, monkeypatch):
    """A logged model whose layer leaves a mark when its module is imported; and where the mark would be."""
    marker = tmp_path / "marker"
    monkeypatch.setenv("MARKER", str(marker))
    module = local_modules(noisy_layers=NOISY.format(keras=keras.__name__))
    layers = [keras.layers.InputLayer((3,)), keras.layers.Dense(2), module.Noisy()]
    save_model(keras.Sequential(layers), tmp_path / "model", rehearse=False)
    del sys.modules["noisy_layers"]
    marker.unlink()
    return tmp_path / "model", marker


def test_what_is_compatible_is_run(noisy):
    directory, marker = noisy
    assert load_model(directory)
    assert marker.exists()


def test_nothing_of_a_refused_model_is_run(noisy):
    directory, marker = noisy
    edit_config(directory / "data" / "model.keras", add_unknown_key)
    sign_again(directory)
    with pytest.raises(IncompatibleModelError, match="from_the_future") as caught:
        load_model(directory)
    assert not marker.exists()
    assert str(caught.value) == str(caught.value.report)


def test_nothing_of_a_tampered_model_is_run(noisy):
    directory, marker = noisy
    code = directory / "kerasguard" / "code" / "noisy_layers.py"
    code.write_text(code.read_text() + "\n")
    with pytest.raises(IncompatibleModelError):
        load_model(directory)
    assert not marker.exists()


def test_a_refusal_is_also_mlflows_own_error(noisy):
    from mlflow.exceptions import MlflowException

    directory, _ = noisy
    edit_config(directory / "data" / "model.keras", add_unknown_key)
    sign_again(directory)
    for load in (load_model, _load_pyfunc):
        with pytest.raises(IncompatibleModelError) as caught:
            load(str(directory))
        assert isinstance(caught.value, MlflowException)
        assert isinstance(caught.value, KerasGuardError)
        assert (caught.value.error_code, caught.value.get_http_status_code()) == ("INVALID_PARAMETER_VALUE", 400)
        assert "from_the_future" in str(caught.value)


REFUSING = """
import sys
from mlflow_kerasguard import IncompatibleModelError, load_model, _load_pyfunc
try:
    load_model(sys.argv[1])
except IncompatibleModelError as error:
    print(error)
print([name for name in ("keras", "tf_keras", "tensorflow", "jax", "torch", "mlflow") if name in sys.modules])
"""


def test_a_refusal_imports_neither_keras_nor_mlflow(noisy):
    directory, _ = noisy
    edit_config(directory / "data" / "model.keras", add_unknown_key)
    sign_again(directory)
    command = [sys.executable, "-c", REFUSING, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=directory.parent, timeout=120)
    assert "from_the_future" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_bare_files(tmp_path):
    live = sequential()
    arguments = {} if IS_KERAS_3 else {"save_format": "keras"}
    live.save(tmp_path / "bare.keras", **arguments)
    data = rows(2, 3)
    loaded = load_model(tmp_path / "bare.keras")
    np.testing.assert_allclose(loaded.predict(data, verbose=0), live.predict(data, verbose=0), rtol=1e-5)


def test_custom_objects_of_the_caller(tmp_path, local_modules):
    module = local_modules(own=f"import {keras.__name__} as keras\nclass Own(keras.layers.Layer):\n    pass\n")
    live = keras.Sequential([keras.layers.InputLayer((3,)), module.Own()])
    live.save(tmp_path / "bare.keras", **({} if IS_KERAS_3 else {"save_format": "keras"}))
    with pytest.raises(IncompatibleModelError, match=r"`own\.Own`"):
        load_model(tmp_path / "bare.keras")
    loaded = load_model(tmp_path / "bare.keras", custom_objects={"Own": module.Own})
    assert isinstance(loaded.layers[-1], module.Own)
    assert "Own" not in keras.utils.get_custom_objects()


def test_objects_of_installed_packages_are_imported(tmp_path, monkeypatch, local_modules):
    text = f"import {keras.__name__} as keras\nclass Own(keras.layers.Layer):\n    pass\n"
    module = local_modules(**{"site-packages__theirs__layers": text})
    monkeypatch.syspath_prepend(Path(module.__file__).parent.parent)
    import theirs.layers

    live = keras.Sequential([keras.layers.InputLayer((3,)), theirs.layers.Own()])
    save_model(live, tmp_path / "model", rehearse=False)
    assert not list((tmp_path / "model" / "kerasguard" / "code").iterdir())
    assert type(load_model(tmp_path / "model").layers[-1]) is theirs.layers.Own


def test_a_lambda_needs_trust(tmp_path, monkeypatch):
    live = keras.Sequential([keras.layers.InputLayer((3,)), keras.layers.Lambda(lambda x: 2 * x)])
    save_model(live, tmp_path / "model", input_example=rows(2, 3), rehearse=False, allow_lambda=True)
    with pytest.raises(IncompatibleModelError):
        load_model(tmp_path / "model")
    with pytest.raises(IncompatibleModelError):
        mlflow.pyfunc.load_model(str(tmp_path / "model"))
    monkeypatch.setenv("MLFLOW_KERASGUARD_TRUSTED", "keras.layers.Other, keras.layers.Lambda")
    assert mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(rows(2, 3)).shape == (2, 3)
    assert not check(tmp_path / "model").safe
    assert check(tmp_path / "model", trusted=["keras.layers.Lambda"]).ok
    assert load_model(tmp_path / "model", trusted=["keras.layers.Lambda"], verify=True)


def test_what_keras_refuses_all_the_same_is_told_with_what_was_checked(tmp_path, local_modules):
    text = f"import {keras.__name__} as keras\nclass Odd(keras.layers.Layer):\n    pass\n"
    module = local_modules(odd=text)
    save_model(keras.Sequential([keras.layers.InputLayer((3,)), module.Odd()]), tmp_path / "model", rehearse=False)
    code = tmp_path / "model" / "kerasguard" / "code" / "odd.py"
    code.write_text("raise RuntimeError('the innermost reason')\n")
    sign_again(tmp_path / "model")
    with pytest.raises(LoadFailedError, match="RuntimeError: the innermost reason") as caught:
        load_model(tmp_path / "model")
    assert "report" in str(caught.value)
    assert str(caught.value.report) in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_undecided_models_can_be_refused(tmp_path, monkeypatch):
    path = write_keras(tmp_path / "model.keras", dense())
    incomplete = environment(packages={"keras": "3.15.1"}, complete=False)
    monkeypatch.setattr(loading, "installed", lambda: incomplete)
    with pytest.raises(IncompatibleModelError):
        load_model(path, allow_undecided=False)


def test_where_there_is_no_file_to_load(tmp_path, monkeypatch):
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    with pytest.raises(IncompatibleModelError):
        load_model(tmp_path)
    monkeypatch.delitem(sys.modules, "mlflow.exceptions", raising=False)
    with pytest.raises(IncompatibleModelError) as caught:
        load_model(tmp_path)
    assert type(caught.value) is IncompatibleModelError


@pytest.mark.parametrize("uri", ["absent", "absent:name", "models:/absent/1", "runs:/absent/model"])
def test_where_there_is_nothing(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/store.db")
    with pytest.raises(ModelNotFoundError, match=uri):
        load_model(uri)


def test_a_local_model_can_be_copied_first(logged, tmp_path):
    (tmp_path / "copies").mkdir()
    assert load_model(logged, tmp_path / "copies", verify=True)
    assert list((tmp_path / "copies").rglob("signature.json"))


BACKENDS = {
    "Keras is there already": ("jax", {"keras": "3.15.1", "jax": "0.5"}, None, BACKEND if IS_KERAS_3 else "tensorflow"),
    "the model's own": ("jax", {"keras": "3.15.1", "jax": "0.5"}, {}, "jax"),
    "the model's isn't installed": ("jax", {"keras": "3.15.1"}, {}, None),
    "the user's choice": ("jax", {"keras": "3.15.1", "jax": "0.5"}, {"KERAS_BACKEND": "torch"}, None),
    "unknown": (None, {"keras": "3.15.1"}, {}, None),
}


@pytest.mark.parametrize("case", BACKENDS.values(), ids=BACKENDS)
def test_the_backend_that_the_check_reckons_with(case, monkeypatch):
    saved, packages, variables, expected = case
    distributions = {name: Distribution(name=name, version=version) for name, version in packages.items()}
    here = environment(packages=distributions)
    monkeypatch.setattr(loading, "installed", lambda: here)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if variables is None:
        monkeypatch.setitem(sys.modules, "keras", keras)
    else:
        monkeypatch.delitem(sys.modules, "keras", raising=False)
    for name, value in (variables or {}).items():
        monkeypatch.setenv(name, value)
    assert loading.environment_of_loader(model(backend=saved)).configured_backend == expected


@pytest.mark.parametrize(
    ("chosen", "loaded", "expected"), [(None, False, "jax"), ("torch", False, "torch"), (None, True, None)]
)
def test_the_models_backend_is_chosen_unless_somebody_has_chosen(chosen, loaded, expected, tmp_path, monkeypatch):
    # A stand-in that remembers which backend it would have taken.
    text = "import os\n__version__ = '3.15.1'\nbackend_name = os.environ.get('KERAS_BACKEND')\n"
    (tmp_path / "stand_in.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "stand_in", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if chosen:
        monkeypatch.setenv("KERAS_BACKEND", chosen)
    if loaded:
        importlib.import_module("stand_in")
    assert import_keras("stand_in", "jax").module.backend_name == expected
    assert os.environ.get("KERAS_BACKEND") == chosen


def test_the_reason_at_the_bottom():
    error = ValueError("wrapped")
    error.__cause__ = KeyError("x" * 2000)
    text = innermost_message(error)
    assert text.startswith("KeyError: 'xxx")
    assert "…" in text
    assert len(text) < 700


def test_a_spec_from_elsewhere_is_judged_by_its_own_objects(tmp_path):
    path = write_keras(tmp_path / "model.keras", layer("Nowhere", module="nowhere.layers", registered_name="a>Nowhere"))
    with pytest.raises(IncompatibleModelError, match="nowhere"):
        load_model(path)
