"""What ``mlflow.pyfunc`` holds and calls for each request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlflow_kerasguard.errors import InvalidInputError
from mlflow_kerasguard.serving.answers import for_callers
from mlflow_kerasguard.serving.batches import KERAS_ROWS, default_rows, in_batches, rows_asked_for
from mlflow_kerasguard.serving.declared import declared, output_names
from mlflow_kerasguard.serving.forward import Forward, bad_input
from mlflow_kerasguard.serving.inputs import arranged
from mlflow_kerasguard.serving.on_keras import fed
from mlflow_kerasguard.serving.outputs import as_dataframe, is_dataframe, named, plain
from mlflow_kerasguard.serving.state import preserved, weights_kept
from mlflow_kerasguard.serving.structure import Template, filled, mapped


class KerasModelWrapper:
    """What ``mlflow.pyfunc`` calls for each request, from as many threads as it likes.

    Attributes:
        model: the Keras model.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.declared = declared(model)
        self.forward = Forward(model, self.declared)
        self._output_names = output_names(model)
        self._default_rows: int | None = None

    def get_raw_model(self) -> Any:
        """Returns the underlying Keras model."""
        return self.model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Predict, in the layout that ``mlflow.keras`` gives.

        Args:
            data: a DataFrame, an array, nested lists, or a list or dict of arrays with one per input.
            params: ``batch_size`` is the number of rows that the model gets at a time; otherwise it is chosen
                so that the outputs of no layer take more than some megabytes. Others are ignored.

        Returns:
            A DataFrame with the index of ``data`` for a DataFrame, else an array. Several outputs are a dict of
            arrays, by the names that the model gives them, else as ``output_0`` and so on.

        Raises:
            InvalidInputError: ``data`` doesn't fit the model. Where MLflow's exceptions have been imported, it is
                also an ``MlflowException``, which servers answer with status 400.
        """
        try:
            rows = rows_asked_for(params) if params else None
            outputs = self.predict_arrays(arranged(self.declared, data), rows)
        except InvalidInputError as error:
            raise for_callers(error) from error.__cause__
        return self.presented(outputs, data)

    def presented(self, outputs: Any, data: Any) -> Any:
        """The model's outputs for ``data`` in the layout that a caller gets."""
        result = named(outputs, self._output_names)
        return as_dataframe(result, data.index) if is_dataframe(data) else result

    def named_inputs(self, data: Sequence[Any]) -> Any:
        """A list of arrays as a dict by input name; as it is where the model doesn't name its inputs."""
        names = [spec.name for spec in self.declared.inputs]
        return dict(zip(names, data, strict=True)) if len(names) == len(data) else list(data)

    def inputs_from(self, data: Any) -> Any:
        """``data`` in the structure that the model takes.

        Raises:
            InvalidInputError: it is of a type that can't be fed to a Keras model, or inputs are missing.
        """
        return arranged(self.declared, data)

    def predict_arrays(self, inputs: Any, rows: int | None = None) -> Any:
        """The model's outputs for inputs that are arrays already, in the model's own structure.

        Args:
            inputs: an array, or lists and dicts of arrays.
            rows: of a batch; None for the default.

        Raises:
            InvalidInputError: they don't fit the model, or it doesn't predict on them.
        """
        template, leaves = self.declared.conform(inputs)
        try:
            return plain(self._run(template, leaves, rows))
        except Exception as error:
            raise bad_input(error) from error

    def _run(self, template: Template, leaves: list[np.ndarray], rows: int | None) -> Any:
        if self.forward.independent is None and leaves[0].size:
            self.forward.prepare(template, leaves)
        total = len(leaves[0])
        if total == 1 and rows is None and not self.declared.batch_rows:
            return self.forward.run(template, leaves)
        if not total:
            one_row = [np.zeros((self.declared.batch_rows or 1, *leaf.shape[1:]), leaf.dtype) for leaf in leaves]
            return mapped(lambda output: output[:0], self.forward.run(template, one_row))
        return in_batches(self.forward.run, template, leaves, self._batch_rows(leaves, rows))

    def _batch_rows(self, leaves: list[np.ndarray], asked: int | None) -> int:
        if self.declared.batch_rows:
            return self.declared.batch_rows
        if asked is not None:
            return asked
        if self.forward.independent is False:
            return KERAS_ROWS
        if self._default_rows is None:
            self._default_rows = default_rows(self.model, leaves)
        return self._default_rows

    def predict_as_keras(self, inputs: Any) -> Any:
        """What Keras's own ``predict`` gives for the same inputs: what this wrapper is held against.

        The model keeps what it remembers from one call to the next as it was, and its weights where it fails.
        """
        template, leaves = self.declared.conform(inputs)
        with preserved(self.model), weights_kept(self.model):
            return plain(self.model.predict(filled(template, fed(leaves)), verbose=0))
