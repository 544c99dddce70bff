"""KG104: names that no model is built from."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.model import Kind, ObjectRef, Origin
from mlflow_kerasguard.rules.gadgets import why_unsafe
from tests.builders import Case, environment, function, model, ref

OS_SYSTEM = function("os.system", has_module=True)
BYTECODE = ref("__lambda__", kind=Kind.LAMBDA)

CASES = [
    Case(
        code="KG104", name="standard-library", model=model(OS_SYSTEM), fires=True, found="`os.system`, a part of Python"
    ),
    Case(code="KG104", name="trusted", model=model(OS_SYSTEM, trusted=frozenset({"os.system"})), fires=False),
    Case(
        code="KG104",
        name="packaged",
        model=model(ref("queue.Wait"), origin=Origin(packaged_modules=frozenset({"queue"}))),
        fires=False,
    ),
    Case(
        code="KG104",
        name="packaged-submodule",
        model=model(ref("test.layers.Wait"), origin=Origin(packaged_modules=frozenset({"test.layers"}))),
        fires=False,
    ),
    Case(
        code="KG104",
        name="provided",
        model=model(ref("queue.Wait"), origin=Origin(provided_objects=frozenset({"Wait"}))),
        fires=False,
    ),
    Case(
        code="KG104",
        name="registered",
        model=model(ref("queue.Wait", registered_name="shop>Wait")),
        environment=environment(registered_objects=frozenset({"shop>Wait"})),
        fires=False,
    ),
    Case(
        code="KG104",
        name="layers",
        model=model(ref(), function("keras.activations.relu", has_module=True)),
        fires=False,
    ),
]


@pytest.mark.parametrize(
    ("found", "unsafe"),
    [
        (ref("builtins.eval"), True),
        (function("builtins.exec", has_module=True), True),
        (function("builtins.relu", has_module=True), False),
        (function("builtins.my_loss", has_module=True), False),
        (ref("subprocess.Popen"), True),
        (ref("cloudpickle.loads"), True),
        (function("keras.utils.get_file", has_module=True), True),
        (function("keras.src.utils.file_utils.get_file", has_module=True), True),
        (function("tf_keras.src.utils.data_utils.get_file", has_module=True), True),
        (function("keras._tf_keras.keras.utils.get_file", has_module=True), True),
        (function("keras.config.enable_unsafe_deserialization", has_module=True), True),
        (function("keras.config.floatx", has_module=True), True),
        (function("keras.datasets.mnist.load_data", has_module=True), True),
        (function("keras.visualization.draw_bounding_boxes", has_module=True), True),
        (function("keras.models.load_model", has_module=True), True),
        (function("keras.src.backend.set_floatx", has_module=True), True),
        (function("keras.src.backend.relu", has_module=True), False),
        (function("keras.applications.vgg16.preprocess_input", has_module=True), False),
        (function("keras.applications.resnet.ResNet50", has_module=True), True),
        (function("keras.ops.relu", has_module=True), False),
        (function("keras.src.losses.losses.mean_squared_error", has_module=True), False),
        (function("keras.Input", has_module=True), False),
        (function("keras.activations.load_it", has_module=False), False),
        (ref("keras.utils.get_file"), True),
        (ref("keras.src.saving.saving_lib.zipfile"), True),
        (ref("keras.utils.FeatureSpace"), False),
        (ref("keras.src.models.functional.Functional"), False),
        (ref("keras.src.ops.numpy.GetItem"), False),
        (ref("keras.layers.Dense"), False),
        (ref("Dense"), False),
        (ref("shop.layers.load_weights"), False),
        (BYTECODE, False),
    ],
    ids=lambda value: value.path if isinstance(value, ObjectRef) else "",
)
def test_what_models_are_built_from(found, unsafe):
    assert bool(why_unsafe(found)) == unsafe
