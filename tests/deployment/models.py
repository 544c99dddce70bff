"""Logged models to be refused, each for another reason."""

from __future__ import annotations

import re
from pathlib import Path


def pin_old_keras(model: Path) -> None:
    """Let the environment files pin a Keras that can't load the model."""
    for name in ("requirements.txt", "conda.yaml"):
        text = (model / name).read_text()
        (model / name).write_text(re.sub(r"\bkeras==[\w.]+", "keras==3.0.5", text))


def damage_weights(model: Path) -> None:
    """Leave nothing of the Keras file but its name."""
    (model / "data" / "model.keras").write_bytes(b"nothing")
