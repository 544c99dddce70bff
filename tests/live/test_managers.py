"""A model that is served from its artifact alone: MLflow's environment managers, and the steps of its image.

No index has this package. A project logs a model with a layer of its own, another layer of a distribution that
was installed from a directory, and what that requires is an editable installation; whatever is installed for the
model afterwards gets these and the guard out of the model.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.deployment.models import pin_old_keras
from tests.live.environments import UV, run
from tests.live.project import ROWS, run_in
from tests.live.servers import free_port, score, serving

pytestmark = pytest.mark.live

MANAGERS = ("uv", "virtualenv")

PREDICT = f"""
import json, sys
import mlflow.pyfunc, numpy as np

print(json.dumps(mlflow.pyfunc.load_model(sys.argv[1]).predict(np.array({ROWS}, "float32")).tolist()))
"""

#: In front of the real one. MLflow gives each call of `predict` a pyenv of its own, which compiles its Python:
#: a quarter of an hour for what is installed already.
PYENV = """#!/bin/sh
if [ "$1" = install ] && [ -d "{root}/versions/$3" ]; then
    mkdir -p "$PYENV_ROOT/versions" && ln -sfn "{root}/versions/$3" "$PYENV_ROOT/versions/$3"
else
    exec "{pyenv}" "$@"
