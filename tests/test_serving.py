"""What pyfunc hands over, and what it gets back."""

from __future__ import annotations

import json
import sys
import threading

import numpy as np
import pandas as pd
import pytest

from mlflow_kerasguard.errors import InvalidInputError
from mlflow_kerasguard.serving import KerasModelWrapper
from tests.keras_cases import CASES, HAS_STRINGS, keras, rows, sequential, several, strings, subclassed

NUMBERS = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")


def identity(*shape: int, dtype: str = "float32") -> KerasModelWrapper:
    """Gives back what it is fed."""
    inputs = keras.Input(shape, dtype=dtype, name="fed")
    return KerasModelWrapper(keras.Model(inputs, keras.layers.Activation("linear")(inputs)))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_predictions_are_keras_own(case):
    wrapper = KerasModelWrapper(case.make())
    inputs = wrapper.inputs_from(case.example())
    expected, found = wrapper.predict_as_keras(inputs), wrapper.predict_arrays(inputs)
    assert type(found) is type(expected)
    named = (
        {"output": value}
        if isinstance(value, np.ndarray)
        else dict(value)
        if isinstance(value, dict)
        else dict(enumerate(value))
        for value in (expected, found)
    )
    expected, found = named
    assert set(expected) == set(found)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_allclose(found[name], value, rtol=1e-2, atol=1e-4)


def test_a_table_gives_a_table_with_its_index():
    model = sequential()
    table = pd.DataFrame(rows(3, 3), columns=list("abc"), index=[7, 8, 9])
    found = KerasModelWrapper(model).predict(table)
    assert isinstance(found, pd.DataFrame)
    assert list(found.index) == [7, 8, 9]
    np.testing.assert_allclose(found.to_numpy(), model.predict(table.to_numpy(), verbose=0), rtol=1e-5)


@pytest.mark.parametrize("data", [NUMBERS, NUMBERS.tolist(), tuple(map(tuple, NUMBERS.tolist()))], ids=type)
def test_numbers_give_an_array(data):
    found = identity(2).predict(data, params={"ignored": 1})
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, NUMBERS)
    found[:] = 0  # Whoever asked may write to it.


SEVERAL = {
    "dict": {"first": NUMBERS, "second": 2 * NUMBERS},
    "dict in another order, and more": {"second": 2 * NUMBERS, "more": [0], "first": NUMBERS},
    "dict of lists": {"first": NUMBERS.tolist(), "second": (2 * NUMBERS).tolist()},
    "rows": [{"first": row.tolist(), "second": (2 * row).tolist()} for row in NUMBERS],
    "list": [NUMBERS, 2 * NUMBERS],
}


@pytest.mark.parametrize("structure", ["list", "dict"])
@pytest.mark.parametrize("data", SEVERAL.values(), ids=SEVERAL)
def test_several_inputs_and_outputs(structure, data):
    if structure == "dict" and isinstance(data, list) and isinstance(data[0], np.ndarray):
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
    np.testing.assert_array_equal(identity(2).predict(table).to_numpy(), NUMBERS)


def test_columns_of_different_types():
    table = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [True, False], "d": pd.array([1, None], "Int64")})
    found = identity(4).predict(table).to_numpy()
    np.testing.assert_array_equal(found, np.array([[1, 0.5, 1, 1], [2, 1.5, 0, np.nan]], "float32"))


@pytest.mark.parametrize("name", ["fed", "called otherwise in the signature"])
def test_one_named_input_in_a_dict(name):
    np.testing.assert_array_equal(identity(2).predict({name: NUMBERS}), NUMBERS)


