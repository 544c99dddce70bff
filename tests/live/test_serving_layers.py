"""Every model of the zoo through the wrapper, beside what MLflow's own flavor gives for it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from mlflow_kerasguard.serving import KerasModelWrapper
from mlflow_kerasguard.serving.outputs import plain
from mlflow_kerasguard.serving.state import preserved
from mlflow_kerasguard.serving.structure import flattened
from tests.keras_cases import IS_KERAS_3, keras
from tests.live.inside import values
from tests.live.inside.save import _build
from tests.live.zoo import all_cases

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore")]

#: What a model was compiled with changes nothing in what it predicts.
COMPILED = ("Optimizer_", "Loss_", "Metric_")
#: Served by stock MLflow, at the least: so that the comparison can't run empty.
ENOUGH = 250

ROWS = 5


def _peer(model):
    """MLflow's own wrapper where there is one for this Keras: it calls ``predict``, and so do we here elsewhere."""
    if not IS_KERAS_3:
        return lambda inputs: model.predict(inputs, verbose=0)
    from mlflow.keras.load import KerasModelWrapper as Peer

    return Peer(model, None).predict


def _outcome(predict, model, inputs):
    """The outputs, or the error, of a model that is as it was afterwards."""
    with preserved(model):
        try:
            return plain(predict(inputs))
        except Exception as error:  # noqa: BLE001 - it is what is compared
            return error


def _compare(model, inputs):
    """What MLflow's flavor gives and we don't; None where it gives nothing or all is the same."""
    peer = _peer(model)
    expected = _outcome(peer, model, inputs)
    if isinstance(expected, Exception) or not isinstance(expected, np.ndarray) or expected.dtype == object:
        return "not served", None
    found = _outcome(KerasModelWrapper(model).predict, model, inputs)
    if isinstance(found, Exception):
        return "served", f"{type(found).__name__}: {found}"
    if not isinstance(found, np.ndarray):
        return "served", f"is a {type(found).__name__}"
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        return "served", f"{found.dtype} {found.shape} instead of {expected.dtype} {expected.shape}"
    answer = values.compare([expected], [found])
    if answer != "same" and values.compare([expected], [_outcome(peer, model, inputs)]) != "same":
        return "draws random numbers", None
    return "served", None if answer == "same" else answer


def _inputs(model, inputs, random):
    """More rows than the case itself has, where the model takes them."""
    inputs_of_model = getattr(model, "inputs", None) or []
    drawn = [values.draw(random, tensor.shape, tensor.dtype, ROWS) for tensor in inputs_of_model]
    template, leaves = flattened(inputs)
    if template is None and len(drawn) == 1 and inputs_of_model[0].shape[0] is None and leaves[0].dtype.kind == "f":
        return drawn[0]
    return inputs


def test_every_layer_gives_what_mlflows_own_flavor_gives():
    counts: dict[str, int] = {}
    wrong = {}
    for name, case in all_cases(keras).items():
        if name.startswith(COMPILED):
            continue
        keras.backend.clear_session()
        random = values.seed_everything(keras, name)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model, inputs = _build(case, random)
        except Exception:  # noqa: BLE001 - this release doesn't have it
            continue
        kind, problem = _compare(model, _inputs(model, inputs, random))
        counts[kind] = counts.get(kind, 0) + 1
        if problem:
            wrong[name] = problem
    print(counts)
    assert counts["served"] >= ENOUGH
    assert wrong == {}