fi
"""


def _require(manager: str) -> None:
    if manager != "virtualenv":
        return
    version = platform.python_version()
    if shutil.which("pyenv") is None:
        pytest.skip("no pyenv on PATH, and the manager `virtualenv` makes its environments with it")
    if not (_pyenv_root() / "versions" / version).is_dir():
        pytest.skip(f"pyenv has no Python {version}, and would compile it; `pyenv install {version}` brings it")


def _pyenv_root() -> Path:
    return Path(subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=True).stdout.strip())


def _with_pyenv_at_hand(directory: Path) -> Path:
    """A directory for ``PATH`` whose pyenv installs what the real one has by a link."""
    directory.mkdir()
    pyenv = directory / "pyenv"
    pyenv.write_text(PYENV.format(root=_pyenv_root(), pyenv=shutil.which("pyenv")))
    pyenv.chmod(0o755)
    return directory


def _empty_environment(directory: Path) -> Path:
    """A virtual environment with nothing but pip; gives its Python."""
    run(*UV, "venv", "--quiet", "--seed", "--python", sys.executable, directory)
    return directory / "bin" / "python"


@pytest.mark.parametrize("manager", MANAGERS)
def test_an_environment_is_prepared_and_serves(manager, project, empty, tmp_path):
    _require(manager)
    environment = project.variables(tmp_path)
    run_in(project.command("prepare-env", "-m", project.model, "--env-manager", manager), empty, environment)
    (made,) = (tmp_path / "environments").iterdir()
    project.require_wheels_of_the_model(made / "bin" / "python", empty)
    for program in ("kerasguard", "mlflow"):
        port = free_port()
        serve = project.command("serve", "-m", project.model, "-p", port, "--env-manager", manager, "--workers", 2)
        if program == "kerasguard":
            serve = [str(project.bin / "kerasguard"), *serve[2:]]
        with serving(serve, port, tmp_path / program, environment) as (url, log):
            np.testing.assert_allclose(score(url, {"inputs": ROWS})["predictions"], project.predictions, rtol=1e-5)
        assert f"Environment {made} already exists" in log.read_text()


def test_an_environment_that_wouldnt_do_isnt_made(project, empty, tmp_path):
    model = shutil.copytree(project.model, tmp_path / "model")
    pin_old_keras(model)
    command = [project.bin / "kerasguard", "serve", model, "--env-manager", "uv"]
    done = subprocess.run(command, cwd=empty, env=project.variables(tmp_path), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert "keras 3.0.5" in done.stdout
    assert not (tmp_path / "environments").exists()


@pytest.mark.parametrize("manager", MANAGERS)
def test_predictions_in_an_environment_of_their_own(manager, project, empty, tmp_path):
    _require(manager)
    (tmp_path / "input.json").write_text(json.dumps({"inputs": ROWS}))
    environment = project.variables(tmp_path)
    if manager == "virtualenv":
        environment["PATH"] = f"{_with_pyenv_at_hand(tmp_path / 'bin')}:{environment['PATH']}"
    files = ("--input-path", tmp_path / "input.json", "--output-path", tmp_path / "output.json")
    said = run_in(project.command("predict", "-m", project.model, "--env-manager", manager, *files), empty, environment)
    assert f"Creating a new environment in {tmp_path}" in said
    predictions = json.loads((tmp_path / "output.json").read_text())["predictions"]
    np.testing.assert_allclose(predictions, project.predictions, rtol=1e-5)


def _install_steps(dockerfile: str, model: Path) -> list[list[str]]:
    """The steps that install Python packages: those that run pip, and those that have MLflow run it."""
    whole = re.sub(r"\\\n\s*", " ", dockerfile)
    steps = [shlex.split(line.removeprefix("RUN ")) for line in whole.splitlines() if line.startswith("RUN ")]
    return [
        [part.replace("/opt/ml/model", str(model)) for part in step]
        for step in steps
        if step[:2] in (["pip", "install"], ["python", "-c"])
    ]


def test_the_steps_of_an_image(project, empty, tmp_path):
    environment = project.variables(tmp_path)
    run_in(project.command("generate-dockerfile", "-m", project.model, "-d", tmp_path / "image"), empty, environment)
    interpreter = _empty_environment(tmp_path / "python")
    environment["PATH"] = f"{interpreter.parent}:{os.environ['PATH']}"
    model = tmp_path / "image" / "model_dir" / "model"
    steps = _install_steps((tmp_path / "image" / "Dockerfile").read_text(), model)
    assert [step[:2] for step in steps] == [["pip", "install"], ["python", "-c"]]
    for step in steps:
        run_in(step, empty, environment)
    project.require_wheels_of_the_model(interpreter, empty)
    said = run_in([interpreter, "-c", PREDICT, model], empty, environment)
    predictions = next(json.loads(line) for line in said.splitlines() if line.startswith("[["))
    np.testing.assert_allclose(predictions, project.predictions, rtol=1e-5)


def _requirements(model: Path) -> list[str]:
    return (model / "requirements.txt").read_text().splitlines()


def _conda(model: Path) -> list[str]:
    import yaml

    return list(yaml.safe_load((model / "conda.yaml").read_text())["dependencies"][-1]["pip"])


INSTALLERS = {
    "pip": lambda interpreter: (interpreter, "-m", "pip", "install"),
    "uv": lambda interpreter: (*UV, "pip", "install", "--python", interpreter),
}
#: conda puts the lines for pip into a file of another name, beside its own.
FILES = {"requirements.txt": _requirements, "condaenv.made.requirements.txt": _conda}


@pytest.mark.parametrize("installer", INSTALLERS.values(), ids=INSTALLERS)
@pytest.mark.parametrize("name", FILES)
def test_the_wheel_is_found_from_anywhere(name, installer, project, empty, tmp_path):
    model = shutil.copytree(project.model, tmp_path / "model")
    # The rest of it takes its time, and the other tests have it.
    lines = [line for line in FILES[name](model) if line.startswith(("--", "acme-", "mlflow-kerasguard"))]
    (model / name).write_text("\n".join(lines))
    interpreter = _empty_environment(tmp_path / "python")
    command = [*installer(interpreter), "--no-deps", "-r", model / name]
    run_in(command, empty, project.variables(tmp_path))
    project.require_wheels_of_the_model(interpreter, empty)


@pytest.mark.parametrize("name", ["acme-layers", "mlflow-kerasguard"])
def test_without_the_wheel_there_is_no_such_distribution(name, project, empty, tmp_path):
    model = shutil.copytree(project.model, tmp_path / "model")
    shutil.rmtree(model / "kerasguard" / "wheels")
    (model / "kerasguard" / "wheels").mkdir()
    lines = [line for line in _requirements(model) if line.startswith(("--", name))]
    (model / "requirements.txt").write_text("\n".join(lines))
    command = [*UV, "pip", "compile", "--quiet", "--no-deps", model / "requirements.txt"]
    done = subprocess.run([str(part) for part in command], cwd=empty, capture_output=True, text=True)
    assert done.returncode != 0
    assert name in done.stderr


@pytest.mark.parametrize("manager", MANAGERS)
def test_a_rehearsal_in_the_pinned_environment(manager, project, empty, tmp_path):
    if manager == "virtualenv":
        _require(manager)
    command = [project.bin / "kerasguard", "rehearse", project.model, "--manager", manager, "--format", "json"]
    said = run_in([*command, "--cache", tmp_path / "cache"], empty, project.variables(tmp_path))
    [outcome] = json.loads(said[said.index("{") : said.rindex("}") + 1])["environments"]
    assert (outcome["result"], outcome["dropped"]) == ("same predictions", [])
