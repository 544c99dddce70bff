"""conda's `environment.yml`, and MLflow's files that look like it."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.environment.conda import parse_match_spec
from mlflow_kerasguard.errors import UsageError

pytestmark = pytest.mark.usefixtures("made_up_history")

WHOLE = """\
name: serving
channels: [conda-forge]
variables:
  KERAS_BACKEND: torch
  OTHER: 3
dependencies:
  - python=3.11
  - conda-forge::pytorch-cpu=2.5.1=py311_0
  - jpeg=9e
  - pip
  - pip:
      - keras==3.8.0  # by pip
      - -r more.txt
"""


def test_a_whole_file(tmp_path):
    (tmp_path / "environment.yml").write_text(WHOLE)
    (tmp_path / "more.txt").write_text("h5py==3.12.1\n")
    env = read_environment(tmp_path / "environment.yml")
    assert {name: distribution.version for name, distribution in env.distributions.items()} == {
        "torch": "2.5.1",
        "keras": "3.8.0",
        "h5py": "3.12.1",
    }
    assert set(env.unsettled) == {"jpeg", "pip"}
    assert (env.python, env.configured_backend, env.complete) == ("3.11", "torch", False)
    assert env.read_keras_api("keras").version == "3.8.0"


@pytest.mark.parametrize(
    ("text", "name", "specifier"),
    [
        ("keras", "keras", ""),
        ("keras=3.8", "keras", "==3.8.*"),
        ("keras=3.8.0", "keras", "==3.8.0"),
        ("keras==3.8", "keras", "==3.8"),
        ("keras 3.8.*", "keras", "==3.8.*"),
        ("keras=3.8.*", "keras", "==3.8.*"),
        ("keras 3.8.0 py311_0", "keras", "==3.8.0"),
        ("keras==3.8.0=py311_0", "keras", "==3.8.0"),
        ("keras=3.8=py311_0", "keras", "==3.8"),
        ("keras>=3.5,<3.9", "keras", "<3.9,>=3.5"),
        ("keras *", "keras", ""),
        ("keras[version='>=3.5,<3.9']", "keras", "<3.9,>=3.5"),
        ("keras[build=py311_0]", "keras", ""),
        ("conda-forge/linux-64::tensorflow-base=2.15.1", "tensorflow", "==2.15.1"),
        ("tf_keras=2.18.0", "tf-keras", "==2.18.0"),
    ],
)
def test_match_specs(text, name, specifier):
    wanted = parse_match_spec(text, "here")
    assert (wanted.name, str(wanted.specifier)) == (name, specifier)


def test_the_python_of_mlflows_file(tmp_path):
    (tmp_path / "python_env.yaml").write_text(
        "python: 3.11.7\nbuild_dependencies:\n- pip==24.0\ndependencies:\n- -r requirements.txt\n"
    )
    (tmp_path / "requirements.txt").write_text("keras==3.8.0")
    env = read_environment(tmp_path / "python_env.yaml")
    assert (env.python, env.distributions["keras"].version) == ("3.11.7", "3.8.0")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "dependencies:\n- keras=3.8\n- [",
            (
                ", line 3: it isn't YAML: expected the node content, but found '<stream end>'; expected a conda "
                "`environment.yml`"
            ),
        ),
        ("", ", line 1: it is no mapping; expected a conda `environment.yml`"),
        ("- keras", ", line 1: it is no mapping; expected a conda `environment.yml`"),
        ("name: x", ", line 1: there is no `dependencies`; expected a conda `environment.yml`"),
        ("dependencies: keras", ", line 1: expected a list"),
        ("dependencies:\n- [keras]", ", line 2: expected text, such as `keras=3.8.0`"),
        ("dependencies:\n- conda: [x]", ", line 2: expected a dependency or `pip:` with a list"),
        ("dependencies:\n- keras\nvariables: 3", ", line 3: it is no mapping; expected a conda `environment.yml`"),
        (
            "dependencies:\n- '!keras'",
            ", line 2: `!keras` isn't a conda dependency; expected one such as `keras=3.8.0`",
        ),
        (
            "dependencies:\n- numpy\n- keras=3.8|3.9",
            ", line 3: `keras=3.8|3.9` names no version of `keras`; expected one such as `=3.8.0`",
        ),
        (
            "dependencies:\n- pip:\n  - keras==",
            ", line 3: `keras==` isn't a requirement; expected one such as `keras==3.8.0`",
        ),
        ("x: \x01", ": it isn't YAML: unacceptable character"),
        ("python: new\ndependencies: []", ", line 1: `python: new` names no version of `python`; expected"),
    ],
)
def test_bad_input(tmp_path, text, message):
    (tmp_path / "environment.yml").write_text(text)
    with pytest.raises(UsageError) as error:
        read_environment(tmp_path / "environment.yml")
    assert str(error.value).startswith(f"`{tmp_path}/environment.yml`{message}")
