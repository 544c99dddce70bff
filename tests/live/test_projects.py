"""Projects from end to end: one process trains and logs, the project changes, another one loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.environments import ROOT, make_environment
from tests.live.projects import BEGIN, LOAD, LOG, Project, changed, shapes

PROJECTS = {**changed.PROJECTS, **shapes.PROJECTS}

pytestmark = pytest.mark.live


def python(directory: Path, script: str, *arguments: object, interpreter: Path = Path(sys.executable)):
    command = [str(interpreter), script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=directory, timeout=600)


def write(directory: Path, files: dict[str, str | None]) -> None:
    for name, text in files.items():
        path = directory / name
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def packaged(model: Path) -> set[str]:
    root = model / "kerasguard" / "code"
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("project", PROJECTS.values(), ids=PROJECTS)
def test_project(project: Project, tmp_path):
    directory, model = tmp_path / "project", tmp_path / "model"
    write(directory, {**project.files, "train.py": BEGIN + project.train + project.log})
    trained = python(directory, "train.py", model)
    if project.packaged is None:
        assert trained.returncode == 1
        assert not model.exists()
        assert all(words in trained.stderr for words in project.refusal), trained.stderr
        return
    assert trained.returncode == 0, trained.stderr
    assert packaged(model) == set(project.packaged)
    write(directory, {**project.afterwards, "load.py": project.load})
    loaded = python(directory, "load.py", model)
    assert loaded.returncode == 0, loaded.stderr
    said = " ".join(loaded.stdout.split())  # A report breaks its lines anywhere.
    assert all(words in said for words in project.words), loaded.stdout


#: A layer of an installed distribution travels as a requirement.
KERAS_HUB = (
    BEGIN
    + """
import keras_hub
ROWS = np.ones((2, 5), "int32")
inputs = keras.Input((5,), dtype="int32")
layer = keras_hub.layers.TokenAndPositionEmbedding(vocabulary_size=10, sequence_length=5, embedding_dim=4)
hidden = keras_hub.layers.TransformerEncoder(intermediate_dim=8, num_heads=2)(layer(inputs))
model = keras.Model(inputs, keras.layers.Dense(2)(hidden))
"""
    + LOG
)


def test_layers_of_keras_hub(tmp_path):
    interpreter = make_environment(tmp_path / "environment", ["-e", ROOT, "keras-hub", "tensorflow-cpu", "pip"])
    write(tmp_path, {"project/train.py": KERAS_HUB, "served/load.py": LOAD})
    trained = python(tmp_path / "project", "train.py", tmp_path / "model", interpreter=interpreter)
    assert trained.returncode == 0, trained.stderr
    assert packaged(tmp_path / "model") == set()
    requirements = (tmp_path / "model" / "requirements.txt").read_text().splitlines()
    assert any(line.startswith("keras-hub==") for line in requirements)
    loaded = python(tmp_path / "served", "load.py", tmp_path / "model", interpreter=interpreter)
    assert "loaded Functional" in loaded.stdout, loaded.stderr
    # This environment has no such distribution, and says so before Keras is imported.
    refused = python(tmp_path / "served", "load.py", tmp_path / "model")
    assert refused.returncode == 1
    assert "KG502" in refused.stderr
    assert "pip install 'keras-hub'" in refused.stderr
