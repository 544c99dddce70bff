"""Classes and functions that were typed in: into IPython's cells, or at Python's prompt."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

#: Runs every list of cells in a session of its own, and prints what the last one left in `text` or raised.
IPYTHON = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="NoColor")
found = []
for cells in json.loads(sys.argv[1]):
    shell.reset(new_session=True)
    for cell in cells:
        result = shell.run_cell(cell, store_history=True)
    found.append(shell.user_ns.get("text") or f"{type(result.error_in_exec).__name__}: {result.error_in_exec}")
print("\\x1e" + json.dumps(found))
"""

ASK = "from mlflow_kerasguard.custom_code.main_program import main_source\ntext = main_source({}).text"

OLD, NEW = "class A:\n    def f(self):\n        return 1", "class A:\n    def f(self):\n        return 2"
WRAPPED = """import functools
import dataclasses
def plain(function):
    @functools.wraps(function)
    def inner(*args: Unknown):
        return function(*args)
    return inner"""
DECORATED = """@dataclasses.dataclass
class A:
    x: int = 3
    @property
    @plain
    def f(self, unit=lambda: 1):
        class Inner:
            y = 5
            def g(self):
                self.a = self.b = 1
        return {"p", "q", 1.0, 1}, Inner
    def _size(self): return self.x
    size = functools.cached_property(_size)"""

#: Cells, what is asked for in the end, and the module.
TAKEN = {
    "the latest": ([OLD, NEW], "{'A': A}", NEW),
    "an earlier class, which was replaced": ([OLD, "old = A", NEW], "{'A': old}", OLD),
    "an earlier class in a timed cell": ([f"%%time\n{OLD}", "old = A", f"%%time\n{NEW}"], "{'A': old}", OLD),
    "an earlier function": (
        ["def f(x):\n    return 1", "g = f\ndef f(x):\n    return 2"],
        "{'f': g}",
        "def f(x):\n    return 1",
    ),
    "the base of a class, which was replaced": (
        [OLD, "class B(A):\n    pass", NEW],
        "{'B': B}",
        f"{OLD}\n\n\nclass B(A):\n    pass",
    ),
    "the same cell again": ([OLD, "old = A", OLD], "{'A': old}", OLD),
    "a captured cell": ([f"%%capture out\n{OLD}"], "{'A': A}", OLD),
    "a timed line": (["%time K = 2", "def f():\n    return K"], "{'f': f}", "K = 2\n\n\ndef f():\n    return K"),
    "nonsense in between": ([OLD, "def (:", "%nosuchmagic", "1 /", "raise ValueError"], "{'A': A}", OLD),
    "a script that was run": (
        ["%run tools.py", "%run tools", "%run absent", "def f():\n    return tool()"],
        "{'f': f}",
        "def tool():\n    return 7\n\n\ndef f():\n    return tool()",
    ),
    "a class of a script that was run": (["%run tools.py"], "{'tool': tool}", "def tool():\n    return 7"),
    "decorators, and features that later cells inherit": (
        ["from __future__ import annotations", WRAPPED, DECORATED],
        "{'A': A}",
        (
            "from __future__ import annotations\n\nimport functools\nimport dataclasses\n\n\n"
            f"{WRAPPED.split(chr(10), 2)[2]}\n\n\n{DECORATED}"
        ),
    ),
}

TYPED_TITLE = '"""The part of an interactive session that the model needs."""'

