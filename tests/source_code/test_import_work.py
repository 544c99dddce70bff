"""What a module does when it is imported."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.source_code.definitions import Module
from mlflow_kerasguard.source_code.import_work import work_at_import

WORKS = {
    "a call": ("train()", ["train()"]),
    "in an if": ("import sys\nif sys.platform:\n    main()\nelse:\n    other()", ["main()", "other()"]),
    "in a try": (
        "try:\n    a()\nexcept OSError:\n    b()\nelse:\n    c()\nfinally:\n    d()",
        ["a()", "b()", "c()", "d()"],
    ),
    "a loop": ("for x in range(3):\n    print(x)", ["for x in range(3):"]),
    "a file": ("with open('x') as f:\n    WORDS = f.read()", ["with open('x') as f:"]),
    "reading": ("import pandas as pd\nTABLE = pd.read_csv('x.csv')", ["TABLE = pd.read_csv('x.csv')"]),
    "a dataset": ("(x, y), _ = keras.datasets.mnist.load_data()", ["(x, y), _ = keras.datasets.mnist.load_data()"]),
    "training": ("HISTORY: object = model.fit(x, y)", ["HISTORY: object = model.fit(x, y)"]),
}

QUIET = {
    "definitions": "class A:\n    x = load()\ndef f():\n    train()\n",
    "constants": "A = 1\nB = [A] * 3\nC = dict(a=1)\nD = keras.activations.get('relu')\nE = keras.layers.Dense(3)\n",
    "main": "if __name__ == '__main__':\n    train()\n",
    "set up": "import logging, warnings\nlogging.basicConfig()\nwarnings.filterwarnings('ignore')\nkeras.utils.set_random_seed(1)\n",
    "docstring": "'''About.'''\n...\n",
    "a lambda waits": "F = lambda: open('x')\n",
    "a plain loop": "for x in (1, 2):\n    pass\n",
    "imports": "try:\n    import a\nexcept ImportError:\n    a = None\n",
}


@pytest.mark.parametrize("case", WORKS.values(), ids=WORKS)
def test_work(case):
    source, texts = case
    assert [item.text for item in work_at_import(Module(source.encode()), "m.py")] == texts


@pytest.mark.parametrize("source", QUIET.values(), ids=QUIET)
def test_none(source):
    assert work_at_import(Module(source.encode()), "m.py") == ()


def test_the_place_is_file_and_line():
    [item] = work_at_import(Module(b"\n\nprint(1)\n"), "pack/m.py")
    assert item.place == "pack/m.py:3"
