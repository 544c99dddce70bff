"""What an object uses of packaged modules, told from names in their source."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.custom_code.capture import CapturedCode
from mlflow_kerasguard.custom_code.identities import fingerprints, parsed_modules
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.source_code import usage
from mlflow_kerasguard.source_code.definitions import Module
from mlflow_kerasguard.source_code.usage import used_definitions

HELPERS = """
from math import pi
LIMIT = 3
def factor():
    return inner() * pi
def inner():
    return LIMIT
def unused():
    return 0
"""


def used(modules, target="layers:Scale", packages=frozenset()):
    parsed = {name: Module(source.encode()) for name, source in modules.items()}
    return set(used_definitions(parsed, packages, *target.split(":")))


def scale(body, head="from helpers import factor\n"):
    return {"layers": f"{head}class Scale:\n    {body}\n", "helpers": HELPERS}


FACTOR = {"helpers:factor", "helpers:inner", "helpers:LIMIT", "helpers:pi"}

CASES = {
    "a name that was imported": (scale("x = factor()"), {"layers:factor", *FACTOR}),
    "under another name": (scale("x = f()", "from helpers import factor as f\n"), {"layers:f", *FACTOR}),
    "an attribute of a module": (scale("x = helpers.factor()", "import helpers\n"), {"layers:helpers", *FACTOR}),
    "an import inside": (scale("def f(self):\n        from helpers import LIMIT\n        LIMIT"), {"helpers:LIMIT"}),
    "everything": (scale("x = factor()", "from helpers import *\n"), FACTOR),
    "what isn't packaged": (scale("x = np.pi", "import numpy as np\n"), {"layers:np"}),
    "a builtin": (scale("x = len('')"), set()),
    "itself": (scale("def f(self):\n        return Scale()"), set()),
    "a base": (
        {"layers": "from base import Base\nclass Scale(Base): ...", "base": "class Base: ..."},
        {"layers:Base", "base:Base"},
    ),
    "a decorator": (
        {"layers": "def mark(c): return c\n@mark\nclass Scale: ..."},
        {"layers:mark"},
    ),
    "a default of the same name as the parameter": (
        scale("def f(self, factor=factor): ..."),
        {"layers:factor", *FACTOR},
    ),
    "a parameter": (scale("def f(self, factor):\n        return factor"), set()),
    "further parameters": (scale("def f(self, *factor, **LIMIT):\n        return factor, LIMIT"), set()),
    "a local name": (scale("def f(self):\n        factor = 1\n        return factor"), set()),
    "a function inside": (scale("def f(self):\n        def factor(): ...\n        return factor"), set()),
    "a lambda": (scale("f = lambda factor: factor"), set()),
    "a global name": (
        scale("def f(self):\n        global factor\n        factor = 1\n        return factor"),
        {"layers:factor", *FACTOR},
    ),
    "a condition": (
        {"layers": "FAST = 1\nif FAST:\n    def go(): ...\nclass Scale:\n    x = go()"},
        {"layers:go", "layers:FAST"},
    ),
    "modules that import each other": (
        {"layers": "from a import x\nclass Scale:\n    y = x", "a": "from b import x", "b": "from a import x"},
        {"layers:x", "a:x", "b:x"},
    ),
    "a name that the module lacks": (scale("x = gone", "from helpers import gone\n"), {"layers:gone"}),
}


@pytest.mark.parametrize(("modules", "expected"), CASES.values(), ids=CASES)
def test_what_is_used(modules, expected):
    assert used(modules) == expected


@pytest.mark.parametrize("line", ["from .helpers import factor", "from . import helpers", "import shop.helpers"])
def test_packages(line):
    name = {"from .h": "factor", "from . ": "helpers.factor", "import ": "shop.helpers.factor"}[line[:7]]
    modules = {"shop.layers": f"{line}\nclass Scale:\n    x = {name}", "shop.helpers": "def factor(): ..."}
    assert "shop.helpers:factor" in used(modules, "shop.layers:Scale")
    within = {"shop": modules["shop.layers"], "shop.helpers": modules["shop.helpers"]}
    assert "shop.helpers:factor" in used(within, "shop:Scale", frozenset({"shop"}))


@pytest.mark.parametrize("target", ["layers:Gone", "gone:Scale"])
def test_nothing_is_used_by_what_isnt_there(target):
    assert used(scale("x = factor()"), target) == set()


def test_names_that_lead_on_for_ever():
    assert used({"layers": "import layers.b.c as b\nclass Scale:\n    x = b"}) == {"layers:b"}
    assert used({"layers": f"class Scale:\n    x = {' + '.join('y' * 900)}\ny = 1"}) == {"layers:y"}


def test_there_is_an_end(monkeypatch):
    monkeypatch.setattr(usage, "_LIMIT", 1)
    assert used(scale("x = factor()")) == {"layers:factor"}


def test_what_identifies_an_object():
    code = CapturedCode(
        files={"layers.py": scale("x = factor()")["layers"].encode(), "helpers.py": HELPERS.encode(), "odd.py": b"("},
        modules={"layers": "layers.py", "helpers": "helpers.py", "odd": "odd.py"},
        objects={"Shop>Scale": "layers:Scale", "gone": "elsewhere:gone", "made": "layers:factor", "odd": "odd:f"},
    )
    refs = [
        ObjectRef(class_name="Scale", registered_name="Shop>Scale", config={"name": "a", "by": 1}),
        ObjectRef(class_name="Scale", registered_name="Shop>Scale", config={"name": "b", "axis": 1}),
        ObjectRef(class_name="Other", config={"other": 1}),
        ObjectRef(class_name="Scale", kind=Kind.FUNCTION),
    ]
    parsed = parsed_modules(code)
    assert set(parsed) == {"layers", "helpers"}
    found = fingerprints(code, parsed, ModelSpec(source="x", format="keras", objects=tuple(refs)))
    assert set(found) == {"Shop>Scale"}
    assert found["Shop>Scale"].config_keys == ("axis", "by", "name")
    assert set(found["Shop>Scale"].uses) == {"layers:factor", *FACTOR}
