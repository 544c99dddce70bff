"""Golden predictions: what the model in memory predicted when it was logged.

Arrays are kept as `.npz` without pickles, the structure around them as JSON inside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.errors import KerasGuardError
from mlflow_kerasguard.output_differences import Comparison, compare, require_same, tolerances_for

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

#: Layout of the file; see ``signature.SCHEMA_VERSION`` for how to change one.
GOLDEN_SCHEMA_VERSION = 1

_STRUCTURE = "structure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """Inputs and the outputs that belong to them.

    Attributes:
        inputs: an array, or lists and dicts of arrays, as the model takes them.
        outputs: likewise, as the model gives them.
        tolerances: relative and absolute, by the output's name; see ``output_differences.compare``.
        varying: names of outputs that the same model, asked again, gave otherwise: those of models that
            draw random numbers. Of these only shape and type are compared.
        generated: the inputs were made up from the model's description.
    """

    inputs: Any
    outputs: Any
    tolerances: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    varying: frozenset[str] = frozenset()
    generated: bool = False

    def compare(self, outputs: Any) -> tuple[Comparison, ...]:
        """Hold outputs against the recorded ones."""
        return compare(self.outputs, outputs, self.tolerances, self.varying)


def record(predict: Callable[[Any], Any], inputs: Any, compute_dtype: str, *, generated: bool = False) -> Golden:
    """Let the model predict, twice, and keep the result.

    Args:
        predict: inputs to outputs.
        inputs: what the model takes.
        compute_dtype: the narrowest type that the model computes in, such as ``float16``.
        generated: whether the inputs were made up.
    """
    outputs = predict(inputs)
    once = Golden(
        inputs=inputs, outputs=outputs, tolerances=tolerances_for(outputs, compute_dtype), generated=generated
    )
    again = once.compare(predict(inputs))
    return replace(once, varying=frozenset(item.name for item in again if not item.same))


def verify(golden: Golden, predict: Callable[[Any], Any]) -> tuple[Comparison, ...]:
    """Compare a loaded model's predictions with the recorded ones.

    Returns:
        How far they are apart.

    Raises:
        PredictionMismatchError: they differ; the text is a small table.
    """
    comparisons = golden.compare(predict(golden.inputs))
    require_same(comparisons)
    return comparisons


def write(golden: Golden, path: Path) -> None:
    """Write to an `.npz` file."""
    import numpy as np

    arrays: dict[str, np.ndarray] = {}
    structure = {
        "schema_version": GOLDEN_SCHEMA_VERSION,
        "tolerances": {name: list(tolerance) for name, tolerance in golden.tolerances.items()},
        "varying": sorted(golden.varying),
        "generated": golden.generated,
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
            return Golden(
                inputs=_filled(structure["inputs"], file),
                outputs=_filled(structure["outputs"], file),
                tolerances={name: (float(r), float(a)) for name, (r, a) in structure.get("tolerances", {}).items()},
                varying=frozenset(structure.get("varying", ())),
                generated=bool(structure.get("generated")),
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KerasGuardError(f"the golden predictions in `{path}` can't be read: {error}") from error


def _filled(outline: Any, file: Mapping[str, np.ndarray]) -> Any:
    ((kind, value),) = outline.items()
    if kind == "dict":
        return {key: _filled(item, file) for key, item in value.items()}
    if kind == "list":
        return [_filled(item, file) for item in value]
    return file[value]
