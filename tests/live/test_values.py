"""Values of models are kept and compared without a Keras."""

from __future__ import annotations

import numpy as np
import pytest

from tests.live.inside import values
from tests.live.inside.load import FIRST, LAST, describe

ONE = np.array([[1.0, 2.0]], dtype="float32")
WORDS = np.array([["one"], ["two"]])


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        ([ONE, WORDS], "same"),
        ([ONE * 1.0005, WORDS], "same"),
        ([ONE + 0.5, WORDS], "diff 0.5"),
        ([ONE.T, WORDS], "shape (2, 1) vs (1, 2)"),
        ([ONE, WORDS[::-1]], "differs"),
        ([ONE], "2 outputs vs 1"),
    ],
)
def test_outputs_are_compared(found, answer):
    assert values.compare([ONE, WORDS], found) == answer


def test_what_was_no_number_is_none_afterwards():
    nothing = np.array([np.nan, 1.0])
    assert values.compare([nothing], [nothing.copy()]) == "same"
    assert values.compare([nothing], [np.array([0.0, 1.0])]) != "same"


@pytest.mark.parametrize("inputs", [ONE, [ONE, WORDS], {"b": ONE, "a": [ONE, WORDS]}], ids=["one", "list", "dict"])
def test_values_are_read_as_they_were_written(inputs, tmp_path):
    values.write_values(tmp_path / "values.npz", inputs, [ONE, WORDS])
    read, outputs = values.read_values(tmp_path / "values.npz")
    np.testing.assert_equal(read, inputs)
    np.testing.assert_equal(outputs, [ONE, WORDS])


@pytest.mark.parametrize(("dtype", "kind"), [("float32", "f"), ("int64", "i"), ("bool", "b"), ("string", "U")])
def test_inputs_are_the_same_each_time(dtype, kind):
    first, second = (values.draw(np.random.RandomState(3), (None, None, 4), dtype) for _ in range(2))
    assert first.shape == (2, 5, 4)
    assert first.dtype.kind == kind
    np.testing.assert_equal(first, second)


def test_of_a_long_message_both_ends_are_kept():
    text = describe(ValueError("x" * 5000 + "the reason"))
    assert text.startswith("ValueError: xxx")
    assert text.endswith("the reason")
    assert len(text) == FIRST + LAST + len(" […] ")
