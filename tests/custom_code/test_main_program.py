"""Classes of `__main__` in real scripts, notebooks and sessions: packaged, loaded in another process, or refused."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from mlflow_kerasguard import load_model
from tests.keras_cases import keras

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow"),
    # The kernel's manager has its own ideas of which transports are safe, and of event loops.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(nbclient|jupyter_client|zmq|tornado|asyncio).*"),
]

NAME = keras.__name__

LOAD = """
import sys
import numpy as np
from mlflow_kerasguard import load_model
print(load_model(sys.argv[1], verify=True).predict(np.ones((1, 1), "float32")))
"""


def run_notebook(directory, *cells, allow_errors=False):
    """What the cells printed, or the error that they raised, one text per cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        allow_errors=allow_errors,
        resources={"metadata": {"path": str(directory)}},
    )
    client.execute()
    return ["".join(out.get("text") or out.get("evalue") or "" for out in cell.outputs) for cell in notebook.cells]


SCRIPT = f'''"""A script."""
from __future__ import annotations
import os, sys
import {NAME} as keras
try:
    from math import floor as down
except ImportError:
    down = None
from constants import FACTOR

UNUSED = print("the script ran")
OFFSET: float = 1.0
ALIAS, OTHER = OFFSET, 2

def moved(value):
    return value + ALIAS

@keras.utils.register_keras_serializable("script")
class Shift(keras.layers.Layer):
    def call(self, inputs):
        return moved(inputs) * FACTOR * down(1.5)

if __name__ == "__main__":
    from mlflow_kerasguard import save_model
    model = keras.Sequential([keras.layers.InputLayer((3,)), Shift()])
    save_model(model, sys.argv[1], input_example=__import__("numpy").ones((2, 3), "float32"))
'''

FROM_SCRIPT = f'''"""The part of `my-script.py` that the model needs."""

from __future__ import annotations

import {NAME} as keras
from constants import FACTOR

try:
    from math import floor as down
except ImportError:
    down = None

OFFSET: float = 1.0
ALIAS, OTHER = OFFSET, 2


def moved(value):
    return value + ALIAS


@keras.utils.register_keras_serializable("script")
class Shift(keras.layers.Layer):
    def call(self, inputs):
        return moved(inputs) * FACTOR * down(1.5)
'''


def test_a_class_of_a_script(tmp_path, capfd):
    (tmp_path / "my-script.py").write_text(SCRIPT)
    (tmp_path / "constants.py").write_text("FACTOR = 2.0\n")
    command = [sys.executable, str(tmp_path / "my-script.py"), str(tmp_path / "model")]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=300)
    code = tmp_path / "model" / "kerasguard" / "code"
    assert {path.name for path in code.iterdir()} == {"kerasguard_main_my_script.py", "constants.py"}
    assert (code / "kerasguard_main_my_script.py").read_text() == FROM_SCRIPT
    capfd.readouterr()
    assert load_model(tmp_path / "model", verify=True)
    assert "the script ran" not in capfd.readouterr().out


NOTEBOOK = [
    f"%matplotlib inline\n!echo hello\nimport os, sys\nimport numpy as np\nimport {NAME} as keras\nx = np.ones((1, 1))",
    "# By how much.\nFACTOR = 2.0",
    "def scaled(x):\n    return x",
    (
        f"import {NAME} as keras\nfrom local import one, two\n\n\n"
        '@keras.utils.register_keras_serializable("notebook")\nclass Scale(keras.layers.Layer):\n'
        "    def call(self, inputs):\n        return inputs"
    ),
    "%%time\n# Used by the layer.\ndef scaled(x):\n    return x * FACTOR * one()\n",
    "FACTOR = 4.0\n1 / 0",
    "display(x)\nimport asyncio\nawait asyncio.sleep(0)\nx = scaled(x)",
    (
        '@keras.utils.register_keras_serializable("notebook")\nclass Scale(keras.layers.Layer):\n'
        "    def call(self, inputs):\n        return scaled(inputs)"
    ),
    "model = keras.Sequential([keras.layers.InputLayer((1,)), Scale()])",
    (
        '@keras.utils.register_keras_serializable("notebook")\nclass Scale(keras.layers.Layer):\n'
        "    def call(self, inputs):\n        return 100 * scaled(inputs)"
    ),
    (
        "from mlflow_kerasguard import save_model\n"
        "save_model(model, 'model', input_example=np.ones((2, 1), 'float32'))\nFACTOR = 6.0\nprint('saved')"
    ),
]

