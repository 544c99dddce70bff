"""Keras models in MLflow, checked against the environment before they are loaded.

Importing this package imports neither Keras nor TensorFlow nor MLflow: each name below is fetched
when it is first used.
"""

from __future__ import annotations

from mlflow_kerasguard.version import __version__

# Type checkers take the name for true; importing `typing` would take longer than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mlflow_kerasguard.checking import check
    from mlflow_kerasguard.errors import (
        AdoptionError,
        CodeCaptureError,
        ContractError,
        IncompatibleModelError,
        InvalidInputError,
        KerasGuardError,
        LoadFailedError,
        ModelNotFoundError,
        ModelNotLoggableError,
        NotPromotedError,
        PredictionMismatchError,
        RegistryError,
        RehearsalFailedError,
        UnsuitableRequirementsError,
        UsageError,
    )
    from mlflow_kerasguard.findings import Finding, Level, Report, Undecided, Verdict
    from mlflow_kerasguard.flavor import log_model, save_model
    from mlflow_kerasguard.loading import load_model
    from mlflow_kerasguard.pyfunc_loading import _load_pyfunc
    from mlflow_kerasguard.registry.adoption import adopt
    from mlflow_kerasguard.registry.adoption_outcome import Adoption
    from mlflow_kerasguard.registry.audit.run import audit
    from mlflow_kerasguard.registry.promotion import promote
    from mlflow_kerasguard.spark.udf import spark_udf

__all__ = [
    "Adoption",
    "AdoptionError",
    "CodeCaptureError",
    "ContractError",
    "Finding",
    "IncompatibleModelError",
    "InvalidInputError",
    "KerasGuardError",
    "Level",
    "LoadFailedError",
    "ModelNotFoundError",
    "ModelNotLoggableError",
    "NotPromotedError",
    "PredictionMismatchError",
    "RegistryError",
    "RehearsalFailedError",
    "Report",
    "Undecided",
    "UnsuitableRequirementsError",
    "UsageError",
    "Verdict",
    "__version__",
    "_load_pyfunc",
    "adopt",
    "audit",
    "check",
    "load_model",
    "log_model",
    "promote",
    "save_model",
    "spark_udf",
]

#: Where each name is defined.
_HOMES = {
    "checking": ("check",),
    "errors": tuple(name for name in __all__ if name.endswith("Error")),
    "findings": ("Finding", "Level", "Report", "Undecided", "Verdict"),
    "flavor": ("log_model", "save_model"),
    "loading": ("load_model",),
    "pyfunc_loading": ("_load_pyfunc",),
    "registry.adoption": ("adopt",),
    "registry.adoption_outcome": ("Adoption",),
    "registry.promotion": ("promote",),
    "registry.audit.run": ("audit",),
    "spark.udf": ("spark_udf",),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
