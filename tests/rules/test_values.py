"""KG32x: configuration values that the target refuses or loses."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.rules.ranks import input_ranks
from tests.builders import Case, environment, model, ref

CLASSES = {
    f"keras.layers.{name}": "name axis dtype mean variance output_mode num_bins"
    for name in (
        "Hashing",
        "StringLookup",
        "IntegerLookup",
        "MultiHeadAttention",
        "Concatenate",
        "Softmax",
        "Normalization",
        "BatchNormalization",
    )
}
NO_KERAS = environment(packages={}, classes=CLASSES)
POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "int64"}, "registered_name": None}


def target(**facts):
    return environment(classes=CLASSES, keras={"loader": LoaderFacts(**facts)})


def layer(class_name, **config):
    return model(ref(f"keras.layers.{class_name}", config={"name": "x", **config}))


def hdf5(name, axis, *, before=None, **config):
    """A functional `.h5` model of one layer behind an input (or another layer) of four dimensions."""
    config = {"name": "x", "axis": axis, **config}
    items = [
        {
            "class_name": "InputLayer",
            "name": "in",
            "config": {"batch_input_shape": [None, 8, 8, 3]},
            "inbound_nodes": [],
        },
        {"class_name": before or "Activation", "name": "a", "config": {}, "inbound_nodes": [[["in", 0, 0, {}]]]},
        {"class_name": name, "name": "x", "config": config, "inbound_nodes": [[["a", 0, 0, {}]]]},
    ]
    spec = model(ref(name, config=config), format="h5")
    graph = {"layers": items, "input_layers": [["in", 0, 0]], "output_layers": [["x", 0, 0]]}
    root = ref("Functional", where="model", role="", parent=None, config=graph)
    return model(format="h5", objects=(root, *spec.objects[1:]))


DROPS = target(hdf5_drops_axis=True)
KEEPS_NUMBERS = target(hdf5_drops_axis=True, hdf5_keeps_axis_number=True)

CASES = [
    Case(
        code="KG320",
        name="float-from-keras-2",
        model=layer("Hashing", dtype="float32"),
        environment=target(hashing_dtype="policy"),
        fires=True,
        found="`int32` or `int64` only",
    ),
    Case(
        code="KG320",
        name="policy-where-a-word-is-wanted",
        model=layer("Hashing", dtype=POLICY),
        environment=target(hashing_dtype="word"),
        fires=True,
        found="as a plain word",
    ),
    Case(
        code="KG320",
        name="policy-by-its-name",
        model=layer("Hashing", dtype=POLICY),
        environment=target(hashing_dtype="policy"),
        fires=False,
    ),
    Case(
        code="KG320",
        name="word",
        model=layer("Hashing", dtype="int32"),
        environment=target(hashing_dtype="word"),
        fires=False,
    ),
    Case(
        code="KG320",
        name="one-hot",
        model=layer("Hashing", dtype="float32", output_mode="one_hot"),
        environment=target(hashing_dtype="word"),
        fires=False,
    ),
    Case(
        code="KG320",
        name="keras-2-doesnt-check",
        model=layer("Hashing", dtype="float32"),
        environment=target(),
        fires=False,
    ),
    Case(code="KG320", name="no-dtype", model=layer("Hashing"), environment=target(hashing_dtype="word"), fires=False),
    Case(
        code="KG320",
        name="lookup",
        model=layer("StringLookup", dtype="int64"),
        environment=target(lookup_dtypes=frozenset({"StringLookup=string", "IntegerLookup=int64"})),
        fires=True,
        found="`string` only",
    ),
    Case(
        code="KG320",
        name="its-own-lookup",
        model=layer("IntegerLookup", dtype="int64"),
        environment=target(lookup_dtypes=frozenset({"StringLookup=string", "IntegerLookup=int64"})),
        fires=False,
    ),
    Case(code="KG320", name="no-keras", model=layer("Hashing", dtype="float32"), environment=NO_KERAS, fires=False),
    Case(
        code="KG321",
        name="shapes-not-written",
        model=layer("MultiHeadAttention"),
        environment=target(attention_reads_shapes=True),
        fires=True,
        found="without `query_shape`",
    ),
    Case(
        code="KG321",
        name="shapes-written",
        model=layer("MultiHeadAttention", query_shape=[None], key_shape=[None], value_shape=None),
        environment=target(attention_reads_shapes=True),
        fires=False,
    ),
    Case(code="KG321", name="keras-3", model=layer("MultiHeadAttention"), environment=target(), fires=False),
    Case(
        code="KG323",
        name="list-and-number",
        model=layer("Normalization", mean=[1.0, 2.0], variance=2.0),
        environment=target(normalization_checks_shapes=True),
        fires=True,
        found="the same shape",
    ),
    Case(
        code="KG323",
        name="alike",
        model=layer("Normalization", mean=[[1.0, 2.0]], variance=[[2.0, 2.0]]),
        environment=target(normalization_checks_shapes=True),
        fires=False,
    ),
    Case(
        code="KG323",
        name="adapted",
        model=layer("Normalization", mean=None, variance=[]),
        environment=target(normalization_checks_shapes=True),
        fires=False,
    ),
    Case(
        code="KG323",
        name="earlier",
        model=layer("Normalization", mean=[1.0], variance=[]),
        environment=target(),
        fires=False,
    ),
    Case(
        code="KG324",
        name="zip-of-keras-2",
        model=layer("BatchNormalization", axis=[1]),
        environment=target(batch_axis_is_number=True),
        fires=True,
        found="wants a number",
    ),
    Case(
        code="KG324",
        name="inside-a-wrapper",
        model=model(ref("BatchNormalization", role="layer", config={"axis": [1]}), format="h5"),
        environment=target(batch_axis_is_number=True, hdf5_drops_axis=True),
        fires=True,
    ),
    Case(
        code="KG324",
        name="translated",
        model=hdf5("BatchNormalization", [1]),
        environment=target(batch_axis_is_number=True, hdf5_drops_axis=True),
        fires=False,
    ),
    Case(
        code="KG324",
        name="number",
        model=layer("BatchNormalization", axis=1),
        environment=target(batch_axis_is_number=True),
        fires=False,
    ),
    Case(code="KG324", name="keras-2", model=layer("BatchNormalization", axis=[1]), environment=target(), fires=False),
    Case(
        code="KG322", name="number", model=hdf5("Concatenate", 1), environment=DROPS, fires=True, found="the last axis"
    ),
    Case(code="KG322", name="negative", model=hdf5("Softmax", -2, before="Custom"), environment=DROPS, fires=True),
    Case(code="KG322", name="several", model=hdf5("Softmax", [1, 2]), environment=KEEPS_NUMBERS, fires=True),
    Case(code="KG322", name="number-is-kept", model=hdf5("Concatenate", 1), environment=KEEPS_NUMBERS, fires=False),
    Case(code="KG322", name="last", model=hdf5("Concatenate", 3), environment=DROPS, fires=False),
    Case(code="KG322", name="last-from-behind", model=hdf5("Concatenate", -1), environment=DROPS, fires=False),
    Case(code="KG322", name="single", model=hdf5("Normalization", [1]), environment=DROPS, fires=False),
    Case(
        code="KG322",
        name="single-numbers",
        model=hdf5("Normalization", [], mean=0.5, variance=2.0),
        environment=DROPS,
        fires=False,
    ),
    Case(code="KG322", name="all-axes", model=hdf5("Normalization", []), environment=DROPS, fires=True),
    Case(code="KG322", name="keras-2", model=hdf5("Concatenate", 1), environment=target(), fires=False),
    Case(
        code="KG322",
        name="dimensions-unknown",
        model=hdf5("Concatenate", 1, before="Custom"),
        environment=DROPS,
        fires=False,
        unknown="isn't recorded",
    ),
    Case(code="KG322", name="zip", model=layer("Concatenate", axis=1), environment=DROPS, fires=False),
    Case(
        code="KG322",
        name="nested-in-a-layer",
        model=model(ref("Softmax", role="layer", config={"axis": 1}), format="h5"),
        environment=DROPS,
        fires=False,
    ),
    Case(code="KG322", name="no-keras", model=hdf5("Concatenate", 1), environment=NO_KERAS, fires=False),
]


def sequence(*layers):
    return {
        "layers": [
            {"class_name": name, "config": {"name": str(index), **config}}
            for index, (name, config) in enumerate(layers)
        ]
    }


@pytest.mark.parametrize(
    ("layers", "ranks"),
    [
        ([("Dense", {"batch_input_shape": [None, 4]}), ("Softmax", {})], [2, 2]),
        ([("Conv2D", {}), ("Flatten", {}), ("Dense", {})], [None, 4, 2]),
        ([("GlobalMaxPooling2D", {}), ("RepeatVector", {}), ("LSTM", {}), ("Dense", {})], [None, 2, 3, 2]),
        ([("GlobalMaxPooling2D", {"keepdims": True}), ("LSTM", {"return_sequences": True}), ("Add", {})], [None, 4, 3]),
        (
            [("InputLayer", {"batch_shape": [None, 9]}), ("Embedding", {}), ("ConvLSTM1D", {}), ("Add", {})],
            [2, 2, 3, None],
        ),
        (
            [("Embedding", {}), ("Reshape", {"target_shape": [2, 3, -1]}), ("Conv1DTranspose", {}), ("ELU", {})],
            [None, None, 4, 3],
        ),
    ],
)
def test_ranks_of_a_sequence(layers, ranks):
    assert list(input_ranks(sequence(*layers)).values()) == ranks


def tensor(shape):
    return {"class_name": "__keras_tensor__", "config": {"shape": shape, "keras_history": ["in", 0, 0]}}


@pytest.mark.parametrize(
    ("args", "rank"),
    [
        ([tensor([None, 8, 3])], 3),
        ([[tensor([None, 8]), tensor([None, 8])]], 2),
        ([1.0, tensor("?"), {"class_name": "__keras_tensor__", "config": None}], None),
        ([], None),
    ],
)
def test_a_graph_of_keras_3_holds_shapes(args, rank):
    call = {"args": args, "kwargs": {}}
    config = {
        "layers": [{"class_name": "Custom", "name": "x", "config": {"name": "x"}, "inbound_nodes": [call]}],
        "input_layers": [["in", 0, 0]],
        "output_layers": [["x", 0, 0]],
    }
    assert input_ranks(config) == {"x": rank}


def test_a_config_of_another_form_has_no_layers():
    assert input_ranks({"layers": "?"}) == {}
