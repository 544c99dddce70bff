"""What is installed for an environment that a policy or an option describes, and what can't be."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from mlflow_kerasguard.against import describe, read_environment
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.rebuild.outcome import Result
from mlflow_kerasguard.rebuild.plans import read_plan
from mlflow_kerasguard.registry import rehearsing
from mlflow_kerasguard.registry.rehearsing import Place, rehearse_each
from tests.builders import environment, unknown_environment

LOCAL = Path(sys.executable)


def place(text, known=None, name="prod"):
    return Place(name=name, text=text, environment=known or unknown_environment())


def plan(logged, text):
    return rehearsing._plan(logged, place(text), describe(text))


@pytest.fixture
def model(tmp_path):
    """What pins an environment, and no more."""
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "MLmodel").write_text("flavors: {}\n")
    (directory / "requirements.txt").write_text("keras==3.15.1\ntensorflow==2.20.0\n")
    (directory / "python_env.yaml").write_text("python: 3.11.7\ndependencies: []\n")
    return directory


def test_a_few_requirements_replace_the_models_own(model):
    made = plan(model, "keras==3.12.0 python==3.12 KERAS_BACKEND=jax")
    assert (made.name, made.python, made.variables) == ("prod", "3.12", {"KERAS_BACKEND": "jax"})
    assert [pin.text for pin in made.pins] == ["keras==3.12.0", "tensorflow==2.20.0"]


def test_a_file_is_the_whole(model, tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("keras==3.12.0\nmlflow-kerasguard==0.1\n-c limits.txt\njax ; sys_platform == 'linux'\n")
    (tmp_path / "limits.txt").write_text("numpy<3\n")
    made = plan(model, f"{path} python==3.12 KERAS_BACKEND=jax")
    assert [pin.text for pin in made.pins] == ["keras==3.12.0", 'jax; sys_platform == "linux"']
    assert (made.constraints, made.python, made.variables) == (("numpy<3",), "3.12", {"KERAS_BACKEND": "jax"})
    assert plan(model, str(path)).python == "3.11.7"


def test_what_an_index_doesnt_have(model, tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("keras @ https://example.com/keras.zip\n")
    with pytest.raises(UsageError, match="line 1: `keras` isn't named by a release of an index"):
        plan(model, str(path))


def test_the_environment_of_a_model(model, tmp_path):
    other = Path(shutil.copytree(model, tmp_path / "other"))
    (other / "requirements.txt").write_text("keras==3.10.0\n")
    assert [pin.text for pin in plan(model, str(other)).pins] == ["keras==3.10.0"]
    wheel = other / "wheels" / "own-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"")
    (other / "requirements.txt").write_text("./wheels/own-1.0-py3-none-any.whl\n")
    assert read_plan(other, "3.11").digests
    with pytest.raises(UsageError, match="environment `prod` has wheels that travel with another model"):
        plan(model, str(other))


def test_a_wheel_alone_is_no_environment(model, tmp_path):
    (tmp_path / "keras-3.8.0-py3-none-any.whl").write_bytes(b"PK")
    with pytest.raises(UsageError, match="environment `prod` is a wheel of Keras"):
        plan(model, str(tmp_path / "keras-3.8.0-py3-none-any.whl"))


def test_an_interpreter_without_this_package(model):
    outcome = rehearse_each(model, [place(sys.executable, environment())])["prod"]
    assert outcome.result is Result.NOT_BUILT
    assert outcome.problem == "it has no `mlflow-kerasguard`, which loads the model there; install it"


def test_an_interpreter_that_has_gone(model, tmp_path):
    gone = tmp_path / "python"
    gone.write_bytes(b"\0")
    known = environment(packages={"mlflow-kerasguard": "0.1"})
    outcome = rehearse_each(model, [place(str(gone), known)])["prod"]
    assert outcome.result is Result.NOT_BUILT
    assert "can't be started" in outcome.problem


def test_variables_of_keras_go_along():
    known = environment(configured_backend="jax", legacy_keras=True)
    assert rehearsing._variables(known) == {"KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1"}
    assert rehearsing._variables(environment()) == {}


def test_lists_are_built_and_interpreters_are_not(model, monkeypatch):
    built = []

    def rehearse_plans(job, plans, tool):
        built.extend(plan.name for plan in plans)
        return [f"outcome of {plan.name}" for plan in plans]

    monkeypatch.setattr(rehearsing, "rehearse_plans", rehearse_plans)
    places = [
        place("keras==3.12.0", name="b"),
        place(sys.executable, environment(), name="a"),
        place("keras==3.8.0", name="c"),
    ]
    outcomes = rehearse_each(model, places)
    assert list(outcomes) == ["b", "a", "c"]
    assert built == ["b", "c"]
    assert outcomes["c"] == "outcome of c"


def test_without_uv_another_manager_builds(monkeypatch):
    assert rehearsing._manager().name == "uv"
    monkeypatch.setattr("mlflow_kerasguard.rebuild.managers.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    assert rehearsing._manager().name == "virtualenv"


def test_what_is_here_has_this_package():
    assert read_environment(LOCAL).lists("mlflow-kerasguard")
