"""Reading a module's text piece by piece gives what parsing all of it gives."""

from __future__ import annotations

import ast

import pytest

from mlflow_kerasguard.keras_api.facts import Import
from mlflow_kerasguard.keras_api.outline import ModuleOutline

SOURCE = '''
"""A module.

class NotThis:
    pass
"""

import os
import keras.src.backend as B
from keras.src import layers
from keras.src.layers import Dense as FullyConnected, Layer
from keras.src.api_export import (
    keras_export,  # the decorator
    other as another,
)
from .sibling import Brother
from ..parent import Aunt
from keras.src.everything import *

try:
    from keras.src.optional import Maybe
except ImportError:
    Maybe = None

Alias = layers.Dense  # kept for old files
number = 3


@keras_export(
    ["keras.layers.Scale", "keras.layers.Skala"]
)
class Scale(layers.Layer, Mixin, metaclass=Meta):
    """Scales.

    class Example(Layer):
        def __init__(self, wrong):
            pass

    def build(self, wrong): pass
    """

    flag = True

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)

    @classmethod
    def from_config(cls, config):
        text = """
def at_column_zero(): pass
"""
        return cls(**config)


class Plain: ...


def relu(x, alpha=0.0):
    return x
'''


@pytest.fixture
def outline():
    return ModuleOutline("keras.src.layers.scale", SOURCE)


def test_definitions(outline):
    assert outline.has_class("Scale")
    assert outline.has_class("Plain")
    assert not outline.has_class("NotThis"), "an example in a docstring"
    assert outline.has_function("relu")
    assert not outline.has_function("at_column_zero"), "text inside a string"
    assert outline.alias("Alias") == "layers.Dense"
    assert outline.alias("number") is None
    assert outline.find_class("Gone") is None
    assert outline.function("gone") is None


def test_imports(outline):
    assert outline.imports["os"] == Import("os", None)
    assert outline.imports["B"] == Import("keras.src.backend", None)
    assert outline.imports["FullyConnected"] == Import("keras.src.layers", "Dense")
    assert outline.imports["keras_export"] == Import("keras.src.api_export", "keras_export")
    assert outline.imports["another"] == Import("keras.src.api_export", "other")
    assert outline.imports["Maybe"] == Import("keras.src.optional", "Maybe")
    assert outline.imports["Brother"] == Import("keras.src.layers.sibling", "Brother")
    assert outline.imports["Aunt"] == Import("keras.src.parent", "Aunt")
    assert outline.star_imports == ("keras.src.everything",)


def test_relative_imports_of_a_package():
    outline = ModuleOutline("keras.layers", "from .core import Dense", is_package=True)
    assert outline.imports["Dense"] == Import("keras.layers.core", "Dense")


def test_a_class(outline):
    scale = outline.find_class("Scale")
    assert scale.bases == ("layers.Layer", "Mixin")
    assert [arg.arg for arg in scale.method("__init__").args.args] == ["self", "factor"]
    assert scale.method("from_config").name == "from_config"
    assert scale.method("build") is None, "only in the docstring"
    assert outline.find_class("Plain").bases == ()


def test_decorators(outline):
    assert '["keras.layers.Scale"' in outline.decorators("Scale")
    assert outline.decorators("relu") == ""
    assert outline.decorators("gone") == ""


def test_a_function(outline):
    assert [arg.arg for arg in outline.function("relu").args.args] == ["x", "alpha"]


@pytest.mark.parametrize(
    "source",
    [
        "class A(B):\n    def f(self):\n        return 1\n\nclass A(C):\n    def f(self, x):\n        return 2\n",
        # The piece ends too early at the string's column 0 and doesn't parse alone.
        "class A(C):\n    def f(self, x):\n        return '''\nnot the end\n'''\n",
    ],
)
def test_what_cant_be_read_in_pieces_is_read_whole(source):
    outline = ModuleOutline("m", source)
    node = next(item for item in reversed(ast.parse(source).body) if isinstance(item, ast.ClassDef))
    found = outline.find_class("A")
    assert found is not None
    assert found.method("f") is not None
    if len(ast.parse(source).body) == 1:
        assert found.bases == tuple(ast.unparse(base) for base in node.bases)


def test_a_method_defined_twice_counts_once_the_last_time():
    text = "class A:\n    def f(self):\n        pass\n\n    def f(self, x):\n        pass\n"
    assert [arg.arg for arg in ModuleOutline("m", text).find_class("A").method("f").args.args] == ["self", "x"]


def test_a_function_defined_twice_counts_the_last_time():
    text = "def f(a):\n    pass\n\n\ndef f(b):\n    pass\n"
    assert ModuleOutline("m", text).function("f").args.args[0].arg == "b"


CONDITIONAL = """
if backend() == "tensorflow":
    from keras.src.tf import TFOptimizer

    Base = TFOptimizer
else:
    Base = other.BaseOptimizer

class Optimizer(Base): ...

def function():
    local = Base
"""


def test_of_an_alias_that_depends_on_the_backend_the_first_counts():
    outline = ModuleOutline("m", CONDITIONAL)
    assert outline.alias("Base") == "TFOptimizer"
    assert outline.alias("local") is None
    assert outline.imports["TFOptimizer"] == Import("keras.src.tf", "TFOptimizer")
    assert set(outline.defined) == {"Base", "Optimizer", "function"}
