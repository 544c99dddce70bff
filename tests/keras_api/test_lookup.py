"""What loaders find for the objects of a file, on made-up releases: a Keras 2 and an early Keras 3."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.keras_api.source import SourceKerasApi
from mlflow_kerasguard.model import ObjectRef, Section

KERAS_2 = {
    "keras/__init__.py": "",
    "keras/api/_v2/keras/__init__.py": "from keras.src.engine.sequential import Sequential\n",
    "keras/api/_v2/keras/layers/__init__.py": "from keras.src.layers.core import Dense\n",
    "keras/api/_v2/keras/optimizers/schedules/__init__.py": "from keras.src.optimizers.schedules import CosineDecay\n",
    "keras/api/_v2/keras/optimizers/__init__.py": "from keras.src.optimizers.lion import Lion\n",
    "keras/api/_v2/keras/losses/__init__.py": "from keras.src.losses import mean_squared_error\n",
    "keras/src/__init__.py": "",
    "keras/src/engine/sequential.py": "class Sequential: ...\n",
    "keras/src/layers/__init__.py": "",
    "keras/src/layers/core.py": "class Dense: ...\nclass TFOpLambda: ...\n",
    "keras/src/applications/inception_resnet_v2.py": "@register_keras_serializable()\nclass CustomScaleLayer: ...\n",
    "keras/src/layers/core_v2.py": "class Dense: ...\n",
    "keras/src/layers/serialization.py": (
        "from keras.src.layers import core\nfrom keras.src.layers import core_v2\nfrom keras.src.layers import gone\n"
        "ALL_MODULES = (\n    core,\n    gone,\n)\nALL_V2_MODULES = (\n    core_v2,\n)\n"
    ),
    "keras/src/models/__init__.py": "from keras.src.engine.sequential import Sequential\n",
    "keras/src/losses.py": "def mean_squared_error(a, b): ...\n",
    "keras/src/activations.py": "leaky_relu = tf.nn.leaky_relu\n",
    "keras/src/metrics/__init__.py": "from keras.src.metrics.base import MeanMetricWrapper\n",
    "keras/src/metrics/base.py": "class MeanMetricWrapper: ...\n",
    "keras/src/mixed_precision/policy.py": "class Policy: ...\n",
    "keras/src/initializers/__init__.py": "class GlorotUniform: ...\n",
    "keras/src/optimizers/__init__.py": (
        "from keras.src.optimizers import adam\nfrom keras.src.optimizers.legacy import adam as adam_legacy\n"
        "from keras.src.optimizers.lion import Lion\n"
        'def deserialize(config):\n    new = {\n        "adam": adam.Adam,\n    }\n'
        '    old = {\n        "adam": adam_legacy.Adam,\n    }\n'
    ),
    "keras/src/optimizers/adam.py": "@register_keras_serializable()\nclass Adam: ...\n",
    "keras/src/optimizers/lion.py": "class Lion: ...\n",
    "keras/src/optimizers/adamw.py": "@register_keras_serializable()\nclass AdamW: ...\n",
    "keras/api/_v2/keras/optimizers/experimental/__init__.py": "from keras.src.optimizers.adamw import AdamW\n",
    "keras/optimizer_v2/learning_rate_schedule.py": "class CosineDecayRestarts: ...\n",
    "keras/src/optimizers/schedules.py": "class CosineDecay: ...\n",
    "keras/src/optimizers/legacy/__init__.py": "",
    "keras/src/optimizers/legacy/adam.py": "class Adam: ...\n",
}

KERAS_3 = {
    "keras/__init__.py": "from keras.src.models.sequential import Sequential\n",
    "keras/layers/__init__.py": "from keras.src.layers.core import Dense\n",
    "keras/metrics/__init__.py": "from keras.src.losses.losses import mean_squared_error\n",
    "keras/losses/__init__.py": "from keras.src.losses.losses import mean_squared_error\n",
    "keras/src/__init__.py": "",
    "keras/src/models/__init__.py": "from keras.src.models.sequential import Sequential\n",
    "keras/src/models/sequential.py": "class Sequential: ...\n",
    "keras/src/layers/__init__.py": "from keras.src.layers.core import Dense, dot\n",
    "keras/src/layers/core.py": "class Dense: ...\ndef dot(a, b): ...\n",
    "keras/src/losses/__init__.py": (
        "from keras.src.losses.losses import Focal, Huber, focal, mean_squared_error\n"
        "ALL_OBJECTS = {\n    Huber,\n    mean_squared_error,\n}\n"
        'ALL_OBJECTS_DICT.update({\n    "mse": mean_squared_error,\n})\n'
    ),
    "keras/src/losses/losses.py": (
        '@keras_export(\n    ["keras.metrics.mean_squared_error", "keras.losses.mean_squared_error"]\n)\n'
        "def mean_squared_error(a, b): ...\n"
        "class Huber: ...\nclass Focal: ...\n@keras_export('keras.losses.focal')\ndef focal(a, b): ...\n"
    ),
    "keras/src/optimizers/__init__.py": (
        "from keras.src.optimizers.adam import Adam, Lamb\nALL_OBJECTS = {\n    Adam,\n}\n"
    ),
    "keras/src/optimizers/adam.py": "class Adam: ...\nclass Lamb: ...\n",
    "keras/src/dtype_policies/__init__.py": "from keras.src.dtype_policies.policy import DTypePolicy\n",
    "keras/src/dtype_policies/policy.py": "class DTypePolicy: ...\n",
    "keras/src/legacy/saving/serialization.py": "get_registered_object(\n    item, custom_objects, module_objects\n)\n",
    "keras/src/ops/numpy.py": "class Multiply: ...\n",
}


def api(files, version):
    class Files:
        def read(self, path):
            return files.get(path)

    return SourceKerasApi("keras", version, Files())


def ref(name, module=None, **fields):
    return ObjectRef(**{"class_name": name, "module": module, "has_module": module is not None, "parent": 0, **fields})


SCALE = "keras.src.applications.inception_resnet_v2.CustomScaleLayer"
COMPILED = {"section": Section.COMPILE}


@pytest.mark.parametrize(
    ("asked", "legacy", "path"),
    [
        (ref("Dense", "keras.layers"), False, "keras.src.layers.core.Dense"),
        (ref("TFOpLambda", "keras.src.layers.core"), False, "keras.src.layers.core.TFOpLambda"),
        (ref("Gone", "keras.layers"), False, None),
        (ref("Dense", "keras.engine"), False, None),
        (ref("Dense", "shop.layers"), False, None),
        # By class name alone; the second table wins over the first.
        (ref("Dense", role="layers"), True, "keras.src.layers.core_v2.Dense"),
        (ref("TFOpLambda", role="layers"), True, "keras.src.layers.core.TFOpLambda"),
        (ref("Sequential", role=""), True, "keras.src.engine.sequential.Sequential"),
        (ref("Gone", role="layers"), True, None),
        # Registered by Keras itself.
        (ref("Custom>CustomScaleLayer", role="layers"), True, SCALE),
        (
            ref("CustomScaleLayer", "keras.src.x", role="layers", registered_name="Custom>CustomScaleLayer"),
            False,
            SCALE,
        ),
        (ref("CustomScaleLayer", role="layers"), True, None),
        (ref("Policy", role="dtype"), True, "keras.src.mixed_precision.policy.Policy"),
        (ref("GlorotUniform", role="kernel_initializer"), True, "keras.src.initializers.GlorotUniform"),
        (ref("glorot_uniform", role="kernel_initializer"), True, "keras.src.initializers.GlorotUniform"),
        (ref("MeanMetricWrapper", role="metrics", **COMPILED), True, "keras.src.metrics.base.MeanMetricWrapper"),
        (ref("Adam", role="optimizer_config", **COMPILED), True, "keras.src.optimizers.adam.Adam"),
        (
            ref("Adam", role="optimizer_config", config={"learning_rate": 1}, **COMPILED),
            True,
            "keras.src.optimizers.legacy.adam.Adam",
        ),
        (
            ref("Custom>Adam", role="optimizer_config", config={"is_legacy_optimizer": False}, **COMPILED),
            True,
            "keras.src.optimizers.adam.Adam",
        ),
        (
            ref("Custom>Adam", role="optimizer_config", config={"learning_rate": 1}, **COMPILED),
            True,
            "keras.src.optimizers.adam.Adam",
        ),
        # Not registered by Keras itself, so somebody else has to have done it.
        (ref("Custom>Lion", role="optimizer_config", **COMPILED), True, None),
        # In none of the tables, but registered.
        (ref("Custom>AdamW", role="optimizer_config", **COMPILED), True, "keras.src.optimizers.adamw.AdamW"),
        (ref("Adam", role="callbacks", **COMPILED), True, None),
        # Inside of an optimizer.
        (ref("CosineDecay", role="learning_rate", **COMPILED), True, "keras.src.optimizers.schedules.CosineDecay"),
        (
            ref("CosineDecayRestarts", role="learning_rate", **COMPILED),
            True,
            "keras.optimizer_v2.learning_rate_schedule.CosineDecayRestarts",
        ),
        (ref("Lion", role="inner_optimizer", **COMPILED), True, "keras.src.optimizers.lion.Lion"),
        (ref("Gone", role="learning_rate", **COMPILED), True, None),
    ],
)
def test_keras_2(asked, legacy, path):
    found = api(KERAS_2, "2.15.0").find_class(asked, legacy_hdf5=legacy)
    assert (found.path if found else None) == path


@pytest.mark.parametrize(
    ("asked", "legacy", "path"),
    [
        (ref("Dense", role="layers"), True, "keras.src.layers.core.Dense"),
        (ref("Sequential", role=""), True, "keras.src.models.sequential.Sequential"),
        # What a layer holds needs a module.
        (ref("Dense", role="layer"), True, None),
        (ref("Dense", "keras.layers", role="layer"), True, "keras.src.layers.core.Dense"),
        # No table in this release: the module counts.
        (ref("DTypePolicy", "keras", role="dtype"), False, "keras.src.dtype_policies.policy.DTypePolicy"),
        (ref("Policy", "keras.mixed_precision", role="dtype"), False, None),
        # HDF5 names losses without a module, and what isn't in the table isn't found.
        (ref("Huber", role="loss", **COMPILED), True, "keras.src.losses.losses.Huber"),
        (ref("Focal", role="loss", **COMPILED), True, None),
        (ref("Focal", role="loss", config={"name": "mse"}, **COMPILED), True, "keras.src.losses.losses.Focal"),
        (ref("Custom>ADAM", role="optimizer_config", **COMPILED), True, "keras.src.optimizers.adam.Adam"),
        (ref("Lamb", role="optimizer_config", **COMPILED), True, None),
        (ref("CosineDecay", role="learning_rate", **COMPILED), True, None),
    ],
)
def test_keras_3(asked, legacy, path):
    found = api(KERAS_3, "3.0.5").find_class(asked, legacy_hdf5=legacy)
    assert (found.path if found else None) == path


@pytest.mark.parametrize(
    ("version", "asked", "reachable"),
    [
        ("3.0.5", ref("mse", "keras.losses", role="loss", has_module=False, **COMPILED), False),
        ("3.0.5", ref("mean_squared_error", "keras.losses", role="loss", has_module=False, **COMPILED), True),
        ("3.0.5", ref("mse", "keras.losses", role="loss", has_module=False), True),
        ("3.0.5", ref("mean_squared_error", "builtins"), True),
        ("3.0.5", ref("no_such_function", "builtins"), None),
        ("3.0.5", ref("focal", "keras.losses", role="loss", has_module=False, **COMPILED), False),
        # One of TensorFlow's functions under a name of Keras's.
        ("2.15.0", ref("leaky_relu", "keras.activations", role="activation"), True),
        ("2.15.0", ref("leaky_elu", "keras.activations", role="activation"), None),
        ("2.15.0", ref("mean_squared_error", "keras.losses", role="loss", has_module=False, **COMPILED), True),
    ],
)
def test_functions(version, asked, reachable):
    files = KERAS_3 if version.startswith("3") else KERAS_2
    found = api(files, version).find_function(asked, legacy_hdf5=True)
    assert (found.reachable if found else None) is reachable


def test_what_the_hdf5_loader_of_keras_3_does_to_words_and_operations():
    release = api(KERAS_3, "3.0.5")
    layer = ref("Dense", role="layers")
    assert release.replaces_string(layer, "dot")
    assert not release.replaces_string(layer, "Dense")
    assert not release.replaces_string(layer, "not a name")
    assert not release.replaces_string(ref("Dense", "keras.layers", role="layers"), "dot")
    adam = ref("Custom>Adam", role="optimizer_config", config={"jit_compile": True}, **COMPILED)
    assert release.keys_rewritten(adam) == {"jit_compile"}
    assert not api(KERAS_2, "2.15.0").keys_rewritten(adam)
    assert release.has_operation("Multiply")
    assert not release.has_operation("Dense")
    assert not release.loader.nested_endpoints


def test_a_package_without_anything():
    assert api({"keras/__init__.py": ""}, "2.15.0").find_class(ref("Dense", role="layers"), legacy_hdf5=True) is None
    optimizer = ref("Adam", role="optimizer_config", **COMPILED)
    assert api({"keras/__init__.py": ""}, "2.15.0").find_class(optimizer, legacy_hdf5=True) is None
