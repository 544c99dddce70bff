"""Log, load and predict again: live models of the installed Keras, real files, a real tracking store."""

from __future__ import annotations

import json
import sys
import types

import mlflow
import numpy as np
import pytest

import mlflow_kerasguard
from mlflow_kerasguard import (
    CodeCaptureError,
    ContractError,
    KerasGuardError,
    ModelNotLoggableError,
    PredictionMismatchError,
    UnsuitableRequirementsError,
    UsageError,
    load_model,
    log_model,
    save_model,
    saving,
)
from mlflow_kerasguard.keras_runtime import KerasRuntime
from mlflow_kerasguard.model import Anomaly, ModelSpec
from tests.conftest import HELPERS, LAYERS, sign_again
from tests.keras_cases import BACKEND, CASES, IS_KERAS_3, Doubled, compiled, keras, rows, sequential

# MLflow warns about type hints of its own when it is imported.
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning:mlflow"), pytest.mark.usefixtures("store")]

#: Cases that a fresh process loads as well, which takes seconds each.
REHEARSED = {"compiled", "several inputs and outputs, dicts", "subclassed, lists", "brain floats", "strings"}

FORMATS = [(name, form) for name, case in CASES.items() for form in ("keras", "h5") if form == "keras" or case.h5]


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize(("name", "form"), FORMATS)
def test_what_is_saved_loads_and_predicts_the_same(name, form, tmp_path):
    case = CASES[name]
    rehearse = form == "keras" and name in REHEARSED
    save_model(case.make(), tmp_path / "model", input_example=case.example(), save_format=form, rehearse=rehearse)
    # Keras 3 can't read back the loss of a compiled model that it wrote as HDF5.
    assert load_model(tmp_path / "model", verify=True, compile=form == "keras" or not IS_KERAS_3)


def test_a_logged_model_is_a_complete_mlflow_model(tmp_path):
    example = rows(4, 3)
    model = sequential()
    with mlflow.start_run() as run:
        info = log_model(
            model,
            "digits",
            input_example=example,
            registered_model_name="registered",
            metadata={"by": "tests"},
            params={"units": 2},
            tags={"stage": "test"},
            model_type="classifier",
        )
    assert info.registered_model_version == 1
    assert info.metadata == {"by": "tests"}
    assert info.signature.inputs.inputs[0].shape == (-1, 3)
    assert info.signature.outputs.inputs[0].shape == (-1, 2)
    stored = mlflow.get_logged_model(info.model_id)
    assert (stored.name, stored.params["units"], stored.tags["stage"]) == ("digits", "2", "test")
    assert (stored.status, stored.source_run_id, stored.model_type) == ("READY", run.info.run_id, "classifier")
    for uri in (info.model_uri, "models:/registered/1", f"runs:/{run.info.run_id}/digits"):
        np.testing.assert_allclose(
            load_model(uri, verify=True).predict(example, verbose=0), model.predict(example), 1e-4
        )
    served = mlflow.pyfunc.load_model(info.model_uri)
    assert served.metadata.flavors["python_function"]["loader_module"] == "mlflow_kerasguard"
    assert "code" not in served.metadata.flavors["python_function"]
    np.testing.assert_allclose(served.predict(example), model.predict(example), 1e-4)


def test_training_goes_on(tmp_path):
    save_model(compiled(), tmp_path / "model", rehearse=False)
    model = load_model(tmp_path / "model")
    model.fit(rows(8, 3), rows(8, 2), verbose=0)
    assert not getattr(mlflow.pyfunc.load_model(str(tmp_path / "model")).get_raw_model(), "optimizer", None)


def test_a_custom_layer_travels_without_its_sources(logged):
    assert load_model(logged, verify=True).layers[-1].name == "scale"
    assert {"scale_layers", "helpers"}.isdisjoint(sys.modules)
    assert "tests>Scale" not in keras.utils.get_custom_objects()
    assert str(logged) not in "".join(sys.path)


