"""A class that a script defines travels with the part of the script that it uses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mlflow_kerasguard import load_model
from mlflow_kerasguard.custom_code import main_module
from mlflow_kerasguard.custom_code.capture import capture
from mlflow_kerasguard.custom_code.live_objects import LiveObjects
from mlflow_kerasguard.errors import CodeCaptureError
from mlflow_kerasguard.keras_runtime import runtime_of
from mlflow_kerasguard.model import ModelSpec
from tests.keras_cases import keras, sequential

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

NAME = keras.__name__


def capture_named(**custom_objects):
    model = sequential()
    live = LiveObjects(model, runtime_of(model), custom_objects)
    return capture(ModelSpec(source="", format="keras"), live, custom_objects=custom_objects)


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


def test_a_class_of_a_script(tmp_path, capfd):
    (tmp_path / "my-script.py").write_text(SCRIPT)
    (tmp_path / "constants.py").write_text("FACTOR = 2.0\n")
    command = [sys.executable, str(tmp_path / "my-script.py"), str(tmp_path / "model")]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=300)
    code = tmp_path / "model" / "kerasguard" / "code"
    assert {path.name for path in code.iterdir()} == {"kerasguard_main_my_script.py", "constants.py"}
    text = (code / "kerasguard_main_my_script.py").read_text()
    assert "the script ran" not in text
    assert "import os, sys" not in text
    capfd.readouterr()
    assert load_model(tmp_path / "model", verify=True)
    assert "the script ran" not in capfd.readouterr().out


EXTRACTED = {
    "what isn't used stays": ("def f():\n    return 1\nx = 2\n", "def f():\n    return 1\n"),
    "comments go with it": ("@cache\ndef f():\n    return 1  # one\nfrom functools import cache\n", None),
    "star imports stay": ("from math import *\ndef f():\n    return sin(1)\n", None),
    "relative imports": (
        "from .a import b\ndef f():\n    return b\n",
        "from pack.a import b\n\ndef f():\n    return b\n",
    ),
    "relative package": ("from . import b\ndef f():\n    return b\n", "from pack import b\n\ndef f():\n    return b\n"),
    "bound in a block": ("with open('x') as g:\n    y = 1\ndef f():\n    return y, g\n", None),
}


@pytest.mark.parametrize("case", EXTRACTED.values(), ids=EXTRACTED)
def test_the_part_of_a_script(case):
    source, expected = case
    found = main_module.extract(source, ["f"], "pack")
    assert "".join(found.split("\n")) == "".join((expected or source).split("\n"))


def test_what_a_script_doesnt_define_at_its_top():
    assert main_module.extract("if __name__ == '__main__':\n    def f(): pass\n", ["f"], None) is None


@pytest.mark.parametrize("file", [None, "typed"])
def test_what_was_typed_in_has_no_source(file, monkeypatch):
    thing = type("Typed", (), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "__file__", file, raising=False)
    with pytest.raises(CodeCaptureError, match="`Typed` was typed in"):
        capture_named(Typed=thing)


def test_a_script_that_hides_its_class(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text("exec('class Hidden: pass')\n")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    with pytest.raises(CodeCaptureError, match="doesn't define `Hidden`"):
        capture_named(Hidden=type("Hidden", (), {"__module__": "__main__"}))
