"""The public ``check``: where paths and environments become values for the engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.formats import read_model

if TYPE_CHECKING:
    from mlflow_kerasguard.findings import Report


def check(model: str | Path, against: None = None, *, compile: bool = True) -> Report:
    """Tell whether a saved Keras model loads in an environment and predicts the same.

    Args:
        model: path to a ``.keras``, ``.h5`` or ``.hdf5`` file, a SavedModel or MLflow model
            directory, or any MLflow model URI.
        against: None for this interpreter.
        compile: judge ``load_model(path)``; False judges ``load_model(path, compile=False)``.

    Returns:
        The report. A damaged or hostile file is a report with findings of family KG1xx.

    Raises:
        ModelNotFoundError: there is nothing at ``model``.
        UsageError: an argument can't be used as it was given.
    """
    if against is not None:
        raise UsageError(f"`against` takes None (this interpreter), not {against!r}")
    return check_model(read_model(model), installed(), compile=compile)
