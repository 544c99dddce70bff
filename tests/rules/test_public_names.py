"""KG5xx: names of TensorFlow and Keras that packaged code uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlflow_kerasguard.findings import ANOTHER_RELEASE
from mlflow_kerasguard.model import Origin
from mlflow_kerasguard.rules.public_names import deprecated_name, missing_name
from tests.builders import Case, environment, model, unknown_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow_kerasguard.environment import Environment

TF = {"tensorflow": "2.21.0"}
KERAS_3 = {"keras": "3.9.0"}
NOTHING: dict[str, str] = {}


def missing(name: str, packages: Mapping[str, str], found: str, logged_with: Mapping[str, str] = NOTHING) -> Case:
    env = environment(packages=packages)
    return _case("KG540", name, env, logged_with, fires=True, where="layers.py:12", found=found)


def there(name: str, packages: Mapping[str, str], logged_with: Mapping[str, str] = NOTHING, **fields: object) -> Case:
    return _case("KG540", name, environment(packages=packages, **fields), logged_with, fires=False)


def unknown(name: str, env: Environment, reason: str) -> Case:
    return _case("KG540", name, env, fires=False, unknown=reason)


def deprecated(name: str, packages: Mapping[str, str], found: str) -> Case:
    return _case("KG541", name, environment(packages=packages), fires=True, where="layers.py:12", found=found)


def _case(code: str, name: str, env: Environment, logged_with: Mapping[str, str] = NOTHING, **fields: object) -> Case:
    spec = model(origin=Origin(public_names={name: "layers.py:12"}, distributions=logged_with))
    packages = [f"{key}{item.version}" for key, item in env.distributions.items()]
    kind = [] if env.complete else ["partly"]
    kind += [f"from-{key}{item}" for key, item in logged_with.items()]
    return Case(code=code, name="-".join([name, *packages, *kind]), model=spec, environment=env, **fields)


def _partly(**packages: str) -> Environment:
    return environment(packages={name.replace("_", "-"): item for name, item in packages.items()}, complete=False)


CASES = [
    Case(code="KG540", name="no-code", fires=False),
    Case(code="KG541", name="no-code", fires=False),
    # TensorFlow's own.
    missing("tf.estimator.Estimator.train", TF, "(a test environment) has no `tf.estimator`; 2.16.1 dropped it"),
    missing("tf.contrib.layers.conv2d", TF, "TensorFlow 2.21.0 (a test environment) has no `tf.contrib`; no release"),
    missing("tf.log", TF, "has no `tf.log`; no release since 2.4.0 has it"),
    missing("tf.is_symbolic_tensor", {"tensorflow": "2.12.0"}, "has no `tf.is_symbolic_tensor`; 2.13.0 brought it"),
    missing("tf.data.experimental.cardinality_of", TF, "no release since 2.4.0 has it"),
    missing("tf.is_symbolic_tensor", {"tensorflow-cpu": "2.12.0+local"}, "2.13.0 brought it"),
    there("tf.nn.softmax", TF),
    there("tf.float32.name", TF),
    there("tf.compat.v1.flags.DEFINE_string", TF),
    there("tf.compat.v1.app.flags.DEFINE_string", TF),
    there("tf.summary.scalar", {"tensorflow": "2.13.0"}),
    there("tf.log", {"keras": "3.9.0"}),
    there("tf.no.such", {"jax": "0.4"}),
    # What was missing already where the model was logged.
    there("tf.backend_config.epsilon", TF, logged_with={"tensorflow": "2.15.1"}),
    missing("tf.estimator", TF, "2.16.1 dropped it", logged_with={"tensorflow": "2.15.1"}),
    missing("tf.log", TF, "no release since 2.4.0 has it", logged_with={"jax": "0.4"}),
    missing("tf.log", TF, "no release since 2.4.0 has it", logged_with={"tensorflow": "1.15"}),
    there("keras.backend.get_session", KERAS_3, logged_with={"keras": "2.15.0"}),
    missing("keras.backend.get_session", KERAS_3, "no release since", logged_with={"keras": "2.12.0"}),
    unknown("tf.log", environment(packages={"tensorflow": "2.99.0"}), "the history lacks TensorFlow 2.99.0"),
    unknown("tf.estimator.Estimator", environment(packages={"tensorflow": "2.15.1"}), "isn't TensorFlow's own"),
    # A TensorFlow that isn't named: one of those that go with the Keras.
    _case("KG540", "tf.nn.softmax", unknown_environment(), fires=False),
    _case("KG540", "tf.log", _partly(keras="3.9.0"), fires=True, found="no release since 2.4.0 has it"),
    _case("KG540", "tf.estimator", _partly(keras="3.9.0"), fires=True, found="2.16.1 dropped it"),
    _case("KG540", "tf.is_symbolic_tensor", _partly(keras="2.12.0"), fires=True, found="2.13.0 brought it"),
    _case("KG540", "tf.is_symbolic_tensor", _partly(keras="2.13.1"), fires=False),
    unknown("tf.nn.softmax", _partly(tf_keras="2.99.0"), "lacks a TensorFlow that goes with `tf-keras` 2.99.0"),
    unknown("tf.is_symbolic_tensor", unknown_environment(), "an unknown environment doesn't say which one it has"),
    # What TensorFlow shows of Keras.
    missing("tf.keras.layers.MelSpectrogram", {**TF, "keras": "3.0.5"}, "`tf.keras` of Keras 3.0.5"),
    missing("tf.losses.NoSuchLoss", {**TF, **KERAS_3}, "has no `tf.losses.NoSuchLoss`; no release since"),
    missing("tf.keras.experimental.LinearModel", {**TF, **KERAS_3}, "no `tf.keras.experimental`; 3.0.0 dropped it"),
    missing("tf.keras.layers.Nothing", {"tensorflow": "2.5.3"}, "`tf.keras` of Keras 2.5.0"),
    missing("tf.compat.v1.keras.backend.get_session", {**TF, **KERAS_3}, "no `tf.compat.v1.keras.backend.get_session`"),
    unknown("tf.compat.v1.nn.rnn_cell.LSTMCell", environment(packages={**TF, **KERAS_3}), "shows `tf.compat.v1.nn.rnn"),
    missing("tf.compat.v1.layers.dense", {**TF, **KERAS_3}, "no `tf.compat.v1.layers.dense`; 3.0.0 dropped it"),
    there("tf.keras.layers.Dense.from_config", {**TF, **KERAS_3}),
    there("tf.keras", {**TF, **KERAS_3}),
    there("tf.losses.MeanSquaredError", {**TF, **KERAS_3}),
    there("tf.keras.layers.Nothing", TF),
    there("tf.compat.v1.keras.layers.Dense", {"tensorflow": "2.15.1", "keras": "2.15.0"}),
    there("tf.compat.v1.layers.dense", {"tensorflow": "2.5.3"}),
    there("tf.keras.experimental.LinearModel", {**TF, **KERAS_3, "tf-keras": "2.18.0"}, legacy_keras=True),
    unknown(
        "tf.compat.v1.keras.backend.get_session",
        environment(packages={"tensorflow": "2.15.1", "keras": "2.15.0"}),
        "whether `tf.keras` of Keras 2.15.0 has `tf.compat.v1.keras.backend.get_session` isn't known",
    ),
    unknown(
        "tf.compat.v1.layers.dense",
        environment(packages={"tensorflow": "2.15.1", "keras": "2.15.0"}),
        "of its Keras isn't known",
    ),
    unknown("tf.keras.layers.Dense", _partly(tensorflow="2.21.0"), "doesn't say whether `keras` is installed"),
    # Keras itself.
    missing("keras.backend.sigmoid", KERAS_3, "Keras 3.9.0 (a test environment) has no `keras.backend.sigmoid`; 3.0.0"),
    missing("keras.layers.MelSpectrogram", {"keras": "3.0.5"}, "3.1.0 brought it"),
    missing("keras.layers.MelSpectrogram", {"keras": "2.15.0"}, "3.1.0 brought it"),
    missing(
        "tf_keras.ops.mean", {"tf-keras": "2.18.0"}, "`tf_keras` 2.18.0 (a test environment) has no `tf_keras.ops`"
    ),
    there("keras.ops.mean", KERAS_3),
    there("tf_keras.layers.Dense", {"tf-keras": "2.18.0"}),
    there("tf_keras.ops.mean", KERAS_3),
    missing(
        "keras.ops.mean", {"keras": "2.12.0"}, "Keras 2.12.0 (a test environment) has no `keras.ops`; 3.0.0 brought"
    ),
    unknown("keras.layers.core.Dense", environment(packages={"keras": "2.12.0"}), "more than its public names"),
    unknown("keras.ops.mean", environment(packages={"keras": "3.99.0"}), "`keras` 3.99.0 aren't known"),
    unknown("keras.ops.mean", environment(packages={}, unsettled={"keras": "pin one"}), "pin one"),
    # Deprecated ones.
    deprecated("tf.math.accumulate_n", TF, "TensorFlow 2.21.0 (a test environment) has deprecated it"),
    deprecated("tf.compat.v1.log", {"tensorflow": "2.4.0"}, "TensorFlow 2.4.0 (a test environment) has deprecated it"),
    deprecated("tf.nn.RNNCellDeviceWrapper.call", TF, "has deprecated it"),
    *(
        _case("KG541", name, env, fires=False)
        for name, env in [
            ("tf.math.log", environment(packages=TF)),
            ("tf.math.accumulate_n", unknown_environment()),
            ("tf.math.accumulate_n", environment(packages={"tensorflow": "2.99.0"})),
            ("tf.math.accumulate_n", environment(packages=KERAS_3)),
            ("keras.ops.mean", environment(packages=KERAS_3)),
        ]
    ),
]


@pytest.mark.parametrize(
    ("name", "packages", "fix"),
    [
        # What the target's own names confirm.
        ("tf.log", TF, "use `tf.math.log` instead, and log the model again"),
        ("tf.Session.run", TF, "use `tf.compat.v1.Session` instead, and log the model again"),
        ("tf.logging.info", TF, "use `tf.compat.v1.logging.info` instead, and log the model again"),
        ("keras.backend.sigmoid", KERAS_3, "use `keras.ops.sigmoid` instead, and log the model again"),
        (
            "tf.keras.layers.experimental.preprocessing.Rescaling.call",
            {**TF, **KERAS_3},
            "use `tf.keras.layers.Rescaling` instead, and log the model again",
        ),
        (
            "tf.keras.experimental.CosineDecay",
            {**TF, **KERAS_3},
            "use `tf.keras.optimizers.schedules.CosineDecay` instead, and log the model again",
        ),
        # Another release.
        ("tf.estimator.Estimator", TF, "pip install 'tensorflow<2.16.1'"),
        ("tf.is_symbolic_tensor", {"tensorflow": "2.12.0"}, "pip install 'tensorflow>=2.13.0'"),
        ("tf.keras.experimental.LinearModel", {**TF, **KERAS_3}, ANOTHER_RELEASE),
        ("tf.compat.v1.layers.dense", {**TF, **KERAS_3}, ANOTHER_RELEASE),
        ("keras.layers.MelSpectrogram", {"keras": "3.0.5"}, ANOTHER_RELEASE),
        # Nothing.
        ("tf.never_there", TF, None),
        ("keras.ops.never_there", KERAS_3, None),
    ],
)
def test_fixes(name, packages, fix):
    [found] = missing_name(model(origin=Origin(public_names={name: "a.py:1"})), environment(packages=packages))
    assert found.fix == fix


@pytest.mark.parametrize(
    ("name", "version", "fix", "gone"),
    [
        ("tf.math.accumulate_n", "2.21.0", "use `tf.math.add_n` Instead", None),
        ("tf.nn.RNNCellDeviceWrapper", "2.21.0", "use `tf.keras.layers.RNN` instead", None),
        ("tf.quantization.quantize_and_dequantize", "2.21.0", None, None),
        ("tf.compat.v1.graph_util.convert_variables_to_constants", "2.21.0", None, None),
        ("tf.data.experimental.StatsAggregator", "2.4.0", "use TF Profiler to analyze performance instead", "2.6.0"),
    ],
)
def test_what_to_use_instead(name, version, fix, gone):
    env = environment(packages={"tensorflow": version})
    [found] = deprecated_name(model(origin=Origin(public_names={name: "a.py:1"})), env)
    assert found.fix == fix
    assert found.found.endswith(f"; {gone} dropped it" if gone else "has deprecated it")
