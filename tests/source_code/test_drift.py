"""How the code that an environment has differs from what was logged: the words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_kerasguard.source_code.definitions import Module
from mlflow_kerasguard.source_code.drift import is_bound, object_drift
from mlflow_kerasguard.source_code.fingerprints import fingerprint

LAYERS = """
from helpers import factor
class Scale:
    def call(self, x):
        return x * factor()
"""
HELPERS = "LIMIT = 3\ndef factor():\n    return LIMIT\n"


def drift(layers=LAYERS, helpers=HELPERS):
    logged = Module(LAYERS.encode()), Module(HELPERS.encode())
    uses = {f"helpers:{name}": logged[1].digest_of(name) for name in ("LIMIT", "factor")}
    own = replace(fingerprint(logged[0], "Scale"), uses=uses)
    texts = {"layers": layers, "helpers": helpers}
    host = {name: Module(text.encode()) for name, text in texts.items() if text is not None}
    return list(object_drift("layers:Scale", own, host.get))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ({}, []),
        ({"helpers": '"""Helpers."""\n' + HELPERS + "# The end.\n"}, []),
        ({"layers": None}, []),
        ({"helpers": None}, []),
        ({"layers": "class Other: ...\n"}, []),
        ({"layers": LAYERS.replace("*", "+")}, [("layers", "`Scale.call` changed")]),
        (
            {"helpers": HELPERS.replace("return", "return 2 *")},
            [("helpers", "`Scale` uses `helpers.factor`, whose body changed")],
        ),
        ({"helpers": HELPERS.replace("3", "4")}, [("helpers", "`Scale` uses `helpers.LIMIT`, whose value changed")]),
        (
            {"helpers": "LIMIT = 3\n"},
            [("helpers", "`Scale` uses `helpers.factor`, which `helpers` no longer defines")],
        ),
        (
            {"helpers": "LIMIT = 3\nfrom .new import factor, other\n"},
            [("helpers", "`Scale` uses `helpers.factor`, which is from `from .new import factor` now")],
        ),
        (
            {"layers": "from .core import Scale"},
            [("layers", "`layers` doesn't define `Scale` any more but has it from `from .core import Scale`")],
        ),
        (
            {"layers": "Scale = make()"},
            [("layers", "`layers` doesn't define `Scale` any more but has it from an assignment")],
        ),
    ],
)
def test_words(host, expected):
    assert drift(**host) == expected


def test_a_condition_around_a_definition():
    first, second = (Module(f"if {name}:\n    def f(): ...\n".encode()) for name in "ab")
    assert first.digest_of("f") != second.digest_of("f")
    with_file = Module(b"with open(a) as b:\n    c = 1\n")
    assert with_file.digest_of("c") is not None
    assert first.digest_of("gone") is None


@pytest.mark.parametrize("more", ["import keras\n", "import keras.ops\n", "import other as k\n"])
def test_further_imports_of_one_package(more):
    assert Module(b"import keras\n").digest_of("keras") == Module(f"import keras\n{more}".encode()).digest_of("keras")


def test_another_import_of_one_name():
    first, second = Module(b"from a import f"), Module(b"from a import f\nfrom b import f")
    assert first.digest_of("f") != second.digest_of("f")


def test_what_is_there():
    module = Module(b"class A:\n    class B: ...\nx = 1\n")
    assert [is_bound(module, name) for name in ("A", "A.B", "x", "A.C", "y")] == [True, True, True, False, False]


def test_a_whole_module():
    assert Module(b'"""Text."""\nx = 1  # one\n').digest == Module(b"x=1").digest
    assert Module(b"x = 1").digest != Module(b"x = 2").digest
