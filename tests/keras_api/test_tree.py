"""Following names through imports, aliases and packages."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.keras_api.source_modules import Directory, SourceModules
from mlflow_kerasguard.keras_api.tree import NameTree

FILES = {
    "keras/__init__.py": "from keras.src.a import A\nfrom keras.src import b\n",
    "keras/src/__init__.py": "",
    "keras/src/a.py": "class A: ...\nB = A\ndef f(): ...\n",
    "keras/src/b.py": "from keras.src.a import *\nfrom keras.src.c import loop\nimport numpy as np\nlate = np.array\n",
    "keras/src/c.py": "from keras.src.b import loop\n",
}


@pytest.fixture
def tree(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return NameTree(SourceModules("keras", Directory(tmp_path)))


@pytest.mark.parametrize(
    ("module", "name", "path"),
    [
        ("keras", "A", "keras.src.a.A"),
        ("keras.src.a", "B", "keras.src.a.A"),
        ("keras.src.b", "A", "keras.src.a.A"),
        ("keras", "b.A", "keras.src.a.A"),
        ("keras", "b", "keras.src.b"),
        ("keras", "src", "keras.src"),
        ("keras.src.a", "f", "keras.src.a.f"),
        ("keras.src.b", "loop", None),
        ("keras.src.b", "late", None),
        ("keras.src.a", "A.inner", None),
        ("keras.gone", "A", None),
        ("numpy", "array", None),
        ("keras.../etc", "passwd", None),
    ],
)
def test_resolve(tree, module, name, path):
    found = tree.resolve(module, name)
    assert (found.path if found else None) == path


def test_kinds(tree):
    assert tree.resolve("keras.src.a", "f").is_function
    assert tree.resolve("keras.src.a", "f").class_facts is None
    assert not tree.resolve("keras", "b").is_function
    assert tree.resolve("keras", "b").class_facts is None


def test_an_order_without_solution_still_ends():
    text = "class A: ...\nclass B(A): ...\nclass C(A, B): ...\nclass D(D): ...\n"

    class Files:
        def read(self, path):
            return {"keras/__init__.py": "", "keras/x.py": text}.get(path)

    tree = NameTree(SourceModules("keras", Files()))
    order = [item.path for item in tree.mro(tree.resolve("keras.x", "C"))]
    assert order[0] == "keras.x.C"
    assert set(order) == {"keras.x.A", "keras.x.B", "keras.x.C"}
