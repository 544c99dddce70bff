"""Casts that lose nothing are made, others are refused with the place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_kerasguard.errors import InvalidInputError
from mlflow_kerasguard.serving.casting import cast

MADE = {
    "rounding": (np.array([0.1]), "float32", np.array([0.1], "float32")),
    "not a number": (np.array([np.nan, np.inf]), "float32", np.array([np.nan, np.inf], "float32")),
    "whole": (np.array([1.0, -2.0]), "int32", np.array([1, -2], "int32")),
    "narrower": (np.array([200]), "uint8", np.array([200], "uint8")),
    "exact": (np.array([2**24, 2**25]), "float32", np.array([2**24, 2**25], "float32")),
    "truth": (np.array([True]), "float32", np.array([1], "float32")),
    "to truth": (np.array([0.0, 1.0]), "bool", np.array([False, True])),
    "missing": (np.array([1.5, None], object), "float32", np.array([1.5, np.nan], "float32")),
    "nested lists": (np.array([[1, 2], [3, 4]], object), "int64", np.array([[1, 2], [3, 4]])),
    "text": (np.array(["a", b"b"], object), "string", np.array(["a", "b"])),
    "bytes": (np.array([b"a"]), "string", np.array(["a"])),
    "no text": (np.array([], "float64"), "string", np.array([], "str")),
    "no numbers": (np.array([], object), "int32", np.array([], "int32")),
}


@pytest.mark.parametrize("case", MADE.values(), ids=MADE)
def test_made(case):
    array, dtype, expected = case
    found = cast(array, dtype, "it")
    assert found.dtype == expected.dtype or found.dtype.kind == expected.dtype.kind == "U"
    np.testing.assert_array_equal(found, expected)


REFUSED = {
    "not a number": (np.array([[1.0], [np.nan]]), "int32", r"it holds nan in row 1, which can't be `int32`"),
    "a fraction": (np.array([1.5]), "int64", "holds 1.5 in row 0"),
    "too large": (np.array([300]), "uint8", "holds 300"),
    "negative": (np.array([-1]), "uint16", "holds -1"),
    "too large a number": (np.array([1e300]), "float32", r"holds 1e\+300"),
    "the bound of integers": (np.array([2.0**63]), "int64", "holds 9.2"),
    "not exact": (np.array([2**24 + 1]), "float32", "holds 16777217"),
    "no truth": (np.array([2]), "bool", "holds 2"),
    "text": (np.array(["1"]), "float32", "holds text"),
    "numbers": (np.array([1.0]), "string", "holds `float64`"),
    "dates": (np.array(["2020-01-01"], "datetime64[D]"), "float32", "holds dates"),
    "mixed": (np.array([1, "a"], object), "float32", "holds text that is neither all numbers nor all text"),
    "ragged": (np.array([[1], [1, 2]], object), "float32", "rows of different lengths"),
    "objects": (np.array([{}, None], object), "float32", "aren't numbers: NoneType, dict"),
    "missing": (np.array([1, None], object), "int32", "holds nan in row 1"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_refused(case):
    array, dtype, message = case
    with pytest.raises(InvalidInputError, match=message):
        cast(array, dtype, "it")


NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(width=64))
TYPES = st.sampled_from(["float16", "float32", "float64", "int8", "int32", "int64", "uint8", "uint64", "bool"])


@given(NUMBERS, TYPES)
def test_nothing_is_lost_silently(number, dtype):
    array = np.array([number])
    try:
        (found,) = cast(array, dtype, "it")
    except InvalidInputError:
        return
    if array.dtype.kind == "f" and np.dtype(dtype).kind == "f":
        assert np.isfinite(found) == np.isfinite(number)
    else:
        assert found.item() == number
