"""The forward pass as a jitted function of JAX."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from mlflow_kerasguard.serving.structure import Template, filled, mapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow_kerasguard.serving.forward import Run, Spec


class Jax:
    """What can be run on JAX.

    Attributes:
        specializes: a jitted function takes all shapes and types.
        compiles_each_size: it compiles itself again for each number of rows.
    """

    specializes = False
    compiles_each_size = True

    def __init__(self, model: Any) -> None:
        self.model = model
        self._jax = import_module("jax")
        self._lock = threading.Lock()

    def compile(self, template: Template, specs: Sequence[Spec]) -> Run:
        """Jit the forward pass; whether it changes what the model remembers is told from its program."""
        forward = self._forward(template)
        examples = [np.zeros([1 if length is None else length for length in shape], dtype) for shape, dtype in specs]
        if self._remembers(forward, examples):
            return self._remembering(self._jax.jit(forward))
        return self._run(self._jax.jit(lambda *arguments: forward(*arguments)[0]))

    def eager(self, template: Template) -> Run:
        return self._remembering(self._forward(template))

    def _forward(self, template: Template) -> Any:
        predict_step = self.model.predict_step

        def forward(trainable: Any, non_trainable: Any, leaves: Any) -> Any:
            return predict_step((trainable, non_trainable), (filled(template, leaves),))

        return forward

    def _remembers(self, forward: Any, leaves: Sequence[np.ndarray]) -> bool:
        """Whether variables come out of the program otherwise than they went in."""
        trainable, non_trainable = self._variables()
        program = self._jax.make_jaxpr(forward)(trainable, non_trainable, leaves).jaxpr
        count = len(non_trainable)
        before = program.invars[len(trainable) : len(trainable) + count]
        after = program.outvars[len(program.outvars) - count :]
        return any(was is not now for was, now in zip(before, after, strict=True))

    def _variables(self) -> tuple[list[Any], list[Any]]:
        """Their values at this moment: whoever holds the model may set its weights."""
        model = self.model
        return (
            [variable.value for variable in model.trainable_variables],
            [variable.value for variable in model.non_trainable_variables],
        )

    def _run(self, function: Any) -> Run:
        return lambda leaves: _arrays(function(*self._variables(), leaves))

    def _remembering(self, function: Any) -> Run:
        def run(leaves: Sequence[np.ndarray]) -> Any:
            with self._lock:
                outputs, changed = function(*self._variables(), leaves)
                for variable, value in zip(self.model.non_trainable_variables, changed, strict=True):
                    variable.assign(value)
            return _arrays(outputs)

        return run


def _arrays(outputs: Any) -> Any:
    # JAX's own memory can't be written to, and answers belong to whoever asked.
    return mapped(np.array, outputs)
