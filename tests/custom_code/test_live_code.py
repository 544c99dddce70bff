"""Files that were edited after they had been imported are refused; what only looks like it isn't."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_kerasguard.custom_code.agreement import reached, require_current
from mlflow_kerasguard.custom_code.live_code import difference, functions_of, is_same_code
from mlflow_kerasguard.custom_code.live_objects import LiveObjects
from mlflow_kerasguard.errors import CodeCaptureError
from mlflow_kerasguard.keras_runtime import runtime_of
from mlflow_kerasguard.model import ObjectRef
from tests.keras_cases import BACKEND, keras

NAME = keras.__name__

COMPILED = {"tensorflow": "import tensorflow\ncompiled = tensorflow.function", "jax": "import jax\ncompiled = jax.jit"}

#: Everything that may come between a source and what is live.
RICH = f"""
from __future__ import annotations
import dataclasses, enum, functools, typing
import {NAME} as keras
from edited_tools import helper
import edited_tools as tools
{COMPILED.get(BACKEND, "compiled = functools.lru_cache")}

def keeping(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner

def hiding(function):
    return lambda *args: function(*args)

def make(power):
    def call(self, x: Absent):
        y: Absent = x ** power
        return y
    return call

@keras.utils.register_keras_serializable("live")
class A(keras.layers.Layer):
    \"\"\"A layer.\"\"\"
    for name in ("one", "two"):
        exec(f"def {{name}}(self): return 1")
    def __init__(self, units=3, *, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.units, self._rate, self.table = units, rate, frozenset({{1, 1.0, "a"}})
    @property
    def rate(self): return self._rate
    @rate.setter
    def rate(self, value): self._rate = value
    @staticmethod
    @keeping
    def kept(x): return [y for y in x if y in {{"a", "b", "c"}}]
    @hiding
    def hidden(self): return lambda: lambda z=1: z
    @classmethod
    def build_from(cls): return cls()
    power = make(3)
    __private = functools.partialmethod(power, 2)
    def __secret(self):
        assert self.units, "none"
        class Local:
            line = 5
            def method(this): this.a = this.b = this.c = 1
        return Local, __class__
    @functools.cached_property
    def cached(self): return self.__secret()
    class Inner(enum.Enum):
        ONE = 1
        def twice(self): return self.value * 2
    async def later(self):
        async with self as x: yield x
    @compiled
    def call(self, inputs):
        try:
            return helper(inputs) + tools.other(inputs)
        finally:
            pass

@dataclasses.dataclass(slots=True)
class Data:
    x: int = 3
    def area(self): return super().__init__, self.x

class Pair(typing.NamedTuple):
    a: int = 1
    def both(self): return self.a
"""

TOOLS = "import json\ndef helper(x, unit=1):\n    return json.dumps, x, Part\ndef other(x):\n    return x\nclass Part:\n    def p(self):\n        return 1\n"


@pytest.fixture
def module(local_modules, tmp_path):
    found = local_modules(edited_layers=RICH, edited_tools=TOOLS)
    # The tests write to this file: it has to be theirs.
    assert Path(found.__file__).is_relative_to(tmp_path)
    yield found
    for name in ("A",):
        keras.utils.get_custom_objects().pop(f"live>{name}", None)


@pytest.mark.parametrize("name", ["A", "Data", "Pair", "make", "keeping"])
def test_a_file_as_it_was(name, module):
    require_current(getattr(module, name))


def test_what_only_looks_changed(module):
    file = Path(module.__file__)
    file.write_text("# A comment that moves every line.\n\n" + file.read_text().replace("a layer", "another layer"))
    require_current(module.A)


EDITS = {
    "an operator": ("edited_layers", "x ** power", "x * power", "make.<locals>.call"),
    "a constant": ("edited_layers", "z=1: z", "z=1: 1.0", "A.hidden"),
    "a type of constant": ("edited_layers", "self.value * 2", "self.value * 2.0", "A.Inner.twice"),
    "a nested class": ("edited_layers", "this.b = this.c = 1", "this.b = this.d = 1", "A.__secret"),
    "a compiled method": ("edited_layers", "tools.other(inputs)", "tools.other(2)", "A.call"),
    "a property": ("edited_layers", "self._rate = value", "self._rate = 1", "A.rate"),
    "a name": ("edited_layers", "def kept(x)", "def sorted_(x)", "A.kept"),
    "a default": ("edited_layers", "units=3", "units=4", "A.__init__"),
    "a keyword's default": ("edited_layers", "rate=0.5", "rate=0.6", "A.__init__"),
    "one default more": ("edited_layers", "def build_from(cls)", "def build_from(cls=None)", "A.build_from"),
    "one method more": (
        "edited_layers",
        "    async def later",
        "    def build(self, shape): pass\n    async def later",
        "A.build",
    ),
    "a function of another module": ("edited_tools", "return json.dumps, x", "return json.loads, x", "helper"),
    "what that function uses": ("edited_tools", "return 1\n", "return 2\n", "Part.p"),
    "a function that is reached by its module": (
        "edited_tools",
        "def other(x):\n    return x",
        "def other(x):\n    return 2",
        "other",
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_file_that_was_edited(edit, module):
    name, before, after, changed = edit
    file = Path(module.__file__).with_name(f"{name}.py")
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))
    short = changed.rsplit(".", 1)[-1]
    with pytest.raises(
        CodeCaptureError, match=rf"of module `{name}` isn't what `.*` defines any more \(`.*{short}` diff"
    ):
        require_current(module.A)


def test_what_is_reached(module):
    names = {one.__qualname__ for one in reached(module.A)}
    assert {"A", "helper", "other", "Part"} <= names
    assert not {"dumps", "Layer"} & names


@pytest.mark.parametrize("text", ["def (:\n", None])
def test_a_file_that_tells_nothing(text, module):
    file = Path(module.__file__)
    file.unlink() if text is None else file.write_text(text)
    require_current(module.A)


def test_a_module_with_a_loader_of_its_own(module):
    Path(module.__file__).write_text("")
    module.__loader__ = object()
    require_current(module.A)


def _defined(source):
    scope = {"__name__": "defined"}
    exec(source, scope)
    return scope["f"]


SOURCES = {
    "the same": ("def f(x): return x", "\n\ndef f(x):\n    return x", None),
    "other features": (
        "def f():\n  x: int = 1\n  def g(y: x): pass",
        "from __future__ import annotations\ndef f():\n  x: int = 1\n  def g(y: x): pass",
        None,
    ),
    "exceptions": ("def f():\n  try: g()\n  except A: pass", "def f():\n  try: g()\n  except B: pass", "f"),
    "a branch": ("def f(a):\n  if a: a()\n  b()", "def f(a):\n  if a:\n    a()\n    b()", "f"),
    "nothing": ("f = len", "f = max", None),
    "not Python": ("def f(x): return x", "def (", None),
}


@pytest.mark.parametrize("case", SOURCES.values(), ids=SOURCES)
def test_differences(case):
    live, source, expected = case
    assert difference(source, _defined(live), lambda file: True) == expected


def test_code_of_unknown_origin():
    live = _defined("def f(x): return x")
    assert difference("def g(x): return x", live, lambda file: None) is None
    assert difference("def f(x): return 1", live, lambda file: None) == "f"
    assert difference("def f(x): return 1", live, lambda file: False) is None
    assert [function.__name__ for function in functions_of(live)] == ["f"]


LAYER = f"import {NAME} as keras\n\n@keras.utils.register_keras_serializable('live')\nclass A(keras.layers.Layer):\n    def call(self, x):\n        return x * %d\n"


def test_a_class_that_was_defined_anew(local_modules):
    first = local_modules(anew=LAYER % 1)
    old = first.A
    exec(LAYER % 2, vars(first))
    exec(LAYER % 2, (again := {"__name__": "anew"}))
    ref = ObjectRef(class_name="A", module="anew", registered_name="live>A", has_module=True)

    def found(*layers):
        model = keras.Sequential([keras.layers.InputLayer((1,)), *layers])
        return LiveObjects(model, runtime_of(model), {}).find(ref)

    assert found(old()) is old
    assert found(first.A()) is first.A
    assert found(first.A(), again["A"]()) in (first.A, again["A"])
    assert is_same_code(first.A, again["A"])
    assert not is_same_code(first.A, old)
    with pytest.raises(CodeCaptureError, match="two versions of `A` of module `anew`"):
        found(old(), first.A())
    keras.utils.get_custom_objects().pop("live>A")
