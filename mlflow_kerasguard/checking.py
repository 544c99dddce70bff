"""The public ``check``: where paths and environments become values for the engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.formats import read_model

if TYPE_CHECKING:
    from mlflow_kerasguard.findings import Report
    from mlflow_kerasguard.model import ModelSpec


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
    # A URI says more to the reader of a report than the place that it was fetched to.
    return check_model(replace(_read(model), source=str(model)), installed(), compile=compile)


def _read(model: str | Path) -> ModelSpec:
    path = Path(model)
    if path.is_file():
        return read_model(path)
    # What a bare file doesn't need: a quick answer shouldn't wait for it.
    from mlflow_kerasguard.artifact import is_logged_model, read_logged_model
    from mlflow_kerasguard.tracking import fetch

    fetched = fetch(model)
    return read_logged_model(fetched) if is_logged_model(fetched) else read_model(fetched)
