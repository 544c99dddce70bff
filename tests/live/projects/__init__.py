"""Projects as people have them: what is in the directory, what trains, what becomes of it, what is served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: What every training script begins and ends with.
BEGIN = """
import sys
import keras
import numpy as np
import mlflow_kerasguard

ROWS = np.random.default_rng(3).random((4, 3), dtype="float32")
"""
LOG = """
mlflow_kerasguard.save_model(model, sys.argv[1], input_example=ROWS)
"""

#: Loads from an empty directory, in a process of its own.
LOAD = """
import sys
import mlflow_kerasguard
model = mlflow_kerasguard.load_model(sys.argv[1], verify=True)
print("loaded", type(model).__name__)
"""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project.

    Attributes:
        files: path to content, beside `train.py`.
        train: what `train.py` does between its beginning and logging the model.
        log: how it logs the model.
        packaged: the files that have to travel with the model, no more and no less; None where it is refused.
        refusal: words of the refusal.
        afterwards: files that are changed once the model has been logged; None removes one.
        load: what the fresh process does in the project's directory, with what has become of it.
        words: what the fresh process says.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    train: str
    log: str = LOG
    packaged: frozenset[str] | None = frozenset()
    refusal: tuple[str, ...] = ()
    afterwards: Mapping[str, str | None] = field(default_factory=dict)
    load: str = LOAD
    words: tuple[str, ...] = ("loaded Sequential",)


def sequential(*layers: str) -> str:
    return f"model = keras.Sequential([keras.Input((3,)), {', '.join(layers)}])\n"
