"""Models of this flavor as UDFs of a real Spark with two workers.

A session takes a minute to start: all cases run in one, and are looked at one by one.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.live.environments import run
from tests.live.spark.environment import make_spark_environment, variables
from tests.test_readme import BLOCKS

pytestmark = pytest.mark.live

HERE = Path(__file__).parent / "spark"

#: A layer that says in which process it was made.
COUNTED = """
import os
import keras

@keras.saving.register_keras_serializable("tests")
class Counted(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        if "LOADS" in os.environ:
            with open(os.environ["LOADS"], "a") as file:
                file.write(f"{os.getpid()}\\n")

    def call(self, inputs):
        return 2 * inputs
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spark")


@pytest.fixture(scope="module")
def answers(directory: Path) -> dict:
    """What came of each of the cases."""
    python = make_spark_environment(directory / "environment")
    (directory / "sources").mkdir()
    (directory / "sources" / "counted.py").write_text(COUNTED)
    sources = variables(python, PYTHONPATH=str(directory / "sources"))
    run(python, HERE / "models.py", directory / "models", env=sources, timeout=600)
    recipe = next(block.text for block in BLOCKS if block.note == "needs Spark")
    (directory / "recipe.py").write_text(recipe.replace("models:/sum/1", str(directory / "models" / "known")))
    # The sources of the custom layer aren't on the path any more.
    with_loads = variables(python, LOADS=str(directory / "loads"))
    run(python, HERE / "cases.py", directory / "models", directory / "answers.json", env=with_loads, timeout=1500)
    return json.loads((directory / "answers.json").read_text())


ROWS = np.array([[(row * place % 97) / 97 for place in (1, 2, 3, 4)] for row in range(6)])
KNOWN = ROWS @ [1, 2, 3, 4]
SUMS = ROWS.sum(axis=1) + ROWS[:, 0] + ROWS[:, 1]
SEVERAL = {"mean": SUMS, "parts": np.stack([SUMS] * 3, axis=1), "grid": ROWS.reshape(6, 2, 2)}

#: The type of the column, and what is in it.
EXPECTED = {
    "columns": ("float", KNOWN),
    "columns by name": ("double", KNOWN),
    "structure": ("float", KNOWN),
    "no columns named": ("float", KNOWN),
    "array": ("float", KNOWN),
    "as an array": ("array<float>", KNOWN[:, None]),
    "first of several outputs": ("float", None),
    "grid": ("array<array<float>>", ROWS.reshape(6, 2, 2)),
    "batch size": ("float", KNOWN),
    "custom code": ("float", 2 * KNOWN),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_columns_come_in_the_type_that_the_signature_or_the_caller_says(answers, case):
    assert answers[case].get("type") == EXPECTED[case][0], answers[case]
    if EXPECTED[case][1] is not None:
        np.testing.assert_allclose(answers[case]["values"], EXPECTED[case][1], rtol=1e-5)


@pytest.mark.parametrize("case", ["several outputs", "several inputs in a structure", "as MLflow calls it"])
def test_several_outputs_are_a_structure(answers, case):
    found = answers[case]
    fields = {"mean": "float", "parts": "array<float>", "grid": "array<array<float>>"}
    assert set(found["values"][0]) == set(fields), found
    for name, type_ in fields.items():
        assert f"{name}:{type_}" in found["type"]
        np.testing.assert_allclose([row[name] for row in found["values"]], SEVERAL[name], rtol=1e-5)


def test_a_million_rows(answers):
    found = answers["a million rows"]
    assert found["rows"] == 1_000_000, found
    assert found["off"] < 1e-5


def test_a_python_worker_loads_a_model_once(answers, directory):
    for case in ("many tasks", "once more"):
        np.testing.assert_allclose(answers[case]["values"], 2 * KNOWN, rtol=1e-5)
    loads = Counter((directory / "loads").read_text().split())
    assert set(loads.values()) == {1}, "14 tasks ran in these workers"
    assert len(loads) <= 4


def test_the_driver_refuses_before_any_job(answers):
    found = answers["refused in the driver"]
    assert found["error"] == "IncompatibleModelError", found
    assert found["text"].startswith("INCOMPATIBLE: ")
    assert "KG532" in found["text"]
    assert found["jobs"] == 0


def test_an_executor_s_refusal_is_the_report(answers):
    found = answers["refused in executors"]
    assert found["error"] == "PythonException", found
    assert found["jobs"] == 1
    first, second = found["text"].splitlines()[:2]
    assert "exception was thrown from the Python worker" in first
    assert second.startswith("mlflow_kerasguard.loading.IncompatibleModelError: INCOMPATIBLE: ")
    assert "KG532" in found["text"]
    assert "Traceback" not in found["text"]


def test_the_recipe_of_the_readme(answers):
    found = answers["recipe"]
    assert "prediction" in found, found
    assert len(found.splitlines()) == 5 + 5


def test_rows_that_do_not_fit_are_named(answers):
    found = answers["bad rows"]
    assert found["error"] == "PythonException", found
    assert "which can't be `int32` without loss" in found["text"].splitlines()[1]
    assert "Traceback" not in found["text"]
