"""Fingerprints of custom classes and functions: what counts as a change, and how it is told."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from mlflow_kerasguard.source_code.definitions import Module, digest
from mlflow_kerasguard.source_code.fingerprints import fingerprint, source_of
from mlflow_kerasguard.source_identity import changes

IS_FUNCTION = "`Scale` is a function now"

LAYER = '''
import keras

class Scale(keras.layers.Layer):
    """Multiplies."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor  # kept for get_config

    def call(self, x):
        """The product."""
        return x * self.factor
'''


def of(source, name="Scale"):
    return fingerprint(Module(source.encode()), name)


@pytest.mark.parametrize(
    "source",
    [
        LAYER.replace("  # kept for get_config", ""),
        LAYER.replace('"""Multiplies."""', '"""Something else."""'),
        LAYER.replace('    """Multiplies."""\n\n', ""),
        LAYER.replace('        """The product."""\n', ""),
        LAYER.replace("x * self.factor", "(x\n            * self.factor)"),
        "# moved down\n\n\n" + LAYER + "\nclass Other: ...\n",
        LAYER.replace("import keras", "if True:\n    import keras"),
    ],
    ids=["comment", "docstring", "no-docstring", "docstring-of-a-method", "layout", "place", "surroundings"],
)
def test_what_is_no_change(source):
    assert of(source) == of(LAYER)
    assert changes("Scale", of(LAYER), of(source)) == ()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            LAYER.replace("factor=2.0, **kwargs", "factor=2.0, activation='relu', **kwargs"),
            ("`Scale.__init__` gained `activation='relu'`",),
        ),
        (LAYER.replace("factor=2.0, ", ""), ("`Scale.__init__` lost `factor=2.0`",)),
        (LAYER.replace("factor=2.0", "factor=3.0"), ("`Scale.__init__` takes `factor=3.0` instead of `factor=2.0`",)),
        (LAYER.replace("factor=2.0", "factor"), ("`Scale.__init__` takes `factor` instead of `factor=2.0`",)),
        (LAYER.replace("x * self", "x + self"), ("`Scale.call` changed",)),
        (LAYER.replace("self, x)", "self, y)"), ("`Scale.call` changed",)),
        (LAYER + "\n    def get_config(self): ...\n", ("`Scale.get_config` is new",)),
        (LAYER.replace("call(", "forward("), ("`Scale.call` is gone", "`Scale.forward` is new")),
        (
            LAYER.replace("factor=2.0", "factor=3.0").replace("= factor", "= factor + 1"),
            (
                "`Scale.__init__` takes `factor=3.0` instead of `factor=2.0`",
                "the body of `Scale.__init__` changed",
            ),
        ),
        (
            LAYER.replace("layers.Layer", "Layer"),
            ("the bases, decorators, annotations or attributes of `Scale` changed",),
        ),
        ("def Scale(): ...\n", ("`Scale.__init__` lost `factor=2.0`", "`Scale.__init__` lost `**kwargs`", IS_FUNCTION)),
    ],
    ids=["gained", "lost", "default", "no-default", "body", "name", "new", "gone", "both", "base", "function"],
)
def test_what_is_a_change(source, words):
    assert changes("Scale", of(LAYER), of(source)) == words


FUNCTIONS = {
    "def f(a): return 2": ("the body of `f` changed",),
    "def f(a, b): return 1": ("`f` gained `b`",),
    "def f(a, b): return b": ("`f` gained `b`", "the body of `f` changed"),
    "@cache\ndef f(a): return 1": ("the decorators or annotations of `f` changed",),
    "class f:\n    def __init__(self, a): ...": ("`f` is a class now",),
}


@pytest.mark.parametrize(("source", "words"), FUNCTIONS.items(), ids=range(len(FUNCTIONS)))
def test_changes_of_a_function(source, words):
    assert changes("f", of("def f(a): return 1", "f"), of(source, "f")) == words


def test_a_getter_beside_its_setter():
    both = "class A:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self, value): ...\n"
    assert changes("A", of(both, "A"), of(both.replace("1", "2"), "A")) == ("`A.x` changed",)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (LAYER.replace("x * self", "x + self"), "the body of `Scale` changed"),
        (LAYER.replace("factor=2.0", "factor=3.0"), "`Scale.__init__` takes `factor=3.0` instead of `factor=2.0`"),
    ],
)
def test_changes_since_a_signature_that_doesnt_tell_parts_apart(source, words):
    assert changes("Scale", replace(of(LAYER), parts=None), of(source)) == (words,)


def test_an_order_of_parameters():
    before, after = of("def f(a, b): ...", "f"), of("def f(b, a): ...", "f")
    assert changes("f", before, after) == ("`f` takes its parameters in another order",)


def test_parameters():
    found = of("def f(a, /, b=1, *args, c, d='x', **kwargs): ...", "f")
    assert [str(parameter) for parameter in found.parameters] == ["a", "b=1", "*args", "c", "d='x'", "**kwargs"]
    assert of("class A:\n    def other(self): ...", "A").parameters == ()
    assert of("async def f(a): ...", "f").parameters == of("def f(a): ...", "f").parameters


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("class Outer:\n    class Inner: ...\n", "Outer.Inner"),
        ("try:\n    import x\nexcept ImportError:\n    class A: ...\n", "A"),
        ("if x:\n    def f(): ...\nelse:\n    y = 1\n", "f"),
    ],
)
def test_where_a_definition_may_stand(source, name):
    assert of(source, name) is not None


@pytest.mark.parametrize("name", ["Gone", "Scale.Gone", "keras"])
def test_what_is_not_defined(name):
    assert of(LAYER, name) is None


def test_the_last_definition_counts():
    twice = "def f(): return 1\ndef f(): return 2\n"
    assert of(twice, "f") == of("def f(): return 2\n", "f")


def test_a_body_of_a_docstring():
    assert of('class A:\n    """Nothing."""\n', "A") == of("class A:\n    pass\n", "A")


def test_the_digest_is_the_same_on_every_python():
    """Recorded once: a signature is compared by whatever Python serves the model."""
    assert of(LAYER).digest == "f8a67510cada7dfef8d3132a0ab9d8f4f2f4803c35ae14d013ba2b5481659716"


def test_the_digest_of_odd_syntax_is_the_same_on_every_python():
    """Python 3.12.1 has an empty part at the end of the format; the parts of the others differ in their making."""
    source = """
class Odd(object, metaclass=type):
    def f(self, x, /, *, k=(1, 2), **kw):
        match k:
            case [1, *rest]: return f"{x!r:>{rest}} and {x + 1} {{}}" "more" f"{k=}"
        return lambda y=1: "\\ud800" + str(1e400) + str(y[1:2, ...])
"""
    assert of(source, "Odd").digest == "6e19df6ca6ffc37fc8dfdfb983a08e1abe391407b20cd1f095d56b98b02e8051"


def test_split_parts_of_an_f_string():
    whole, split = ([ast.Constant(value=part) for part in parts] for parts in (["ab"], ["a", "b", ""]))
    assert digest([ast.JoinedStr(values=whole)]) == digest([ast.JoinedStr(values=split)])


def test_a_long_sum():
    assert of(f"def f(): return {' + '.join('x' * 900)}", "f") is not None


@pytest.mark.parametrize("source", ["def f(:", "def f(): ...\0", "x = " + "-" * 100_000 + "1"])
def test_what_isnt_python(source):
    with pytest.raises(SyntaxError):
        of(source, "f")


def test_the_text_of_a_definition():
    module = Module(b"@cache\ndef f():\n    return 1\nx = 2\n")
    assert source_of(module, "f") == "@cache\ndef f():\n    return 1"
    assert source_of(module, "x") is None
