"""The tests of logging, loading and serving, run by other releases in environments of their own.

Each environment is a real virtual environment that `uv` makes; what it downloads stays in uv's cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.files import dense, write_keras
from tests.live.environments import ROOT, MissingPython, find_python, make_environment, run

FLAVOR = (
    *("tests/test_flavor.py", "tests/test_loading.py", "tests/test_serving.py", "tests/test_golden.py"),
    "tests/serving",
    *("tests/custom_code/test_observing.py", "tests/test_example_inputs.py"),
)
WITHOUT_KERAS = ("tests/rules", "tests/test_rules_contract.py", "tests/reports", "tests/test_model.py")
CHECKING = ("tests/rules", "tests/formats", "tests/reports", "tests/test_rules_contract.py", "tests/test_cli.py")

#: What reads syntax trees and code objects, which differ from one Python to the next.
SOURCES = (
    "tests/source_code",
    *("tests/custom_code/test_live_code.py", "tests/custom_code/test_interactive.py"),
)

#: What each environment has, and which tests it runs.
ENVIRONMENTS = {
    # The lower bound that pyproject.toml states.
    # MLflow 3.0 itself imports what SQLAlchemy 2.1 took away, without saying so in its metadata.
    "oldest-mlflow": (["mlflow==3.0.0", "sqlalchemy<2.1", "tensorflow", "keras"], FLAVOR),
    "tf_keras": (["tensorflow==2.18.1", "tf-keras==2.18.0"], (*FLAVOR, "tests/rehearsal")),
    "keras-2": (["tensorflow==2.15.1"], FLAVOR),
    "jax": (["jax", "keras"], FLAVOR),
    # Plain `torch` brings gigabytes of CUDA on Linux; this release exists as a CPU build as well.
    "torch": (["torch==2.13.0", "keras"], FLAVOR),
}

TEST_TOOLS = ["pytest", "hypothesis", "coverage", "pip", "ruff", "uv"]

PYTHONS = ("3.10", "3.12", "3.13")


def with_project(directory: Path, packages: list[str], python: str | Path = sys.executable) -> Path:
    """A virtual environment with this project and ``packages``; gives its Python."""
    return make_environment(directory, ["-e", ROOT, *TEST_TOOLS, *packages], python)


def run_tests(interpreter: Path, tests: tuple[str, ...]) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "COV_"))}
    environment.pop("KERAS_BACKEND", None)
    command = [interpreter, "-m", "pytest", "-q", "-m", "not live", "-p", "no:cacheprovider", *tests]
    return run(*command, env=environment).stdout


@pytest.mark.live
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_with_other_packages(name, tmp_path):
    packages, tests = ENVIRONMENTS[name]
    output = run_tests(with_project(tmp_path / "environment", packages), tests)
    assert " passed" in output
    assert " failed" not in output


@pytest.mark.live
def test_checking_works_where_there_is_no_keras(tmp_path):
    python = with_project(tmp_path / "environment", [])
    run_tests(python, WITHOUT_KERAS)
    file = write_keras(tmp_path / "model.keras", dense())
    done = subprocess.run([python, "-m", "mlflow_kerasguard", "check", file], capture_output=True, text=True)
    assert done.returncode == 1
    assert "KG401" in done.stdout
    assert "no Keras" in done.stdout
    assert done.stderr == ""


@pytest.mark.live
@pytest.mark.parametrize("version", PYTHONS)
def test_with_another_python(version, tmp_path):
    try:
        interpreter = find_python(version)
    except MissingPython as error:
        pytest.skip(str(error))
    python = with_project(tmp_path / "environment", ["tensorflow", "keras", "ipython"], interpreter)
    others = ("tests/keras_api", "tests/environment", "tests/test_flavor.py")
    output = run_tests(python, (*CHECKING, *SOURCES, *others))
    assert " passed" in output
    assert " failed" not in output
