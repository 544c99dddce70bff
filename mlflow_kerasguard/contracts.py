"""Hold a model's live custom objects to what Keras needs to make them again, before anything is logged."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from mlflow_kerasguard.custom_code.live_objects import LiveObjects
from mlflow_kerasguard.custom_code.observing import observe, observe_unsaved
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.errors import ContractError
from mlflow_kerasguard.findings import Report
from mlflow_kerasguard.keras_runtime import KerasRuntime
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.observed import ImportWork

_logger = logging.getLogger(__name__)

#: Beginnings of the codes of the rules that judge live objects.
FAMILIES = ("KG51", "KG52")


def require_kept(
    spec: ModelSpec,
    live: LiveObjects,
    runtime: KerasRuntime,
    import_work: tuple[ImportWork, ...] = (),
    *,
    allow_lambda: bool,
) -> Report:
    """Refuse a model with a custom object that couldn't be made again.

    Args:
        spec: the model as it was read back from its file.
        live: its objects in memory.
        runtime: its Keras.
        import_work: what the packaged modules do when they are imported.
        allow_lambda: whether lambdas may pass.

    Returns:
        What may be wrong all the same; it has been logged as a warning.

    Raises:
        ContractError: names the objects, and what to write.
    """
    observed = replace(observe(spec, live, runtime), import_work=import_work, allow_lambda=allow_lambda)
    report = _judge(replace(spec, observed=observed, keras_package=runtime.package))
    if report.errors:
        raise ContractError(report)
    if report.findings:
        _logger.warning("%s", report.explain())
    return report


def blame(model: Any, runtime: KerasRuntime, error: Exception) -> None:
    """Say which custom objects keep Keras from saving a model, and what to write; nothing where none is found.

    Raises:
        ContractError: names the objects.
    """
    observed = observe_unsaved(model, runtime)
    report = _judge(ModelSpec(source="", format="unknown", keras_package=runtime.package, observed=observed))
    if report.errors:
        raise ContractError(report) from error


def _judge(spec: ModelSpec) -> Report:
    return check_model(spec, installed(), families=FAMILIES)
