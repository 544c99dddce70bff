"""Keras's own ``predict``: for models that bring one of their own, and as what others are held against."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.keras_runtime import KERAS_PACKAGES
from mlflow_kerasguard.serving.structure import Template, filled

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from mlflow_kerasguard.serving.forward import Run, Spec

#: What a class overrides to predict otherwise than by calling the model on one batch after the other.
_OVERRIDES = ("predict", "predict_function", "make_predict_function")


class OwnPredict:
    """A model's own ``predict``.

    Attributes:
        specializes: it sees to that itself.
        compiles_each_size: likewise.
    """

    specializes = False
    compiles_each_size = False

    def __init__(self, model: Any) -> None:
        self.model = model

    def compile(self, template: Template, specs: Sequence[Spec]) -> Run:
        del specs
        return self.eager(template)

    def eager(self, template: Template) -> Run:
        def run(leaves: Sequence[np.ndarray]) -> Any:
            # One step a call: batches are made before.
            return self.model.predict(filled(template, fed(leaves)), batch_size=len(leaves[0]), verbose=0)

        return run


def predicts_by_itself(model: Any) -> bool:
    """Whether a person's own class says how batches are predicted, or that nothing is to be traced."""
    own = [cls for cls in type(model).__mro__ if cls.__module__.split(".", 1)[0] not in KERAS_PACKAGES]
    return bool(getattr(model, "run_eagerly", False)) or any(name in vars(cls) for cls in own for name in _OVERRIDES)


def fed(leaves: Sequence[np.ndarray]) -> list[Any]:
    """Arrays as Keras takes them: it refuses arrays of text, but not TensorFlow's tensors, if all are tensors."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or all(leaf.dtype.kind != "U" for leaf in leaves):
        return list(leaves)
    return [tensorflow.constant(leaf) for leaf in leaves]
