"""What layers are given, as far as a configuration tells."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.model import ObjectRef
from mlflow_kerasguard.rules.shapes import Tensor, input_of
from tests.builders import model, ref

CASES: list[object] = []

SHAPE = [None, 6, 8, 3]
INPUT = {"name": "input", "class_name": "InputLayer", "config": {"batch_shape": SHAPE, "dtype": "uint8"}}


def layer(name, class_name="RandomCrop", *, inbound=None, **config):
    item = {"name": name, "class_name": class_name, "config": {"name": name, **config}}
    return item if inbound is None else {**item, "inbound_nodes": inbound}


def given(config, name="crop", **fields):
    root = ObjectRef(class_name="Functional", config=config)
    return input_of(model(objects=(root,)), ref("keras.layers.RandomCrop", config={"name": name}, parent=0, **fields))


def sequential(*layers):
    return {"layers": list(layers)}


def functional(*layers):
    return {"layers": [INPUT, *layers], "input_layers": [["input", 0, 0]], "output_layers": [["crop", 0, 0]]}


def keras_tensor(shape, dtype="float32"):
    return {"class_name": "__keras_tensor__", "config": {"shape": shape, "dtype": dtype}}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (sequential(INPUT, layer("crop")), Tensor((None, 6, 8, 3), "uint8")),
        # Keras 2: the first layer itself says what the model is given.
        (sequential(layer("crop", batch_input_shape=SHAPE, dtype="float32")), Tensor((None, 6, 8, 3), "float32")),
        (sequential(INPUT, layer("flip", "RandomFlip"), layer("crop")), Tensor((None, 6, 8, 3))),
        (sequential(INPUT, layer("size", "Resizing", height=4, width=5), layer("crop")), Tensor((None, 4, 5, 3))),
        (
            sequential(
                INPUT, layer("size", "Resizing", height=4, width=5, data_format="channels_first"), layer("crop")
            ),
            Tensor(),
        ),
        (sequential(INPUT, layer("conv", "Conv2D"), layer("crop")), Tensor()),
        (sequential("what is this", layer("crop")), Tensor()),
        ({"layers": None}, Tensor()),
        (functional(layer("crop", inbound=[[["input", 0, 0, {}]]])), Tensor((None, 6, 8, 3), "uint8")),
        (
            functional(layer("crop", inbound=[{"args": [keras_tensor([2, 3, 4, 5])], "kwargs": {}}])),
            Tensor((2, 3, 4, 5), "float32"),
        ),
        (functional(layer("crop", inbound=[{"args": [keras_tensor("x")], "kwargs": {}}])), Tensor()),
        (functional(layer("crop", inbound=[{"args": [1], "kwargs": {}}])), Tensor()),
        (functional(layer("crop", inbound=[])), Tensor()),
        # Called twice: on what isn't one answer.
        (functional(layer("crop", inbound=[[["input", 0, 0, {}]], [["input", 0, 0, {}]]])), Tensor()),
    ],
)
def test_what_a_layer_is_given(config, expected):
    assert given(config) == expected


def test_what_the_layer_was_built_for():
    assert given({}, build_config={"input_shape": [None, 4]}) == Tensor((None, 4))
    assert given({}, build_config={"input_shape": {"a": [None, 4]}}) == Tensor()


def test_without_a_parent():
    assert input_of(model(), ref("keras.layers.RandomCrop", parent=None)) == Tensor()


@pytest.mark.parametrize(
    ("shape", "data_format", "expected"),
    [
        ((None, 6, 8, 3), None, (6, 8)),
        ((6, 8, 3), "channels_last", (6, 8)),
        ((None, 3, 6, 8), "channels_first", (6, 8)),
        ((None, None, 8, 3), None, None),
        ((None, 3), None, None),
        (None, None, None),
    ],
)
def test_height_and_width(shape, data_format, expected):
    assert Tensor(shape).image_size(ref("keras.layers.Resizing", config={"data_format": data_format})) == expected


@pytest.mark.parametrize(
    ("dtype", "expected"), [("uint8", True), ("int64", True), ("float32", False), (None, False), ("uuint", False)]
)
def test_whole_numbers(dtype, expected):
    assert Tensor(dtype=dtype).is_integer is expected
