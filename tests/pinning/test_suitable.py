"""Given requirements are held against the model."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.errors import ModelNotLoggableError, UnsuitableRequirementsError
from mlflow_kerasguard.pinning import suitable
from mlflow_kerasguard.pinning.files import EnvironmentFiles
from mlflow_kerasguard.pinning.installed import InstalledDistributions
from mlflow_kerasguard.pinning.suitable import require_suitable
from tests.builders import model
from tests.pinning.builders import write_distribution


@pytest.fixture(autouse=True)
def _installed(tmp_path, monkeypatch):
    """Keras, TensorFlow, and a package that brings both."""
    write_distribution(tmp_path, "keras", "3.15.1")
    write_distribution(tmp_path, "tensorflow", "2.20.0", requires=("keras>=3.10",))
    write_distribution(tmp_path, "bundle", requires=("tensorflow", "keras"))
    monkeypatch.setattr(suitable, "InstalledDistributions", lambda: InstalledDistributions((str(tmp_path),)))


def files(
    *lines: str, conda: tuple[object, ...] = (), constraints: tuple[str, ...] = (), **keys: object
) -> EnvironmentFiles:
    environment = {"name": "e", "dependencies": [*conda, {"pip": list(lines)}], **keys}
    return EnvironmentFiles(conda_env=environment, pip_requirements=lines, pip_constraints=constraints)


MODEL = model(keras_package="keras", keras_version="3.15.1", backend="tensorflow")
BOTH = ("keras==3.15.1", "tensorflow==2.20.0")
GOOD = {
    "both": files(*BOTH),
    "another build": files("keras==3.15.1", "tensorflow-cpu==2.20.0"),
    "what brings both": files("bundle"),
    "TensorFlow brings Keras": files("tensorflow==2.20.0"),
    "from conda": files(conda=("python=3.11", "keras=3.15.1", "tensorflow=2.20.0", "what is this?!")),
    "options": files(
        *BOTH,
        "--extra-index-url https://example.org/simple",
        "-c constraints.txt",
        "-f wheels",
        constraints=("numpy<3", "("),
    ),
    "a URL may bring anything": files("git+https://example.org/everything"),
    "a path may as well": files("./everything", "-r https://example.org/more.txt"),
    "a wheel says what it is": files("keras==3.15.1", "https://example.org/tensorflow-2.20.0-py3-none-any.whl"),
    "a release that isn't known": files("keras==99.0", "tensorflow==2.20.0"),
    "variables": files(*BOTH, variables={"KERAS_BACKEND": "tensorflow", "OTHER": 3}),
}


@pytest.mark.parametrize("given", GOOD.values(), ids=GOOD)
def test_what_may_do_is_taken(given):
    require_suitable(given, MODEL)


BAD = {
    "no backend": (files("keras==3.15.1"), r"leave out `tensorflow`, .*; add `tensorflow==2\.20\.0`"),
    "neither": (
        files("numpy"),
        r"leave out `keras` and `tensorflow`, .*add `keras==3\.15\.1` and `tensorflow==2\.20\.0`",
    ),
    "only a constraint": (
        files("keras==3.15.1", "-c constraints.txt", constraints=("tensorflow==2.20.0",)),
        "leave out",
    ),
    "another backend": (files("keras==3.15.1", "torch==2.9.0"), "leave out `tensorflow`"),
    "too old": (
        files("keras==2.10.0", "tensorflow==2.10.0"),
        r"(?s)doesn't load with the given requirements\n\n.*KG404",
    ),
    "Python is too old": (files(*BOTH, conda=("python=3.7",)), "KG405"),
    "contradiction": (files(*BOTH, "keras<3"), "nothing meets the given requirements"),
    "contradicted by a constraint": (files(*BOTH, "-c constraints.txt", constraints=("keras<3",)), "nothing meets"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_what_wont_do_is_refused(case):
    given, words = case
    with pytest.raises(UnsuitableRequirementsError, match=words) as caught:
        require_suitable(given, MODEL)
    assert isinstance(caught.value, ModelNotLoggableError)
    assert (caught.value.report is not None) == ("KG4" in words)


def test_what_isnt_installed_is_named_without_a_version():
    with pytest.raises(UnsuitableRequirementsError, match=r"leave out `jax` and `jaxlib`, .*add `jax` and `jaxlib`"):
        require_suitable(files("keras==3.15.1"), model(keras_package="keras", backend="jax"))
