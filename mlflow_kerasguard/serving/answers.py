"""Errors in the form in which MLflow's callers know them."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable


def for_callers(error: InvalidInputError) -> InvalidInputError:
    """The refusal of an input; also one of MLflow's own errors, where somebody could be waiting for one."""
    if "mlflow.exceptions" not in sys.modules:
        return error
    return _error_class()(str(error))


@cache
def _error_class() -> Callable[[str], InvalidInputError]:
    mlflow_error, invalid_parameter = mlflow_private.exception_class()

    class MlflowInvalidInputError(InvalidInputError, mlflow_error):  # type: ignore[misc, valid-type]  # found at run time
        """The refusal as MLflow's callers know errors: a server answers it with status 400 and the text."""

        def __init__(self, message: str) -> None:
            mlflow_error.__init__(self, message, error_code=invalid_parameter)  # type: ignore[call-arg]  # likewise

    MlflowInvalidInputError.__name__ = InvalidInputError.__name__
    return MlflowInvalidInputError
