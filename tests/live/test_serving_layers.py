"""Models of the zoo through the wrapper, beside what MLflow's own flavor gives for them.

Two of each layer type; all of them, which takes a quarter of an hour, where `KERASGUARD_ALL_CASES` is set.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

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

#: What a model was compiled or trained with changes nothing in what it predicts.
IN_TRAINING = ("Optimizer", "Loss", "Metric", "Initializer", "Regularizer", "Constraint", "Schedule")
#: Cases of one layer type, whose names begin with it.
OF_A_TYPE = 1000 if os.environ.get("KERASGUARD_ALL_CASES") else 2
#: Served by stock MLflow, at the least: so that the comparison can't run empty.
ENOUGH = 150

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
    """Who serves the model, and what we give otherwise; None where all is the same."""
    kind, peer = "served", _peer(model)
    expected = _outcome(peer, model, inputs)
    own = _outcome(lambda data: model.predict(data, verbose=0), model, inputs)
    if isinstance(own, dict | list):
        # MLflow's flavor makes one array of several outputs, if they are of one shape; here they have names.
        kind, peer, expected = "several outputs", lambda data: model.predict(data, verbose=0), own
    if isinstance(expected, Exception):
        return "not served", None
    found = _outcome(KerasModelWrapper(model).predict, model, inputs)
    if isinstance(found, Exception):
        return kind, f"{type(found).__name__}: {found}"
    expected, found = flattened(expected)[1], flattened(found)[1]
    given, wanted = ([(array.shape, array.dtype.kind) for array in arrays] for arrays in (found, expected))
    if given != wanted:
        return kind, f"{given} instead of {wanted}"
    answer = values.compare(expected, found)
    if answer != "same" and values.compare(expected, flattened(_outcome(peer, model, inputs))[1]) != "same":
        return "draws random numbers", None
    return kind, None if answer == "same" else answer


def _inputs(model, inputs, random):
    """More rows than the case itself has, where the model takes them."""
    inputs_of_model = getattr(model, "inputs", None) or []
    drawn = [values.draw(random, tensor.shape, tensor.dtype, ROWS) for tensor in inputs_of_model]
    template, leaves = flattened(inputs)
    if template is None and len(drawn) == 1 and inputs_of_model[0].shape[0] is None and leaves[0].dtype.kind == "f":
        return drawn[0]
    return inputs


def _cases() -> Iterator[tuple[str, object]]:
    counts = Counter()
    for name, case in all_cases(keras).items():
        kind = name.partition("_")[0]
        counts[kind] += 1
        if kind not in IN_TRAINING and counts[kind] <= OF_A_TYPE:
            yield name, case


def outcomes():
    """What came of each case, by its name."""
    for name, case in _cases():
        keras.backend.clear_session()
        random = values.seed_everything(keras, name)
        try:
            model, inputs = _build(case, random)
        except Exception:  # noqa: BLE001 - this release doesn't have it
            continue
        yield name, *_compare(model, _inputs(model, inputs, random))


def test_every_layer_gives_what_mlflows_own_flavor_gives(capfd):
    found = list(outcomes())
    counts = Counter(kind for _, kind, _ in found)
    assert counts["served"] >= ENOUGH
    assert counts["several outputs"]
    assert {name: problem for name, _, problem in found if problem} == {}
