"""The forms in which MLflow hands data over, as arrays in the structure that a model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlflow_kerasguard.errors import InvalidInputError
from mlflow_kerasguard.serving.casting import TEXT, cast
from mlflow_kerasguard.serving.outputs import is_dataframe
from mlflow_kerasguard.serving.structure import flattened, mapped

if TYPE_CHECKING:
    import pandas as pd

    from mlflow_kerasguard.serving.declared import Declared


def arranged(declared: Declared, data: Any) -> Any:
    """``data`` as an array, or as lists and dicts of arrays, as the model takes them.

    Args:
        declared: the model's inputs.
        data: what was handed over.

    Raises:
        InvalidInputError: it is of a type that can't be fed to a Keras model, or inputs are missing.
    """
    if isinstance(data, np.ndarray):
        return array_of(data)
    if is_dataframe(data):
        return _of_dataframe(declared, data)
    if declared.is_nested and flattened(data)[0] == declared.template:
        return mapped(array_of, data)
    if isinstance(data, Mapping):
        return declared.of_mapping({str(name): array_of(value) for name, value in data.items()})
    if isinstance(data, list | tuple):
        return _of_sequence(declared, data)
    if type(data).__module__.startswith("scipy.sparse"):
        return data.toarray()
    raise InvalidInputError(
        "`data` has to be a DataFrame, an array, a list, a tuple or a dict, not an instance of "
        f"`{type(data).__module__}.{type(data).__qualname__}`"
    )


def array_of(values: Any) -> np.ndarray:
    """An array of anything; text as Unicode, not as objects.

    Raises:
        InvalidInputError: rows are of different lengths.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise InvalidInputError("rows have different lengths") from None
    if array.dtype.kind == "O" and array.size and all(isinstance(item, str) for item in array.flat):
        return array.astype(str)
    return array


def _of_sequence(declared: Declared, data: Sequence[Any]) -> Any:
    if data and all(isinstance(item, Mapping) for item in data):
        return _of_records(declared, data)
    several = isinstance(declared.template, tuple) and declared.template[0] == "list"
    if several and len(data) == len(declared.inputs):
        return [array_of(item) for item in data]
    if not declared.inputs and data and all(isinstance(item, np.ndarray) for item in data):
        return [array_of(item) for item in data]
    return array_of(data)


def _of_records(declared: Declared, data: Sequence[Mapping[str, Any]]) -> Any:
    """Rows, each with its inputs by name."""
    names = list(data[0])
    if any(set(row) != set(names) for row in data):
        raise InvalidInputError("the rows don't name the same inputs")
    return declared.of_mapping({str(name): array_of([row[name] for row in data]) for name in names})


def _of_dataframe(declared: Declared, data: pd.DataFrame) -> Any:
    if len(declared.inputs) > 1 or (not declared.inputs and _holds_rows(data) and data.shape[1] > 1):
        return declared.of_mapping({str(name): _column(data, place) for place, name in enumerate(data.columns)})
    # One column of lists is a batch of rows, as a schema with one tensor makes it.
    if data.shape[1] == 1 and _holds_rows(data):
        return _column(data, 0)
    kinds = {getattr(dtype, "kind", "O") for dtype in data.dtypes}
    array = data.to_numpy() if len(kinds) == 1 else None
    if array is None or array.dtype.kind not in "fiub":
        return _by_column(declared, data)
    if not declared.inputs:
        return array
    try:
        return cast(array, declared.inputs[0].dtype, "the table")
    except InvalidInputError:
        return _by_column(declared, data)  # Which says where it is.


def _holds_rows(data: pd.DataFrame) -> bool:
    first = data.iloc[0, 0] if data.size else None
    return hasattr(first, "__len__") and not isinstance(first, str | bytes)


def _by_column(declared: Declared, data: pd.DataFrame) -> np.ndarray:
    """A table of different types, each column in the type that the model takes."""
    columns = [_column(data, place) for place in range(data.shape[1])]
    if not columns:
        raise InvalidInputError("the table has no columns")
    if declared.inputs:
        dtype = declared.inputs[0].dtype
    else:
        dtype = TEXT if all(column.dtype.kind == "U" for column in columns) else declared.float_dtype
    cells = [cast(column, dtype, f"column `{name}`") for name, column in zip(data.columns, columns, strict=True)]
    return np.stack(cells, axis=1)


def _column(data: pd.DataFrame, place: int) -> np.ndarray:
    column = data.iloc[:, place]
    kind = getattr(column.dtype, "kind", "O")
    if kind in "fiub" and not isinstance(column.dtype, np.dtype) and column.hasnans:
        return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan))
    if kind in "fiub":
        return column.to_numpy()
    return array_of(column.tolist())
