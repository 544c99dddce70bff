"""Outputs of a model beside those that are expected of it: how far apart they are, and how far they may be."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.errors import PredictionMismatchError

if TYPE_CHECKING:
    import numpy as np

#: How far two machines may differ: (relative, absolute) by the narrowest type that a number went through.
TOLERANCES = {
    "float64": (1e-6, 1e-8),
    "float32": (1e-3, 1e-4),
    "float16": (2e-2, 2e-2),
    "bfloat16": (5e-2, 5e-2),
}
DEFAULT_TOLERANCE = TOLERANCES["float32"]
#: Whole numbers, truth values and text.
EXACT = (0.0, 0.0)

_ROWS_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One output of a loaded model beside the recorded one.

    Attributes:
        name: ``output``, with the keys and indices where there are several.
        dtype: of the recorded output.
        size: number of values.
        differing: how many of them differ by more than the tolerance.
        absolute: the largest absolute difference; None where it isn't a number.
        relative: the largest relative difference; likewise.
        tolerance: relative and absolute; None where the values weren't compared.
        first: the first difference, in words.
        problem: why the values can't be compared; None where they can.
    """

    name: str
    dtype: str
    size: int = 0
    differing: int = 0
    absolute: float | None = None
    relative: float | None = None
    tolerance: tuple[float, float] | None = None
    first: str = ""
    problem: str | None = None

    @property
    def same(self) -> bool:
        return self.problem is None and not self.differing


def tolerances_for(outputs: Any, compute_dtype: str) -> dict[str, tuple[float, float]]:
    """The tolerance of each output, by name.

    Args:
        outputs: an array, or lists and dicts of arrays.
        compute_dtype: the narrowest type that the model computes in, such as ``float16``.
    """
    return {name: _tolerance(compute_dtype, str(array.dtype)) for name, array in _leaves(outputs)}


def _tolerance(compute_dtype: str, dtype: str) -> tuple[float, float]:
    if not dtype.startswith("float"):
        return EXACT
    known = [TOLERANCES[name] for name in (compute_dtype, dtype) if name in TOLERANCES]
    return max(known, default=DEFAULT_TOLERANCE)


def compare(
    expected: Any, found: Any, tolerances: Mapping[str, tuple[float, float]], varying: Collection[str] = ()
) -> tuple[Comparison, ...]:
    """Hold outputs against expected ones: one result each, in their order.

    Args:
        expected: an array, or lists and dicts of arrays.
        found: likewise.
        tolerances: relative and absolute, by the output's name; others have ``DEFAULT_TOLERANCE``.
        varying: names of outputs of which only shape and type are compared.
    """
    was, now = dict(_leaves(expected)), dict(_leaves(found))
    names = {**was, **now}
    allowed = {name: None if name in varying else tolerances.get(name, DEFAULT_TOLERANCE) for name in names}
    return tuple(_compare_output(name, was.get(name), now.get(name), allowed[name]) for name in names)


def require_same(comparisons: Sequence[Comparison]) -> None:
    """Refuse outputs that differ.

    Raises:
        PredictionMismatchError: some do; the text is a small table.
    """
    wrong = [item for item in comparisons if not item.same]
    if wrong:
        raise PredictionMismatchError("the loaded model doesn't predict what the logged one did:\n" + table(wrong))


def table(comparisons: Sequence[Comparison]) -> str:
    """Outputs that differ, one a line, with the largest differences and the tolerance."""
    header = ("output", "values that differ", "largest absolute", "largest relative", "tolerance", "first")
    rows = [header, *(_row(item) for item in comparisons[:_ROWS_SHOWN])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(f"  {line}" for line in [*lines, *["…"] * (len(comparisons) > _ROWS_SHOWN)])


def _row(item: Comparison) -> tuple[str, ...]:
    if item.problem is not None:
        return (item.name, item.problem, "", "", "", "")
    relative, absolute = item.tolerance or EXACT
    allowed = "none" if (relative, absolute) == EXACT else f"absolute {absolute:g} + relative {relative:g}"
    return (
        item.name,
        f"{item.differing} of {item.size}",
        _number(item.absolute),
        _number(item.relative),
        allowed,
        item.first,
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _compare_output(
    name: str, was: np.ndarray | None, now: np.ndarray | None, tolerance: tuple[float, float] | None
) -> Comparison:
    import numpy as np

    if was is None or now is None:
        return Comparison(name=name, dtype="", problem="is missing" if now is None else "is new")
    kept = Comparison(name=name, dtype=str(was.dtype), size=int(was.size))
    if was.shape != now.shape:
        return replace(kept, problem=f"has shape {now.shape} instead of {was.shape}")
    if _kind(was) != _kind(now):
        return replace(kept, problem=f"is of type {now.dtype} instead of {was.dtype}")
    if tolerance is None:
        return kept
    if _kind(was) != "f":
        wrong = np.asarray(was != now)
        return replace(kept, tolerance=EXACT, differing=int(wrong.sum()), first=_first(wrong, was, now))
    return _compare_floats(kept, was, now, tolerance)


def _compare_floats(kept: Comparison, was: np.ndarray, now: np.ndarray, tolerance: tuple[float, float]) -> Comparison:
    import numpy as np

    relative, absolute = tolerance
    was, now = was.astype("float64"), now.astype("float64")
    wrong = ~np.isclose(now, was, rtol=relative, atol=absolute, equal_nan=True)
    # Infinities and what isn't a number have no distance from anything.
    both = np.isfinite(was) & np.isfinite(now)
    distance = np.abs(now[both] - was[both])
    size = np.abs(was[both])
    return replace(
        kept,
        tolerance=tolerance,
        differing=int(wrong.sum()),
        absolute=float(distance.max()) if distance.size else None,
        relative=float((distance[size > 0] / size[size > 0]).max()) if (size > 0).any() else None,
        first=_first(wrong, was, now),
    )


def _first(wrong: np.ndarray, was: np.ndarray, now: np.ndarray) -> str:
    import numpy as np

    if not wrong.any():
        return ""
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    shown = [f"{array[index]:.6g}" if _kind(array) == "f" else str(array[index]) for array in (now, was)]
    return f"at {index}: {shown[0]} instead of {shown[1]}"


def _kind(array: np.ndarray) -> str:
    """``f`` for floating point, else the kind of NumPy's type; whole numbers are alike, signed or not."""
    kind = str(array.dtype.kind)
    return "i" if kind == "u" else kind


def _leaves(value: Any, name: str = "output") -> Iterator[tuple[str, np.ndarray]]:
    """Every array in lists and dicts, with a name that says where it is."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{name}[{index}]")
    else:
        yield name, value
