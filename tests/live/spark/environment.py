"""An environment with PySpark, and the Java that it needs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.live import debian
from tests.live.environments import ROOT, make_environment

#: Debian's packages, the one that PySpark was tried with first.
JAVA = ("openjdk-17-jre-headless", "default-jre-headless")

_STRANGE = ("COVERAGE", "COV_", "PYTHON", "KERAS", "TF_", "VIRTUAL_ENV", "SPARK", "PYSPARK", "MLFLOW")


def make_spark_environment(directory: Path) -> Path:
    """An environment with PySpark, TensorFlow and this package; gives its Python.

    Raises:
        MissingProgram: there is no Java, and none can be had.
    """
    if shutil.which("java") is None:
        debian.install(*JAVA)
    # PySpark takes pandas below 3.
    return make_environment(directory, ["-e", ROOT, "keras", "tensorflow-cpu", "pyspark>=4", "pandas<3"])


def variables(interpreter: Path, **more: str) -> dict[str, str]:
    """This process's variables without those that make Python, Keras or Spark behave otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_STRANGE)}
    own = {"PYSPARK_PYTHON": str(interpreter), "SPARK_LOCAL_IP": "127.0.0.1", "CUDA_VISIBLE_DEVICES": "-1"}
    return {**kept, **own, "TF_CPP_MIN_LOG_LEVEL": "3", **more}
