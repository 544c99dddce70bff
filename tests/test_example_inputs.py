"""Inputs that are made up from what a model says of itself."""

from __future__ import annotations

import types

import numpy as np
import pytest
from mlflow.models import infer_signature

from mlflow_kerasguard.example_inputs import OPEN_LENGTHS, ROWS, generate_inputs
from tests.keras_cases import CASES, Doubled, keras, rows, sequential

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_models_predict_on_them(case):
    model = case.make()
    first, second = generate_inputs(model), generate_inputs(model)
    assert str(first) == str(second), "the same model gets the same ones"
    if not isinstance(first, np.ndarray) or first.dtype.kind != "U":  # Keras takes no arrays of text.
        assert model.predict(first, verbose=0) is not None


def test_of_a_schema_with_tensors():
    given = {"a": np.zeros((3, 2), "int64"), "b": np.zeros((3, 4), bool), "c": np.array([["x"], ["y"], ["z"]])}
    made = generate_inputs(sequential(), infer_signature(given).inputs)
    assert {name: (value.shape, value.dtype.kind) for name, value in made.items()} == {
        "a": ((ROWS, 2), "i"),
        "b": ((ROWS, 4), "b"),
        "c": ((ROWS, 1), "U"),
    }
    assert generate_inputs(sequential(), infer_signature(rows(3, 7)).inputs).shape == (ROWS, 7)


def test_columns_say_nothing_of_the_models_own_inputs():
    import pandas as pd

    table = infer_signature(pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0]})).inputs
    assert generate_inputs(sequential(), table).shape == (ROWS, 3)


def test_open_dimensions_get_a_length():
    inputs = keras.Input((None, 3), dtype="float16")
    made = generate_inputs(keras.Model(inputs, keras.layers.Activation("relu")(inputs)))
    assert (made.shape, str(made.dtype)) == ((ROWS, OPEN_LENGTHS[0], 3), "float16")


def test_a_number_of_rows_that_is_fixed():
    inputs = keras.Input((3,), batch_size=5)
    assert generate_inputs(keras.Model(inputs, keras.layers.Activation("relu")(inputs))).shape == (5, 3)


def test_models_that_say_nothing():
    assert generate_inputs(types.SimpleNamespace()) is None
    for config in (None, {}, {"input_shape": None}, {"input_shape": "text"}, {"input_shape": [1.5]}):
        assert generate_inputs(types.SimpleNamespace(get_build_config=lambda config=config: config)) is None


def test_of_the_shapes_that_a_model_was_built_for():
    model = Doubled()
    model({"first": rows(1, 3), "second": rows(1, 3)})
    assert set(generate_inputs(model)) == {"first", "second"}
