"""What a logged model pins: Keras, its backend, this package, and what packaged code imports."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from mlflow_kerasguard import requirements
from mlflow_kerasguard.errors import ModelNotLoggableError, UsageError
from mlflow_kerasguard.requirements import THIS_DISTRIBUTION, distributions_in_play, environment_files, pins
from mlflow_kerasguard.version import __version__
from mlflow_kerasguard.wheels import FIND_LINKS, own_pin, own_wheel

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

GUARD = f"{THIS_DISTRIBUTION}=={__version__}"
DEFAULTS = ["keras==3.15.1", GUARD, "tensorflow==2.21.0"]


def test_a_logged_model_pins_everything_that_loads_it(logged, tmp_path):
    from tests.keras_cases import BACKEND, keras

    text = (logged / "requirements.txt").read_text().splitlines()
    assert text[0] == FIND_LINKS, "this package comes from a checkout"
    lines = [Requirement(line) for line in text[1:]]
    assert all(str(line.specifier).startswith("==") for line in lines), "each one is pinned"
    names = {line.name for line in lines}
    package = keras.__name__.replace("_", "-")
    assert {package, "h5py", "mlflow", "numpy", THIS_DISTRIBUTION} <= names
    backend = {name for name in names if name.startswith(("tensorflow", "jax", "torch"))}
    assert backend == ({"jax", "jaxlib"} if BACKEND == "jax" else {BACKEND})
    conda = yaml.safe_load((logged / "conda.yaml").read_text())["dependencies"][-1]["pip"]
    assert conda == text
    assert own_pin() in text
    assert [file.name for file in (logged / "kerasguard" / "wheels").iterdir()] == [own_wheel(tmp_path).name]
    assert "-r requirements.txt" in (logged / "python_env.yaml").read_text()


@pytest.fixture
def installed(monkeypatch):
    """Decide which distributions there are."""

    def decide(**versions: str) -> None:
        names = {name.replace("_", "-"): version for name, version in versions.items()}

        def version(name: str) -> str:
            if name not in names:
                raise metadata.PackageNotFoundError(name)
            return names[name]

        monkeypatch.setattr(requirements.metadata, "version", version)

    return decide


COMMON = {"mlflow": "3.17.2", "h5py": "3.12.0", "numpy": "2.0.0"}
PLAYERS = {
    "usual": (("keras", "tensorflow"), {"keras": "3.8.0", "tensorflow": "2.18.0"}, {"keras", "tensorflow"}),
    "CPU build": (("keras", "tensorflow"), {"keras": "3.8.0", "tensorflow_cpu": "2.18.0"}, {"keras", "tensorflow-cpu"}),
    "two builds": (
        ("keras", "tensorflow"),
        {"keras": "3.8.0", "tensorflow": "2.18.0", "tensorflow_cpu": "2.18.0"},
        {"keras", "tensorflow"},
    ),
    "legacy package": (
        ("tf_keras", "tensorflow"),
        {"tf_keras": "2.18.0", "tensorflow": "2.18.0", "keras": "3.8.0"},
        {"tf-keras", "tensorflow"},
    ),
    "JAX": (("keras", "jax"), {"keras": "3.8.0", "jax": "0.5.0", "jaxlib": "0.5.0"}, {"keras", "jax", "jaxlib"}),
    "torch": (("keras", "torch"), {"keras": "3.8.0", "torch": "2.6.0+cpu"}, {"keras", "torch"}),
    "NumPy": (("keras", "numpy"), {"keras": "3.8.0"}, {"keras"}),
}


@pytest.mark.parametrize("case", PLAYERS.values(), ids=PLAYERS)
def test_which_distributions_are_in_play(case, installed):
    arguments, there, expected = case
    installed(**COMMON, **there)
    assert set(distributions_in_play(*arguments)) == {*expected, *COMMON, THIS_DISTRIBUTION}


def test_what_isnt_installed_cant_be_pinned(installed):
    installed(**COMMON, keras="3.8.0")
    with pytest.raises(ModelNotLoggableError, match=r"`tensorflow` can't be pinned: none of .*`tensorflow-cpu`"):
        distributions_in_play("keras", "tensorflow")


def test_imports_of_packaged_code_are_pinned():
    found = distributions_in_play("numpy", "numpy", {"packaging.version", "keras", "yaml", "absent"})
    assert found["packaging"] == metadata.version("packaging")
    assert found["pyyaml"] == metadata.version("PyYAML")
    assert "keras" not in found


def test_one_of_several_distributions_that_share_a_module(monkeypatch):
    shared = {"packaging": ["aaa", "packaging"]}
    monkeypatch.setattr(requirements, "_by_module", lambda: shared)
    files = {"aaa": [], "packaging": metadata.files("packaging")}
    monkeypatch.setattr(requirements.metadata, "files", files.get)
    assert "packaging" in distributions_in_play("numpy", "numpy", {"packaging.version"})
    with pytest.raises(metadata.PackageNotFoundError):  # No file tells: the first in the alphabet.
        distributions_in_play("numpy", "numpy", {"packaging.absent"})


def test_local_version_labels_are_left_out():
    assert pins({"torch": "2.6.0+cpu", "keras": "3.8.0"}) == ["keras==3.8.0", "torch==2.6.0"]


GIVEN = {
    "nothing": ({}, {"mlflow", "keras", "tensorflow", THIS_DISTRIBUTION}),
    "instead": ({"pip_requirements": ["keras", "mlflow"]}, {"keras", "mlflow", THIS_DISTRIBUTION}),
    "in addition": (
        {"extra_pip_requirements": ["packaging"]},
        {"packaging", "mlflow", "keras", "tensorflow", THIS_DISTRIBUTION},
    ),
    "with this package": ({"pip_requirements": [GUARD, "mlflow", "./own.whl"]}, {THIS_DISTRIBUTION, "mlflow"}),
    "conda": (
        {"conda_env": {"name": "e", "dependencies": ["python=3.11", {"pip": ["keras", "mlflow"]}]}},
        {"keras", "mlflow", THIS_DISTRIBUTION},
    ),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", GIVEN.values(), ids=GIVEN)
def test_what_the_user_gives_is_honoured(case, tmp_path):
    given, expected = case
    files = environment_files(DEFAULTS, **given)
    assert requirements._names(files.pip_requirements) == expected
    assert files.conda_env["dependencies"][-1] == {"pip": list(files.pip_requirements)}
    files.write(tmp_path)
    assert (tmp_path / "requirements.txt").read_text().splitlines() == list(files.pip_requirements)


def test_missing_pins_are_pointed_out(caplog):
    environment_files(DEFAULTS, pip_requirements=["keras==3.15.1", "mlflow"])
    assert "don't pin `tensorflow`" in caplog.text


def test_constraints_are_kept(tmp_path):
    (tmp_path / "limits.txt").write_text("numpy<3\n")
    files = environment_files(DEFAULTS, extra_pip_requirements=[f"-c {tmp_path / 'limits.txt'}"])
    assert files.pip_constraints == ("numpy<3",)
    files.write(tmp_path)
    assert (tmp_path / "constraints.txt").read_text() == "numpy<3"


@pytest.mark.parametrize("given", [{"pip_requirements": "absent"}, {"conda_env": 3}, {"pip_requirements": 3}])
def test_what_cant_be_used_is_refused(given):
    with pytest.raises(UsageError, match="requirements can't be used"):
        environment_files(DEFAULTS, **given)


def test_the_projects_own_lower_bounds_are_what_is_pinned_from():
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert all(f'"{name}' in text for name in requirements._SERIALIZATION)
