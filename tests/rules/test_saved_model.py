"""KG2xx: a SavedModel's operations against what TensorFlow releases know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules import RULES
from tests.builders import Case, environment, model


def graph(*operations: str, **facts: Any) -> ModelSpec:
    """A SavedModel whose function uses operations, each with attributes after a colon: ``MatMul:T,grad_a``."""
    rows = {}
    for text in operations:
        name, _, attributes = text.partition(":")
        rows[name] = {
            "where": f"__inference_call/{name.lower()}",
            "attributes": attributes.split(",") if attributes else [],
        }
    facts = {"producer": 1645, "min_consumer": 12, "operations": rows, **facts}
    return model(format="saved_model", config=None, objects=(), details={"graph": facts})


def tensorflow(version: str, **fields: Any) -> Any:
    return environment(packages={"keras": "2.12.0", "tensorflow-cpu": version}, **fields)


WRAP = 'wrap it: `keras.layers.TFSMLayer(path, call_endpoint="serving_default")`'
NO_TENSORFLOW = environment(packages={"keras": "3.15.1", "jax": "0.6.0"})
OUTSIDE = {"VarHandleOp": {"where": "kernel", "attributes": ["debug_name"], "in_function": False}}

CASES = [
    Case(
        code="KG206",
        name="newer",
        model=graph("MatMul", "DisableCopyOnRead"),
        environment=tensorflow("2.9.3"),
        fires=True,
        where="__inference_call/disablecopyonread",
        found="TensorFlow 2.9.3 has no such operation; 2.10.0 brought it",
    ),
    Case(code="KG206", name="known", model=graph("MatMul", "DisableCopyOnRead"), fires=False),
    Case(
        code="KG206",
        name="without-a-function-any-more",
        model=graph("BesselI0e", "EnqueueTPUEmbeddingBatch"),
        fires=False,
        unknown="no function for the operation `EnqueueTPUEmbeddingBatch` any more",
    ),
    Case(code="KG206", name="no-saved-model", model=model(), environment=tensorflow("2.12.0"), fires=False),
    Case(code="KG206", name="no-graph", model=model(format="saved_model"), fires=False),
    Case(code="KG206", name="no-tensorflow", model=graph("NeverThere"), environment=NO_TENSORFLOW, fires=False),
    Case(
        code="KG206",
        name="a-release-that-is-not-known",
        model=graph("MatMul"),
        environment=tensorflow("2.999.0"),
        fires=False,
        unknown="the history lacks TensorFlow 2.999.0",
    ),
    Case(
        code="KG206",
        name="a-tensorflow-that-is-not-named",
        model=graph("MatMul"),
        environment=environment(packages={"keras": "2.12.0"}, complete=False),
        fires=False,
        unknown="doesn't say which TensorFlow it has",
    ),
    Case(
        code="KG206",
        name="an-unsettled-tensorflow",
        model=graph("MatMul"),
        environment=environment(packages={"keras": "2.12.0"}, unsettled={"tensorflow": "not pinned"}),
        fires=False,
        unknown="doesn't say which TensorFlow it has",
    ),
    Case(
        code="KG206",
        name="outside-of-functions",
        model=graph(operations={"DisableCopyOnRead": {"where": "node", "in_function": False}}),
        environment=tensorflow("2.9.3"),
        fires=False,
    ),
    Case(
        code="KG206",
        name="outside-of-functions-in-an-old-model",
        model=graph(operations={"DisableCopyOnRead": {"where": "node", "in_function": False}}, has_objects=False),
        environment=tensorflow("2.9.3"),
        fires=True,
    ),
    Case(
        code="KG206",
        name="another-library",
        model=graph("TFText>WhitespaceTokenizeWithOffsetsV2"),
        fires=False,
        unknown="the operation `TFText>WhitespaceTokenizeWithOffsetsV2` isn't TensorFlow's own",
    ),
    Case(
        code="KG207",
        name="newer",
        model=graph("MatMul:T,grad_a"),
        environment=tensorflow("2.12.0"),
        fires=True,
        where="__inference_call/matmul",
        found="`MatMul` of TensorFlow 2.12.0 doesn't know it",
    ),
    Case(code="KG207", name="known", model=graph("MatMul:T,grad_a,transpose_a"), fires=False),
    Case(
        code="KG207",
        name="never-known",
        model=graph("MatMul:shiny"),
        fires=True,
    ),
    Case(
        code="KG207",
        name="attributes-that-are-not-listed",
        model=graph("QueueClose:cancel_pending_enqueues"),
        environment=tensorflow("2.12.0"),
        fires=False,
    ),
    Case(
        code="KG207",
        name="maybe-the-default",
        model=graph("MatMul:grad_a", stripped=False),
        environment=tensorflow("2.12.0"),
        fires=False,
        unknown="may hold the attribute `grad_a` with its default value",
    ),
    Case(
        code="KG207", name="not-imported", model=graph(operations=OUTSIDE), environment=tensorflow("2.4.0"), fires=False
    ),
    Case(
        code="KG207", name="missing-operation", model=graph("TFText>X:a"), environment=tensorflow("2.12.0"), fires=False
    ),
    Case(
        code="KG208",
        name="too-old-a-reader",
        model=graph("MatMul", min_consumer=1600, has_objects=False),
        environment=tensorflow("2.12.0"),
        fires=True,
        where="graph",
        found="TensorFlow 2.12.0 has the GraphDef version 1395",
    ),
    Case(
        code="KG208",
        name="a-bad-reader",
        model=graph("MatMul", bad_consumers=[1395], has_objects=False),
        environment=tensorflow("2.12.0"),
        fires=True,
    ),
    Case(
        code="KG208",
        name="too-old-a-writer",
        model=graph("MatMul", producer=-1, has_objects=False),
        environment=tensorflow("2.12.0"),
        fires=True,
        found="reads version 0 and later",
    ),
    Case(code="KG208", name="fits", model=graph("MatMul", has_objects=False), fires=False),
    Case(
        code="KG208",
        name="function-by-function",
        model=graph("MatMul", min_consumer=9999),
        environment=tensorflow("2.12.0"),
        fires=False,
    ),
]


@pytest.mark.parametrize(
    ("signatures", "version", "fix"),
    [
        ((), None, WRAP),
        (("score",), None, 'wrap it: `keras.layers.TFSMLayer(path, call_endpoint="score")`'),
        (("not `a` name",), None, WRAP),
        (
            ("serve", "serving_default"),
            "2.15.0",
            f"{WRAP}, or load it with `tf_keras` (`pip install tf-keras`)",
        ),
    ],
)
def test_what_to_do_where_keras_takes_no_saved_model(signatures, version, fix):
    saved = replace(graph("MatMul", signatures=dict.fromkeys(signatures)), keras_version=version)
    [found] = RULES["KG404"].judge(saved, environment())
    assert found.fix == fix
