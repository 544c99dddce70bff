"""What a model remembers from one call to the next: states of recurrent layers, seeds."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def preserved(model: Any) -> Iterator[None]:
    """Whatever is called in between, the model is as it was afterwards."""
    variables = [*model.non_trainable_variables, *_states(model)]
    before = [_value(variable) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            # Most never change, and a write would be seen by calls that run at the same time.
            if value is not None and not np.array_equal(_value(variable), value):
                variable.assign(value)


@contextlib.contextmanager
def weights_kept(model: Any) -> Iterator[None]:
    """Where Keras's ``predict`` fails in between, the model still has its weights.

    Keras on JAX takes them out of the variables while it predicts, and puts them back only where nothing fails.
    """
    held = [(variable, variable.value) for variable in model.variables if not callable(variable.value)]
    try:
        yield
    except BaseException:
        lost = [(variable, value) for variable, value in held if getattr(variable, "_value", value) is None]
        if any(value.is_deleted() for _, value in lost):  # What a batch was computed from is given back by it.
            model.jax_state_sync()
        else:
            for variable, value in lost:
                variable.assign(value)
        raise


def _states(model: Any) -> list[Any]:
    """The states that recurrent layers of Keras 2 keep; they aren't among its variables."""
    layers = getattr(model, "_flatten_layers", None)
    kept = [layer for layer in layers() if getattr(layer, "stateful", False)] if layers is not None else []
    states = [state for layer in kept for state in _leaves(getattr(layer, "states", None))]
    return [state for state in states if hasattr(state, "assign")]


def _leaves(states: Any) -> list[Any]:
    if isinstance(states, list | tuple):
        return [leaf for item in states for leaf in _leaves(item)]
    return [] if states is None else [states]


def _value(variable: Any) -> Any:
    value = variable.value
    value = value() if callable(value) else value
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    try:
        return np.array(value)
    except (TypeError, ValueError):  # The state of a generator of random numbers, for one.
        return None
