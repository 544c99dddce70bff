"""Requests of every form to a real `mlflow models serve`: answers, and what is said of bad ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlflow_kerasguard import save_model
from tests.keras_cases import keras, rows, sequential
from tests.live.servers import ask, score
from tests.live.test_serve import _serving

pytestmark = [
    pytest.mark.live,
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow"),
]

EXAMPLE = {
    "numbers": np.arange(12, dtype="float32").reshape(3, 2, 2),
    "codes": np.array([[1], [2], [3]], "int32"),
    "words": np.array([["yes"], ["no"], ["other"]]),
}


def several():
    """Numbers in two dimensions, an integer and a word; two outputs."""
    numbers, codes = keras.Input((2, 2), name="numbers"), keras.Input((1,), dtype="int32", name="codes")
    words = keras.Input((1,), dtype="string", name="words")
    lookup = keras.layers.StringLookup(vocabulary=["no", "yes"], output_mode="one_hot")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(8, 2)(codes))
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(numbers), embedded, lookup(words)])
    outputs = {"score": keras.layers.Dense(1)(joined), "pair": keras.layers.Dense(2)(joined)}
    return keras.Model({"numbers": numbers, "codes": codes, "words": words}, outputs)


@pytest.fixture(scope="module")
def model():
    return several()


@pytest.fixture(scope="module")
def url(model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("served")
    save_model(model, directory / "model", input_example=EXAMPLE)
    with _serving(directory / "model", directory / "server") as (address, log):
        yield address
        assert "step" not in log.read_text(), "a progress bar"


def inputs(first: int = 0, last: int = 3):
    return {name: value[first:last].tolist() for name, value in EXAMPLE.items()}


def records():
    given = inputs()
    return [{name: values[row] for name, values in given.items()} for row in range(3)]


def flat_records():
    """As tables hold them: a cell is a number, a text or a flat list."""
    return [
        {"numbers": np.ravel(row["numbers"]).tolist(), "codes": row["codes"][0], "words": row["words"][0]}
        for row in records()
    ]


FORMS = {
    "inputs": {"inputs": inputs()},
    "instances": {"instances": records()},
    "dataframe_records": {"dataframe_records": flat_records()},
    "dataframe_split": {
        "dataframe_split": {"columns": list(EXAMPLE), "data": [list(row.values()) for row in flat_records()]}
    },
    "params": {"inputs": inputs(), "params": {"batch_size": 2}},
}


@pytest.mark.parametrize("payload", FORMS.values(), ids=FORMS)
def test_every_form_is_answered(url, model, payload):
    expected = model({name: keras.ops.convert_to_tensor(value) for name, value in EXAMPLE.items()})
    found = score(url, payload)["predictions"]
    if isinstance(found, list):
        found = {name: [row[name] for row in found] for name in found[0]}
    assert set(found) == {"score", "pair"}
    for name, value in found.items():
        np.testing.assert_allclose(np.reshape(value, (3, -1)), expected[name], rtol=1e-4)


def without(name):
    return {key: value for key, value in inputs().items() if key != name}


BAD = {
    "broken JSON": (b'{"inputs": [[', "valid JSON"),
    "no JSON": (b"\xff\xfe", "valid JSON"),
    "a list": (b"[]", "Received a list"),
    "nothing": (b"{}", "exactly one of the input fields"),
    "two forms": ({"inputs": inputs(), "instances": records()}, "exactly one of the input fields"),
    "an input is missing": ({"inputs": without("codes")}, "missing inputs ['codes']"),
    "a column is missing": ({"dataframe_records": [{"numbers": [1, 2, 3, 4], "words": "yes"}]}, "['codes']"),
    "a shape": ({"inputs": {**inputs(), "numbers": [[1.0, 2.0]]}}, "does not match expected shape (-1, 2, 2)"),
    "ragged": ({"inputs": {**inputs(), "numbers": [[1.0], [1.0, 2.0]]}}, "inhomogeneous"),
    "text for a number": ({"inputs": {**inputs(), "numbers": [[["a", 1], [2, 3]]]}}, "could not convert string"),
    "NaN for a whole number": ({"inputs": {**inputs(), "codes": [[float("nan")]]}}, "cannot convert float NaN"),
    "null for a whole number": ({"inputs": {**inputs(), "codes": [[None]]}}, "Invalid input"),
    "different numbers of rows": ({"inputs": {**inputs(), "codes": [[1]]}}, "different numbers of rows"),
    "beyond a table": ({"inputs": {**inputs(), "codes": [[1], [2], [99]]}}, "= 99 is not in [0, 8)"),
    "a batch size of nothing": ({"inputs": inputs(), "params": {"batch_size": 0}}, "whole number above 0, not 0"),
    "a batch size of text": ({"inputs": inputs(), "params": {"batch_size": "many"}}, "Invalid parameters found"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_bad_input_is_told_with_the_reason(url, case):
    payload, reason = case
    status, text = ask(url, payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    assert status == 400
    assert reason in json.loads(text)["message"]
    assert score(url, FORMS["inputs"])["predictions"], "the server goes on"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(list(EXAMPLE)), inside, max_size=3),
    max_leaves=12,
)
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "inputs": JSON,
        "instances": JSON,
        "dataframe_records": st.lists(st.dictionaries(st.sampled_from(list(EXAMPLE)), JSON, max_size=3), max_size=3),
        "dataframe_split": st.fixed_dictionaries(
            {"columns": st.just(list(EXAMPLE)), "data": st.lists(st.lists(JSON, min_size=3, max_size=3), max_size=3)}
        ),
        "params": st.dictionaries(st.just("batch_size"), JSON, max_size=1),
    },
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=PAYLOADS)
def test_whatever_comes_is_answered(url, payload):
    status, text = ask(url, json.dumps(payload).encode())
    assert status in {200, 400}, text
    assert status == 200 or json.loads(text)["message"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changed=st.dictionaries(st.sampled_from(list(EXAMPLE)), JSON, min_size=1, max_size=2),
    form=st.sampled_from(["inputs", "instances"]),
)
def test_a_spoilt_input_beside_good_ones_is_answered(url, changed, form):
    status, text = ask(url, json.dumps({form: {**inputs(), **changed}}).encode())
    assert status in {200, 400}, text


def test_without_a_signature_the_model_itself_says_what_it_takes(tmp_path):
    model = sequential()
    save_model(model, tmp_path / "model")
    data = rows(2, 3)
    with _serving(tmp_path / "model", tmp_path / "server") as (address, _):
        found = score(address, {"inputs": data.tolist()})["predictions"]
        np.testing.assert_allclose(found, model.predict(data, verbose=0), rtol=1e-4, atol=1e-6)
        assert score(address, {"inputs": []})["predictions"] == []
        for payload, reason in {
            '{"inputs": [[1, 2]]}': "has the shape (1, 2), and the model takes (any, 3)",
            '{"inputs": [["a", 2, 3]]}': "holds text, which can't be `float32` without loss",
            '{"inputs": [[1e300, 2, 3]]}': "holds 1e+300 in row 0",
            '{"inputs": [[1], [1, 2]]}': "inhomogeneous",
            '{"dataframe_records": [{"a": 1, "b": "x", "c": 2}]}': "column `b` holds text",
            '{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, 1e300, 2]]}}': "column `b` holds 1e+300",
        }.items():
            status, text = ask(address, payload.encode())
            assert status == 400
            assert reason in json.loads(text)["message"]