SHAPES = {
    "several dimensions": ((2, 3), np.zeros((4, 2, 3), "float32"), (4, 2, 3)),
    "open dimensions": ((None, 3), np.zeros((4, 7, 3), "float32"), (4, 7, 3)),
    "a dimension of one is added": ((1,), np.zeros(4, "float32"), (4, 1)),
    "a dimension of one is taken away": ((2,), np.zeros((4, 2, 1), "float32"), (4, 2)),
    "one row": ((2,), np.zeros((1, 2), "float32"), (1, 2)),
    "no rows": ((2, 3), np.zeros((0, 2, 3), "float32"), (0, 2, 3)),
    "an empty list": ((2, 3), [], (0, 2, 3)),
}


@pytest.mark.parametrize("case", SHAPES.values(), ids=SHAPES)
def test_shapes(case):
    shape, data, expected = case
    assert identity(*shape).predict(data).shape == expected


def test_no_rows_of_several_outputs():
    wrapper = KerasModelWrapper(several("dict"))
    found = wrapper.predict({"first": NUMBERS[:0], "second": NUMBERS[:0]})
    assert {name: value.shape for name, value in found.items()} == {"sums": (0, 1), "products": (0, 2)}
    table = wrapper.predict(pd.DataFrame({"first": NUMBERS.tolist(), "second": NUMBERS.tolist()})[:0])
    assert sorted(table.columns) == ["products", "sums"]
    assert len(table) == 0


WRONG = {
    "a shape": (np.zeros((2, 3)), r"input `fed` has the shape \(2, 3\), and the model takes \(any, 2\)"),
    "ragged": ([[1.0, 2.0], [3.0]], "different lengths"),
    "text": ([["a", "b"]], "input `fed` holds text, which can't be `float32` without loss"),
    "a string": ("text", r"not an instance of `builtins\.str`"),
    "a table's column": (pd.DataFrame({"a": [1.0], "b": ["x"]}), "column `b` holds text"),
    "a table's object": (pd.DataFrame({"a": [1.0], "b": [{}]}), "column `b` holds values that aren't numbers: dict"),
    "no columns": (pd.DataFrame(index=[0]), "no columns"),
    "a batch size": (NUMBERS, "`batch_size` has to be a whole number above 0, not 0"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_doesnt_fit_is_refused(case):
    data, message = case
    with pytest.raises(InvalidInputError, match=message):
        identity(2).predict(data, params={"batch_size": 0} if "batch_size" in message else None)


def test_several_inputs_are_named_in_refusals():
    wrapper = KerasModelWrapper(several("dict"))
    with pytest.raises(
        InvalidInputError, match="`second` is missing: given is `first`, `third`; the model takes `first`, `second`"
    ):
        wrapper.predict({"first": NUMBERS, "third": NUMBERS})
    with pytest.raises(InvalidInputError, match="different numbers of rows: `first` 2, `second` 1"):
        wrapper.predict({"first": NUMBERS, "second": NUMBERS[:1]})
    with pytest.raises(InvalidInputError, match="2 inputs were given, and the model takes a dict of `first`, `second`"):
        wrapper.predict_arrays([NUMBERS, NUMBERS])
    with pytest.raises(InvalidInputError, match="don't name the same inputs"):
        wrapper.predict([{"first": [1.0]}, {"second": [1.0]}])


def test_a_refusal_is_one_of_mlflows_own_errors_where_they_are_known():
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        identity(2).predict(np.zeros((2, 3)))
    assert caught.value.get_http_status_code() == 400
    assert isinstance(caught.value, InvalidInputError)
    assert caught.value.message.startswith("input `fed` has the shape")


def test_elsewhere_a_refusal_is_our_own(monkeypatch):
    monkeypatch.delitem(sys.modules, "mlflow.exceptions", raising=False)
    with pytest.raises(InvalidInputError) as caught:
        identity(2).predict(np.zeros((2, 3)))
    assert type(caught.value) is InvalidInputError


def test_what_the_model_raises_is_told():
    model = subclassed(rows(1, 3))
    with pytest.raises(InvalidInputError, match="the model doesn't predict on this input: "):
        KerasModelWrapper(model).predict(rows(2, 5))
    assert KerasModelWrapper(model).predict(rows(2, 3)).shape == (2, 2)


def test_a_subclassed_model_takes_what_it_is_given():
    model = KerasModelWrapper(subclassed([rows(1, 3), rows(1, 3)]))
    found = model.predict([rows(2, 3), rows(2, 3)])
    assert {name: item.shape for name, item in found.items()} == {"output_0": (2, 2), "output_1": (2, 2)}
    named = KerasModelWrapper(subclassed(CASES["subclassed, dicts"].example()))
    data = {"first": rows(2, 3).tolist(), "second": rows(2, 3).tolist()}
    assert set(named.predict(data)) == {"first", "second"}
    assert list(named.predict(pd.DataFrame(data)).columns) == ["first", "second"]
    table = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [3.0, 4.0]})
    assert KerasModelWrapper(subclassed(rows(1, 3))).predict(table).shape == (2, 2)


