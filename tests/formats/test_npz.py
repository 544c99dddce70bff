"""Weights kept as `.npz`."""

from __future__ import annotations

import io

import numpy as np
import pytest

from mlflow_kerasguard.formats import read_model
from tests.formats.build import archive, members, npy, npz, write_keras


def _kinds(directory, data):
    model = read_model(write_keras(directory, archive(members(model_weights_h5=None, **{"model.weights.npz": data}))))
    return [item.kind for item in model.anomalies]


def test_pickles_are_told_and_not_read(tmp_path):
    assert _kinds(tmp_path, npz(a=np.array([{}], dtype=object))) == ["npz-pickle"]


def test_a_shape_that_is_not_stored(tmp_path):
    header = npy(np.zeros(1)).replace(b"(1,), }" + b" " * 20, b"(1000000000,), }" + b" " * 11)
    assert _kinds(tmp_path, archive({"a.npy": header})) == ["npz-expansion"]


def test_a_header_of_the_second_version(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros(2), version=(2, 0))
    assert _kinds(tmp_path, archive({"a.npy": buffer.getvalue()})) == []


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY\x01\x00\x04\x00abc\n", b"\x93NUMPY\x09\x00"])
def test_a_damaged_header(tmp_path, data):
    assert _kinds(tmp_path, archive({"a.npy": data})) == ["weights-damaged"]
