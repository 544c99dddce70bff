"""Requirements as they are typed, and what follows from them."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.keras_api import Unknown

pytestmark = pytest.mark.usefixtures("made_up_history")

#: Text → Python, names with versions, and the release of Keras that takes a file.
READ = [
    ("keras==3.8.0", None, {"keras": "3.8.0"}, "keras 3.8.0"),
    ("keras==3.8", None, {"keras": "3.8.0"}, "keras 3.8.0"),
    ("  keras ==3.8.0\n tensorflow== 2.18.1", None, {"keras": "3.8.0", "tensorflow": "2.18.1"}, "keras 3.8.0"),
    (
        "keras==3.8.0 tensorflow==2.18.1 python==3.11",
        "3.11",
        {"keras": "3.8.0", "tensorflow": "2.18.1"},
        "keras 3.8.0",
    ),
    ("keras==3.8.0, torch==2.5.1, python==3.11.*", "3.11", {"keras": "3.8.0", "torch": "2.5.1"}, "keras 3.8.0"),
    ("keras >= 3.6 , < 3.12", None, {"keras": "3.8.0"}, "keras 3.8.0"),
    ("keras==3.8.* jax[cpu, cuda]==0.5.0", None, {"keras": "3.8.0", "jax": "0.5.0"}, "keras 3.8.0"),
    ("python==3.12 keras==3.8.0; python_version >= '3.10'", "3.12", {"keras": "3.8.0"}, "keras 3.8.0"),
    ("keras==3.8.0 ; python_version < '3.10'\npython==3.12 keras==3.5.0", "3.12", {"keras": "3.5.0"}, "keras 3.5.0"),
    ("keras @ https://example.org/a/keras-3.8.0-py3-none-any.whl#sha256=0", None, {"keras": "3.8.0"}, "keras 3.8.0"),
    ("tf_keras==2.18.0", None, {"tf-keras": "2.18.0"}, "tf_keras 2.18.0"),
    # TensorFlow brings a Keras: by its requirement, or inside.
    ("tensorflow==2.15.1", None, {"tensorflow": "2.15.1", "keras": "2.15.0"}, "keras 2.15.0"),
    ("tensorflow-cpu==2.4.4", None, {"tensorflow-cpu": "2.4.4", "keras": "2.4.0"}, "keras 2.4.0"),
    ("tensorflow>=2.15,<2.16", None, {"keras": "2.15.0"}, "keras 2.15.0"),
    ("keras tensorflow==2.15.1", None, {"tensorflow": "2.15.1", "keras": "2.15.0"}, "keras 2.15.0"),
    ("keras==3.8.0 tensorflow==2.15.1", None, {"tensorflow": "2.15.1", "keras": "3.8.0"}, "keras 3.8.0"),
    ("keras==3.8.0 tensorflow", None, {"keras": "3.8.0"}, "keras 3.8.0"),
]


@pytest.mark.parametrize(("text", "python", "packages", "keras"), READ)
def test_read(text, python, packages, keras):
    env = read_environment(text)
    assert env.python == python
    assert {name: distribution.version for name, distribution in env.distributions.items()} == packages
    api = env.read_keras_api(env.default_keras_package)
    assert f"{api.package} {api.version}" == keras
    assert not env.complete


def test_keras_comes_with_its_metadata():
    env = read_environment("keras==3.8.0 tensorflow==2.15.1")
    assert env.distributions["keras"].requires == ("numpy",)
    assert env.distributions["keras"].requires_python == ">=3.9"
    assert env.distributions["tensorflow"].requires == ("keras<2.16,>=2.15.0",)
    assert read_environment("tensorflow==2.4.4").distributions["tensorflow"].requires == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("keras>=3.5", "`keras>=3.5`: `keras>=3.5` allows 4 releases of `keras`; pin one"),
        ("keras", "`keras`: `keras` allows 10 releases of `keras`; pin one"),
        ("keras<2.4", "`keras<2.4`: no release in the history satisfies `keras<2.4`"),
        ("keras==99.0", "`keras` 99.0 isn't in the history of releases; `--fetch` reads its wheel"),
        ("keras==2.3.1", "`keras` 2.3.1 isn't in the history of releases; `--fetch` reads its wheel"),
        ("keras==3.9.0rc0", "`keras` 3.9.0rc0 isn't in the history of releases; `--fetch` reads its wheel"),
        ("keras===nightly", "`keras===nightly`: no release in the history satisfies `keras===nightly`"),
        ("tensorflow==2.18.1", "`tensorflow==2.18.1`: `keras>=3.5.0` allows 4 releases of `keras`; pin one"),
        ("tensorflow", "`tensorflow` leaves open which `keras` comes with it; pin `keras`"),
        ("jax==0.5.0", "`jax==0.5.0` doesn't name a release of `keras`"),
        ("keras @ git+https://example.org/keras", "`keras @ git+https://example.org/keras`: it can't be told which "),
        (
            "keras==3.8.0; python_version >= '3.12'",
            "`keras==3.8.0; python_version >= '3.12'`: whether `keras==3.8.0` applies depends on `python_version",
        ),
    ],
)
def test_undecided(text, reason):
    with pytest.raises(Unknown) as unknown:
        read_environment(text).read_keras_api("keras")
    assert str(unknown.value).startswith(reason)


def test_what_a_list_leaves_open():
    env = read_environment("keras>=3.5 numpy>=2")
    assert env.has("keras")
    assert env.unsettled["numpy"] == "`keras>=3.5 numpy>=2`: `numpy>=2` isn't pinned"
    assert env.describe() == "`keras>=3.5 numpy>=2` (keras of an unknown release)"
    with pytest.raises(Unknown, match="doesn't say whether `tensorflow` is installed"):
        env.has("tensorflow")


@pytest.mark.parametrize(("name", "there"), [("json", True), ("keras", True), ("tensorflow", True)])
def test_modules_of_a_list(name, there):
    assert read_environment("keras==3.8.0 tensorflow-cpu==2.18.1").has_module(name) is there


def test_other_modules_are_unknown():
    with pytest.raises(Unknown, match="whether a module `sklearn` can be imported"):
        read_environment("keras==3.8.0").has_module("sklearn")


@pytest.mark.parametrize(
    ("text", "backend", "legacy", "package"),
    [
        ("keras==3.8.0 KERAS_BACKEND=jax", "jax", False, "keras"),
        ("keras==3.8.0 torch==2.5.1", "torch", False, "keras"),
        ("keras==3.8.0 torch==2.5.1 jax==0.5.0", None, False, "keras"),
        ("keras==3.8.0 tf-keras==2.18.0 TF_USE_LEGACY_KERAS=1", None, True, "tf_keras"),
        ("keras==3.8.0 tf-keras==2.18.0 TF_USE_LEGACY_KERAS=0", None, False, "keras"),
        ("keras==3.8.0 tf-keras==2.18.0", None, False, "keras"),
    ],
)
def test_environment_variables(text, backend, legacy, package):
    env = read_environment(text)
    assert (env.configured_backend, env.legacy_keras, env.default_keras_package) == (backend, legacy, package)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "keras=3.8.0",
            "`keras=3.8.0`: `keras=3.8.0` isn't a requirement; expected one such as `keras==3.8.0`",
        ),
        (
            "keras==3.8.7",
            (
                "`keras==3.8.7`: there is no release 3.8.7 of `keras`; expected one such as `3.5.0`, `3.8.0`, `3.12.4`, "
                "`3.15.1`"
            ),
        ),
        (
            "keras==2.99",
            "`keras==2.99`: there is no release 2.99 of `keras`; expected one such as `2.14.0`, `2.15.0`, `3.0.0`, `3.5.0`",
        ),
        (
            "keras==3.8.0 keras==3.5.0",
            (
                "`keras==3.8.0 keras==3.5.0`: `keras==3.5.0` contradicts `keras==3.8.0` (`keras==3.8.0 keras==3.5.0`); "
                "expected one release"
            ),
        ),
        (
            "keras==3.8.0 PYTHONPATH=x",
            (
                "`keras==3.8.0 PYTHONPATH=x`: `PYTHONPATH` has no part in loading; expected `KERAS_BACKEND` or "
                "`TF_USE_LEGACY_KERAS`"
            ),
        ),
        (
            "KERAS_BACKEND=jax",
            "`KERAS_BACKEND=jax` names no distribution; expected requirements such as `keras==3.8.0`",
        ),
    ],
)
def test_bad_input(text, message):
    with pytest.raises(UsageError) as error:
        read_environment(text)
    assert str(error.value) == message


def test_a_marker_ends_the_line():
    with pytest.raises(UsageError, match="isn't a requirement"):
        read_environment("keras==3.8.0; python_version > '3.9' tensorflow==2.18.1")
