"""Which variables a layer has, from its configuration."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.layouts import layout

WINDOW = {"kernel_size": [3, 2], "filters": 4, "use_bias": True}
LSTM = {"units": 2, "use_bias": True}
GRU = {"units": 2, "use_bias": True, "reset_after": True}
POLICY = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}


def child(name, config):
    return {"class_name": name, "config": config}


LAYOUTS = [
    ("Dense", {"units": 3, "use_bias": True}, {"": ((None, 3), (3,))}),
    ("Dense", {"units": 3, "use_bias": False, "dtype": POLICY}, {"": ((None, 3),)}),
    ("Embedding", {"input_dim": 9, "output_dim": 4, "dtype": "float64"}, {"": ((9, 4),)}),
    ("Conv2D", WINDOW, {"": ((3, 2, None, 4), (4,))}),
    ("Conv2DTranspose", WINDOW, {"": ((3, 2, 4, None), (4,))}),
    ("DepthwiseConv2D", {**WINDOW, "depth_multiplier": 2}, {"": ((3, 2, None, 2), (None,))}),
    ("SeparableConv2D", {**WINDOW, "depth_multiplier": 2}, {"": ((3, 2, None, 2), (1, 1, None, 4), (4,))}),
    ("BatchNormalization", {"scale": False, "center": True}, {"": (None, None, None)}),
    ("LayerNormalization", {"scale": True, "center": True}, {"": (None, None)}),
    ("Normalization", {"mean": None}, {"": (None, None, ())}),
    ("EinsumDense", {"bias_axes": "d"}, {"": (None, None)}),
    ("EinsumDense", {"bias_axes": None}, {"": (None,)}),
    ("PReLU", {}, {"": (None,)}),
    ("LSTM", LSTM, {"cell": ((None, 8), (2, 8), (8,))}),
    ("SimpleRNN", LSTM, {"cell": ((None, 2), (2, 2), (2,))}),
    ("GRU", GRU, {"cell": ((None, 6), (2, 6), (2, 6))}),
    ("GRU", {**GRU, "reset_after": False}, {"cell": ((None, 6), (2, 6), (6,))}),
    ("GRU", {**GRU, "use_bias": False}, {"cell": ((None, 6), (2, 6))}),
    ("ConvLSTM2D", WINDOW, {"cell": ((3, 2, None, 16), (3, 2, 4, 16), (16,))}),
    ("RNN", {"cell": child("GRUCell", GRU)}, {"cell": ((None, 6), (2, 6), (2, 6))}),
    ("TimeDistributed", {"layer": child("PReLU", {})}, {"layer": (None,)}),
    (
        "Bidirectional",
        {"layer": child("LSTM", {**LSTM, "use_bias": False})},
        {"forward_layer/cell": ((None, 8), (2, 8)), "backward_layer/cell": ((None, 8), (2, 8))},
    ),
    (
        "Bidirectional",
        {"layer": child("LSTM", LSTM), "backward_layer": child("SimpleRNN", LSTM)},
        {"forward_layer/cell": ((None, 8), (2, 8), (8,)), "backward_layer/cell": ((None, 2), (2, 2), (2,))},
    ),
]


@pytest.mark.parametrize(("name", "config", "expected"), LAYOUTS)
def test_layout(name, config, expected):
    assert layout(name, config) == expected


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("Custom", {}),
        ("Dense", {"units": "3", "use_bias": True}),
        ("Dense", {"units": True, "use_bias": True}),
        ("Dense", {"units": 3, "use_bias": 1}),
        ("Dense", {"units": 3, "use_bias": True, "dtype": "int8_from_float32"}),
        ("Dense", {"units": 3, "use_bias": True, "dtype": {"class_name": "DTypePolicyMap", "config": {}}}),
        ("Dense", {"units": 3, "use_bias": True, "dtype": {"class_name": "Policy", "config": "?"}}),
        ("Dense", {"units": 3, "use_bias": True, "lora_rank": 2}),
        ("BatchNormalization", {"scale": True, "center": True, "renorm": True}),
        ("Normalization", {"mean": [1.0], "variance": [1.0]}),
        ("Conv2D", {**WINDOW, "kernel_size": 3}),
        ("Conv2D", {**WINDOW, "kernel_size": ["3"]}),
        ("GRU", {"units": 2, "use_bias": True}),
        ("RNN", {"cell": child("StackedRNNCells", {})}),
        ("RNN", {"cell": child("LSTM", LSTM)}),
        ("RNN", {"cell": [child("LSTMCell", LSTM)]}),
        ("TimeDistributed", {"layer": {"class_name": "Dense"}}),
    ],
)
def test_no_layout(name, config):
    assert layout(name, config) is None


def test_a_config_without_end_has_no_layout():
    config = {}
    config["layer"] = child("TimeDistributed", config)
    assert layout("TimeDistributed", config) is None
