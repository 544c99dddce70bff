"""The forward pass as a traced function of TensorFlow: for Keras 3, `tf_keras` and Keras 2."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.serving.structure import Template, filled, mapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow_kerasguard.serving.forward import Run, Spec


class TensorFlow:
    """What can be run on TensorFlow.

    Attributes:
        specializes: a traced function is for the shapes and types that it was traced with.
        compiles_each_size: not for each number of rows.
    """

    specializes = True
    compiles_each_size = False

    def __init__(self, model: Any) -> None:
        self.model = model
        self._tf = import_module("tensorflow")
        #: The traced functions, for whoever wants to know how often each was traced.
        self.functions: list[Any] = []

    def compile(self, template: Template, specs: Sequence[Spec]) -> Run:
        """Trace the forward pass, with a batch dimension of any length unless the model has fixed one."""
        tf, predict_step = self._tf, self.model.predict_step
        signature = [tf.TensorSpec(shape, dtype) for shape, dtype in specs]

        def forward(*leaves: Any) -> Any:
            return predict_step((filled(template, leaves),))

        # Layers of Keras 2 have their `call` converted by themselves; Keras 3 converts nothing.
        function = tf.function(forward, input_signature=signature, autograph=False)
        # A call through `function` would bind and check its arguments each time, which takes as long as a small model.
        concrete = function.get_concrete_function()
        self.functions.append(function)
        constant = tf.constant
        if len(specs) == 1:
            return lambda leaves: _arrays(concrete(constant(leaves[0])))
        return lambda leaves: _arrays(concrete(*map(constant, leaves)))

    def eager(self, template: Template) -> Run:
        tf, predict_step = self._tf, self.model.predict_step
        return lambda leaves: _arrays(predict_step((filled(template, [*map(tf.constant, leaves)]),)))


def _arrays(outputs: Any) -> Any:
    # A single tensor is what most models give.
    return outputs.numpy() if hasattr(outputs, "numpy") else mapped(_array, outputs)


def _array(output: Any) -> Any:
    return output.numpy() if hasattr(output, "numpy") else output
