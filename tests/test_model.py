"""What a saved model asks for, as values."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.formats.config_tree import collect_objects
from mlflow_kerasguard.model import ModelSpec, Section, WeightSpec
from tests.builders import model

LAYER = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "dense", "activation": "relu"}}


def test_without_compile_parents_are_still_the_parents():
    # The file's author decides where `compile_config` stands.
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "compile_config": {"optimizer": "adam", "loss": "mse"},
        "config": {"layers": [LAYER]},
    }
    spec = ModelSpec(source="x", format="keras", config=config, compile_config={}, objects=collect_objects(config))
    assert [item.section for item in spec.objects[1:3]] == [Section.COMPILE, Section.COMPILE]
    judged = spec.without_compile()
    assert judged.compile_config is None
    assert [item.class_name for item in judged.objects] == ["Sequential", "Dense", "relu"]
    assert [item.parent for item in judged.objects] == [None, 0, 1]


def test_the_size_of_a_weight():
    assert WeightSpec(path="w", shape=(2, 3, 4), dtype="float32").size == 24
    assert WeightSpec(path="w", shape=(), dtype="float32").size == 1


@pytest.mark.parametrize(
    ("fields", "summary"),
    [
        ({}, "`.keras` file, saved by keras 3.15.1, on tensorflow, 0 layers, 0 weights"),
        ({"keras_version": None, "backend": None}, "`.keras` file, saver unknown, 0 layers, 0 weights"),
        ({"format": "unknown", "config": None}, "nothing that can be read as a Keras model"),
    ],
)
def test_summary(fields, summary):
    assert model(**fields).summary() == summary
