"""``spark_udf``: MLflow's own, after a check."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard import artifact
from mlflow_kerasguard.deployment.preflight import LOCAL, preflight
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.policies import CUSTOM_CODE, TRUSTED
from mlflow_kerasguard.spark.result_types import result_type_of
from mlflow_kerasguard.tracking import fetch, is_uri

if TYPE_CHECKING:
    from collections.abc import Mapping


#: Variables of this process that decide how a model loads: the executors were started before they were set.
_FORWARDED = (CUSTOM_CODE, TRUSTED, "KERAS_BACKEND", "TF_USE_LEGACY_KERAS")


def spark_udf(
    spark: Any,
    model_uri: str | Path,
    result_type: Any = None,
    *,
    env_manager: str | None = None,
    params: Mapping[str, Any] | None = None,
    extra_env: Mapping[str, str] | None = None,
    **options: Any,
) -> Any:
    """A Spark UDF of a logged model, checked before any job starts.

    The check is for this process's environment, or, with an ``env_manager`` that makes one, for the environment that
    the model pins. Executors check again when they load the model.

    Args:
        spark: the ``SparkSession``.
        model_uri: as for ``mlflow.pyfunc.spark_udf``.
        result_type: Spark's type of a prediction. None to tell it from the model's signature: a number where the
            model gives one a row, arrays for more dimensions, a structure with a field for each of several outputs.
        env_manager: as for ``mlflow.pyfunc.spark_udf``.
        params: as for ``mlflow.pyfunc.spark_udf``; ``batch_size`` is the rows that the model gets at a time.
        extra_env: variables for the executors, beside ``KERAS_BACKEND`` and those of this package that are set here.
        options: further arguments of ``mlflow.pyfunc.spark_udf``.

    Returns:
        The function that ``mlflow.pyfunc.spark_udf`` gives. It takes columns, or the names of columns.

    Raises:
        IncompatibleModelError: the model won't load, or isn't safe; the text is the whole report.
        ModelNotFoundError: there is nothing at ``model_uri``.
        UsageError: it isn't a logged model.
    """
    from mlflow.pyfunc import spark_udf as mlflow_spark_udf

    variables = {name: os.environ[name] for name in _FORWARDED if name in os.environ} | dict(extra_env or {})
    if not is_uri(model_uri) and Path(model_uri).exists() and not artifact.is_logged_model(Path(model_uri)):
        raise UsageError(f"`{model_uri}` isn't a logged model, so MLflow can't make a UDF of it; log it first")
    # Of a model that is elsewhere this reads the small files only.
    report = preflight(str(model_uri), manager=env_manager or LOCAL, variables=variables).report
    replace(report, model=str(model_uri)).raise_for_errors(allow_undecided=True)
    with tempfile.TemporaryDirectory() as scratch:
        directory = fetch(model_uri, scratch if is_uri(model_uri) else None)
        return mlflow_spark_udf(
            spark,
            # A client of Spark Connect has no files that executors could see.
            str(model_uri) if _is_connect() else str(directory),
            result_type=result_type if result_type is not None else _result_type(directory),
            env_manager=env_manager,
            params=dict(params) if params is not None else None,
            extra_env=variables,
            **options,
        )


def _is_connect() -> bool:
    return bool(import_module("pyspark.sql.utils").is_remote())


def _result_type(directory: Path) -> str | None:
    from mlflow.models import Model

    schema = Model.load(str(directory)).get_output_schema()  # type: ignore[no-untyped-call]  # MLflow has no types here
    return result_type_of(schema.inputs) if schema is not None else None
