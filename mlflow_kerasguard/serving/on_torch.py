"""The forward pass on torch, without gradients."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.keras_runtime import runtime_of
from mlflow_kerasguard.serving.structure import Template, filled, mapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow_kerasguard.serving.forward import Run, Spec


class Torch:
    """What can be run on torch.

    Attributes:
        specializes: nothing is compiled.
        compiles_each_size: likewise.
    """

    specializes = False
    compiles_each_size = False

    def __init__(self, model: Any) -> None:
        self.model = model
        self._ops = runtime_of(model).module.ops
        self._no_grad = import_module("torch").no_grad

    def compile(self, template: Template, specs: Sequence[Spec]) -> Run:
        """The call itself: it is as fast as torch is without a compiler."""
        del specs
        self.model.eval()  # As Keras's own `predict` has it; modules of torch inside a model know no `training`.
        return self.eager(template)

    def eager(self, template: Template) -> Run:
        def run(leaves: Sequence[Any]) -> Any:
            tensors = [self._ops.convert_to_tensor(leaf) for leaf in leaves]
            with self._no_grad():
                outputs = self.model.predict_step((filled(template, tensors),))
            return mapped(self._ops.convert_to_numpy, outputs)

        return run
