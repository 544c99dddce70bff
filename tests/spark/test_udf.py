"""What is done before Spark is asked; tests/live/test_spark.py asks a real one."""

from __future__ import annotations

import pytest

from mlflow_kerasguard import IncompatibleModelError, UsageError, spark_udf
from mlflow_kerasguard.errors import ModelNotFoundError
from tests.files import dense, write_keras

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def handed_over(monkeypatch):
    """What MLflow's own gets; it needs PySpark."""
    got: list = []
    monkeypatch.setattr("mlflow.pyfunc.spark_udf", lambda *arguments, **options: got.append((arguments, options)))
    monkeypatch.setattr("mlflow_kerasguard.spark.udf._is_connect", lambda: False)
    return got


def test_an_incompatible_model_is_refused(logged, handed_over):
    with pytest.raises(IncompatibleModelError, match="KG532") as caught:
        spark_udf(None, logged, extra_env={"MLFLOW_KERASGUARD_CUSTOM_CODE": "host"})
    assert str(caught.value).startswith("INCOMPATIBLE")
    assert handed_over == []


def test_the_environment_that_is_going_to_be_made_counts(logged, handed_over):
    (logged / "requirements.txt").write_text("keras==2.15.0\ntensorflow==2.15.0\n")
    with pytest.raises(IncompatibleModelError):
        spark_udf(None, logged, env_manager="virtualenv")
    assert handed_over == []
    spark_udf(None, logged, env_manager="local")
    assert len(handed_over) == 1


def test_executors_get_the_variables_that_were_judged_by(logged, handed_over, monkeypatch):
    monkeypatch.setenv("MLFLOW_KERASGUARD_TRUSTED", "keras.layers.Lambda")
    spark_udf("session", logged, params={"batch_size": 5}, extra_env={"OTHER": "1"}, model_config={})
    ((session, uri), options) = handed_over[0]
    assert (session, uri) == ("session", str(logged))
    assert options["extra_env"]["MLFLOW_KERASGUARD_TRUSTED"] == "keras.layers.Lambda"
    assert options["extra_env"]["OTHER"] == "1"
    assert options["params"] == {"batch_size": 5}
    assert options["model_config"] == {}
    assert options["result_type"] == "array<float>"


def test_what_is_elsewhere_is_fetched_once(logged, handed_over):
    spark_udf(None, logged.as_uri())
    assert handed_over[0][0][1] != str(logged)
    with pytest.raises(IncompatibleModelError, match=f"model +{logged.as_uri()}\n"):
        spark_udf(None, logged.as_uri(), extra_env={"MLFLOW_KERASGUARD_CUSTOM_CODE": "host"})


def test_a_client_of_spark_connect_hands_over_the_uri(logged, handed_over, monkeypatch):
    monkeypatch.setattr("mlflow_kerasguard.spark.udf._is_connect", lambda: True)
    spark_udf(None, logged.as_uri())
    assert handed_over[0][0][1] == logged.as_uri()


def test_the_caller_s_type_wins(logged, handed_over):
    spark_udf(None, logged, "double")
    assert handed_over[0][1]["result_type"] == "double"


def test_there_has_to_be_a_logged_model(tmp_path, handed_over):
    with pytest.raises(UsageError, match="log it first"):
        spark_udf(None, write_keras(tmp_path / "model.keras", dense()))
    with pytest.raises(ModelNotFoundError):
        spark_udf(None, tmp_path / "missing")
