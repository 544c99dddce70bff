"""What a Keras model says it takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlflow_kerasguard.errors import InvalidInputError
from mlflow_kerasguard.example_inputs import input_structure
from mlflow_kerasguard.serving.casting import TEXT, cast, plain
from mlflow_kerasguard.serving.structure import Template, filled, flattened

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One input.

    Attributes:
        name: its key where the model takes a dict, else Keras's own name of it.
        shape: with None for a dimension of any length; the first is the batch.
        dtype: NumPy's name of the type, or ``string``.
        numpy_dtype: the same for NumPy; None for text, which has a type for each length there.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    numpy_dtype: np.dtype[Any] | None

    def conform(self, array: np.ndarray) -> np.ndarray:
        """The array in this input's type and rank.

        Raises:
            InvalidInputError: it doesn't fit.
        """
        if array.dtype is not self.numpy_dtype:
            array = cast(array, self.dtype, f"input `{self.name}`")
        if not self._fits(array.shape):
            array = self._with_rank(array)
        return array

    def _fits(self, shape: tuple[int, ...]) -> bool:
        if len(shape) != len(self.shape):
            return False
        # The number of rows is looked at where all inputs are known.
        return all(own is None or own == given for own, given in zip(self.shape[1:], shape[1:], strict=True))

    def _with_rank(self, array: np.ndarray) -> np.ndarray:
        """Add or take away a last dimension of one, as Keras does."""
        shape = array.shape
        candidates = [(*shape, 1), shape[:-1]] if shape[-1:] == (1,) else [(*shape, 1)]
        if not array.size and len(shape) == 1:  # An empty list has lost its shape.
            candidates.append((0, *(length or 0 for length in self.shape[1:])))
        for candidate in candidates:
            if self._fits(candidate):
                return array.reshape(candidate)
        raise InvalidInputError(f"input `{self.name}` has the shape {shape}, and the model takes {self._described()}")

    def _described(self) -> str:
        inside = ", ".join("any" if length is None else str(length) for length in self.shape)
        return f"({inside}{',' if len(self.shape) == 1 else ''})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The inputs of a model.

    Attributes:
        template: their structure.
        inputs: in the order of the template; empty for a subclassed model, which takes what it is given.
        names: Keras's own names of the inputs, in the same order.
        float_dtype: what floating-point numbers become where nothing is declared, as in Keras.
    """

    template: Template
    inputs: tuple[InputSpec, ...]
    names: tuple[str, ...]
    float_dtype: str

    @property
    def is_nested(self) -> bool:
        """Whether the model takes lists or dicts inside of others; only arrays can be told from them."""
        if self.template is None:
            return False
        kind, *inside = self.template
        return any(item is not None for item in (dict(inside).values() if kind == "dict" else inside))

    @property
    def batch_rows(self) -> int | None:
        """The only number of rows that the model takes; None for any."""
        return next((spec.shape[0] for spec in self.inputs if spec.shape[0] is not None), None)

    def conform(self, inputs: Any) -> tuple[Template, list[np.ndarray]]:
        """Inputs taken apart, each in the type and rank that the model takes.

        Args:
            inputs: an array, or lists and dicts of arrays.

        Raises:
            InvalidInputError: they don't fit.
        """
        template, leaves = (None, [inputs]) if isinstance(inputs, np.ndarray) else flattened(inputs)
        if not self.inputs:
            arrays = [self._undeclared(leaf, f"input {place}") for place, leaf in enumerate(leaves)]
        else:
            if template != self.template:
                template, leaves = self._in_order(inputs, template, leaves)
            arrays = [spec.conform(leaf) for spec, leaf in zip(self.inputs, leaves, strict=True)]
        if len(arrays) != 1:
            self._require_same_rows(arrays)
        return template, arrays

    def _in_order(self, inputs: Any, template: Template, leaves: list[Any]) -> tuple[Template, list[Any]]:
        """Leaves in the model's own structure and order."""
        if isinstance(inputs, Mapping):
            template, leaves = flattened(self.of_mapping(inputs))
        elif len(leaves) == len(self.inputs) == 1:
            template = self.template
        if template != self.template:
            kind = "a dict of" if isinstance(self.template, tuple) and self.template[0] == "dict" else "in this order"
            raise InvalidInputError(f"{len(leaves)} inputs were given, and the model takes {kind} {self._listed()}")
        return template, leaves

    def _undeclared(self, array: np.ndarray, where: str) -> np.ndarray:
        if array.dtype.kind == "O":
            array = plain(array, where)
        if array.dtype.kind == "f" and array.dtype != self.float_dtype:
            return cast(array, self.float_dtype, where)
        if not array.ndim:
            raise InvalidInputError(f"{where} is a single value: rows are needed")
        return array if array.dtype.kind in "fiub" else cast(array, TEXT, where)

    def _require_same_rows(self, arrays: Sequence[np.ndarray]) -> None:
        rows = {len(array) for array in arrays}
        if len(rows) != 1:
            named = [spec.name for spec in self.inputs] or [f"input {place}" for place in range(len(arrays))]
            found = ", ".join(f"`{name}` {len(array)}" for name, array in zip(named, arrays, strict=True))
            raise InvalidInputError(f"the inputs have different numbers of rows: {found or 'there are none'}")

    def of_mapping(self, data: Mapping[str, Any]) -> Any:
        """A dict of arrays in the structure that the model takes.

        Raises:
            InvalidInputError: inputs are missing.
        """
        if not self.inputs:
            return dict(data)
        if len(self.inputs) == len(data) == 1:
            return filled(self.template, [*data.values()])
        for names in (tuple(spec.name for spec in self.inputs), self.names):
            if set(names) <= set(data):
                return filled(self.template, [data[name] for name in names])
        missing = [f"`{spec.name}`" for spec in self.inputs if spec.name not in data]
        given = ", ".join(f"`{name}`" for name in data)
        raise InvalidInputError(f"{', '.join(missing)} is missing: given is {given}; the model takes {self._listed()}")

    def _listed(self) -> str:
        return ", ".join(f"`{spec.name}`" for spec in self.inputs)


