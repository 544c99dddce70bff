"""The type of a Spark column that holds a model's outputs, from the model's signature.

MLflow counts the batch as a dimension of its own, and asks for a list of lists where a model gives a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Spark's names of NumPy's types, as far as MLflow's UDF converts them.
_NAMES = {
    "bool": "boolean",
    "int8": "int",
    "uint8": "int",
    "int16": "int",
    "uint16": "int",
    "int32": "int",
    "int64": "long",
    "float16": "float",
    "float32": "float",
    "float64": "double",
}


def result_type_of(outputs: Sequence[Any]) -> str | None:
    """The type in Spark's notation, such as ``array<float>``.

    Args:
        outputs: what MLflow's output schema lists: a specification of each.

    Returns:
        The type; a structure with a field for each of several outputs; None where it is left to MLflow.
    """
    if not outputs:
        return None
    if not all(hasattr(output, "shape") for output in outputs):
        return _of_columns(outputs)
    types = [_of_tensor(output.type, output.shape) for output in outputs]
    if any(type_ is None for type_ in types):
        return None
    if len(outputs) == 1:
        return types[0]
    return ", ".join(f"{_quoted(output.name)} {type_}" for output, type_ in zip(outputs, types, strict=True))


def _of_columns(outputs: Sequence[Any]) -> str | None:
    """Numbered columns of the same type are the numbers of one row."""
    types = {output.type.name for output in outputs}
    numbered = [str(output.name) for output in outputs] == [str(number) for number in range(len(outputs))]
    if len(outputs) == 1 or len(types) > 1 or not numbered:
        return None
    name = next(iter(types))
    return f"array<{'int' if name == 'integer' else name}>"


def _of_tensor(dtype: np.dtype[Any], shape: Sequence[int]) -> str | None:
    kind = np.dtype(dtype)
    name = "string" if kind.kind in "OSU" else _NAMES.get(kind.name)
    inside = list(shape[1:])
    if name is None or all(length == 1 for length in inside):
        return name
    return "array<" * len(inside) + name + ">" * len(inside)


def _quoted(name: str) -> str:
    return "`" + str(name).replace("`", "``") + "`"
