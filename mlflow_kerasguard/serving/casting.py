"""Arrays in the type that a model takes, where that loses nothing.

Between floating-point types numbers are rounded, as Keras does itself; everything else has to be exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlflow_kerasguard.errors import InvalidInputError

#: The type of text, whatever its length.
TEXT = "string"

_NUMBERS = "fiub"


def cast(array: np.ndarray, dtype: str, where: str) -> np.ndarray:
    """The array in another type.

    Args:
        array: of any type.
        dtype: NumPy's name of the type, or ``string``.
        where: what the array is, for the error.

    Raises:
        InvalidInputError: a value can't be had in that type.
    """
    if array.dtype.kind == "O":
        array = plain(array, where)
    if dtype == TEXT:
        return _text(array, where)
    if array.dtype == dtype:
        return array
    if array.dtype.kind not in _NUMBERS:
        raise _refused(where, f"holds {_what(array)}", dtype)
    return _number(array, np.dtype(dtype), where)


def plain(array: np.ndarray, where: str) -> np.ndarray:
    """An array of objects as one of text, numbers or truth values.

    Raises:
        InvalidInputError: the objects are of different lengths or kinds.
    """
    if array.size and all(isinstance(item, str | bytes) for item in array.flat):
        return np.asarray(np.vectorize(_decoded, otypes=[str])(array))
    try:
        found = np.asarray(array.tolist())
    except ValueError:
        raise InvalidInputError(f"{where} has rows of different lengths") from None
    if found.dtype.kind == "O":
        found = _with_missing(found, where)
    # NumPy makes text of numbers where there is some text.
    if found.dtype.kind not in _NUMBERS:
        raise InvalidInputError(f"{where} holds {_what(found)} that is neither all numbers nor all text")
    return found


def _with_missing(array: np.ndarray, where: str) -> np.ndarray:
    """Objects among which some are None: those are NaN."""
    try:
        return array.astype("float64")
    except (TypeError, ValueError):
        kinds = sorted({type(item).__name__ for item in array.flat})
        raise InvalidInputError(f"{where} holds values that aren't numbers: {', '.join(kinds)}") from None


def _text(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype.kind == "S":
        return np.asarray(np.char.decode(array, "utf-8", "replace"))
    if array.dtype.kind == "T":  # NumPy's type of text of variable length.
        return array.astype(str)
    if array.dtype.kind == "U" or not array.size:
        return array.astype(str)
    raise _refused(where, f"holds {_what(array)}", TEXT)


def _decoded(item: Any) -> str:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


def _number(array: np.ndarray, dtype: np.dtype[Any], where: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        found = array.astype(dtype)
    lost = _lost(array, found, dtype)
    if lost is not None and lost.any():
        row = tuple(int(index) for index in np.argwhere(lost)[0])
        raise _refused(where, f"holds {array[row]} in row {row[0] if row else 0}", str(dtype))
    return found


def _lost(array: np.ndarray, found: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray | None:
    """Where values became others; None where none can."""
    given = array.dtype.kind
    # NumPy calls it safe to round large integers.
    rounds = given in "iu" and dtype.kind == "f" and array.dtype.itemsize >= dtype.itemsize
    if given == "b" or (not rounds and np.can_cast(array.dtype, dtype, "safe")):
        return None
    if given == "f" and dtype.kind == "f":
        return np.asarray(np.isfinite(array) & ~np.isfinite(found))
    if dtype.kind == "b":
        return np.asarray((array != 0) & (array != 1))
    if given == "f":
        return _not_whole(array, dtype)
    if dtype.kind == "f":
        return _not_exact(array, found)
    bounds = np.iinfo(dtype)
    return np.asarray((array < bounds.min) | (array > bounds.max))


def _not_whole(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    bounds = np.iinfo(dtype)
    # The upper bound itself has no exact floating-point number: what is below its successor fits.
    inside = (array >= float(bounds.min)) & (array < float(bounds.max + 1))
    return np.asarray(~(inside & (array == np.trunc(array))))


def _not_exact(array: np.ndarray, found: np.ndarray) -> np.ndarray:
    limit = 2 ** (np.finfo(found.dtype).nmant + 1)
    lost = (array > limit) | (array < -limit)
    for index in np.argwhere(lost):
        place = tuple(index)
        lost[place] = not np.isfinite(found[place]) or int(found[place]) != int(array[place])
    return np.asarray(lost)


def _what(array: np.ndarray) -> str:
    return {"U": "text", "S": "bytes", "M": "dates", "m": "durations"}.get(array.dtype.kind, f"`{array.dtype}`")


def _refused(where: str, what: str, dtype: str) -> InvalidInputError:
    return InvalidInputError(f"{where} {what}, which can't be `{dtype}` without loss")