FROM_NOTEBOOK = f'''"""The part of `My work.ipynb` that the model needs."""

import {NAME} as keras
from local import one

FACTOR = 4.0


# Used by the layer.
def scaled(x):
    return x * FACTOR * one()


@keras.utils.register_keras_serializable("notebook")
class Scale(keras.layers.Layer):
    def call(self, inputs):
        return scaled(inputs)
'''


def test_a_class_of_a_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/somewhere/My work.ipynb")
    (tmp_path / "local.py").write_text("def one():\n    return 1.0\n\n\ndef two():\n    return 2.0\n")
    printed = run_notebook(tmp_path, *NOTEBOOK, allow_errors=True)
    assert printed[-1].endswith("saved\n"), printed
    code = tmp_path / "model" / "kerasguard" / "code"
    assert {path.name for path in code.iterdir()} == {"kerasguard_main_My_work.py", "local.py"}
    assert (code / "kerasguard_main_My_work.py").read_text() == FROM_NOTEBOOK
    command = [sys.executable, "-c", LOAD, str(tmp_path / "model")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert "[[4.]]" in done.stdout, done.stderr


ASK = "from mlflow_kerasguard.custom_code.main_program import main_source\n"

#: What a script says before it asks for the source of its class `A`, and what comes of that.
SCRIPTS = {
    "a class": ("class A:\n    def f(self): return 1\n", "", "def f(self): return 1"),
    "what is below the line that asks": ("K = 1\nclass A:\n    def f(self): return K\n", "K = 2\n", "K = 1\n"),
    "a file that was edited": (
        (
            "class A:\n    def f(self): return 1\nimport pathlib\npath = pathlib.Path(__file__)\n"
            "path.write_text(path.read_text().replace('1', '2'))\n"
        ),
        "",
        "`A` isn't what `script.py` defines now (`A.f` differs); put the file back as it was, or run it again",
    ),
    "a file that became nonsense": (
        "class A:\n    def f(self): return 1\nimport pathlib\npathlib.Path(__file__).write_text('def (:')\n",
        "",
        "`script.py` isn't valid Python",
    ),
    "a constant that a function sets": (
        "K = 1\nclass A:\n    def f(self): return K\ndef set_it():\n    global K\n    K = 2\nset_it()\n",
        "",
        "K = 1\n",
    ),
    "a constant that is set from elsewhere": (
        "K = 1\nclass A:\n    def f(self): return K\nsetattr(__import__('__main__'), 'K', 2)\n",
        "",
        "`K`, which the model uses, is 2 in this process and 1 in `script.py`",
    ),
    "a class that is hidden": ("exec('class A: pass')\n", "", "the top level of `script.py` doesn't define `A`"),
}


@pytest.mark.parametrize("case", SCRIPTS.values(), ids=SCRIPTS)
def test_scripts(case, tmp_path):
    before, after, expected = case
    script = tmp_path / "script.py"
    script.write_text(f"{before}\n{ASK}print(main_source({{'A': A}}).text)\n{after}")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300)
    output = done.stdout + done.stderr.rpartition("CodeCaptureError: ")[2]
    assert expected in output
    assert ("Traceback" in done.stderr) == ("`" in expected)


def test_names_of_notebooks(tmp_path):
    asked = f"{ASK}found = main_source({{'f': f}})\nprint(found.module, found.files)\nprint(found.text)"
    cells = ["def f():\n    return 1", asked, "__vsc_ipynb_file__ = 'C:\\\\a b\\\\My \"work\".ipynb'", asked]
    _, unnamed, _, named = run_notebook(tmp_path, *cells)
    assert unnamed.startswith(
        'kerasguard_main_notebook frozenset()\n"""The part of a notebook that the model needs."""'
    )
    assert named.startswith('kerasguard_main_My__work_ frozenset()\n"""The part of `My _work_.ipynb` that the model')