def test_what_was_loaded_can_be_logged_again(logged, tmp_path):
    save_model(load_model(logged), tmp_path / "again", input_example=rows(2, 3), rehearse=False)
    assert load_model(tmp_path / "again", verify=True)
    names = {path.name for path in (tmp_path / "again" / "kerasguard" / "code").iterdir()}
    assert names == {"scale_layers.py", "helpers.py"}


def test_two_models_with_different_modules_of_one_name(logged, local_modules, tmp_path):
    module = local_modules(scale_layers=LAYERS.format(keras=keras.__name__), helpers=HELPERS.format(factor=5.0))
    model = keras.Sequential([keras.layers.InputLayer((3,)), module.Scale(name="scale")])
    save_model(model, tmp_path / "other", input_example=rows(4, 3), rehearse=False)
    first, second = load_model(logged, verify=True), load_model(tmp_path / "other", verify=True)
    ones = np.ones((1, 2), "float32")
    assert [float(np.asarray(m.layers[-1](ones))[0, 0]) for m in (first, second)] == [3.0, 5.0]
    assert sys.modules["scale_layers"] is module
    assert keras.utils.get_custom_objects()["tests>Scale"] is module.Scale


def _unbuilt():
    return keras.Sequential([keras.layers.Dense(2)])


def _with_layer(body: str):
    scope = {"keras": keras}
    exec(f"class Odd(keras.layers.Layer):\n{body}", scope)
    scope["Odd"].__module__ = "typed"
    return keras.Sequential([keras.layers.InputLayer((3,)), scope["Odd"]()])


def _unserializable():
    return _with_layer(
        "    def call(self, x): return x\n    def get_config(self): return {**super().get_config(), 'thing': object()}"
    )


class Unserializable(Doubled):
    def get_config(self):
        return {"thing": object()}


def _unserializable_model():
    model = Unserializable()
    model(rows(1, 3))
    return model


def _sourceless():
    return _with_layer("    def call(self, x): return x")


def _local():
    class Local(keras.layers.Layer):
        def call(self, x):
            return x

    return keras.Sequential([keras.layers.InputLayer((3,)), Local()])


def keras_pin() -> str:
    return f"{keras.__name__.replace('_', '-')}=={keras.__version__}"


#: Keras comes without a backend; but for tf-keras, which requires TensorFlow by itself.
LEFT_OUT = (
    (["mlflow"], "leave out `tf-keras`") if keras.__name__ == "tf_keras" else ([keras_pin()], f"leave out `{BACKEND}")
)

