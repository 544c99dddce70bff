"""`pylock.toml` and `uv.lock`: files that uv wrote, and ones that are wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.keras_api import Unknown

pytestmark = pytest.mark.usefixtures("made_up_history")

#: A project that needs Keras, and JAX on macOS; locked for every Python from 3.10 on.
DATA = Path(__file__).parent.parent / "data" / "environments"
KINDS = ("uv.lock", "pylock.toml")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("python", "keras"), [("3.10", "3.12.4"), ("3.12", "3.15.1"), ("3.13.2", "3.15.1")])
def test_a_lock_for_one_python(kind, python, keras):
    env = read_environment(f"{DATA / kind} python=={python}")
    assert (env.python, env.complete) == (python, True)
    assert env.read_keras_api("keras").version == keras
    assert env.distributions["h5py"].version == "3.16.0"
    assert not env.lists("jax")
    assert not env.has("tensorflow")
    assert not env.has_module("tensorflow")
    with pytest.raises(Unknown, match=r"has no `tf-keras`"):
        env.read_keras_api("tf_keras")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("uv.lock", "uv.lock` has 3.12.4 and 3.15.1 for different environments (name a Python: `"),
        ("pylock.toml", "whether `keras==3.15.1` applies depends on `python_full_version"),
    ],
)
def test_a_lock_for_many_pythons(kind, reason):
    env = read_environment(DATA / kind)
    assert env.python is None
    assert env.has("keras")
    with pytest.raises(Unknown) as unknown:
        env.read_keras_api("keras")
    assert reason in str(unknown.value)


def test_environment_variables_after_a_lock():
    env = read_environment(f"{DATA / 'uv.lock'} python==3.12 KERAS_BACKEND=jax")
    assert env.configured_backend == "jax"


def test_uvs_own_choice_of_python(tmp_path):
    shutil.copy(DATA / "uv.lock", tmp_path)
    (tmp_path / ".python-version").write_text("3.12\n")
    assert read_environment(tmp_path / "uv.lock").read_keras_api("keras").version == "3.15.1"
    (tmp_path / ".python-version").write_text("pypy\n")
    assert read_environment(tmp_path / "uv.lock").python is None


@pytest.mark.parametrize(
    ("text", "keras"),
    [
        ('packages = [{ name = "keras", version = "3.8.0" }, { name = "jax" }]', "3.8.0"),
        ('requires-python = "==3.11.*"\npackages = [{ name = "Keras", version = "3.8.0" }]', "3.8.0"),
        (
            (
                'default-groups = ["new"]\npackages = [{ name = "keras", version = "3.8.0", '
                "marker = \"'new' in dependency_groups\" }, { name = 'keras', version = '3.5.0', "
                "marker = \"'new' not in dependency_groups\" }]"
            ),
            "3.8.0",
        ),
    ],
)
def test_a_small_pylock(tmp_path, text, keras):
    (tmp_path / "pylock.prod.toml").write_text(f'lock-version = "1.0"\n{text}\n')
    assert read_environment(tmp_path / "pylock.prod.toml").read_keras_api("keras").version == keras


UV = """\
version = 1
requires-python = ">=3.11"
[[package]]
name = "app"
source = {{ editable = "." }}
dependencies = [{dependencies}]
[package.dev-dependencies]
dev = [{{ name = "jax" }}]
[[package]]
name = "keras"
version = "3.8.0"
[[package]]
name = "jax"
version = "0.5.0"
[[package]]
name = "torch"
version = "2.5.1"
"""


@pytest.mark.parametrize(
    ("dependencies", "names"),
    [
        ('{ name = "keras" }', {"keras", "jax"}),
        ('{ name = "keras" }, { name = "torch", marker = "sys_platform == \'win32\'" }', {"keras", "jax"}),
        ('{ name = "keras" }, { name = "torch", marker = "what" }', {"keras", "jax", "torch"}),
        ('{ name = "keras" }, { name = "torch", marker = "extra == \'x\'" }', {"keras", "jax"}),
    ],
)
def test_what_a_uv_project_needs(tmp_path, dependencies, names):
    (tmp_path / "uv.lock").write_text(UV.format(dependencies=dependencies))
    assert set(read_environment(tmp_path / "uv.lock").distributions) == names


def test_a_uv_lock_without_a_project(tmp_path):
    (tmp_path / "uv.lock").write_text('version = 1\n[[package]]\nname = "keras"\nversion = "3.8.0"\n')
    assert set(read_environment(tmp_path / "uv.lock").distributions) == {"keras"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("pylock.toml", 'lock-version = "2.0"\npackages = []', ": `lock-version` is '2.0'; expected `1.0`"),
        ("pylock.toml", "lock-version = 1\npackages = []", ": `lock-version` is 1; expected `1.0`"),
        (
            "pylock.toml",
            'lock-version = "1.0"\npackages = 3',
            ": `packages` is no array of tables; expected `[[packages]]`",
        ),
        ("pylock.toml", 'lock-version = "1.0"\npackages = [{}]', ", packages[0]: expected a table with a `name`"),
        (
            "pylock.toml",
            'lock-version = "1.0"\npackages = [{ name = "keras", version = "new" }]',
            ", packages[0] (`keras`): `version` is 'new'; expected one such as `3.8.0`",
        ),
        (
            "pylock.toml",
            'lock-version = "1.0"\npackages = [{ name = "keras", version = "3.8.0", marker = "so" }]',
            ", packages[0] (`keras`): `marker` is 'so'; expected an environment marker",
        ),
        (
            "pylock.toml",
            'lock-version = "1.0"\nrequires-python = "3"\npackages = []',
            ": `requires-python` is '3'; expected a specifier such as `>=3.11`",
        ),
        ("uv.lock", "version = 2\n[[package]]\n", ": `version` is 2; expected 1"),
        (
            "uv.lock",
            'version = 1\n[[package]]\nname = "keras"\nversion = "3.8.0"\nresolution-markers = 3\n',
            ", package[0] (`keras`): `resolution-markers` is 3; expected a list of markers",
        ),
        (
            "poetry.lock",
            '[[package]]\nname = "keras"\n[metadata]\nlock-version = "2.1"\n',
            " is neither a `pylock.toml` nor a `uv.lock`: it has `metadata`, `package`; lock files of other tools aren't read",
        ),
        (
            "empty.toml",
            "",
            " is neither a `pylock.toml` nor a `uv.lock`: it has nothing; lock files of other tools aren't read",
        ),
    ],
)
def test_bad_input(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as error:
        read_environment(tmp_path / name)
    assert str(error.value) == f"`{tmp_path / name}`{message}"


def test_what_isnt_toml(tmp_path):
    (tmp_path / "pylock.toml").write_text('lock-version = "1.0"\npackages = what\n')
    with pytest.raises(UsageError) as error:
        read_environment(tmp_path / "pylock.toml")
    assert str(error.value).startswith(f"`{tmp_path}/pylock.toml` isn't TOML: ")
    assert "(at line 2, column 12); expected a `pylock.toml` or a `uv.lock`" in str(error.value)
