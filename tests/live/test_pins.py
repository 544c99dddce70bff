"""What a model pins, installed from nothing: all that it needs, at the releases that it had, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from mlflow_kerasguard.artifact import open_logged_model
from mlflow_kerasguard.wheel_labels import unlabelled
from tests.live.environments import UV, run
from tests.live.project import run_in

pytestmark = pytest.mark.live

#: Loads, compares the predictions, and gives the distributions whose modules that and a server take.
USE = """
import json, sys
from importlib.metadata import packages_distributions
import mlflow.pyfunc.scoring_server
import mlflow_kerasguard

model = mlflow_kerasguard.load_model(sys.argv[1], verify=True)
owners = packages_distributions()
used = {owner for name in list(sys.modules) for owner in owners.get(name.partition(".")[0], ())}
print("used " + json.dumps(sorted(used)))
"""


def _environment(directory: Path) -> Path:
    run(*UV, "venv", "--quiet", "--python", sys.executable, directory)
    return directory / "bin" / "python"


def _installed(interpreter: Path) -> dict[str, str]:
    listed = run(*UV, "pip", "list", "--quiet", "--format", "json", "--python", interpreter).stdout
    return {str(canonicalize_name(item["name"])): unlabelled(item["version"]) for item in json.loads(listed)}


INSTALLATIONS = {
    "requirements.txt": ("install", "--quiet", "-r", "requirements.txt"),
    "pylock.toml": ("sync", "--quiet", "--preview-features", "pylock", "pylock.toml"),
}


@pytest.mark.parametrize("file", INSTALLATIONS)
def test_complete_and_minimal(file, project, empty, tmp_path):
    interpreter = _environment(tmp_path / "environment")
    subprocess.run([*UV, "pip", *INSTALLATIONS[file], "--python", interpreter], cwd=project.model, check=True)
    signature = open_logged_model(project.model).signature
    assert signature is not None
    closure = {name: unlabelled(version) for name, version in signature.closure.items()}
    assert _installed(interpreter) == closure, "the releases that it was logged with, and nothing besides"
    environment = {**project.variables(tmp_path), "PATH": os.environ["PATH"]}
    said = run_in([interpreter, "-c", USE, project.model], empty, environment)
    used = next(json.loads(line.removeprefix("used ")) for line in said.splitlines() if line.startswith("used "))
    assert set(signature.distributions) <= {canonicalize_name(name) for name in used}, "each pin is used"
