"""What is taken of a script or of a notebook's cells, and what it looks like."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mlflow_kerasguard.source_code.main_module import extract, module_name

TITLE = "Taken from a test."


def taken(*texts, names=("f",), pinned=None):
    """The module without its docstring."""
    found = extract(texts, names, title=TITLE, package="pack", pinned=pinned)
    return found.removeprefix(f'"""{TITLE}"""\n').strip("\n")


KEPT = {
    "what isn't used stays": (["def f():\n    return 1\nx = 2\n"], "def f():\n    return 1"),
    "local names aren't the module's": (
        ["x = load()\ny = 1", "def f(x):\n    y = x\n    return [y for z in x]", "z = 3"],
        "def f(x):\n    y = x\n    return [y for z in x]",
    ),
    "a name that a comprehension used isn't bound": (
        ["ys = [x for x in (1, 2)]", "def f():\n    return x"],
        "def f():\n    return x",
    ),
    "comments behind stay, except at imports": (
        ["from functools import cache  # noqa\n@cache\ndef f():\n    return 1  # one\n"],
        "from functools import cache\n\n\n@cache\ndef f():\n    return 1  # one",
    ),
    "comments above stay, unless a tool reads them": (
        ["# Far away.\n\n# The first.\n# The second.\ndef f():\n    return K\n", "# %% Two\nK = 1  # One."],
        "# The first.\n# The second.\ndef f():\n    return K\n\n\nK = 1  # One.",
    ),
    "star imports stay": (
        ["from math import *\ndef f():\n    return sin(1)\n"],
        "from math import *\n\n\ndef f():\n    return sin(1)",
    ),
    "star imports after a statement stay where they are": (
        ["e = 1", "from math import *\nfrom os import path", "def f():\n    return sin(e), path"],
        "e = 1\n\nfrom math import *\nfrom os import path\n\n\ndef f():\n    return sin(e), path",
    ),
    "relative imports": (
        ["from .a import b, c\ndef f():\n    return b\n"],
        "from pack.a import b\n\n\ndef f():\n    return b",
    ),
    "relative package": (
        ["from . import b\ndef f():\n    return b\n"],
        "from pack import b\n\n\ndef f():\n    return b",
    ),
    "bound in a block": (
        ["with open('x') as g:\n    y = 1\n\ndef f():\n    return y, g\n"],
        "with open('x') as g:\n    y = 1\n\n\ndef f():\n    return y, g",
    ),
    "a loop, a walrus, a branch": (
        [
            "for i in (1, 2):\n    pass\nif (n := 3):\n    m = 4\nelse:\n    m = 5\nprint(n)\ndef f():\n    return i, n, m"
        ],
        "for i in (1, 2):\n    pass\nif (n := 3):\n    m = 4\nelse:\n    m = 5\n\n\ndef f():\n    return i, n, m",
    ),
    "a pattern": (
        ["match [1, 2, 3]:\n    case [a, *b]:\n        pass\ndef f():\n    return a, b"],
        "match [1, 2, 3]:\n    case [a, *b]:\n        pass\n\n\ndef f():\n    return a, b",
    ),
    "imports are gathered, without what isn't used": (
        ["import os, sys\ndef f():\n    return os, deque, A", "from collections import deque, abc as B\nA = 1"],
        "import os\nfrom collections import deque\n\n\ndef f():\n    return os, deque, A\n\n\nA = 1",
    ),
    "imports aren't repeated": (
        [
            "import a.b, a.c, numpy as np",
            "x = np.one",
            "import numpy as np",
            "def f():\n    return np, x, a.b",
            "import a.b",
        ],
        "import a.b, a.c, numpy as np\n\nx = np.one\n\n\ndef f():\n    return np, x, a.b",
    ),
    "imports that ran again are one": (
        ["from k import a, b", "@a.x\ndef f():\n    return b", "from k import a, b, c"],
        "from k import a, b\n\n\n@a.x\ndef f():\n    return b",
    ),
    "one name, two imports": (
        ["from a import x", "y = x()", "from b import x", "def f():\n    return x, y"],
        "from a import x\n\ny = x()\n\nfrom b import x\n\n\ndef f():\n    return x, y",
    ),
    "an import that something else replaces": (
        ["np, y = 1, 2", "import numpy as np", "def f():\n    return np, y"],
        "np, y = 1, 2\n\nimport numpy as np\n\n\ndef f():\n    return np, y",
    ),
    "long imports": (
        [
            f"from a import b, {'c' * 30}, {'d' * 30}, {'e' * 30}\ndef f():\n    return {'c' * 30}, {'d' * 30}, {'e' * 30}"
        ],
        (
            f"from a import (\n    {'c' * 30},\n    {'d' * 30},\n    {'e' * 30},\n)\n\n\n"
            f"def f():\n    return {'c' * 30}, {'d' * 30}, {'e' * 30}"
        ),
    ),
    "features come first, once": (
        ["def f():\n    return 1", "from __future__ import annotations", "from __future__ import annotations"],
        "from __future__ import annotations\n\n\ndef f():\n    return 1",
    ),
    "several statements on a line": (
        ["a = 1; b = 2; print(a)  # Both.\ndef f(): return b;"],
        "b = 2\n\n\ndef f(): return b",
    ),
    "a semicolon at the end": (["a = 1;  # One.\ndef f(): return a"], "a = 1  # One.\n\n\ndef f(): return a"),
    "no main guard": (["def f(): return g\nif __name__ == '__main__':\n    g = f()"], "def f(): return g"),
    "the way a class is made counts": (
        [
            "def helper(): return K\nK = 1\ndef deco(c): return helper()",
            "@deco\nclass f(Base):\n    n = N",
            "N = 3",
            "K = 2",
        ],
        (
            "def helper(): return K\n\n\nK = 1\n\n\ndef deco(c): return helper()\n\n\n@deco\nclass f(Base):\n    n = N\n\n\n"
            "K = 2"
        ),
    ),
    "tries": (
        ["try:\n    import x\nexcept ImportError:\n    x = None"] * 2 + ["def f():\n    return x"],
        "try:\n    import x\nexcept ImportError:\n    x = None\n\n\ndef f():\n    return x",
    ),
}


@pytest.mark.parametrize("case", KEPT.values(), ids=KEPT)
def test_what_is_kept(case):
    texts, expected = case
    assert taken(*texts) == expected


REPEATED = {
    "the last definition": (["def f(): return 1", "def f(): return 2", "def f(): return 3"], "def f(): return 3"),
    "the last value": (["K = 1", "def f(): return K", "K = 2", "K: int = 3"], "K: int = 3\n\n\ndef f(): return K"),
    "a constant that was edited": (["K = 1", "def f(): return K", "K = 2"], "K = 2\n\n\ndef f(): return K"),
    "a constant that was used before it was edited": (
        ["K = 1", "class f: k = K", "K = 2"],
        "K = 1\n\n\nclass f: k = K",
    ),
    "a value that was used": (
        ["K = 1", "L = K * 2", "K = 5", "def f(): return K, L"],
        "K = 1\n\nL = K * 2\n\nK = 5\n\n\ndef f(): return K, L",
    ),
    "a value that a function used": (
        ["K = 1", "def g(): return K", "L = g()", "K = 2", "def f(): return L, K"],
        "K = 1\n\n\ndef g(): return K\n\n\nL = g()\n\nK = 2\n\n\ndef f(): return L, K",
    ),
    "a base class that was replaced later": (
        ["class B: x = 1", "class f(B): pass", "class B: x = 2"],
        "class B: x = 1\n\n\nclass f(B): pass",
    ),
    "what changes a value": (
        [
            "x = [0]",
            "x = []\nx += [1]\nx.append(2)\nx[0] = 3\nx[0].y += 1\ndel x[1]\nx.count(1)\nother.append(x)",
            "def f(): return x",
        ],
        "x = []\nx += [1]\nx.append(2)\nx[0] = 3\nx[0].y += 1\ndel x[1]\n\n\ndef f(): return x",
    ),
    "what changes a value in a loop": (
        ["T = {}\nfor n in 'ab':\n    T[n] = n", "def f(): return T"],
        "T = {}\nfor n in 'ab':\n    T[n] = n\n\n\ndef f(): return T",
    ),
    "a class that was patched": (
        ["class f: pass", "def call(self): return 1", "f.call = call"],
        "class f: pass\n\n\ndef call(self): return 1\n\n\nf.call = call",
    ),
    "settings of modules are the program's": (
        ["import os\nos.environ['A'] = '1'\ndef f(): return os"],
        "import os\n\n\ndef f(): return os",
    ),
}


@pytest.mark.parametrize("case", REPEATED.values(), ids=REPEATED)
def test_what_ran_repeatedly(case):
    texts, expected = case
    assert taken(*texts) == expected


def test_an_earlier_definition():
    cells = ["K = 1\ndef f(): return K", "def f(): return 2\nf.x = 1", "K = 2", "f = f"]
    assert taken(*cells, pinned={"f": 0}) == "K = 2\n\n\ndef f(): return K"


def test_what_a_script_doesnt_define_at_its_top():
    assert extract(["if __name__ == '__main__':\n    def f(): pass\n"], ["f"], title=TITLE) is None


def test_names_of_modules():
    assert module_name("my-script 2") == "kerasguard_main_my_script_2"


FORMATTED = [
    "import os, sys\nfrom a import (\n    b,\n    c,\n)\n\nX = 1\nY = 2\n\n\nclass f:\n    x = X, Y, os, b, c, g\n\n\ndef g():\n    pass\n",
    "class f:\n    x = K\n\n# Above.\nK = 1\nL = 2\n",
    "from __future__ import annotations\nimport os\nK = os\nasync def f():\n    return K",
    'K = 1\nfor k in "ab":\n    K += 1\ndef f():\n    return K',
]


@pytest.mark.parametrize("text", FORMATTED)
def test_a_formatter_finds_nothing_to_do(text):
    found = extract([text], ["f"], title=TITLE)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    assert subprocess.run(command, input=found, capture_output=True, text=True, check=True).stdout == found
