"""What pyfunc hands over, and what it gets back."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.serving import KerasModelWrapper
from tests.keras_cases import CASES, HAS_STRINGS, keras, rows, sequential, several, strings, subclassed


class Echo:
    """A stand-in for a Keras model: gives back what it is fed, with what a model has beside it."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)

    def predict(self, inputs, verbose):
        assert verbose == 0, "a progress bar on every request"
        return inputs


NUMBERS = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")


def test_a_table_gives_a_table_with_its_index():
    model = sequential()
    table = pd.DataFrame(rows(3, 3), columns=list("abc"), index=[7, 8, 9])
    found = KerasModelWrapper(model).predict(table)
    assert isinstance(found, pd.DataFrame)
    assert list(found.index) == [7, 8, 9]
    np.testing.assert_allclose(found.to_numpy(), model.predict(table.to_numpy(), verbose=0), rtol=1e-5)


@pytest.mark.parametrize("data", [NUMBERS, NUMBERS.tolist(), tuple(map(tuple, NUMBERS.tolist()))], ids=type)
def test_numbers_give_an_array(data):
    found = KerasModelWrapper(Echo()).predict(data, params={"ignored": 1})
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, NUMBERS)


SEVERAL = {
    "dict": {"first": NUMBERS, "second": 2 * NUMBERS},
    "dict in another order": {"second": 2 * NUMBERS, "first": NUMBERS},
    "dict of lists": {"first": NUMBERS.tolist(), "second": (2 * NUMBERS).tolist()},
    "list": [NUMBERS, 2 * NUMBERS],
}


@pytest.mark.parametrize("structure", ["list", "dict"])
@pytest.mark.parametrize("data", SEVERAL.values(), ids=SEVERAL)
def test_several_inputs_and_outputs(structure, data):
    if structure == "dict" and isinstance(data, list):
        data = {"first": data[0], "second": data[1]}
    found = KerasModelWrapper(several(structure)).predict(data)
    assert set(found) == {"sums", "products"}
    np.testing.assert_allclose(found["products"], 2 * NUMBERS**2)


def test_columns_are_the_inputs_where_they_are_called_so():
    table = pd.DataFrame({"second": [[2.0, 4.0], [6.0, 8.0]], "first": NUMBERS.tolist()}, index=[5, 6])
    found = KerasModelWrapper(several("list")).predict(table)
    assert list(found.index) == [5, 6]
    np.testing.assert_allclose(found["products"].tolist(), 2 * NUMBERS**2)
    assert found["sums"].dtype == "float32"


def test_a_column_of_lists_is_a_batch():
    table = pd.DataFrame({"pixels": NUMBERS.tolist()})
    np.testing.assert_array_equal(KerasModelWrapper(Echo()).predict(table).to_numpy(), NUMBERS)


def test_one_named_input_in_a_dict():
    model = sequential()
    data = rows(2, 3)
    name = KerasModelWrapper(model)._input_names()[0]
    np.testing.assert_allclose(
        KerasModelWrapper(model).predict({name: data}), model.predict(data, verbose=0), rtol=1e-5
    )


def test_a_subclassed_model_takes_what_it_is_given():
    model = KerasModelWrapper(subclassed([rows(1, 3), rows(1, 3)]))
    found = model.predict([rows(2, 3), rows(2, 3)])
    assert [item.shape for item in found] == [(2, 2), (2, 2)]
    table = model._named([NUMBERS, NUMBERS])
    assert isinstance(table, list)
    named = KerasModelWrapper(subclassed(CASES["subclassed, dicts"].example()))
    assert set(named.predict({"first": rows(2, 3), "second": rows(2, 3)})) == {"first", "second"}


def test_tables_of_several_and_deep_outputs():
    wrapper = KerasModelWrapper(Echo())
    index = pd.DataFrame({"a": [1, 2]}, index=[3, 4])
    unnamed = wrapper.presented([NUMBERS, NUMBERS[:, 0]], index)
    assert unnamed["output_0"].tolist() == NUMBERS.tolist()
    assert unnamed["output_1"].tolist() == [1.0, 3.0]
    assert wrapper.presented(np.zeros((2, 3, 4)), index).shape == (2, 12)
    assert wrapper.presented(np.zeros(2), index).shape == (2, 1)


@pytest.mark.skipif(not HAS_STRINGS, reason="this backend has no strings")
def test_text():
    wrapper = KerasModelWrapper(strings())
    texts = [["yes"], ["no"]]
    from_array = wrapper.predict(np.array(texts))
    assert from_array.shape == (2, 2)
    for data in (texts, np.array(texts, dtype=object), pd.DataFrame(texts)):
        np.testing.assert_allclose(np.asarray(wrapper.predict(data)), from_array)


def test_outputs_are_of_types_that_json_knows():
    plain = KerasModelWrapper(Echo()).predict(np.array([b"yes", "no"], dtype=object))
    assert json.dumps(plain.tolist()) == '["yes", "no"]'
    assert KerasModelWrapper(Echo()).predict(np.array([], dtype=object)).dtype.kind == "U"
    model = CASES["brain floats"].make()
    assert KerasModelWrapper(model).predict(rows(2, 3)).dtype == "float32"


def test_other_types_are_refused():
    with pytest.raises(UsageError, match=r"not an instance of `builtins\.str`"):
        KerasModelWrapper(Echo()).predict("text")


def test_the_model_can_be_had():
    model = sequential()
    assert KerasModelWrapper(model).get_raw_model() is model


def test_nothing_is_printed(capsys):
    KerasModelWrapper(keras.Sequential([keras.layers.InputLayer((3,)), keras.layers.Dense(1)])).predict(rows(2, 3))
    assert capsys.readouterr().out == ""
