"""KG3xx: configuration keys and values."""

from __future__ import annotations

from dataclasses import replace

from mlflow_kerasguard.keras_api import ClassApi
from mlflow_kerasguard.model import Kind, ObjectRef
from tests.builders import Case, environment, model, ref

NO_KERAS = environment(packages={})
DENSE = ClassApi(
    path="keras.src.layers.core.dense.Dense",
    parameters=frozenset({"units", "name"}),
    required=frozenset({"units"}),
    dropped=frozenset({"legacy"}),
)
HAS_DENSE = environment(classes={"keras.layers.Dense": DENSE, "keras.Sequential": "name"})
OPAQUE = environment(
    classes={"keras.layers.Dense": ClassApi(path="x.Dense", unknown="its base `y` isn't part of Keras")}
)
QUANTIZED = ref("keras.layers.Dense", config={"units": 3, "quantization_config": None})
LAMBDA = ObjectRef(
    kind=Kind.LAMBDA, class_name="__lambda__", where='layers["lambda"].function', role="function", parent=1
)
WITH_LAMBDA = model(ref("keras.layers.Lambda"), LAMBDA)


REPLACING = environment(keras={"replaced": frozenset({"dot"})})

CASES = [
    Case(
        code="KG301",
        name="new-key",
        model=model(QUANTIZED),
        environment=HAS_DENSE,
        fires=True,
        found="`quantization_config`",
    ),
    Case(
        code="KG301",
        name="class-with-another-name-inside",
        model=model(ref("keras.layers.Alias", config={"seed": 1})),
        environment=environment(classes={"keras.layers.Alias": ClassApi(path="keras.src.layers.real.RealName")}),
        fires=True,
        found="`RealName`",
    ),
    Case(
        code="KG301",
        name="class-is-gone",
        model=model(ref("keras.layers.Gone", config={"units": 3})),
        environment=HAS_DENSE,
        fires=False,
    ),
    Case(
        code="KG301",
        name="known-and-dropped-keys",
        model=model(ref(config={"units": 3, "legacy": 1})),
        environment=HAS_DENSE,
        fires=False,
    ),
    Case(
        code="KG301",
        name="rewritten-by-the-hdf5-loader",
        model=model(ref("Dense", config={"units": 3, "batch_input_shape": [None, 3]}), format="h5"),
        environment=environment(
            classes={"keras.layers.Dense": DENSE, "keras.Sequential": "name"},
            keras={"rewritten": frozenset({"batch_input_shape"})},
        ),
        fires=False,
    ),
    Case(code="KG301", name="custom-class", model=model(ref("shop.Scale", config={"x": 1})), fires=False),
    Case(code="KG301", name="no-keras", model=model(QUANTIZED), environment=NO_KERAS, fires=False),
    Case(
        code="KG301",
        name="constructor-cant-be-read",
        model=model(QUANTIZED),
        environment=OPAQUE,
        fires=False,
        unknown="its base `y` isn't part of Keras",
    ),
    Case(
        code="KG302",
        name="missing",
        model=model(ref(config={})),
        environment=HAS_DENSE,
        fires=True,
        found="without `units`",
    ),
    Case(code="KG302", name="given", model=model(ref(config={"units": 3})), environment=HAS_DENSE, fires=False),
    Case(code="KG302", name="class-is-gone", model=model(ref("keras.layers.Gone")), environment=HAS_DENSE, fires=False),
    Case(code="KG302", name="no-keras", model=model(ref(config={})), environment=NO_KERAS, fires=False),
    Case(code="KG303", name="refused", model=WITH_LAMBDA, fires=True, found="refuses lambdas"),
    Case(code="KG303", name="of-a-layer", model=WITH_LAMBDA, fires=True, found="the one in `Lambda`"),
    Case(code="KG303", name="of-no-layer", model=model(replace(LAMBDA, parent=None)), fires=True, found="lambdas"),
    Case(
        code="KG303",
        name="no-safe-mode",
        model=WITH_LAMBDA,
        environment=environment(keras={"refuses": False}),
        fires=False,
    ),
    Case(
        code="KG303",
        name="trusted",
        model=model(ref("keras.layers.Lambda"), LAMBDA, trusted=frozenset({"keras.layers.Lambda"})),
        fires=False,
    ),
    Case(
        code="KG305",
        name="word-that-is-a-function",
        model=model(ref("Dense", config={"mode": "dot", "name": "dot"}), format="h5"),
        environment=REPLACING,
        fires=True,
        found="`keras.layers.dot`",
    ),
    Case(
        code="KG305",
        name="names-and-other-words",
        model=model(ref("Dense", config={"mode": "concat", "name": "dot", "units": 3}), format="h5"),
        environment=REPLACING,
        fires=False,
    ),
    Case(code="KG305", name="zip", model=model(ref(config={"mode": "dot"})), environment=REPLACING, fires=False),
    Case(
        code="KG331",
        name="unmarked",
        model=model(ref(config={"activation": {"value": ["4wEA", None, None]}})),
        fires=True,
        where='layers["dense"].activation',
        found="bytecode without `__lambda__`",
    ),
    Case(
        code="KG331",
        name="a-function-and-another-key",
        model=model(ref(config={"activation": {"class_name": "function", "config": "f"}, "mode": {"value": 1}})),
        fires=False,
    ),
    Case(
        code="KG331",
        name="no-keras",
        model=model(ref(config={"activation": {"value": []}})),
        environment=environment(packages={}),
        fires=False,
    ),
]


def test_long_values_are_shortened_in_messages():
    from mlflow_kerasguard.engine import check_model

    long = ref(config={"units": 3, "vocabulary": ["word"] * 100})
    [finding] = [item for item in check_model(model(long), HAS_DENSE).errors if item.code == "KG301"]
    assert "…" in finding.expected
    assert len(finding.expected) < 100
