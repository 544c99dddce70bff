"""A model that is served from its artifact alone: MLflow's environment managers, and the steps of its image.

No index has this package. A project logs a model with a layer of its own, another layer of a distribution that
was installed from a directory, and what that requires is an editable installation; whatever is installed for the
model afterwards gets these and the guard out of the model. The project's backend is JAX, a third of TensorFlow's size, and
what is installed shares uv's cache where uv installs it.
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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.live.environments import ROOT, UV, make_environment, run
from tests.live.local_projects import LOCAL, write_project
from tests.live.servers import free_port, score, serving

pytestmark = pytest.mark.live

MANAGERS = ("uv", "virtualenv")

ROWS = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]

LAYERS = """
import keras

@keras.utils.register_keras_serializable("own")
class Scale(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 3.0
"""

TRAIN = f"""
import json, sys
import keras, mlflow_kerasguard, numpy as np
from acme_layers import Shift
from own_layers import Scale

rows = np.array({ROWS}, "float32")
model = keras.Sequential([keras.layers.InputLayer((3,)), keras.layers.Dense(2), Scale(), Shift()])
mlflow_kerasguard.save_model(model, sys.argv[1], input_example=rows)
print(json.dumps(np.asarray(model(rows)).tolist()))
"""

PREDICT = f"""
import json, sys
import mlflow.pyfunc, numpy as np

print(json.dumps(mlflow.pyfunc.load_model(sys.argv[1]).predict(np.array({ROWS}, "float32")).tolist()))
"""

#: Where a fresh interpreter gets these from, and the versions that they have there.
WITNESS = """
from importlib.metadata import version
import acme_tools, mlflow_kerasguard

for module in (acme_tools, mlflow_kerasguard):
    name = module.__name__.replace("_", "-")
    print(module.__file__, f"{name}=={version(name)}")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The environment that logged the model, and what it logged."""

    model: Path
    predictions: list[list[float]]
    bin: Path

    def command(self, *arguments: object) -> list[str]:
        return [str(self.bin / "mlflow"), "models", *map(str, arguments)]

    def variables(self, directory: Path) -> dict[str, str]:
        """This process's, with all that MLflow makes below ``directory``."""
        strange = ("COVERAGE", "COV_", "PYTHON", "MLFLOW_", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
        temporary = directory / "temporary"
        temporary.mkdir(parents=True, exist_ok=True)
        return {
            **kept,
            "PATH": f"{self.bin}:{kept['PATH']}",
            "KERAS_BACKEND": "jax",
            "MLFLOW_ENV_ROOT": str(directory / "environments"),
            "TMPDIR": str(temporary),
            # What is installed for a minute needs neither bytecode nor a cache.
            "PIP_NO_COMPILE": "1",
            "PIP_NO_CACHE_DIR": "1",
        }

    def require_wheels_of_the_model(self, interpreter: Path, directory: Path) -> None:
        """See that an environment has the guard and the local projects of its own, and from the model."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        for line in _run([interpreter, "-c", WITNESS], directory, clean).splitlines():
            place, pin = line.split()
            assert Path(place).is_relative_to(interpreter.parent.parent)
            assert f"- {pin}" in (self.model / "python_env.yaml").read_text().splitlines()
            assert "+kg" in pin


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    directory = tmp_path_factory.mktemp("project")
    sources = directory / "sources"
    local = [write_project(sources / name, name) for name in LOCAL]
    packages = ["-e", ROOT, "jax", "keras", "uv", "pip", local[0], "-e", local[1]]
    interpreter = make_environment(directory / "environment", packages)
    (sources / "own_layers.py").write_text(LAYERS)
    (sources / "train.py").write_text(TRAIN)
    model = directory / "logged" / "model"
    environment = Project(model=model, predictions=[], bin=interpreter.parent).variables(directory)
    said = _run([interpreter, "train.py", model], sources, environment)
    shutil.rmtree(sources)
    predictions = next(json.loads(line) for line in said.splitlines() if line.startswith("[["))
    yield Project(model=model, predictions=predictions, bin=interpreter.parent)
    shutil.rmtree(directory)


@pytest.fixture
def empty(tmp_path: Path):
    """A directory with nothing in it, to work in; what was made around it is removed: environments are large."""
    directory = tmp_path / "empty"
    directory.mkdir()
    yield directory
    shutil.rmtree(tmp_path)


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


def _run(command: list[object], directory: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=directory, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return done.stdout + done.stderr


def _empty_environment(directory: Path) -> Path:
    """A virtual environment with nothing but pip; gives its Python."""
    run(*UV, "venv", "--quiet", "--seed", "--python", sys.executable, directory)
    return directory / "bin" / "python"


@pytest.mark.parametrize("manager", MANAGERS)
def test_an_environment_is_prepared_and_serves(manager, project, empty, tmp_path):
    _require(manager)
    environment = project.variables(tmp_path)
    _run(project.command("prepare-env", "-m", project.model, "--env-manager", manager), empty, environment)
    (made,) = (tmp_path / "environments").iterdir()
    project.require_wheels_of_the_model(made / "bin" / "python", empty)
    port = free_port()
    serve = project.command("serve", "-m", project.model, "-p", port, "--env-manager", manager, "--workers", 1)
    with serving(serve, port, tmp_path / "served", environment) as (url, log):
        np.testing.assert_allclose(score(url, {"inputs": ROWS})["predictions"], project.predictions, rtol=1e-5)
    assert f"Environment {made} already exists" in log.read_text()


@pytest.mark.parametrize("manager", MANAGERS)
def test_predictions_in_an_environment_of_their_own(manager, project, empty, tmp_path):
    _require(manager)
    (tmp_path / "input.json").write_text(json.dumps({"inputs": ROWS}))
    environment = project.variables(tmp_path)
    if manager == "virtualenv":
        environment["PATH"] = f"{_with_pyenv_at_hand(tmp_path / 'bin')}:{environment['PATH']}"
    files = ("--input-path", tmp_path / "input.json", "--output-path", tmp_path / "output.json")
    said = _run(project.command("predict", "-m", project.model, "--env-manager", manager, *files), empty, environment)
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
    _run(project.command("generate-dockerfile", "-m", project.model, "-d", tmp_path / "image"), empty, environment)
    interpreter = _empty_environment(tmp_path / "python")
    environment["PATH"] = f"{interpreter.parent}:{os.environ['PATH']}"
    model = tmp_path / "image" / "model_dir" / "model"
    steps = _install_steps((tmp_path / "image" / "Dockerfile").read_text(), model)
    assert [step[:2] for step in steps] == [["pip", "install"], ["python", "-c"]]
    for step in steps:
        _run(step, empty, environment)
    project.require_wheels_of_the_model(interpreter, empty)
    said = _run([interpreter, "-c", PREDICT, model], empty, environment)
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
    _run(command, empty, project.variables(tmp_path))
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
