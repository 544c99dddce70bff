"""A model made ready before the first request comes."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.example_inputs import OPEN_LENGTHS, generate_inputs
from mlflow_kerasguard.keras_runtime import innermost_message
from mlflow_kerasguard.serving.state import preserved
from mlflow_kerasguard.serving.structure import mapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow_kerasguard.serving.wrapper import KerasModelWrapper

_logger = logging.getLogger(__name__)

#: Where each number of rows is compiled for itself: how many, and for how many seconds, at most.
_MOST_ROWS, _SECONDS = 64, 5


def warm(wrapper: KerasModelWrapper, recorded: Any = None) -> bool:
    """Compile and run the model; what it remembers from call to call stays as it was.

    Args:
        wrapper: of the model.
        recorded: inputs that it is known to take; None to make some up.

    Returns:
        Whether it ran.
    """
    start = time.perf_counter()
    reason = "nothing says what it takes"
    for inputs in _candidates(wrapper, recorded):
        try:
            # Servers call from other threads, for which frameworks and Python make things of their own.
            with preserved(wrapper.model), ThreadPoolExecutor(1) as executor:
                executor.submit(_run, wrapper, inputs).result()
        except Exception as error:  # noqa: BLE001 - made-up inputs may not suit it
            reason = innermost_message(error)
        else:
            _logger.info("the model is ready, after %.1f s", time.perf_counter() - start)
            return True
    _logger.warning("the model can't be made ready before its first request (%s): log it with `input_example`", reason)
    return False


def _candidates(wrapper: KerasModelWrapper, recorded: Any) -> Iterator[Any]:
    if recorded is not None:
        yield recorded
    for length in OPEN_LENGTHS:
        inputs = generate_inputs(wrapper.model, None, length)
        if inputs is not None:
            yield inputs


def _run(wrapper: KerasModelWrapper, inputs: Any) -> None:
    if wrapper.declared.batch_rows:
        wrapper.predict_arrays(inputs)
        return
    # Once for the compiler, once for what frameworks put off until the second call.
    for number in (2, 1, 1):
        wrapper.predict_arrays(_resized(inputs, number))
    if not (wrapper.forward.backend.compiles_each_size and wrapper.forward.independent):
        return
    stop, size = time.perf_counter() + _SECONDS, 4
    while size <= _MOST_ROWS and time.perf_counter() < stop:
        wrapper.predict_arrays(_resized(inputs, size))
        size *= 2


def _resized(inputs: Any, rows: int) -> Any:
    """As many rows of the inputs, over again where there aren't enough."""
    return mapped(lambda array: array.take(range(rows), axis=0, mode="wrap"), inputs)
