"""What ``mlflow.pyfunc`` calls to load a model: in a scoring server, in a Spark task, or anywhere else."""

from __future__ import annotations

import os
from pathlib import Path

from mlflow_kerasguard import artifact, golden, scoring_server
from mlflow_kerasguard.errors import IncompatibleModelError, UsageError
from mlflow_kerasguard.loading import load_with_options
from mlflow_kerasguard.policies import PyfuncOptions
from mlflow_kerasguard.serving import KerasModelWrapper
from mlflow_kerasguard.serving.first_request import answer_request
from mlflow_kerasguard.serving.warming import warm
from mlflow_kerasguard.spark import executors


def _load_pyfunc(path: str) -> KerasModelWrapper:
    """What ``mlflow.pyfunc`` calls: the model, never compiled.

    Args:
        path: the model's directory, or its data directory.
    """
    directory = Path(path) if artifact.is_logged_model(Path(path)) else Path(path).parent
    try:
        options = PyfuncOptions.of(os.environ)
        if executors.in_task():
            return executors.once_per_worker(directory, options, lambda: _for_spark(directory, options))
        loaded = load_with_options(directory, options)
    except (IncompatibleModelError, UsageError) as error:
        if executors.in_task():
            executors.show_message_only()
        if scoring_server.is_starting():
            # A traceback would bury the report, and several workers would try again for ever.
            scoring_server.end(str(error))
        raise
    wrapper = _warmed(loaded.model, directory)
    if scoring_server.is_starting():
        scoring_server.announce(loaded.report, loaded.signature_sha256)
    return wrapper


def _for_spark(directory: Path, options: PyfuncOptions) -> executors.SparkModelWrapper:
    # The first batch comes at once: there is nothing to be gained from made-up inputs before it.
    return executors.SparkModelWrapper(load_with_options(directory, options).model)


def _warmed(model: object, directory: Path) -> KerasModelWrapper:
    """A model that is ready for its first request, by the inputs that were kept when it was logged."""
    wrapper, kept = KerasModelWrapper(model), directory / artifact.GOLDEN
    inputs = golden.read(kept).inputs if kept.is_file() else None
    if warm(wrapper, inputs) and inputs is not None and scoring_server.is_starting():
        answer_request(wrapper, directory, inputs)
    return wrapper
