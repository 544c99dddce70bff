"""The workflow for GitHub Actions: its commands run as they stand, in the order in which they stand."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from mlflow_kerasguard.environment.installed import installed
from tests.live.servers import PATIENCE, clean_variables

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::UserWarning:mlflow")]

WORKFLOW = yaml.safe_load(
    (Path(__file__).parents[2] / "examples" / "github-actions" / "promote.yml").read_text(encoding="utf-8")
)
JOB = WORKFLOW["jobs"]["promote"]
COMMANDS = [step["run"] for step in JOB["steps"] if "kerasguard " in step.get("run", "")]


@pytest.fixture
def work(registered, tmp_path) -> Path:
    """A checkout, with a registry elsewhere."""
    directory = tmp_path / "checkout"
    directory.mkdir()
    (directory / "kerasguard.toml").write_text(
        "[environments]\nimage = 'requirements.txt'\n\n[[guard]]\nmodels = ['*']\naliases = ['champion']\n"
        "environments = ['image']\n"
    )
    return directory


def run(work: Path, *lines: str, model: str = "models:/scaled/1") -> list[int]:
    """The status of each step until one fails, as the runner has it: its shell is `bash -e`."""
    (work / "requirements.txt").write_text("\n".join(lines))
    variables = clean_variables(
        MLFLOW_TRACKING_URI=f"sqlite:///{work.parent}/store.db",
        MODEL=model,
        ALIAS="champion",
        GITHUB_STEP_SUMMARY=str(work / "summary.md"),
    )
    statuses = []
    for command in COMMANDS:
        done = subprocess.run(["bash", "-e", "-c", command], cwd=work, env=variables, timeout=PATIENCE)
        statuses.append(done.returncode)
        if done.returncode:
            break
    return statuses


def pins() -> list[str]:
    known = installed().distributions
    return [f"{name}=={known[name].version}" for name in ("keras", "tensorflow", "tensorflow-cpu") if name in known]


def findings(work: Path) -> list[str]:
    (found,) = json.loads((work / "kerasguard.sarif").read_text())["runs"]
    return [result["level"] for result in found["results"]]


def test_it_promotes(work):
    from mlflow import MlflowClient

    assert run(work, *pins()) == [0, 0]
    assert "error" not in findings(work)
    assert "PROMOTED: models:/scaled/1 has the alias `champion`" in (work / "summary.md").read_text()
    assert MlflowClient().get_model_version_by_alias("scaled", "champion").version == 1


def test_it_fails_where_nothing_is_promoted(work):
    from mlflow import MlflowClient

    assert run(work, "keras==3.0.5", "tensorflow==2.16.1") == [0, 1]
    assert "error" in findings(work)
    assert "REFUSED: models:/scaled/1" in (work / "summary.md").read_text()
    assert run(work, *pins(), model="models:/scaled/9") == [2]
    assert not MlflowClient().get_registered_model("scaled").aliases


def test_the_steps_say_what_they_need():
    assert len(COMMANDS) == 2
    given = set(JOB["env"])
    assert {"MODEL", "ALIAS", "MLFLOW_TRACKING_URI"} <= given
    # What somebody types into a form never becomes a part of a script.
    assert not any("${{" in command for command in COMMANDS)
    (upload,) = (step for step in JOB["steps"] if "upload-sarif" in step.get("uses", ""))
    assert f"> {upload['with']['sarif_file']}" in COMMANDS[0]
    assert WORKFLOW["permissions"]["security-events"] == "write"
