"""Projects from end to end: one process trains and logs, the project changes, another one loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.projects import BEGIN, Project, changed, shapes

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
    assert all(words in loaded.stdout for words in project.words), loaded.stdout
