"""Large inputs, a batch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mlflow_kerasguard.errors import InvalidInputError
from mlflow_kerasguard.serving.structure import Template, filled, flattened

#: The parameter of ``predict`` that sets the rows of a batch.
BATCH_SIZE = "batch_size"

#: Rows of a batch in Keras's own ``predict``, and the fewest here where nobody asks for fewer.
KERAS_ROWS = 32
#: More rows make nothing faster.
_MOST_ROWS = 4096
#: Bytes that the widest layer's outputs for one batch may take.
_LAYER_BYTES = 32 * 2**20


def rows_asked_for(params: Mapping[str, Any] | None) -> int | None:
    """The rows of a batch that the parameters ask for; None where they don't.

    Raises:
        InvalidInputError: that is no number of rows.
    """
    asked = params.get(BATCH_SIZE) if params else None
    if asked is None:
        return None
    if isinstance(asked, bool) or not isinstance(asked, int | np.integer) or asked < 1:
        raise InvalidInputError(f"`{BATCH_SIZE}` has to be a whole number above 0, not {asked!r}")
    return int(asked)


def default_rows(model: Any, leaves: Sequence[np.ndarray]) -> int:
    """Rows of a batch for which the widest layer's outputs take a bounded amount of memory."""
    longest = max((length for leaf in leaves for length in leaf.shape[1:]), default=1)
    widths = [_values(shape, longest) for shape in _layer_shapes(model)]
    widths += [_values(leaf.shape, longest) for leaf in leaves]
    return min(max(_LAYER_BYTES // (4 * max(widths)), KERAS_ROWS), _MOST_ROWS)


def _values(shape: Sequence[int | None], longest: int) -> int:
    """Values in a row; a length that is open is taken to be that of the longest input."""
    return math.prod(length or longest or 1 for length in shape[1:])


def _layer_shapes(model: Any) -> list[Sequence[int | None]]:
    shapes = []
    for layer in getattr(model, "layers", ()):
        shapes += _layer_shapes(layer)
        try:
            outputs = flattened(layer.output)[1]
        except (AttributeError, ValueError, RuntimeError):  # It was never called on symbolic inputs.
            continue
        shapes += [tuple(tensor.shape) for tensor in outputs if tensor.shape is not None]
    return shapes


def in_batches(
    run: Callable[[Template, Sequence[np.ndarray]], Any], template: Template, leaves: Sequence[np.ndarray], rows: int
) -> Any:
    """Run a batch at a time, and put the outputs together.

    Args:
        run: runs one batch.
        template: the structure of the inputs.
        leaves: the inputs.
        rows: of a batch.
    """
    total = len(leaves[0])
    if total <= rows:
        return run(template, leaves)
    joined: _Joined | None = None
    for start in range(0, total, rows):
        outputs = run(template, [leaf[start : start + rows] for leaf in leaves])
        if joined is None:
            joined = _Joined(outputs, min(rows, total), total)
        joined.add(outputs)
    assert joined is not None, "there are rows"
    return joined.outputs()


class _Joined:
    """Outputs of batches, written to where they belong as they come: there is never a second copy of all."""

    def __init__(self, first: Any, rows: int, total: int) -> None:
        self._template, leaves = flattened(first)
        leaves = [np.asarray(leaf) for leaf in leaves]
        # A model may give something else than a row for a row; such outputs are joined as Keras joins them.
        self._by_row = all(leaf.ndim and len(leaf) == rows and leaf.dtype.kind not in "OSU" for leaf in leaves)
        self._arrays = [np.empty((total, *leaf.shape[1:]), leaf.dtype) for leaf in leaves] if self._by_row else []
        self._parts: list[list[np.ndarray]] = []
        self._filled = 0

    def add(self, outputs: Any) -> None:
        leaves = [np.asarray(leaf) for leaf in flattened(outputs)[1]]
        if not self._by_row:
            self._parts.append(leaves)
            return
        stop = self._filled + len(leaves[0])
        for array, leaf in zip(self._arrays, leaves, strict=True):
            if leaf.shape[1:] != array.shape[1:]:
                raise ValueError(f"outputs of one batch have the shape {leaf.shape}, others {array.shape}")
            array[self._filled : stop] = leaf
        self._filled = stop

    def outputs(self) -> Any:
        arrays = self._arrays if self._by_row else [np.concatenate(parts) for parts in zip(*self._parts, strict=True)]
        return filled(self._template, arrays)
