"""A project that logs a model with layers of its own, and the model, from which everything else is to be had.

Its backend is JAX, a third of TensorFlow's size, and what is installed shares uv's cache where uv installs it.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROWS = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]

LAYERS = """
import keras

@keras.utils.register_keras_serializable("own")
class Scale(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 3.0
"""

TRAIN = f"""
import json, sys
import keras, mlflow_kerasguard, numpy as np
from acme_layers import Shift
from own_layers import Scale

rows = np.array({ROWS}, "float32")
model = keras.Sequential([keras.layers.InputLayer((3,)), keras.layers.Dense(2), Scale(), Shift()])
mlflow_kerasguard.save_model(model, sys.argv[1], input_example=rows)
print(json.dumps(np.asarray(model(rows)).tolist()))
"""


#: Where a fresh interpreter gets these from, and the versions that they have there.
WITNESS = """
from importlib.metadata import version
import acme_tools, mlflow_kerasguard

for module in (acme_tools, mlflow_kerasguard):
    name = module.__name__.replace("_", "-")
    print(module.__file__, f"{name}=={version(name)}")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The environment that logged the model, and what it logged."""

    model: Path
    predictions: list[list[float]]
    bin: Path

    def command(self, *arguments: object) -> list[str]:
        return [str(self.bin / "mlflow"), "models", *map(str, arguments)]

    def variables(self, directory: Path) -> dict[str, str]:
        """This process's, with all that MLflow makes below ``directory``."""
        strange = ("COVERAGE", "COV_", "PYTHON", "MLFLOW_", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
        temporary = directory / "temporary"
        temporary.mkdir(parents=True, exist_ok=True)
        return {
            **kept,
            "PATH": f"{self.bin}:{kept['PATH']}",
            "KERAS_BACKEND": "jax",
            "MLFLOW_ENV_ROOT": str(directory / "environments"),
            "TMPDIR": str(temporary),
            # What is installed for a minute needs neither bytecode nor a cache.
            "PIP_NO_COMPILE": "1",
            "PIP_NO_CACHE_DIR": "1",
        }

    def require_wheels_of_the_model(self, interpreter: Path, directory: Path) -> None:
        """See that an environment has the guard and the local projects of its own, and from the model."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        for line in run_in([interpreter, "-c", WITNESS], directory, clean).splitlines():
            place, pin = line.split()
            assert Path(place).is_relative_to(interpreter.parent.parent)
            assert f"- {pin}" in (self.model / "python_env.yaml").read_text().splitlines()
            assert "+kg" in pin


def run_in(command: list[object], directory: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=directory, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return done.stdout + done.stderr