#: Cells, what is asked for in the end, and what the refusal says.
REFUSED = {
    "two versions": ([OLD, "old = A", NEW], "{'A': A, 'B': old}", r"two versions of `A`"),
    "two versions, one as a base": (
        [OLD, "class B(A):\n    pass", NEW],
        "{'A': A, 'B': B}",
        "two versions of `A`",
    ),
    "an earlier class without code": (
        ["class A:\n    x = 1", "old = A", "class A:\n    x = 2"],
        "{'A': old}",
        "defined anew",
    ),
    "a class that was patched from outside": (
        [OLD, "setattr(A, 'f', lambda self: 2)"],
        "{'A': A}",
        "`A` isn't what an interactive session defines now",
    ),
    "a method that somebody took away": ([OLD, "delattr(A, 'f')"], "{'A': A}", r"`A.f` differs"),
    "what only IPython can run": (["x = !ls", "def f():\n    return x"], "{'f': f}", "only IPython can run"),
    "what only cells can run": (
        ["import asyncio\nx = await asyncio.sleep(0, 5)", "def f():\n    return x"],
        "{'f': f}",
        "no module can run",
    ),
    "a value from elsewhere": (
        ["K = 1\ndef f():\n    return K", "globals()['K'] = 5"],
        "{'f': f}",
        "`K`, .* is 5 in this process and 1 in",
    ),
    "a definition from elsewhere": (
        ["exec('def g(): pass')", "def f():\n    return g()"],
        "{'f': f}",
        "the definition of `g`, .* isn't among",
    ),
    "a class from elsewhere": (["exec('class A: pass')"], "{'A': A}", "doesn't define `A`"),
}


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Runs sessions in IPython; gives what each left in `text` or raised."""
    directory = tmp_path_factory.mktemp("sessions")
    (directory / "tools.py").write_text("def tool():\n    return 7\n\nif __name__ == '__main__':\n    print(tool())\n")
    environment = {**os.environ, "IPYTHONDIR": str(directory)}

    def run(sessions):
        command = [sys.executable, "-c", IPYTHON, json.dumps(sessions)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=directory, env=environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.rpartition("\x1e")[2])

    return run


@pytest.fixture(scope="module")
def answers(ask):
    """What IPython said to all of the cells; starting it once is enough."""
    cases = {**TAKEN, **REFUSED}
    return dict(zip(cases, ask([[*cells, ASK.format(asked)] for cells, asked, _ in cases.values()]), strict=True))


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_of_cells(name, answers):
    _, _, expected = TAKEN[name]
    assert answers[name] == f"{TYPED_TITLE}\n{_gap(expected)}{expected}\n"


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_of_cells(name, answers):
    assert answers[name].startswith("CodeCaptureError: ")
    assert re.search(REFUSED[name][2], answers[name]), answers[name]


def _gap(text):
    return "\n\n" if text.startswith(("class", "def", "@")) else "\n"


FAILED = ["K = 1\ndef f():\n    return K", "K = 2\nprint(\n    1 / 0\n)\nK = 3", "'never' + 1\nK = 4"]


def test_half_of_a_cell_that_failed(ask):
    [answer] = ask([[*FAILED, ASK.format("{'f': f}")]])
    if int(version("ipython").split(".")[0]) >= 9:
        assert answer == f"{TYPED_TITLE}\n\nK = 2\n\n\ndef f():\n    return K\n"
    else:  # It keeps no record of failures: better refused than guessed.
        assert "`K`, which the model uses, is 2 in this process and 4 in an interactive session" in answer


#: As Python's prompt does from 3.13 on: every input is compiled under a name that `linecache` has the text of.
PROMPT = """
import linecache, sys
for number, text in enumerate(sys.argv[1:]):
    name = f"<python-input-{number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), globals())
"""

ASKED, FUNCTION = "{'A': A}", "{'f': f}"

INPUTS = [
    "K = 2",
    "class A:\n    def f(self):\n        return 3",
    "old = A",
    "class A:\n    def f(self):\n        return K",
]


@pytest.mark.parametrize(("asked", "expected"), [("{'A': A}", f"K = 2\n\n\n{INPUTS[3]}"), ("{'A': old}", INPUTS[1])])
def test_inputs_at_a_prompt(asked, expected):
    texts = [*INPUTS, f"{ASK.format(asked)}\nprint(text)"]
    done = subprocess.run([sys.executable, "-c", PROMPT, *texts], capture_output=True, text=True, timeout=300)
    assert done.stdout.rstrip("\n") == f"{TYPED_TITLE}\n{_gap(expected)}{expected}", done.stderr


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Python before 3.13 keeps no text of its prompt's inputs")
def test_python_s_own_prompt():
    typed = "\n\n".join([*INPUTS, ASK.format("{'A': A}"), "print(text)"])
    done = subprocess.run([sys.executable, "-i"], input=typed + "\n", capture_output=True, text=True, timeout=300)
    assert done.stdout.rstrip("\n") == f"{TYPED_TITLE}\n\nK = 2\n\n\n{INPUTS[3]}", done.stderr


def test_a_script_before_the_prompt(tmp_path):
    script = tmp_path / "first.py"
    script.write_text("import os\nimport sys\n\n\ndef f():\n    return sys\n")
    typed = f"{ASK.format(FUNCTION)}\nprint(text)\n"
    done = subprocess.run([sys.executable, "-i", str(script)], input=typed, capture_output=True, text=True, timeout=300)
    assert done.stdout == f"{TYPED_TITLE}\n\nimport sys\n\n\ndef f():\n    return sys\n\n", done.stderr


@pytest.mark.parametrize("options", [["-c"], ["-"]])
def test_what_was_typed_in_has_no_source(options):
    text = f"{NEW}\n\n{ASK.format(ASKED)}\n"
    inline = [text] if options == ["-c"] else []
    done = subprocess.run([sys.executable, *options, *inline], input=text, capture_output=True, text=True, timeout=300)
    assert "`A` was typed in and is in no file; move it to a `.py` file" in done.stderr
