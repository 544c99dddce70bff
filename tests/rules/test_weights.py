"""KG6xx: the file's weights and what the target's layers expect."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.keras_api import ClassApi, LoaderFacts
from mlflow_kerasguard.model import WeightSpec
from mlflow_kerasguard.rules.weights import own_parts
from tests.builders import Case, environment, model, ref

CLASSES = {
    f"keras.layers.{name}": "name layer mean units use_bias"
    for name in ("Dense", "Bidirectional", "Discretization", "Normalization", "LSTM")
} | {"keras.layers.StringLookup": ClassApi(path="keras.layers.StringLookup", keeps_assets=True)}
NO_KERAS = environment(packages={}, classes=CLASSES)
HERE = environment(classes=CLASSES)
DENSE = {"name": "d", "units": 3, "use_bias": True}
FLOAT8 = {"class_name": "QuantizedFloat8DTypePolicy", "config": {"mode": "float8"}}
CELL = {"class_name": "LSTM", "config": {"units": 2, "use_bias": False}}
SIDES = [(4, 8), (2, 8)]


def target(**facts):
    return environment(classes=CLASSES, keras={"loader": LoaderFacts(**facts)})


def hdf5(name, config, *shapes, **fields):
    rows = [[config["name"], [[f"w{index}", list(shape), "float32"] for index, shape in enumerate(shapes)]]]
    return model(ref(name, config=config), format="h5", details={"layer_weights": rows}, **fields)


def archive(name, config, more=(), **shapes):
    """A `.keras` file; `cell=[(4, 8)]` are the variables of the group `cell`."""
    weights = tuple(
        WeightSpec(path=f"{group.replace('__', '/')}/vars/{index}", shape=shape, dtype="float32")
        for group, of_group in shapes.items()
        for index, shape in enumerate(of_group)
    )
    return model(ref(f"keras.layers.{name}", config=config), *more, weights=weights)


WRAPPED = archive(
    "Bidirectional",
    {"name": "b", "layer": CELL},
    layers__bidirectional__forward_layer__cell=SIDES,
    layers__bidirectional__backward_layer__cell=SIDES,
)

CASES = [
    Case(code="KG601", name="too-few", model=hdf5("Dense", DENSE, (4, 3)), environment=HERE, fires=True, found="has 2"),
    Case(code="KG601", name="all", model=hdf5("Dense", DENSE, (4, 3), (3,)), environment=HERE, fires=False),
    Case(code="KG601", name="two-sides", model=WRAPPED, environment=HERE, fires=False),
    Case(
        code="KG601",
        name="one-side",
        model=archive("Bidirectional", {"name": "b", "layer": CELL}, layers__bidirectional__forward_layer__cell=SIDES),
        environment=HERE,
        fires=True,
        found="has 4",
    ),
    Case(
        code="KG601",
        name="quantized",
        model=hdf5("Dense", {**DENSE, "dtype": "int8_from_float32"}, (4, 3)),
        environment=HERE,
        fires=False,
    ),
    Case(
        code="KG601",
        name="two-of-a-class",
        model=archive("Dense", DENSE, more=(ref(config={**DENSE, "name": "e"}),), layers__dense=[(4, 3)]),
        environment=HERE,
        fires=False,
    ),
    Case(code="KG601", name="no-index", model=model(ref(config=DENSE), format="h5"), environment=HERE, fires=False),
    Case(code="KG601", name="no-keras", model=hdf5("Dense", DENSE, (4, 3)), environment=NO_KERAS, fires=False),
    Case(
        code="KG601",
        name="weights-of-a-vocabulary",
        model=hdf5("StringLookup", {"name": "s"}, (4,)),
        environment=target(lookups_without_weights=True),
        fires=True,
        found="has 0",
    ),
    Case(
        code="KG601",
        name="vocabulary-alone",
        model=hdf5("StringLookup", {"name": "s"}),
        environment=target(lookups_without_weights=True),
        fires=False,
    ),
    Case(
        code="KG602",
        name="narrower",
        model=hdf5("Dense", DENSE, (4, 2), (3,)),
        environment=HERE,
        fires=True,
        found="`(?, 3)`",
    ),
    Case(code="KG602", name="flatter", model=hdf5("Dense", DENSE, (12,), (3,)), environment=HERE, fires=True),
    Case(code="KG602", name="any-input", model=hdf5("Dense", DENSE, (9, 3), (3,)), environment=HERE, fires=False),
    Case(
        code="KG602",
        name="float8-after-training",
        model=hdf5("Dense", {**DENSE, "dtype": FLOAT8}, (4, 3), (3,), (), (9,), (), (9,), (), (9,)),
        environment=HERE,
        fires=True,
        found="wants `()` there",
    ),
    Case(
        code="KG602",
        name="float8-from-the-start",
        model=hdf5("Dense", {**DENSE, "dtype": FLOAT8}, (), (9,), (), (9,), (), (9,), (4, 3), (3,)),
        environment=HERE,
        fires=False,
    ),
    Case(
        code="KG602",
        name="float8-in-a-zip",
        model=archive("Dense", {**DENSE, "dtype": FLOAT8}, layers__dense=[(4, 3), (3,), (), (9,), (), (9,), (), (9,)]),
        environment=HERE,
        fires=False,
    ),
    Case(
        code="KG602",
        name="any-shape",
        model=archive("Normalization", {"name": "n"}, layers__normalization=[(3,), (3,), ()]),
        environment=HERE,
        fires=False,
    ),
    Case(
        code="KG603",
        name="early-keras-3",
        model=WRAPPED,
        environment=target(bidirectional_keeps_layer=True),
        fires=True,
        found="`LSTM`, whose `LSTMCell` `lstm_cell` has its weights, three times",
    ),
    Case(
        code="KG603",
        name="odd-config",
        model=hdf5("Bidirectional", {"name": "b", "layer": 1}),
        environment=target(bidirectional_keeps_layer=True),
        fires=True,
        found="the layer three times",
    ),
    Case(
        code="KG603",
        name="layer-of-a-cell",
        model=hdf5(
            "Bidirectional",
            {
                "name": "b",
                "layer": {
                    "class_name": "RNN",
                    "config": {"cell": {"class_name": "GRUCell", "config": {"name": "mine"}}},
                },
            },
        ),
        environment=target(bidirectional_keeps_layer=True),
        fires=True,
        found="`RNN`, whose `GRUCell` `mine` has its weights, three times",
    ),
    Case(code="KG603", name="later", model=WRAPPED, environment=HERE, fires=False),
    Case(code="KG603", name="no-keras", model=WRAPPED, environment=NO_KERAS, fires=False),
    Case(
        code="KG605",
        name="private-group",
        model=archive("Dense", DENSE, _layer_checkpoint_dependencies__dense=[(4, 3), (3,)]),
        environment=target(zip_layer_groups=frozenset({"layers"})),
        fires=True,
        found="under `layers` only",
    ),
    Case(
        code="KG605",
        name="a-vocabulary-alone",
        model=model(
            ref("keras.layers.TextVectorization"),
            details={
                "members": ["config.json", "assets/_layer_checkpoint_dependencies/text_vectorization/vocabulary.txt"]
            },
        ),
        environment=target(zip_layer_groups=frozenset({"layers"})),
        fires=True,
        found="under `layers` only",
    ),
    Case(
        code="KG605",
        name="either",
        model=archive("Dense", DENSE, _layer_checkpoint_dependencies__dense=[(4, 3), (3,)]),
        environment=target(zip_layer_groups=frozenset({"layers", "_layer_checkpoint_dependencies"})),
        fires=False,
    ),
    Case(
        code="KG605",
        name="source-is-silent",
        model=archive("Dense", DENSE, layers__dense=[(4, 3), (3,)]),
        environment=target(),
        fires=False,
    ),
    Case(
        code="KG605",
        name="no-weights",
        model=archive("Dense", DENSE),
        environment=target(zip_layer_groups=frozenset({"layers"})),
        fires=False,
    ),
    Case(
        code="KG605",
        name="hdf5",
        model=hdf5("Dense", DENSE, (4, 3), (3,)),
        environment=target(zip_layer_groups=frozenset({"x"})),
        fires=False,
    ),
]


LSTM_CELL = {"class_name": "LSTMCell", "config": {"name": "first"}}
GRU = {"class_name": "GRU", "config": {"name": "gru"}}


@pytest.mark.parametrize(
    ("class_name", "config", "parts"),
    [
        ("Dense", {"units": 3}, ""),
        ("GRU", {}, ", whose `GRUCell` `gru_cell` has its weights,"),
        ("RNN", {"cell": LSTM_CELL}, ", whose `LSTMCell` `first` has its weights,"),
        (
            "RNN",
            {"cell": {"class_name": "StackedRNNCells", "config": {"cells": [LSTM_CELL, 3]}}},
            ", whose `LSTMCell` `first` has its weights,",
        ),
        (
            "Bidirectional",
            {"layer": GRU, "backward_layer": {"class_name": "LSTM", "config": {}}},
            ", whose `GRUCell` `gru_cell`, `LSTMCell` `lstm_cell` have its weights,",
        ),
        ("Sequential", {"layers": [{"class_name": "Dense", "config": {}}]}, ", whose `Dense` has its weights,"),
        (
            "MultiHeadAttention",
            {},
            ", whose `query`, `key`, `value`, `attention_output` have its weights,",
        ),
    ],
)
def test_what_inside_of_a_layer_holds_its_weights(class_name, config, parts):
    assert own_parts(class_name, config) == parts