def test_tables_of_several_and_deep_outputs():
    wrapper = identity(2)
    index = pd.DataFrame({"a": [1, 2]}, index=[3, 4])
    unnamed = wrapper.presented([NUMBERS, NUMBERS[:, 0]], index)
    assert unnamed["output_0"].tolist() == NUMBERS.tolist()
    assert unnamed["output_1"].tolist() == [1.0, 3.0]
    deep = wrapper.presented({"a": NUMBERS[:, 0], "b": [NUMBERS[:, 0], NUMBERS[:, 1]]}, index)
    assert list(deep.columns) == ["a", "b_0", "b_1"]
    assert wrapper.presented(np.zeros((2, 3, 4)), index).shape == (2, 12)
    assert wrapper.presented(np.zeros(2), index).shape == (2, 1)


@pytest.mark.skipif(not HAS_STRINGS, reason="this backend has no strings")
def test_text():
    wrapper = KerasModelWrapper(strings())
    texts = [["yes"], ["no"]]
    from_array = wrapper.predict(np.array(texts))
    assert from_array.shape == (2, 2)
    forms = (texts, np.array(texts, dtype=object), np.array(texts, dtype="S"), pd.DataFrame(texts))
    for data in (*forms, pd.DataFrame(texts, dtype=object)):
        np.testing.assert_allclose(np.asarray(wrapper.predict(data)), from_array)
    with pytest.raises(InvalidInputError, match="can't be `string`"):
        wrapper.predict([[1.0]])
    assert json.dumps(identity(1, dtype="string").predict(texts).tolist()) == '[["yes"], ["no"]]'
    assert identity(1, dtype="string").predict(np.array(texts)[:0]).dtype.kind == "U"


def test_outputs_are_of_types_that_json_knows():
    model = CASES["brain floats"].make()
    assert KerasModelWrapper(model).predict(rows(2, 3)).dtype == "float32"


def test_the_model_can_be_had():
    model = sequential()
    wrapper = KerasModelWrapper(model)
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    before = wrapper.predict(np.ones((2, 3), "float32"))
    assert wrapper.get_raw_model() is model
    model.set_weights([2 * weight for weight in model.get_weights()])
    assert (wrapper.predict(np.ones((2, 3), "float32")) > 2 * before).all()


def test_nothing_is_printed(capsys):
    KerasModelWrapper(sequential()).predict(rows(2, 3))
    assert capsys.readouterr().out == ""


def test_many_threads_get_each_their_own():
    wrapper = KerasModelWrapper(subclassed(rows(1, 3)))
    inputs = [rows(number % 9 + 1, 3) for number in range(64)]
    expected = [KerasModelWrapper(wrapper.model).predict(data) for data in inputs]
    found: dict[int, np.ndarray] = {}
    barrier = threading.Barrier(8)

    def ask(first: int) -> None:
        barrier.wait()
        for number in range(first, len(inputs), 8):
            found[number] = wrapper.predict(inputs[number])

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, value in enumerate(expected):
        np.testing.assert_allclose(found[number], value, rtol=1e-4, atol=1e-5)
