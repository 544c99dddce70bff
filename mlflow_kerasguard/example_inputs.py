"""Inputs made up from a model's own description, for models that are logged without an example."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

#: Rows of a batch, where the model takes any number.
ROWS = 2

#: Lengths to try of other dimensions that the model leaves open. The first is long enough for a few layers of
#: convolution and pooling; some models take no more than a few steps, and others need more.
OPEN_LENGTHS = (32, 8, 128)

_SEED = 0


def generate_inputs(model: Any, schema: Any = None, length: int = OPEN_LENGTHS[0]) -> Any:
    """Inputs that fit a model's description.

    Args:
        model: a built Keras model.
        schema: MLflow's schema of the inputs; where it has tensors, their shapes and types come first.
        length: of dimensions that are left open.

    Returns:
        An array, or a list or dict of arrays, as the model takes them; None where nothing says what it
        takes. The same model always gets the same ones.
    """
    described = _from_schema(schema) or _from_tensors(model) or _from_build(model)
    if not described:
        return None
    return _made(described, length)


def _made(described: Any, length: int) -> Any:
    import numpy as np

    random = np.random.default_rng(_SEED)
    if isinstance(described, Mapping):
        return {name: _array(random, length, *item) for name, item in described.items()}
    arrays = [_array(random, length, *item) for item in described]
    return arrays[0] if len(arrays) == 1 else arrays


def _array(random: np.random.Generator, length: int, shape: Sequence[int | None], dtype: str) -> np.ndarray:
    """Small numbers that are indices of any table, and between 0 and 1 where they aren't whole."""
    import numpy as np

    first, *others = shape or (None,)
    lengths = [_length(first, ROWS), *(_length(item, length) for item in others)]
    if re.match(r"str|object|<U", dtype):
        return np.full(lengths, "a")
    if dtype.startswith("bool"):
        return random.integers(0, 2, lengths).astype(bool)
    if re.match(r"u?int", dtype):
        return random.integers(0, 2, lengths).astype(dtype)
    return random.random(lengths).astype(dtype if dtype in {"float16", "float64"} else "float32")


def _length(given: int | None, default: int) -> int:
    return given if isinstance(given, int) and given > 0 else default


def _from_schema(schema: Any) -> Any:
    """Shapes and types of a schema of tensors; None for one of columns, which says nothing of the model's own."""
    if schema is None or not schema.is_tensor_spec():
        return None
    specs = [(spec.name, (tuple(spec.shape), str(spec.type))) for spec in schema.inputs]
    return dict(specs) if schema.has_input_names() else [item for _, item in specs]


def _from_tensors(model: Any) -> Any:
    """Of a Functional or Sequential model: its symbolic inputs, in the structure that it takes."""
    tensors = input_structure(model)
    if tensors is None:
        return None
    if isinstance(tensors, Mapping):
        return {name: _of_tensor(tensor) for name, tensor in tensors.items()}
    return [_of_tensor(tensor) for tensor in (tensors if isinstance(tensors, list | tuple) else [tensors])]


def input_structure(model: Any) -> Any:
    """The symbolic inputs that a model was built from: one, or a list or a dict; None for a subclassed model."""
    try:
        return model.input
    except (AttributeError, ValueError, RuntimeError):
        # A Sequential model of Keras 3 has the list alone.
        inputs = getattr(model, "inputs", None)
        return (inputs[0] if len(inputs) == 1 else list(inputs)) if inputs else None


def _of_tensor(tensor: Any) -> tuple[tuple[int | None, ...], str]:
    return tuple(tensor.shape), str(getattr(tensor.dtype, "name", tensor.dtype))


def _from_build(model: Any) -> Any:
    """Of a subclassed model: the shapes that it was built for, with any number of rows; types aren't kept."""
    get_build_config = getattr(model, "get_build_config", None)
    config = get_build_config() if get_build_config is not None else None
    shape = (config or {}).get("input_shape")
    if isinstance(shape, Mapping):
        return {name: _of_rows(item) for name, item in shape.items() if _is_shape(item)}
    if not isinstance(shape, list | tuple) or not shape:
        return None
    shapes = [shape] if _is_shape(shape) else shape
    return [_of_rows(item) for item in shapes] if all(map(_is_shape, shapes)) else None


def _of_rows(shape: Iterable[int | None]) -> tuple[tuple[int | None, ...], str]:
    return (None, *tuple(shape)[1:]), "float32"


def _is_shape(value: Any) -> bool:
    return isinstance(value, Iterable) and all(item is None or isinstance(item, int) for item in value)
