"""The errors that this package raises.

Everything derives from :class:`KerasGuardError`. Nothing here imports MLflow: its exceptions take
seconds to import, and a refusal has to be quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow_kerasguard.findings import Report


class KerasGuardError(Exception):
    """Base of all errors of this package; its text says what, where and what to do."""


class ModelNotFoundError(KerasGuardError, FileNotFoundError):
    """There is nothing at the path or URI that was given."""

    # OSError.__str__ prints errno and file name when it has them; the text here is the whole message.
    __str__ = KerasGuardError.__str__


class UsageError(KerasGuardError, ValueError):
    """An argument can't be used as it was given."""


class InvalidInputError(UsageError):
    """Data doesn't fit the model that is to predict on it."""


class ModelNotLoggableError(KerasGuardError):
    """The model in memory can't be logged; nothing was written."""


class CodeCaptureError(ModelNotLoggableError):
    """The source of a custom object can't be had or can't be packaged."""


class ContractError(ModelNotLoggableError):
    """A custom object doesn't keep to what Keras needs to make it again.

    Attributes:
        report: the findings of family KG5xx; they are also the error's text.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(f"the model isn't logged: it couldn't be loaded again as it is\n\n{report.explain()}")
        self.report = report


class RehearsalFailedError(ModelNotLoggableError):
    """A fresh process that had only the artifact couldn't load the model, or predicted otherwise."""


class UnsuitableRequirementsError(ModelNotLoggableError):
    """The model wouldn't load in the environment that the given requirements ask for.

    Attributes:
        report: the check against that environment; None where it didn't come to that.
    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report


class AdoptionError(KerasGuardError):
    """A model that was logged without the guard can't be adopted, or MLflow didn't take the new version."""


class PackError(KerasGuardError):
    """An environment can't be packed or restored; nothing was left half-written."""


class NotPackableError(PackError):
    """An environment is in a state in which it couldn't be restored.

    Attributes:
        report: the findings of family KG45x; they are also the error's text.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(f"the environment isn't packed: it couldn't be restored as it is\n\n{report.explain()}")
        self.report = report


class PredictionMismatchError(KerasGuardError):
    """The loaded model doesn't reproduce the predictions that were recorded when it was logged."""


class LoadFailedError(KerasGuardError):
    """Keras refused a model that had passed the check; carries the report of that check."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


class IncompatibleModelError(KerasGuardError):
    """The check found that a model doesn't load here, or isn't safe to load.

    Attributes:
        report: the whole :class:`~mlflow_kerasguard.findings.Report`; it is also the error's text.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


class RegistryError(KerasGuardError):
    """The model registry doesn't answer, or doesn't do what it is asked for.

    Attributes:
        refused: whether it forbids it, and doesn't merely fail.
        undecided: whether its policy guards what was asked for, and it can't tell whether that passes.
    """

    def __init__(self, message: str, *, refused: bool = False, undecided: bool = False) -> None:
        super().__init__(message)
        self.refused, self.undecided = refused, undecided


class NotPromotedError(KerasGuardError):
    """A version doesn't get what was asked for it, and nothing was changed.

    Attributes:
        promotion: the :class:`~mlflow_kerasguard.registry.promoted.Promotion`; its report is also the error's text.
    """

    def __init__(self, promotion: Any) -> None:
        super().__init__(str(promotion))
        self.promotion = promotion
