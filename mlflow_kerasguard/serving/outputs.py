"""Outputs in the types and the layout in which callers get them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlflow_kerasguard.serving.structure import flattened, mapped, paths

if TYPE_CHECKING:
    import pandas as pd

#: Types that JSON, `.npz` and pandas know as they are.
_PLAIN = "fiub"


def plain(outputs: Any) -> Any:
    """Outputs as arrays of NumPy's own types, in lists and dicts as the model gives them."""
    if isinstance(outputs, np.ndarray) and outputs.dtype.kind in _PLAIN:
        return outputs
    return mapped(_ordinary, outputs)


def _ordinary(output: Any) -> np.ndarray:
    array = np.asarray(output)
    if array.dtype.kind in "OS":  # Keras gives strings as bytes.
        return np.vectorize(_decoded, otypes=[str])(array) if array.size else array.astype(str)
    # bfloat16 is no type of NumPy's own: neither JSON nor `.npz` knows it.
    return array.astype("float32") if array.dtype.kind == "V" else array


def _decoded(item: Any) -> str:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


def named(outputs: Any, names: Sequence[str]) -> Any:
    """Several outputs as a flat dict.

    Args:
        outputs: as the model gives them.
        names: Keras's names of the outputs.

    Returns:
        The array where there is a single one; else a dict by the keys that the model gives, or by Keras's
        names, or as ``output_0`` and so on.
    """
    if isinstance(outputs, np.ndarray):
        return outputs
    template, leaves = flattened(outputs)
    if isinstance(outputs, Mapping):
        return dict(zip(paths(template), leaves, strict=True))
    if len(leaves) == len(outputs) == len(names):
        return dict(zip(names, leaves, strict=True))
    return dict(zip(paths(template, "output"), leaves, strict=True))


def is_dataframe(data: Any) -> bool:
    """Without importing pandas where nobody has."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def as_dataframe(outputs: Any, index: Any) -> pd.DataFrame:
    """A table with a column for each number of a row, or for each of several outputs."""
    import pandas as pd

    table: pd.DataFrame
    if isinstance(outputs, Mapping):
        table = pd.DataFrame({name: _column(value) for name, value in outputs.items()}, index=index)
    else:
        matrix_dimensions = 2
        width = int(np.prod(outputs.shape[1:]))
        rows = outputs if outputs.ndim <= matrix_dimensions else np.reshape(outputs, (len(outputs), width))
        table = pd.DataFrame(rows, index=index)
    return table


def _column(values: np.ndarray) -> Any:
    """One column of a table: numbers where there is one a row, else lists."""
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    return flat[:, 0] if flat.shape[1] == 1 else values.tolist()
