"""What is special where a model is loaded in a Spark task.

MLflow loads the model again for each task where driver and executors share a file system; Spark keeps its Python
workers from task to task, and so a worker keeps its models here.
"""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard import artifact
from mlflow_kerasguard.errors import InvalidInputError
from mlflow_kerasguard.integrity import sha256_of
from mlflow_kerasguard.serving.wrapper import KerasModelWrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from pathlib import Path

    import numpy as np

#: Models that a worker keeps; the one that was used least recently goes first.
MOST_KEPT = 4

_kept: OrderedDict[Hashable, SparkModelWrapper] = OrderedDict()


def in_task() -> bool:
    """Whether this is a Python worker of Spark's that is at work on a task."""
    pyspark = sys.modules.get("pyspark")
    context = getattr(pyspark, "TaskContext", None)
    return context is not None and context.get() is not None


def once_per_worker(directory: Path, options: Hashable, load: Callable[[], SparkModelWrapper]) -> SparkModelWrapper:
    """The model that this worker keeps, loaded where it keeps none.

    Args:
        directory: of the logged model; MLflow copies it anew for each UDF.
        options: what else decides what is loaded.
        load: loads it.
    """
    key = (_identity(directory), options)
    if key not in _kept:
        _kept[key] = load()
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key]


def _identity(directory: Path) -> str:
    """Equal for copies of the same logged model: its signature holds the digests of all other files."""
    signature = directory / artifact.SIGNATURE
    return sha256_of(signature) if signature.is_file() else str(directory)


def show_message_only() -> None:
    """Have Spark show the text of the error that ends this worker, and no traceback in front of it.

    Spark's own option for it, ``spark.sql.execution.pyspark.udf.hideTraceback.enabled``, is for all errors.
    """
    os.environ["SPARK_HIDE_TRACEBACK"] = "1"


class SparkModelWrapper(KerasModelWrapper):
    """A model whose outputs MLflow's UDF can put into columns."""

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Predict on a batch of rows.

        Args:
            data: what MLflow makes of Arrow record batches.
            params: as for :class:`KerasModelWrapper`.

        Returns:
            A DataFrame with a column for each number of a row, or for each of several outputs: of numbers where
            an output has one a row, else of arrays. A single output of more dimensions is an array.

        Raises:
            InvalidInputError: ``data`` doesn't fit the model.
        """
        try:
            return super().predict(data, params)
        except InvalidInputError:
            show_message_only()
            raise

    def presented(self, outputs: Any, data: Any) -> Any:  # noqa: ARG002 - a record batch has no index of its own
        """The model's outputs as MLflow's UDF can convert them."""
        return _as_table(super().presented(outputs, None))


def _as_table(outputs: Any) -> Any:
    import pandas as pd

    if isinstance(outputs, Mapping):
        return pd.DataFrame({name: _column(output) for name, output in outputs.items()})
    table_dimensions = 2
    return outputs if outputs.ndim > table_dimensions else pd.DataFrame(outputs)


def _column(output: np.ndarray) -> Any:
    return output.reshape(len(output)) if output.size == len(output) else list(output)
