"""KG1xx: operations of a SavedModel that act on more than tensors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_kerasguard import tensorflow_api
from mlflow_kerasguard.rules import saved_model_safety
from tests.builders import Case, model
from tests.rules.test_saved_model import graph

CASES = [
    Case(
        code="KG115",
        name="writes",
        model=graph("MatMul", "WriteFile"),
        fires=True,
        where="__inference_call/writefile",
        found="`WriteFile`, which writes a file",
    ),
    Case(code="KG115", name="runs-python", model=graph("EagerPyFunc"), fires=True, found="runs a Python function"),
    Case(
        code="KG115",
        name="outside-of-functions",
        model=graph(operations={"ReadFile": {"where": "node", "in_function": False}}),
        fires=True,
    ),
    Case(
        code="KG115",
        name="trusted",
        model=replace(graph("WriteFile"), trusted=frozenset({"tf.raw_ops.WriteFile"})),
        fires=False,
    ),
    Case(
        code="KG115",
        name="what-every-model-has",
        model=graph("MatMul", "SaveV2", "RestoreV2", "MergeV2Checkpoints", "InitializeTableFromTextFileV2"),
        fires=False,
    ),
    Case(code="KG115", name="no-saved-model", model=model(), fires=False),
]


@pytest.mark.parametrize("name", saved_model_safety._REASONS)
def test_they_are_operations_of_tensorflow(name):
    hidden = {"DumpTensor"}  # Without a function in Python; it is for debugging.
    assert name in hidden or tensorflow_api.operations().first_with(name) is not None