REFUSED = {
    "no Keras model": (lambda: 3, {}, ModelNotLoggableError, "`builtins.int`"),
    "unbuilt": (_unbuilt, {}, ModelNotLoggableError, "no weights yet"),
    "unserializable": (
        _unserializable,
        {},
        ModelNotLoggableError,
        r"KG513(?s:.*)`Odd\.get_config` returns an object of type `object`",
    ),
    "no source": (_sourceless, {}, CodeCaptureError, "`typed`, which has no source file"),
    "an unserializable model": (_unserializable_model, {}, ContractError, "`Unserializable.get_config` returns"),
    "local class": (_local, {}, CodeCaptureError, "inside a function"),
    "format": (sequential, {"save_format": "tf"}, UsageError, "`keras` or `h5`, not 'tf'"),
    "code path": (sequential, {"code_paths": ["absent"]}, UsageError, "nothing at `absent`"),
    "example": (sequential, {"input_example": rows(2, 7)}, ModelNotLoggableError, "doesn't predict on `input_example`"),
    "example's type": (sequential, {"input_example": object()}, ModelNotLoggableError, "`builtins.object`"),
    "requirements": (sequential, {"pip_requirements": "absent.txt"}, UsageError, "absent.txt"),
    "requirements without the backend": (
        sequential,
        {"pip_requirements": LEFT_OUT[0], "input_example": rows(2, 3)},
        UnsuitableRequirementsError,
        LEFT_OUT[1],
    ),
    "too many requirements": (
        sequential,
        {"pip_requirements": [], "extra_pip_requirements": []},
        UsageError,
        "Only one of",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_cant_be_logged_leaves_nothing(case, tmp_path):
    make, arguments, error, text = case
    model = make()
    with pytest.raises(error, match=text):
        save_model(model, tmp_path / "new" / "model", **arguments)
    assert not list((tmp_path / "new").iterdir())
    with pytest.raises(error, match=text):
        log_model(model, "model", **arguments)
    assert mlflow.search_logged_models(output_format="list") == []


def test_an_incomplete_configuration_is_refused(local_modules, tmp_path):
    # Keras 3 refuses by itself; Keras 2 writes an empty configuration without a word.
    module = local_modules(
        incomplete=f"""
import {keras.__name__} as keras
class Needy(keras.Model):
    def __init__(self, function):
        super().__init__()
        self.dense = keras.layers.Dense(2)
    def call(self, inputs):
        return self.dense(inputs)
    def get_config(self):
        return {{}}
"""
    )
    model = module.Needy(print)
    model(rows(1, 3))
    with pytest.raises(
        ContractError, match=r"KG511(?s:.*)`function` in the config, which `Needy.__init__` requires|KG510"
    ):
        save_model(model, tmp_path / "model")


def test_a_changed_model_doesnt_verify(tmp_path):
    model = sequential()
    save_model(model, tmp_path / "model", input_example=rows(4, 3), rehearse=False)
    from mlflow_kerasguard import golden

    path = tmp_path / "model" / "kerasguard" / "golden.npz"
    kept = golden.read(path)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    with pytest.raises(PredictionMismatchError, match=r"output  8 of 8 "):
        golden.verify(kept, lambda inputs: model.predict(inputs, verbose=0))


def test_verifying_needs_something_to_compare_with(tmp_path):
    save_model(sequential(), tmp_path / "model", rehearse=False)
    (tmp_path / "model" / "kerasguard" / "golden.npz").unlink()
    document = json.loads((tmp_path / "model" / "kerasguard" / "signature.json").read_text())
    sign_again(tmp_path / "model", files={n: d for n, d in document["files"].items() if "golden" not in n})
    with pytest.raises(UsageError, match="log the model with `input_example`"):
        load_model(tmp_path / "model", verify=True)


def test_everything_is_one_family_of_errors():
    assert issubclass(ModelNotLoggableError, KerasGuardError)
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        mlflow_kerasguard.absent  # noqa: B018 - the access itself raises
    assert set(dir(mlflow_kerasguard)) == set(mlflow_kerasguard.__all__)
    assert all(getattr(mlflow_kerasguard, name) is not None for name in mlflow_kerasguard.__all__)


def test_a_given_signature_is_kept(tmp_path):
    from mlflow.models import infer_signature

    given = infer_signature(rows(4, 3), rows(4, 2), params={"unused": 1})
    for name, arguments in {"alone": {}, "with an example": {"input_example": rows(2, 3)}}.items():
        save_model(sequential(), tmp_path / name, signature=given, rehearse=False, **arguments)
        assert mlflow.pyfunc.load_model(str(tmp_path / name)).metadata.signature == given


def test_what_cant_be_read_back_isnt_logged(tmp_path, monkeypatch):
    damaged = ModelSpec(source="", format="keras", anomalies=(Anomaly(kind="x", where="config.json", found="cut"),))
    monkeypatch.setattr(saving, "read_model", lambda _: damaged)
    with pytest.raises(ModelNotLoggableError, match=r"can't be read back: config\.json: cut"):
        save_model(sequential(), tmp_path / "model")


def test_a_keras_that_cant_serialize_single_layers(tmp_path):
    old = KerasRuntime(package="keras", version="2.8.0", module=types.ModuleType("keras"))
    assert not old.writes_keras_format
    with pytest.raises(ModelNotLoggableError, match=r"Keras 2\.8\.0 can't write this model as `\.h5`: AttributeError"):
        old.save(types.SimpleNamespace(), tmp_path / "model.h5")


def test_a_subclassed_models_own_class_is_packaged(tmp_path):
    model = Doubled(name="doubled")
    model(rows(1, 3))
    save_model(model, tmp_path / "model", rehearse=False)
    assert (tmp_path / "model" / "kerasguard" / "code" / "tests" / "keras_cases.py").is_file()
