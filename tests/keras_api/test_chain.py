"""A class through its bases: a small made-up Keras, read from text."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.keras_api.chain import ClassReader
from mlflow_kerasguard.keras_api.source_modules import SourceModules
from mlflow_kerasguard.keras_api.tree import NameTree

BASES = """
from elsewhere import Module

class Operation:
    def __init__(self, name=None):
        pass

class Layer(Operation):
    def __init__(self, *, dtype=None, trainable=True, **kwargs):
        Operation.__init__(self, name=kwargs.pop("name", None))
        shape = kwargs.pop("input_shape", None)
        if kwargs:
            raise ValueError(kwargs)

    @classmethod
    def from_config(cls, config):
        return cls(**config)

class Mixin:
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)

class Foreign(Module):
    def __init__(self, a, **kwargs):
        super().__init__(**kwargs)
"""

LAYERS = """
from keras.bases import Layer, Mixin
from keras import bases

class Dense(Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)

class Fixed(Layer):
    def __init__(self, units, **kwargs):
        super().__init__(trainable=False, **kwargs)

class Swallows(Layer):
    def __init__(self, units, **kwargs):
        super().__init__()

class Inherits(Dense):
    pass

class Wrapper(Layer):
    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)

    @classmethod
    def from_config(cls, config):
        layer = build(config.pop("layer"))
        return cls(layer, **config)

class Renamed(Dense):
    @classmethod
    def from_config(cls, config):
        config["units"] = config.pop("output_dim")
        return super().from_config(config)

class Mixed(Mixin, Dense):
    def __init__(self, **kwargs):
        super().__init__(3, **kwargs)

class Listed(Layer):
    def __init__(self, **kwargs):
        allowed = {"name", "dtype", "legacy"}
        validate_kwargs(kwargs, allowed)
        super().__init__(**kwargs)

class Model(Layer):
    @classmethod
    def from_config(cls, config):
        return cls(config["layers"])

class Metric(Layer):
    def __init__(self, name=None, fn=None):
        super().__init__(name=name)

    @classmethod
    def from_config(cls, config):
        fn = config.pop("fn", None)
        if cls is Metric:
            return cls(None, get(fn), **config)
        return super(Metric, cls).from_config(config)

class Loss(Layer):
    def __init__(self, name=None):
        super().__init__(name=name)

    @classmethod
    def from_config(cls, config):
        if saving_lib.saving_v3_enabled():
            config.pop("fn", None)
        return cls(**config)

class Accuracy(Metric):
    def __init__(self, name=None):
        super().__init__(name=name)

Alias = bases.Layer
"""


@pytest.fixture
def read():
    files = {"keras/__init__.py": "", "keras/bases.py": BASES, "keras/layers.py": LAYERS}

    class Files:
        def read(self, path):
            return files.get(path)

    tree = NameTree(SourceModules("keras", Files()))
    reader = ClassReader(tree)
    return lambda name, module="keras.layers": reader.read(tree.resolve(module, name))


LAYER = {"name", "dtype", "trainable", "input_shape"}


@pytest.mark.parametrize(
    ("name", "accepted", "refused", "required"),
    [
        ("Dense", LAYER | {"units"}, {"quantization_config"}, {"units"}),
        # A keyword that the constructor passes itself can't be given again.
        ("Fixed", LAYER - {"trainable"}, {"trainable"}, {"units"}),
        ("Swallows", {"units", "anything"}, set(), {"units"}),
        ("Inherits", LAYER | {"units"}, {"other"}, {"units"}),
        ("Wrapper", LAYER | {"layer"}, {"other"}, {"layer"}),
        ("Renamed", {"output_dim", "units"}, {"other"}, {"units"}),
        # `units` is given by position through the mixin's `*args`.
        ("Mixed", LAYER, {"units"}, set()),
        # Checked against a list before the base sees it.
        ("Listed", {"name", "dtype", "legacy"}, {"trainable2"}, set()),
        ("Model", {"anything"}, set(), set()),
        # What is asked of one class doesn't hold for those derived from it.
        ("Accuracy", {"name", "fn"}, {"units"}, set()),
        ("Loss", {"name"}, {"fn"}, set()),
        ("Alias", LAYER, {"units"}, set()),
    ],
)
def test_accepted(read, name, accepted, refused, required):
    api = read(name)
    assert {key for key in accepted if not api.accepts(key)} == set()
    assert {key for key in refused if api.accepts(key)} == set()
    assert api.required - api.supplied - api.dropped == required - api.supplied - api.dropped
    assert api.required <= {"units", "layer"}


def test_a_foreign_base_leaves_the_rest_unknown(read):
    api = read("Foreign", "keras.bases")
    assert api.accepts("a")
    with pytest.raises(Unknown, match="`Module` isn't part of Keras"):
        api.accepts("b")


def test_bases_are_in_resolution_order(read):
    assert read("Mixed").bases == (
        "keras.bases.Mixin",
        "keras.layers.Dense",
        "keras.bases.Layer",
        "keras.bases.Operation",
    )
