from __future__ import annotations

import numpy as np
import pytest
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

from mlflow_kerasguard.spark.result_types import result_type_of


def _tensor(dtype: str, *shape: int, name: str | None = None) -> TensorSpec:
    return TensorSpec(np.dtype(dtype), (-1, *shape), name)


CASES = {
    "a number a row": ([_tensor("float32", 1)], "float"),
    "one dimension less": ([_tensor("float64")], "double"),
    "a vector": ([_tensor("float32", 10)], "array<float>"),
    "a vector of any length": ([_tensor("int64", -1)], "array<long>"),
    "a matrix": ([_tensor("float32", 3, 4)], "array<array<float>>"),
    "a matrix of one number": ([_tensor("float32", 1, 1)], "float"),
    "truth values": ([_tensor("bool", 2)], "array<boolean>"),
    "text": ([_tensor("str", 1)], "string"),
    "half precision": ([_tensor("float16", 1)], "float"),
    "a type that Spark lacks": ([_tensor("complex64", 1)], None),
    "several": (
        [_tensor("float32", 1, name="mean"), _tensor("int32", 3, name="odd`name")],
        "`mean` float, `odd``name` array<int>",
    ),
    "several, one of which Spark lacks": (
        [_tensor("float32", 1, name="mean"), _tensor("complex64", 1, name="waves")],
        None,
    ),
}


@pytest.mark.parametrize(("outputs", "expected"), CASES.values(), ids=CASES)
def test_the_batch_is_no_dimension(outputs, expected):
    assert result_type_of(Schema(outputs).inputs) == expected


COLUMNS = {
    "one column": ([ColSpec(DataType.float, "0")], None),
    "numbered columns": ([ColSpec(DataType.float, str(number)) for number in range(3)], "array<float>"),
    "numbered columns of integers": ([ColSpec(DataType.integer, str(number)) for number in range(2)], "array<int>"),
    "named columns": ([ColSpec(DataType.float, name) for name in "ab"], None),
    "of different types": ([ColSpec(DataType.float, "0"), ColSpec(DataType.long, "1")], None),
}


@pytest.mark.parametrize(("outputs", "expected"), COLUMNS.values(), ids=COLUMNS)
def test_numbered_columns_are_one_row(outputs, expected):
    assert result_type_of(Schema(outputs).inputs) == expected


def test_no_outputs():
    assert result_type_of([]) is None
