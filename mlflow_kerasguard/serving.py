"""The model as pyfunc sees it: data in the forms that MLflow hands over, predictions as arrays or tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class KerasModelWrapper:
    """What ``mlflow.pyfunc`` calls for each request.

    Attributes:
        model: the Keras model.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def get_raw_model(self) -> Any:
        """Returns the underlying Keras model."""
        return self.model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Predict, in the shape that ``mlflow.keras`` gives.

        Args:
            data: a DataFrame, an array, nested lists, or a list or dict of arrays with one per input.
            params: ignored; Keras models have none.

        Returns:
            A DataFrame with the index of ``data`` for a DataFrame, else an array. Several outputs are
            a dict of arrays by output name where the model names them, else a list.

        Raises:
            UsageError: ``data`` is of another type.
        """
        del params
        return self.presented(self.predict_arrays(self.inputs_from(data)), data)

    def presented(self, outputs: Any, data: Any) -> Any:
        """The model's outputs for ``data`` in the shape that a caller gets."""
        named = self._named(outputs)
        return _as_dataframe(named, data.index) if _is_dataframe(data) else named

    def named_inputs(self, data: Sequence[Any]) -> Any:
        """A list of arrays as a dict by input name; as it is where the model doesn't name its inputs."""
        names = self._input_names()
        return dict(zip(names, data, strict=True)) if len(names) == len(data) else list(data)

    def predict_arrays(self, inputs: Any) -> Any:
        """The model's outputs for inputs that are arrays already, in the model's own structure."""
        return _plain(self.model.predict(_fed(inputs), verbose=0))

    def try_first_row(self, inputs: Any) -> None:
        """Call the model on one row, and let it raise what it raises.

        Keras on JAX takes the weights out of a model while ``predict`` runs, and loses them when it fails.
        """
        self.model(_fed(_mapped(lambda array: array[:1], inputs)))

    def inputs_from(self, data: Any) -> Any:
        """``data`` in the structure that the model takes.

        Raises:
            UsageError: it is of a type that can't be fed to a Keras model.
        """
        import numpy as np

        if _is_dataframe(data):
            return self._from_dataframe(data)
        if isinstance(data, np.ndarray):
            return _text_array(data)
        if isinstance(data, Mapping):
            return self._from_mapping({str(name): _text_array(np.asarray(value)) for name, value in data.items()})
        if isinstance(data, list | tuple):
            return self._from_sequence(data)
        raise UsageError(
            "`data` has to be a DataFrame, an array, a list, a tuple or a dict, not an instance of "
            f"`{type(data).__module__}.{type(data).__qualname__}`"
        )

    def _from_dataframe(self, data: pd.DataFrame) -> Any:
        names = self._input_names()
        if len(names) > 1 and set(names) <= {str(column) for column in data.columns}:
            return self._from_mapping({name: _stacked(data[name].tolist()) for name in names})
        # One column of lists is a batch of rows, as a schema with one tensor makes it.
        holds_rows = data.shape[1] == 1 and len(data) and hasattr(data.iloc[0, 0], "__len__")
        array = (data.iloc[:, 0] if holds_rows and not isinstance(data.iloc[0, 0], str) else data).to_numpy()
        return _stacked(array.tolist()) if array.dtype.kind == "O" else array

    def _from_mapping(self, data: dict[str, np.ndarray]) -> Any:
        """Put a dict in the order of the model's inputs, where the model takes a list."""
        structure, names = _input_structure(self.model), self._input_names()
        if isinstance(structure, Mapping) or not names or not set(names) <= set(data):
            return data
        return [data[name] for name in names] if isinstance(structure, list | tuple) else data[names[0]]

    def _from_sequence(self, data: Sequence[Any]) -> Any:
        import numpy as np

        several = isinstance(_input_structure(self.model), list | tuple)
        if several and len(data) == len(self._input_names()):
            return [_text_array(np.asarray(item)) for item in data]
        if _input_structure(self.model) is None and data and all(isinstance(item, np.ndarray) for item in data):
            return [_text_array(item) for item in data]
        return _stacked(data)

    def _input_names(self) -> list[str]:
        """Keras's own names of the inputs; empty for a subclassed model."""
        return [tensor.name.split(":", 1)[0] for tensor in getattr(self.model, "inputs", None) or ()]

    def _named(self, outputs: Any) -> Any:
        names = list(getattr(self.model, "output_names", None) or ())
        if isinstance(outputs, list) and len(names) == len(outputs) == len(set(names)):
            return dict(zip(names, outputs, strict=True))
        return outputs


def _input_structure(model: Any) -> Any:
    """The inputs as the model was built from: one tensor, a list or a dict; None for a subclassed model."""
    try:
        return model.input
    except (AttributeError, ValueError, RuntimeError):
        return None


def _is_dataframe(data: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def _stacked(values: Any) -> np.ndarray:
    import numpy as np

    return _text_array(np.asarray(values))


def _text_array(array: np.ndarray) -> np.ndarray:
    """Text as Unicode, not as objects: neither `.npz` without pickles nor every Keras takes objects."""
    if array.dtype.kind == "O" and array.size and all(isinstance(item, str) for item in array.flat):
        return array.astype(str)
    return array


def _fed(inputs: Any) -> Any:
    """Inputs as Keras takes them: it refuses arrays of text, but not TensorFlow's string tensors."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return inputs
    return _mapped(lambda array: tensorflow.constant(array) if array.dtype.kind == "U" else array, inputs)


def _plain(outputs: Any) -> Any:
    """Outputs as arrays of ordinary types, in lists and dicts as the model gives them."""
    return _mapped(_ordinary, outputs)


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to every array in lists and dicts."""
    if isinstance(value, Mapping):
        return {str(name): _mapped(function, item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(function, item) for item in value]
    return function(value)


def _ordinary(output: Any) -> np.ndarray:
    import numpy as np

    array = np.asarray(output)
    if array.dtype.kind in "OS":  # Keras gives strings as bytes.
        return np.vectorize(_decoded, otypes=[str])(array) if array.size else array.astype(str)
    # bfloat16 is no type of NumPy's own: neither JSON nor `.npz` knows it.
    return array.astype("float32") if array.dtype.kind == "V" else array


def _decoded(item: Any) -> str:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


def _as_dataframe(outputs: Any, index: Any) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    if isinstance(outputs, list):
        outputs = {f"output_{number}": value for number, value in enumerate(outputs)}
    table: pd.DataFrame
    if isinstance(outputs, Mapping):
        table = pd.DataFrame({name: _column(value) for name, value in outputs.items()}, index=index)
    else:
        matrix_dimensions = 2
        rows = outputs if outputs.ndim <= matrix_dimensions else np.reshape(outputs, (len(outputs), -1))
        table = pd.DataFrame(rows, index=index)
    return table


def _column(values: np.ndarray) -> Any:
    """One column of a table: numbers where there is one a row, else lists."""
    flat = values.reshape(len(values), -1) if values.ndim > 1 else values
    return flat[:, 0] if flat.ndim > 1 and flat.shape[1] == 1 else values.tolist()
