"""What is seen of live custom objects, and that what the report tells people to write mends them."""

from __future__ import annotations

import random
import re
import textwrap

import numpy as np
import pytest

from mlflow_kerasguard import ContractError, load_model, save_model
from tests.custom_code.broken_classes import BROKEN, HEAD, ODD
from tests.keras_cases import BACKEND, IS_KERAS_3, keras, rows

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow"),
    # Keras itself warns of lambdas, and of layers that are built without a `build` of their own.
    pytest.mark.filterwarnings("ignore:.*lambda:UserWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]


def _model(module, made):
    layer = eval(made, vars(module))
    return keras.Sequential([keras.layers.InputLayer((3,)), layer])


def _report(module, made, path):
    with pytest.raises(ContractError) as caught:
        save_model(_model(module, made), path, input_example=rows(2, 3), rehearse=False)
    assert not path.exists()
    return caught.value.report


@pytest.mark.parametrize("name", [*BROKEN, *ODD])
def test_a_class_that_doesnt_come_back_is_refused(name, local_modules, tmp_path):
    source, made, code, words = {**BROKEN, **ODD}[name]
    module = local_modules(odd=HEAD + source)
    report = _report(module, made, tmp_path / "model")
    [finding] = [item for item in report.findings if item.code == code]
    # A layer whose name isn't in its config is known by its number.
    assert re.match(r"layers\[1\]|layers\[\"odd[\w]*\"\]", finding.where)
    assert words in "\n".join([finding.expected, finding.found, *finding.snippet])


@pytest.mark.skipif(not IS_KERAS_3, reason="the methods are those of Keras 3's own documentation")
@pytest.mark.parametrize("name", BROKEN)
def test_the_code_to_add_mends_the_class(name, local_modules, tmp_path):
    source, made, code, _ = BROKEN[name]
    module = local_modules(odd=HEAD + source)
    finding = next(item for item in _report(module, made, tmp_path / "model").findings if item.code == code)
    without = (
        re.sub(r"    def get_config\(self\):\n.*\n", "", source) if "def get_config" in finding.snippet[0] else source
    )
    mended = local_modules(mended=HEAD + without + textwrap.indent("\n".join(finding.snippet), "    ") + "\n")
    save_model(_model(mended, made), tmp_path / "mended", input_example=rows(2, 3), rehearse=False)
    assert load_model(tmp_path / "mended", verify=True)


SOUND = """
class Odd(keras.layers.Layer):
    def __init__(self, units=2, activation=None, dropout=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.dense = keras.layers.Dense(units, kernel_initializer=keras.initializers.RandomNormal(seed=3))
    def build(self, shape):
        self.dense.build(shape)
        self.width = shape[-1]
        self.factor = self.add_weight(shape=(self.units,), name="factor")
        super().build(shape)
    def call(self, x):
        return self.activation(self.dense(x) * self.factor)
    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "units": self.units, "activation": activation, "dropout": self.dropout}
"""


def test_a_sound_class_passes_and_random_numbers_stay_as_they_are(local_modules, tmp_path, caplog):
    module = local_modules(odd=HEAD + SOUND)
    model = _model(module, "Odd(4, 'relu')")
    random.seed(5)
    expected = random.random()
    random.seed(5)
    save_model(model, tmp_path / "model", input_example=rows(2, 3), rehearse=False)
    assert random.random() == expected
    assert "KG5" not in caplog.text


FUNCTIONAL = """
class Odd(keras.Model):
    def train_step(self, data):
        return super().train_step(data)
"""


def test_a_functional_model_of_ones_own_class(local_modules, tmp_path):
    module = local_modules(odd=HEAD + FUNCTIONAL)
    inputs = keras.Input((3,))
    save_model(module.Odd(inputs, keras.layers.Dense(2)(inputs)), tmp_path / "model", rehearse=False)
    assert type(load_model(tmp_path / "model", verify=True)).__name__ == "Odd"


MEASURED = """
class Odd(keras.layers.Layer):
    mean = 0.0
    def adapt(self, values):
        self.mean = float(values.mean())
    def call(self, x):
        return x - self.mean
    def get_config(self):
        return super().get_config()
"""


def test_what_was_measured_is_warned_of(local_modules, tmp_path, caplog):
    module = local_modules(odd=HEAD + MEASURED)
    model = _model(module, "Odd()")
    model.layers[-1].adapt(np.full(3, 4.0))
    save_model(model, tmp_path / "model", rehearse=False)
    assert "KG519" in caplog.text
    assert "`Odd.mean` to be `4.0`" in caplog.text


DERIVED = """
class Odd(keras.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = keras.layers.Dense(units)
    def call(self, x):
        return self.dense(x)
"""


@pytest.mark.skipif(not IS_KERAS_3, reason="Keras 2 derives nothing of models")
def test_what_keras_derives_of_a_model_may_be_wrong(local_modules, tmp_path):
    model = local_modules(odd=HEAD + DERIVED).Odd(7)
    model(rows(1, 3))
    with pytest.raises(ContractError, match=r"`units=7` in the config") as caught:
        save_model(model, tmp_path / "model", rehearse=False)
    assert caught.value.report.errors[0].code == "KG512"


LOSS = """
class Odd(keras.losses.Loss):
    def __init__(self, weight, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight
    def call(self, y_true, y_pred):
        return self.weight * (y_true - y_pred) ** 2
"""


def test_losses_are_looked_at_as_well(local_modules, tmp_path):
    module = local_modules(odd=HEAD + LOSS)
    model = keras.Sequential([keras.layers.InputLayer((3,)), keras.layers.Dense(3)])
    model.compile("sgd", loss=module.Odd(2.0))
    with pytest.raises(ContractError, match=r"which `Odd\.__init__` requires"):
        save_model(model, tmp_path / "model", rehearse=False)


def test_two_classes_of_one_name(local_modules, tmp_path):
    source = HEAD + SOUND
    local_modules(one=source, two=source)
    one, two = __import__("one"), __import__("two")
    model = keras.Sequential([keras.layers.InputLayer((3,)), one.Odd(3, name="first"), two.Odd(3, name="second")])
    with pytest.raises(ContractError, match="`two:Odd` and `one:Odd`"):
        save_model(model, tmp_path / "model", rehearse=False)


@pytest.mark.skipif(not IS_KERAS_3, reason="a Keras 2 has no modules in its files")
def test_a_class_named_as_kerass_own(local_modules, tmp_path, caplog):
    module = local_modules(odd=HEAD + SOUND.replace("Odd", "Dense"))
    model = keras.Sequential([keras.layers.InputLayer((3,)), module.Dense(3), keras.layers.Dense(2)])
    save_model(model, tmp_path / "model", input_example=rows(2, 3), rehearse=False)
    assert "KG523" in caplog.text
    assert load_model(tmp_path / "model", verify=True)
    if BACKEND == "tensorflow":
        with pytest.raises(ContractError, match=r"`odd:Dense` and `keras\.layers\.Dense`"):
            save_model(model, tmp_path / "other", save_format="h5", rehearse=False)


def _lambda_layer():
    return keras.layers.Lambda(lambda x: x * 2 + 1)


def test_a_lambda_is_refused_with_what_to_write_instead(tmp_path):
    model = keras.Sequential([keras.layers.InputLayer((3,)), _lambda_layer()])
    with pytest.raises(ContractError) as caught:
        save_model(model, tmp_path / "model")
    [finding] = caught.value.report.errors
    assert re.search(r"`lambda x: x \* 2 \+ 1` in test_observing\.py:\d+", finding.found)
    assert finding.snippet[-1] == "        return x * 2 + 1"


@pytest.mark.skipif(not IS_KERAS_3, reason="Keras 2 has no mark for lambdas")
def test_an_activation_that_is_a_lambda_never_comes_back(tmp_path):
    model = keras.Sequential([keras.layers.InputLayer((3,)), keras.layers.Dense(2, activation=lambda t: t * 3)])
    with pytest.raises(ContractError, match=r"`lambda t: t \* 3`"):
        save_model(model, tmp_path / "model", allow_lambda=True)
