"""What runs in an environment that was built, run in this one to its end."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mlflow_kerasguard.artifact import CODE_DIRECTORY, GOLDEN

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


def answer_of(model, directory):
    job = {
        "directory": str(model),
        "answer": str(directory / "answer.json"),
        "code": CODE_DIRECTORY,
        "golden": GOLDEN,
        "compile": True,
        "trusted": [],
    }
    command = [sys.executable, "-m", "mlflow_kerasguard.rebuild.inside"]
    done = subprocess.run(command, input=json.dumps(job), text=True, capture_output=True, cwd=directory, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads((directory / "answer.json").read_text())


def test_a_model_that_loads(logged, tmp_path):
    answer = answer_of(logged, tmp_path)
    assert (answer["verdict"], answer["safe"], answer["report"]) == ("compatible", True, "")
    assert [item["differing"] for item in answer["outputs"]] == [0]
    spans = [answer[name] for name in ("import_seconds", "load_seconds", "predict_seconds")]
    assert all(seconds > 0 for seconds in spans)
    assert answer["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_nothing_of_an_unsafe_model_is_run(logged, tmp_path):
    (logged / "data" / "model.keras").write_bytes(b"not what was logged")
    answer = answer_of(logged, tmp_path)
    assert answer["safe"] is False
    assert "KG1" in answer["report"]
    assert "stage" not in answer
    assert "outputs" not in answer
