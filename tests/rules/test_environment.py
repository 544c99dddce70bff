"""KG4xx: Python, Keras, backend and distributions."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.environment import Distribution, Environment
from mlflow_kerasguard.model import Origin
from mlflow_kerasguard.rules.environment import backend_used
from mlflow_kerasguard.rules.view import keras_package
from tests.builders import Case, environment, model, unknown_environment

NO_KERAS = environment(packages={"tensorflow": "2.21.0"})
NO_BACKEND = environment(packages={"keras": "3.15.1"})


def keras(**fields):
    return {"keras": Distribution(name="keras", version="3.15.1", **fields), "tensorflow": "2.21.0"}


CASES = [
    Case(code="KG401", name="none", environment=NO_KERAS, fires=True, found="has no `keras`"),
    Case(
        code="KG401",
        name="tf_keras-is-wanted",
        model=model(keras_package="tf_keras"),
        fires=True,
        found="has no `tf-keras`",
    ),
    Case(code="KG401", name="there", fires=False),
    Case(code="KG401", name="unknown", environment=unknown_environment(), fires=False, unknown="`keras` is installed"),
    Case(code="KG402", name="none", environment=NO_BACKEND, fires=True, found="`tensorflow`"),
    Case(
        code="KG402",
        name="configured-one-is-missing",
        environment=environment(configured_backend="jax"),
        fires=True,
        found="`jax`",
    ),
    Case(
        code="KG402",
        name="variant",
        environment=environment(packages={"keras": "3.15.1", "tensorflow-cpu": "2.21.0"}),
        fires=False,
    ),
    Case(code="KG402", name="no-keras", environment=NO_KERAS, fires=False),
    # What a few requirements don't name isn't judged.
    Case(
        code="KG402",
        name="not-named",
        environment=environment(packages={"keras": "3.15.1"}, complete=False),
        fires=False,
    ),
    Case(
        code="KG402",
        name="another-is-named",
        environment=environment(complete=False, configured_backend="torch"),
        fires=False,
        unknown="lists `tensorflow`, and not the backend `torch`",
    ),
    Case(
        code="KG402",
        name="unsettled-release",
        environment=environment(packages={"keras": "3.15.1"}, unsettled={"tensorflow": "not pinned"}),
        fires=False,
    ),
    Case(
        code="KG401",
        name="unsettled-release",
        environment=environment(packages={"tensorflow": "2.21.0"}, unsettled={"keras": "not pinned"}),
        fires=False,
    ),
    Case(code="KG403", name="jax-model-on-tensorflow", model=model(backend="jax"), fires=True, found="`tensorflow`"),
    Case(code="KG403", name="same", fires=False),
    Case(code="KG403", name="not-recorded", model=model(backend=None), fires=False),
    Case(
        code="KG403",
        name="not-configured-in-a-few-requirements",
        model=model(backend="jax"),
        environment=environment(complete=False),
        fires=False,
    ),
    Case(
        code="KG403",
        name="configured-beside-a-few-requirements",
        model=model(backend="jax"),
        environment=environment(complete=False, configured_backend="torch"),
        fires=True,
        found="`torch`",
    ),
    Case(
        code="KG403",
        name="keras-2-has-one-backend",
        model=model(backend="jax"),
        environment=environment(packages={"keras": "2.15.0"}, complete=False),
        fires=True,
        found="`tensorflow`",
    ),
    Case(
        code="KG404",
        name="zip-before-2.12",
        environment=environment(packages={"keras": "2.7.0", "tensorflow": "2.7.4"}),
        fires=True,
        found="HDF5 and SavedModel",
    ),
    Case(
        code="KG404",
        name="savedmodel-on-keras-3",
        model=model(format="saved_model"),
        fires=True,
        found="`.keras` and `.h5` only",
    ),
    Case(
        code="KG404",
        name="savedmodel-on-keras-2",
        model=model(format="saved_model"),
        environment=environment(packages={"keras": "2.15.0", "tensorflow": "2.15.1"}),
        fires=False,
    ),
    Case(code="KG404", name="zip", fires=False),
    Case(code="KG404", name="unreadable-is-another-rule", model=model(format="unknown", config=None), fires=False),
    Case(
        code="KG405",
        name="too-old",
        environment=environment(packages=keras(requires_python=">=3.12")),
        fires=True,
        found="3.11.7",
    ),
    Case(code="KG405", name="fits", environment=environment(packages=keras(requires_python=">=3.10")), fires=False),
    Case(
        code="KG405",
        name="not-named",
        environment=environment(packages=keras(requires_python=">=3.12"), python=None),
        fires=False,
    ),
    Case(
        code="KG405",
        name="some-patch-release-fits",
        environment=environment(packages=keras(requires_python=">=3.10.2"), python="3.10"),
        fires=False,
    ),
    Case(
        code="KG405",
        name="no-patch-release-fits",
        environment=environment(packages=keras(requires_python=">=3.11"), python="3.10"),
        fires=True,
        found="Python 3.10",
    ),
    Case(
        code="KG407",
        name="violated",
        environment=environment(
            packages=keras(requires=("numpy<2", "rich", "absl-py; extra == 'all'")) | {"numpy": "2.4.6"}
        ),
        fires=True,
        found="`numpy` 2.4.6",
    ),
    Case(
        code="KG407",
        name="absent",
        environment=environment(packages=keras(requires=("optree",))),
        fires=True,
        found="no `optree`",
    ),
    Case(
        code="KG407",
        name="satisfied-or-unreadable",
        environment=environment(packages=keras(requires=("numpy", "what is this")) | {"numpy": "2.4.6"}),
        fires=False,
    ),
    Case(
        code="KG407",
        name="not-in-an-incomplete-description",
        environment=environment(packages=keras(requires=("optree",)), complete=False),
        fires=False,
    ),
    Case(
        code="KG407",
        name="not-where-the-release-is-unknown",
        environment=environment(packages=keras(requires=("optree>=1",)), unsettled={"optree": "not pinned"}),
        fires=False,
    ),
    Case(
        code="KG407",
        name="violated-for-packaged-code",
        model=model(origin=Origin(roles={"tools": "code", "other": "transitive", "gone": "code"})),
        environment=environment(
            packages=keras()
            | {"numpy": "2.4.6"}
            | {name: Distribution(name=name, version="1", requires=("numpy<2",)) for name in ("tools", "other")}
        ),
        fires=True,
        found="`numpy` 2.4.6",
    ),
    Case(code="KG408", name="other", model=model(keras_version="3.8.0"), fires=True, found="`keras` 3.15.1"),
    Case(
        code="KG408",
        name="other-backend-version",
        model=model(origin=Origin(distributions={"tensorflow": "2.18.1"})),
        fires=True,
        found="`tensorflow` 2.21.0",
    ),
    *(
        Case(
            code="KG408",
            name=f"other-version-of-{role}",
            model=model(origin=Origin(closure={"thing": "1.0"}, roles={"thing": role})),
            environment=environment(packages=keras() | {"thing": "2.0"}),
            fires=role in {"serialization", "code"},
            found="`thing` 2.0" if role in {"serialization", "code"} else "",
        )
        for role in ("serialization", "code", "serving", "transitive")
    ),
    Case(code="KG408", name="same", fires=False),
]


@pytest.mark.parametrize(
    ("packages", "configured", "package", "backend"),
    [
        ({"keras": "3.15.1"}, None, "keras", "tensorflow"),
        ({"keras": "3.15.1"}, "torch", "keras", "torch"),
        # Keras 2 and tf_keras know no other backend, whatever KERAS_BACKEND says.
        ({"keras": "2.15.0"}, "torch", "keras", "tensorflow"),
        ({"keras": "3.15.1", "tf-keras": "2.18.0"}, "torch", "tf_keras", "tensorflow"),
    ],
)
def test_backend_used(packages, configured, package, backend):
    env = environment(packages=packages, configured_backend=configured)
    assert backend_used(model(keras_package=package), env) == backend


def test_tf_keras_is_the_default_where_it_is_the_only_one():
    assert environment(packages={"tf-keras": "2.18.0"}).default_keras_package == "tf_keras"
    assert environment(packages={}).default_keras_package == "keras"


@pytest.mark.parametrize(
    ("packages", "complete", "package"),
    [
        ({"keras": "3.15.1", "tf-keras": "2.18.0"}, True, "tf_keras"),
        ({"keras": "3.15.1"}, False, "tf_keras"),
        # Without tf_keras, `tf.keras` can't be imported; `keras` can.
        ({"keras": "3.15.1"}, True, "keras"),
    ],
)
def test_legacy_keras_chooses_tf_keras(packages, complete, package):
    env = environment(packages=packages, complete=complete, legacy_keras=True)
    assert keras_package(model(keras_package=None), env) == package
    assert keras_package(model(keras_package="keras"), env) == "keras"


def test_an_environment_describes_itself():
    unsettled = environment(packages={}, unsettled={"keras": "not pinned"})
    assert unsettled.describe() == "a test environment (Python 3.11.7, keras of an unknown release)"
    assert environment().describe() == "a test environment (Python 3.11.7, keras 3.15.1, tensorflow 2.21.0)"
    assert "no Keras" in environment(packages={}).describe()
    assert Environment(source="nothing known").describe() == "nothing known"


@pytest.mark.parametrize(
    ("version", "packages", "expected"),
    [
        # Keras 2 after 2.15 is tf_keras only.
        ("2.18.0", {"keras": "3.15.1", "tf-keras": "2.18.0"}, "tf_keras"),
        ("2.15.0", {"keras": "3.15.1", "tf-keras": "2.18.0"}, "keras"),
        ("2.18.0", {"keras": "3.15.1"}, "keras"),
        ("3.15.1", {"keras": "3.15.1", "tf-keras": "2.18.0"}, "keras"),
        ("2.x", {"keras": "3.15.1", "tf-keras": "2.18.0"}, "keras"),
        ("2", {"keras": "3.15.1", "tf-keras": "2.18.0"}, "keras"),
        (None, {"tf-keras": "2.18.0"}, "tf_keras"),
    ],
)
def test_the_package_that_loads_a_bare_file(version, packages, expected):
    spec = model(keras_package=None, keras_version=version)
    assert keras_package(spec, environment(packages=packages)) == expected
