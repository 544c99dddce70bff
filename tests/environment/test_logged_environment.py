"""The environment of a logged model: what its signature says, or the files that MLflow wrote."""

from __future__ import annotations

import sys
from importlib.metadata import version

import pytest

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.checking import check
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.findings import Verdict
from mlflow_kerasguard.logged_environment import read_pinned_environment
from mlflow_kerasguard.version import __version__
from mlflow_kerasguard.wheel_labels import unlabelled
from tests.keras_cases import keras

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

PYTHON = ".".join(map(str, sys.version_info[:3]))


def test_the_signature_says(logged):
    for name in ("requirements.txt", "conda.yaml", "python_env.yaml"):
        (logged / name).unlink()
    env = read_environment(str(logged))
    assert env.python == PYTHON
    assert env.source == f"the environment of `{logged}`"
    package = keras.__name__.replace("_", "-")
    assert env.distributions[package].version == version(package)
    assert env.distributions["h5py"].version == version("h5py")
    assert not env.complete


def test_a_model_fits_its_own_environment(logged):
    assert check(logged, logged).verdict is not Verdict.INCOMPATIBLE


@pytest.mark.parametrize("file", ["requirements.txt", "conda.yaml", "python_env.yaml"])
def test_its_files_say_the_same_with_a_wheel_in_the_model(logged, file):
    env = read_environment(logged / file)
    assert unlabelled(env.distributions["mlflow-kerasguard"].version) == __version__
    assert env.distributions["h5py"].version == version("h5py")
    assert check(logged, logged / file).verdict is not Verdict.INCOMPATIBLE


@pytest.mark.parametrize("manager", ["virtualenv", "conda"])
def test_what_its_files_pin_is_not_what_it_was_logged_in(manager, logged):
    for name in ("requirements.txt", "conda.yaml"):
        text = (logged / name).read_text()
        (logged / name).write_text(text.replace(f"h5py=={version('h5py')}", "h5py==3.8.0"))
    variables = {"KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1", "OTHER": "x"}
    env = read_pinned_environment(logged, "it", manager=manager, variables=variables)
    assert env.source == "the environment that `it` pins"
    assert env.distributions["h5py"].version == "3.8.0"
    assert (env.python, env.platform) == (PYTHON, sys.platform)
    assert (env.configured_backend, env.legacy_keras) == ("jax", True)


@pytest.fixture
def foreign(tmp_path, made_up_history):
    """A model that another flavor logged."""
    (tmp_path / "MLmodel").write_text("flavors:\n  tensorflow:\n    data: data\n")
    (tmp_path / "python_env.yaml").write_text(
        "python: 3.11.7\nbuild_dependencies: []\ndependencies:\n- -r requirements.txt\n"
    )
    (tmp_path / "conda.yaml").write_text("dependencies:\n- python=3.10.1\n- pip:\n  - keras==3.5.0\n")
    (tmp_path / "requirements.txt").write_text("mlflow==3.0.0\nkeras==3.8.0")
    return tmp_path


@pytest.mark.parametrize(
    ("gone", "python", "release"),
    [
        ((), "3.11.7", "3.8.0"),
        (("python_env.yaml",), "3.10.1", "3.8.0"),
        (("requirements.txt", "python_env.yaml"), "3.10.1", "3.5.0"),
        (("conda.yaml", "python_env.yaml"), None, "3.8.0"),
    ],
)
def test_files_of_another_flavor(foreign, gone, python, release):
    for name in gone:
        (foreign / name).unlink()
    env = read_environment(foreign)
    assert (env.python, env.read_keras_api("keras").version) == (python, release)


def test_a_uri(foreign):
    env = read_environment(foreign.as_uri())
    assert env.describe() == f"the environment of `{foreign.as_uri()}` (Python 3.11.7, keras 3.8.0)"


def test_no_file_says(foreign):
    for name in ("requirements.txt", "conda.yaml", "python_env.yaml"):
        (foreign / name).unlink()
    with pytest.raises(UsageError) as error:
        read_environment(foreign)
    assert str(error.value) == (
        f"`{foreign}/MLmodel` has no `requirements.txt` and no `conda.yaml` beside it; expected a model that was logged "
        "with its environment"
    )
