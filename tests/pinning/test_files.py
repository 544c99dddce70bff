"""The environment files: pins together with what the user gives."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from mlflow_kerasguard.errors import ModelNotLoggableError, UsageError
from mlflow_kerasguard.pinning import files as module
from mlflow_kerasguard.pinning.carried import CarriedWheel, carried_wheels
from mlflow_kerasguard.pinning.closure import Problem
from mlflow_kerasguard.pinning.direct import ALWAYS, THIS_DISTRIBUTION
from mlflow_kerasguard.pinning.direct_url import DirectUrl
from mlflow_kerasguard.pinning.files import Given, environment_files, files_for, names_of, write_files
from mlflow_kerasguard.pinning.lines import FIND_LINKS, with_labels
from mlflow_kerasguard.pinning.plan import Plan
from mlflow_kerasguard.version import __version__
from mlflow_kerasguard.wheels import own_wheel
from tests.pinning.builders import installed

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

GUARD = f"{THIS_DISTRIBUTION}=={__version__}"
DEFAULTS = ["keras==3.15.1", GUARD, "tensorflow==2.21.0"]


def test_a_logged_model_pins_everything_that_loads_it(logged, tmp_path):
    from tests.keras_cases import BACKEND, keras

    text = (logged / "requirements.txt").read_text().splitlines()
    assert text[0] == FIND_LINKS, "this package comes from a checkout"
    assert text[-1] == "-c constraints.txt"
    lines = [Requirement(line) for line in text[1:-1]]
    limits = {Requirement(line).name for line in (logged / "constraints.txt").read_text().splitlines()}
    assert {"packaging", "protobuf" if BACKEND == "tensorflow" else "optree"} <= limits
    assert not limits & {line.name for line in lines}
    assert all(str(line.specifier).startswith("==") for line in lines), "each one is pinned"
    names = {line.name for line in lines}
    package = keras.__name__.replace("_", "-")
    assert {package, "h5py", "mlflow", "numpy", THIS_DISTRIBUTION} <= names
    backend = {name for name in names if name.startswith(("tensorflow", "jax", "torch"))}
    assert backend == ({"jax", "jaxlib"} if BACKEND == "jax" else {BACKEND})
    conda = yaml.safe_load((logged / "conda.yaml").read_text())["dependencies"][-1]["pip"]
    carried = carried_wheels(logged)
    assert conda == with_labels(text, carried)
    own_pin = f"{THIS_DISTRIBUTION}=={carried[THIS_DISTRIBUTION].version}"
    assert (GUARD in text, own_pin in conda) == (True, True)
    python = yaml.safe_load((logged / "python_env.yaml").read_text())["dependencies"]
    assert python == ["-r requirements.txt", own_pin]
    assert [file.name for file in (logged / "kerasguard" / "wheels").iterdir()] == [own_wheel(tmp_path).name]


OWN = {THIS_DISTRIBUTION: CarriedWheel(path="x.whl", version=f"{__version__}+kg0123456789ab", sha256="1")}
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
    files = environment_files(DEFAULTS, Given(**given), OWN)
    assert names_of(files.pip_requirements) == expected
    assert files.pip_requirements[0] == FIND_LINKS
    assert files.conda_env["dependencies"][-1] == {"pip": with_labels(files.pip_requirements, OWN)}
    files.write(tmp_path)
    assert (tmp_path / "requirements.txt").read_text().splitlines() == list(files.pip_requirements)
    python = yaml.safe_load((tmp_path / "python_env.yaml").read_text())["dependencies"]
    assert python == ["-r requirements.txt", f"{GUARD}+kg0123456789ab"]


def test_missing_pins_are_pointed_out(caplog):
    environment_files(DEFAULTS, Given(pip_requirements=["keras==3.15.1", "mlflow"]))
    assert "don't pin `tensorflow`" in caplog.text


def test_constraints_are_kept(tmp_path):
    (tmp_path / "limits.txt").write_text("numpy<3\n")
    files = environment_files(DEFAULTS, Given(extra_pip_requirements=[f"-c {tmp_path / 'limits.txt'}"]))
    assert files.pip_constraints == ("numpy<3",)
    files.write(tmp_path)
    assert (tmp_path / "constraints.txt").read_text() == "numpy<3"


@pytest.mark.parametrize("given", [{"pip_requirements": "absent"}, {"conda_env": 3}, {"pip_requirements": 3}])
def test_what_cant_be_used_is_refused(given):
    with pytest.raises(UsageError, match="requirements can't be used"):
        environment_files(DEFAULTS, Given(**given))


def test_the_projects_own_lower_bounds_are_what_is_pinned_from():
    text = (Path(__file__).parent.parent.parent / "pyproject.toml").read_text()
    assert all(f'"{name}' in text for name in ALWAYS)


LOCAL = DirectUrl(url="file:///home/me/mine", is_directory=True)


#: What `mine` needs beside its metadata to be installed.
FILES = {"record": "mine.py,,\nmine-1.0.dist-info/METADATA,,\n"}


def plan(tmp_path, direct=None, problems=(), role="code") -> Plan:
    mine = installed(tmp_path, "mine", "1.0", direct=direct, **FILES)
    (tmp_path / "site" / "mine.py").write_text("VALUE = 1\n")
    return Plan(
        distributions={THIS_DISTRIBUTION: __version__} | ({"mine": "1.0"} if role == "code" else {}),
        roles={"mine": role, THIS_DISTRIBUTION: "serving"},
        closure={"mine": "1.0", THIS_DISTRIBUTION: __version__},
        requires={"mine": ()},
        problems=problems,
        installed=(mine,),
    )


@pytest.mark.parametrize("role", ["code", "transitive"])
def test_a_wheel_travels_of_what_only_this_machine_has(role, tmp_path, caplog):
    write_files(plan(tmp_path, LOCAL, role=role), Given(), tmp_path)
    assert "`mine` 1.0 was installed from `file:///home/me/mine`, which only this machine has: a wheel" in caplog.text
    [wheel] = (tmp_path / "kerasguard" / "wheels").glob("mine-1.0+kg*-py3-none-any.whl")
    label = wheel.name.split("-")[1]
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert (lines[0], "mine==1.0" in lines) == (FIND_LINKS, True)
    conda = yaml.safe_load((tmp_path / "conda.yaml").read_text())["dependencies"][-1]["pip"]
    python = yaml.safe_load((tmp_path / "python_env.yaml").read_text())["dependencies"]
    assert (f"mine=={label}" in conda, f"mine=={label}" in python) == (True, True)
    target = tmp_path / "target"
    command = ["uv", "pip", "install", "-q", "--offline", "--no-index", "--no-deps", "--target", str(target)]
    subprocess.run(
        [sys.executable, "-m", *command, "--find-links", "kerasguard/wheels", "mine==1.0"], cwd=tmp_path, check=True
    )
    assert (target / "mine.py").read_text() == "VALUE = 1\n"
    assert (target / f"mine-{label}.dist-info").is_dir()


def test_it_is_written_once(tmp_path):
    files_for(plan(tmp_path, LOCAL), Given(), tmp_path)
    (tmp_path / "site" / "mine.py").write_text("VALUE = 2\n")
    before = carried_wheels(tmp_path)
    files_for(plan(tmp_path, LOCAL), Given(), tmp_path)
    assert carried_wheels(tmp_path) == before


def test_what_no_wheel_can_be_made_of_is_refused(tmp_path):
    unmade = plan(tmp_path, LOCAL)
    (tmp_path / "site" / "mine.py").unlink()
    with pytest.raises(ModelNotLoggableError) as caught:
        files_for(unmade, Given(), tmp_path)
    said = str(caught.value)
    assert said.startswith("`mine` 1.0 was installed from `file:///home/me/mine`, which only this machine has, and no")
    assert "`mine.py` can't be read: No such file or directory" in said
    assert "`extra_pip_requirements`" in said


def test_extra_requirements_may_say_where_it_can_be_had(tmp_path):
    line = "mine @ git+https://example.org/mine@abc"
    files = files_for(plan(tmp_path, LOCAL), Given(extra_pip_requirements=[line]), tmp_path)
    assert [text for text in files.pip_requirements if text.startswith("mine")] == [line]
    (tmp_path / "more.txt").write_text(line)
    files = files_for(plan(tmp_path, LOCAL), Given(extra_pip_requirements=str(tmp_path / "more.txt")), tmp_path)
    assert [text for text in files.pip_requirements if text.startswith("mine")] == [line]
    assert "mine" not in carried_wheels(tmp_path)


@pytest.mark.parametrize(
    "given", [{"pip_requirements": ["mine==1.0"]}, {"conda_env": {"dependencies": ["pip", {"pip": ["mine"]}]}}]
)
def test_own_lists_are_taken_at_their_word(given, tmp_path):
    assert "mine" in names_of(files_for(plan(tmp_path, LOCAL), Given(**given), tmp_path).pip_requirements)
    assert "mine" not in carried_wheels(tmp_path)


def test_own_lists_have_to_name_what_only_this_machine_has(tmp_path):
    with pytest.raises(ModelNotLoggableError, match="and the given requirements don't name it"):
        files_for(plan(tmp_path, LOCAL), Given(pip_requirements=["keras"]), tmp_path)


def test_a_lock_is_written_where_nothing_else_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "make_lock", lambda _, *, carried: f"locked with {sorted(carried)}")
    write_files(plan(tmp_path), Given(), tmp_path)
    assert (tmp_path / "pylock.toml").read_text() == f"locked with {[THIS_DISTRIBUTION]}"
    (tmp_path / "other").mkdir()
    write_files(plan(tmp_path), Given(extra_pip_requirements=["packaging"]), tmp_path / "other")
    assert not (tmp_path / "other" / "pylock.toml").exists()


def test_what_doesnt_fit_together_is_told(tmp_path, caplog):
    problem = Problem(distribution="mine", name="other", specifier=">=2", found=None)
    with caplog.at_level(logging.WARNING):
        write_files(plan(tmp_path, problems=(problem,)), Given(), tmp_path)
    assert "`other>=2`, which `mine` requires, isn't installed" in caplog.text
