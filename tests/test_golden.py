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
    assert again.tolerances == kept.tolerances
    golden.verify(again, lambda inputs: inputs)
    golden.verify(again, lambda _: value)


DIFFERENT = {
    "number": (
        ARRAY,
        ARRAY + np.eye(2) * [0, 1],
        r"output  1 of 4 +1 +0\.25 +absolute 0\.0001 \+ relative 0\.001 +at \(1, 1\): 5 instead of 4",
    ),
    "not a number": (ARRAY, ARRAY * np.nan, r"4 of 4 +- +- "),
    "shape": (ARRAY, ARRAY[:1], r"has shape \(1, 2\) instead of \(2, 2\)"),
    "text": (np.array(["a", "b"]), np.array(["a", "c"]), r"1 of 2 +- +- +none +at \(1,\): c instead of b"),
    "missing": ([ARRAY, ARRAY], [ARRAY], r"output\[1\] +is missing"),
    "new": ({"a": ARRAY}, {"a": ARRAY, "b": ARRAY}, r"output\['b'\] +is new"),
    "type": (ARRAY, ARRAY.astype("int32"), "is of type int32 instead of float32"),
    "many": ([ARRAY] * 12, [ARRAY + 1] * 12, "…"),
}


@pytest.mark.filterwarnings("ignore:All-NaN")
@pytest.mark.parametrize("case", DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_shown(case):
    expected, found, text = case
    with pytest.raises(PredictionMismatchError, match=text):
        golden.verify(Golden(inputs=ARRAY, outputs=expected), lambda _: found)


def test_the_tolerance_is_what_was_kept():
    near = Golden(inputs=ARRAY, outputs=ARRAY, tolerances={"output": (0.1, 0.0)})
    golden.verify(near, lambda _: ARRAY * 1.05)
    with pytest.raises(PredictionMismatchError):
        golden.verify(Golden(inputs=ARRAY, outputs=ARRAY), lambda _: ARRAY * 1.05)
    golden.verify(Golden(inputs=ARRAY, outputs=ARRAY * np.nan), lambda _: ARRAY * np.nan)


RECORDED = {
    "single": (ARRAY, "float32", (1e-3, 1e-4)),
    "double": (ARRAY.astype("float64"), "float64", (1e-6, 1e-8)),
    "double, computed in single": (ARRAY.astype("float64"), "float32", (1e-3, 1e-4)),
    "single, computed in half": (ARRAY, "float16", (2e-2, 2e-2)),
    "single, computed in brain floats": (ARRAY, "bfloat16", (5e-2, 5e-2)),
    "half": (ARRAY.astype("float16"), "float32", (2e-2, 2e-2)),
    "whole numbers": (ARRAY.astype("int32"), "float32", (0.0, 0.0)),
    "text": (np.array(["a"]), "float32", (0.0, 0.0)),
}


@pytest.mark.parametrize("case", RECORDED.values(), ids=RECORDED)
def test_the_tolerance_follows_the_types(case):
    outputs, compute_dtype, tolerance = case
    assert golden.record(lambda _: outputs, ARRAY, compute_dtype).tolerances == {"output": tolerance}


def test_outputs_that_vary_by_themselves_are_compared_by_their_shape():
    random = np.random.default_rng(0)
    kept = golden.record(lambda rows: {"fixed": rows, "drawn": random.random(rows.shape)}, ARRAY, "float32")
    assert kept.varying == {"output['drawn']"}
    golden.verify(kept, lambda rows: {"fixed": rows, "drawn": random.random(rows.shape)})
    with pytest.raises(PredictionMismatchError, match="has shape"):
        golden.verify(kept, lambda rows: {"fixed": rows, "drawn": random.random(3)})
    with pytest.raises(PredictionMismatchError, match="fixed"):
        golden.verify(kept, lambda rows: {"fixed": rows + 1, "drawn": random.random(rows.shape)})


def test_how_far_outputs_are_apart_is_told():
    (found,) = golden.verify(Golden(inputs=ARRAY, outputs=ARRAY), lambda rows: rows * 1.0005)
    assert found.absolute == pytest.approx(0.002, rel=1e-3)
    assert found.relative == pytest.approx(0.0005, rel=1e-3)
    assert (found.size, found.differing, found.same) == (4, 0, True)


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
