"""Golden predictions: kept without pickles, compared within a tolerance."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mlflow_kerasguard import golden
from mlflow_kerasguard.errors import KerasGuardError, PredictionMismatchError
from mlflow_kerasguard.golden import Golden

ARRAY = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")

KEPT = {
    "array": ARRAY,
    "list": [ARRAY, ARRAY[:, 0]],
    "dict": {"a": ARRAY, "b": [ARRAY.astype("int64")]},
    "text": np.array([["yes"], ["no"]]),
    "half": ARRAY.astype("float16"),
    "empty": ARRAY[:0],
}


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT)
def test_there_and_back(value, tmp_path):
    kept = golden.record(lambda inputs: inputs, value, "float16")
    golden.write(kept, tmp_path / "golden.npz")
    again = golden.read(tmp_path / "golden.npz")
    assert again.tolerance == golden.TOLERANCES["float16"]
    golden.verify(again, lambda inputs: inputs)
    golden.verify(again, lambda _: value)


DIFFERENT = {
    "number": (
        ARRAY,
        ARRAY + np.eye(2) * [0, 1],
        r"1 of 4 values differ, by up to 1; first at \(1, 1\): 5 instead of 4",
    ),
    "not a number": (ARRAY, ARRAY * np.nan, "4 of 4 values differ"),
    "shape": (ARRAY, ARRAY[:1], r"shape \(1, 2\) instead of \(2, 2\)"),
    "text": (np.array(["a", "b"]), np.array(["a", "c"]), "1 of 2 values differ"),
    "missing": ([ARRAY, ARRAY], [ARRAY], r"output\[1\]: missing"),
    "new": ({"a": ARRAY}, {"a": ARRAY, "b": ARRAY}, r"output\['b'\]: new"),
    "many": ([ARRAY] * 12, [ARRAY + 1] * 12, "…"),
}


@pytest.mark.filterwarnings("ignore:All-NaN")
@pytest.mark.parametrize("case", DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_shown(case):
    expected, found, text = case
    with pytest.raises(PredictionMismatchError, match=text):
        golden.verify(Golden(inputs=ARRAY, outputs=expected), lambda _: found)


def test_the_tolerance_is_what_was_kept():
    near = Golden(inputs=ARRAY, outputs=ARRAY, tolerance=(0.1, 0.0))
    golden.verify(near, lambda _: ARRAY * 1.05)
    with pytest.raises(PredictionMismatchError):
        golden.verify(Golden(inputs=ARRAY, outputs=ARRAY), lambda _: ARRAY * 1.05)
    golden.verify(Golden(inputs=ARRAY, outputs=ARRAY * np.nan), lambda _: ARRAY * np.nan)


def _npz(path, **arrays):
    np.savez(path, **arrays)


DAMAGED = {
    "no archive": lambda path: path.write_bytes(b"x"),
    "no structure": lambda path: _npz(path, array_0=ARRAY),
    "no JSON": lambda path: _npz(path, structure=np.array("{")),
    "another version": lambda path: _npz(path, structure=np.array(json.dumps({"schema_version": 2}))),
    "a pickle": lambda path: _npz(path, structure=np.array([object()], dtype=object)),
    "an array is gone": lambda path: _npz(
        path,
        structure=np.array(
            json.dumps({"schema_version": 1, "tolerance": [0, 0], "inputs": {"array": "a"}, "outputs": {"list": []}})
        ),
    ),
}


@pytest.mark.parametrize("spoil", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file(spoil, tmp_path):
    path = tmp_path / "golden.npz"
    spoil(path)
    with pytest.raises(KerasGuardError, match=r"golden\.npz"):
        golden.read(path)