def declared(model: Any) -> Declared:
    """What a model declares."""
    structure = input_structure(model)
    template, tensors = (None, []) if structure is None else flattened(structure)
    keys = _keys(template) if tensors else []
    names = tuple(tensor.name.split(":", 1)[0] for tensor in tensors)
    specs = tuple(
        _spec(str(key if key is not None else name), tensor)
        for key, name, tensor in zip(keys, names, tensors, strict=True)
    )
    return Declared(template=template, inputs=specs, names=names, float_dtype=_float_dtype(model))


def _spec(name: str, tensor: Any) -> InputSpec:
    dtype = _dtype(tensor)
    numpy_dtype = None if dtype == TEXT else np.dtype(dtype)
    return InputSpec(name=name, shape=tuple(tensor.shape), dtype=dtype, numpy_dtype=numpy_dtype)


def output_names(model: Any) -> tuple[str, ...]:
    """Keras's names of the outputs; empty where it has none, or gives one twice."""
    names = tuple(getattr(model, "output_names", None) or ())
    return names if len(set(names)) == len(names) else ()


def compute_dtype(model: Any) -> str:
    """The narrowest type that a layer computes in."""
    types = {str(getattr(layer, "compute_dtype", None)) for layer in (model, *model.layers)}
    return next((name for name in _NARROW_TYPES if name in types), "float32")


#: The coarsest first; floating point is single otherwise, or double.
_NARROW_TYPES = ("bfloat16", "float16", "float32", "float64")


def _keys(template: Template, key: Any = None) -> list[Any]:
    """The innermost key of a dict that leads to each leaf; None where there is none."""
    if template is None:
        return [key]
    kind, *inside = template
    items = inside if kind == "dict" else [(key, item) for item in inside]
    return [found for name, item in items for found in _keys(item, name)]


def _dtype(tensor: Any) -> str:
    name = str(getattr(tensor.dtype, "name", tensor.dtype))
    # NumPy has no such type, and Keras makes it of the next wider one.
    return "float32" if name == "bfloat16" else name


def _float_dtype(model: Any) -> str:
    from mlflow_kerasguard.keras_runtime import runtime_of

    name = str(runtime_of(model).module.backend.floatx())
    return "float32" if name == "bfloat16" else name
