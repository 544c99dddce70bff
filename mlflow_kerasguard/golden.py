"""Golden predictions: what the model in memory predicted when it was logged.

Arrays are kept as `.npz` without pickles, the structure around them as JSON inside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.errors import KerasGuardError, PredictionMismatchError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

#: Layout of the file; see ``signature.SCHEMA_VERSION`` for how to change one.
GOLDEN_SCHEMA_VERSION = 1

#: How far two machines may differ: (relative, absolute) by the width of the numbers that were computed.
TOLERANCES = {"float16": (2e-2, 2e-2), "bfloat16": (5e-2, 5e-2)}
DEFAULT_TOLERANCE = (1e-3, 1e-4)

_STRUCTURE = "structure"
_ROWS_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """Inputs and the outputs that belong to them.

    Attributes:
        inputs: an array, or lists and dicts of arrays, as the model takes them.
        outputs: likewise, as the model gives them.
        tolerance: relative and absolute.
    """

    inputs: Any
    outputs: Any
    tolerance: tuple[float, float] = DEFAULT_TOLERANCE


def record(predict: Callable[[Any], Any], inputs: Any, compute_dtype: str) -> Golden:
    """Let the model predict and keep the result.

    Args:
        predict: inputs to outputs.
        inputs: what the model takes.
        compute_dtype: the narrowest type that the model computes in, such as ``float16``.
    """
    return Golden(inputs=inputs, outputs=predict(inputs), tolerance=TOLERANCES.get(compute_dtype, DEFAULT_TOLERANCE))


def verify(golden: Golden, predict: Callable[[Any], Any]) -> None:
    """Compare a loaded model's predictions with the recorded ones.

    Raises:
        PredictionMismatchError: they differ; the text is a small table.
    """
    expected, found = dict(_leaves(golden.outputs)), dict(_leaves(predict(golden.inputs)))
    rows = [row for name in {**expected, **found} if (row := _difference(name, expected, found, golden.tolerance))]
    if rows:
        relative, absolute = golden.tolerance
        shown = [f"  {row}" for row in rows[:_ROWS_SHOWN]] + ["  …"] * (len(rows) > _ROWS_SHOWN)
        raise PredictionMismatchError(
            "the loaded model doesn't predict what the logged one did "
            f"(tolerance: relative {relative:g}, absolute {absolute:g}):\n" + "\n".join(shown)
        )


def _difference(
    name: str, expected: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], tolerance: tuple[float, float]
) -> str | None:
    """One output's row of the table; None where it is as expected."""
    import numpy as np

    if name not in found or name not in expected:
        return f"{name}: {'missing' if name in expected else 'new'}"
    was, now = expected[name], found[name]
    if was.shape != now.shape:
        return f"{name}: shape {now.shape} instead of {was.shape}"
    if not (_is_float(was) and _is_float(now)):
        count = int(np.sum(was != now))
        return f"{name}: {count} of {was.size} values differ" if count else None
    relative, absolute = tolerance
    was, now = was.astype("float64"), now.astype("float64")
    wrong = ~np.isclose(now, was, rtol=relative, atol=absolute, equal_nan=True)
    if not wrong.any():
        return None
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    largest = float(np.nanmax(np.abs(now - was)))
    return (
        f"{name}: {int(wrong.sum())} of {was.size} values differ, by up to {largest:.3g}; "
        f"first at {index}: {now[index]:.6g} instead of {was[index]:.6g}"
    )


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f"


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


def write(golden: Golden, path: Path) -> None:
    """Write to an `.npz` file."""
    import numpy as np

    arrays: dict[str, np.ndarray] = {}
    structure = {
        "schema_version": GOLDEN_SCHEMA_VERSION,
        "tolerance": list(golden.tolerance),
        "inputs": _outline(golden.inputs, arrays),
        "outputs": _outline(golden.outputs, arrays),
    }
    arrays[_STRUCTURE] = np.array(json.dumps(structure))
    with path.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def _outline(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Lists and dicts as they are, arrays by their number in the file."""
    if isinstance(value, Mapping):
        return {"dict": {key: _outline(item, arrays) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return {"list": [_outline(item, arrays) for item in value]}
    name = f"array_{len(arrays)}"
    arrays[name] = value
    return {"array": name}


def read(path: Path) -> Golden:
    """Read what :func:`write` wrote.

    Raises:
        KerasGuardError: the file is damaged or of another version.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            structure = json.loads(str(file[_STRUCTURE]))
            if structure["schema_version"] != GOLDEN_SCHEMA_VERSION:
                raise KerasGuardError(f"`{path}` is of version {structure['schema_version']}; this one reads 1")
            relative, absolute = structure["tolerance"]
            return Golden(
                inputs=_filled(structure["inputs"], file),
                outputs=_filled(structure["outputs"], file),
                tolerance=(float(relative), float(absolute)),
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KerasGuardError(f"the golden predictions in `{path}` can't be read: {error}") from error


def _filled(outline: Any, file: Mapping[str, np.ndarray]) -> Any:
    ((kind, value),) = outline.items()
    if kind == "dict":
        return {key: _filled(item, file) for key, item in value.items()}
    if kind == "list":
        return [_filled(item, file) for item in value]
    return file[value]
