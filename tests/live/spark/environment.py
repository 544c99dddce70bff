"""An environment with PySpark, and the Java that it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.live.environments import ROOT, make_environment

#: Debian's packages, the one that PySpark was tried with first.
_JAVA_PACKAGES = ("openjdk-17-jre-headless", "default-jre-headless")

_STRANGE = ("COVERAGE", "COV_", "PYTHON", "KERAS", "TF_", "VIRTUAL_ENV", "SPARK", "PYSPARK", "MLFLOW")


class MissingJava(Exception):
    """There is no Java, and none can be had."""


def require_java() -> None:
    """Have Java, from Debian where it is missing.

    Raises:
        MissingJava: says what is missing.
    """
    if shutil.which("java"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MissingJava("Spark needs Java 17, and there is no `java`: apt-get install openjdk-17-jre-headless")
    said = ""
    for package in _JAVA_PACKAGES:
        command = ["apt-get", "install", "-y", "--no-install-recommends", package]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return
        said = done.stderr
    raise MissingJava(f"Spark needs Java 17, and apt-get can't install it: {said[-500:]}")


def make_spark_environment(directory: Path) -> Path:
    """An environment with PySpark, TensorFlow and this package; gives its Python.

    Raises:
        MissingJava: Spark can't run here.
    """
    require_java()
    # PySpark takes pandas below 3.
    return make_environment(directory, ["-e", ROOT, "keras", "tensorflow-cpu", "pyspark>=4", "pandas<3"])


def variables(interpreter: Path, **more: str) -> dict[str, str]:
    """This process's variables without those that make Python, Keras or Spark behave otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_STRANGE)}
    own = {"PYSPARK_PYTHON": str(interpreter), "SPARK_LOCAL_IP": "127.0.0.1", "CUDA_VISIBLE_DEVICES": "-1"}
    return {**kept, **own, "TF_CPP_MIN_LOG_LEVEL": "3", **more}
