"""KG2xx: classes and functions."""

from __future__ import annotations

from mlflow_kerasguard.keras_api import ClassApi, FunctionApi
from mlflow_kerasguard.model import Origin, Section
from tests.builders import CLASSES, Case, environment, function, model, ref, unknown_environment

NO_KERAS = environment(packages={"tensorflow": "2.21.0"})
GONE = ref("keras.layers.ThresholdedReLU")
MSE = function(
    "keras.losses.mse", where="compile_config.loss", role="loss", section=Section.COMPILE, parent=None, has_module=False
)
ALIASED = environment(
    functions={
        "keras.losses.mse": FunctionApi(
            path="keras.src.losses.losses.mean_squared_error",
            exported_as="keras.metrics.mean_squared_error",
            reachable=False,
        )
    }
)

MULTIPLY = environment(
    classes={
        "keras.layers.Multiply": "name dtype",
        "keras.layers.Pipeline": "name layers",
        "keras.Sequential": "name",
    },
    keras={"operations": frozenset({"Multiply"})},
)

UNKNOWN_LOSS = function(
    "keras.losses.logcosh2", role="loss", where="compile_config.loss", section=Section.COMPILE, has_module=False
)

CASES = [
    Case(
        code="KG209",
        name="kept-for-old-imports-only",
        model=model(ref("keras.layers.Old")),
        environment=environment(classes={**CLASSES, "keras.layers.Old": ClassApi(path="k.Old", rebuildable=False)}),
        fires=True,
        found="has no `from_config`",
    ),
    Case(
        code="KG209",
        name="keras-2-calls-the-class",
        model=model(ref("Old"), format="h5"),
        environment=environment(
            packages={"keras": "2.9.0", "tensorflow": "2.9.3"},
            classes={**CLASSES, "keras.constraints.Old": ClassApi(path="k.Old", rebuildable=False)},
        ),
        fires=False,
    ),
    Case(code="KG209", name="as-usual", model=model(ref("keras.layers.Dense")), fires=False),
    Case(code="KG209", name="no-keras", model=model(GONE), environment=NO_KERAS, fires=False),
    Case(code="KG201", name="gone", model=model(GONE), fires=True, where='layers["thresholdedrelu"]', found="3.15.1"),
    Case(code="KG201", name="there", model=model(ref("keras.layers.Dense")), fires=False),
    Case(code="KG201", name="no-keras-is-another-rule", model=model(GONE), environment=NO_KERAS, fires=False),
    Case(
        code="KG201",
        name="replaced-by-packaged-code",
        model=model(GONE, origin=Origin(provided_objects=frozenset({"ThresholdedReLU"}))),
        fires=False,
    ),
    Case(
        code="KG201",
        name="registered-in-this-process",
        model=model(GONE),
        environment=environment(registered_objects=frozenset({"ThresholdedReLU"})),
        fires=False,
    ),
    Case(code="KG201", name="custom-class-is-another-rule", model=model(ref("shop.layers.Scale")), fires=False),
    Case(
        code="KG201",
        name="unknown-keras",
        model=model(GONE),
        environment=unknown_environment(),
        fires=False,
        unknown="isn't known",
    ),
    Case(
        code="KG201",
        name="hdf5-without-modules",
        model=model(ref("Scale"), format="h5"),
        fires=True,
        found="no such class",
    ),
    Case(
        code="KG202",
        name="gone",
        model=model(function("keras.activations.glu2")),
        fires=True,
        found="none of that name",
    ),
    Case(code="KG202", name="there", model=model(function("keras.activations.relu")), fires=False),
    Case(code="KG202", name="a-class-by-name", model=model(function("keras.initializers.GlorotUniform")), fires=False),
    Case(
        code="KG202",
        name="strings-of-custom-classes-are-their-own",
        model=model(ref("shop.layers.Scale"), function("keras.activations.mine", parent=1)),
        fires=False,
    ),
    Case(code="KG202", name="word-that-waits-for-training", model=model(UNKNOWN_LOSS), fires=False),
    Case(code="KG202", name="word-in-hdf5", model=model(UNKNOWN_LOSS, format="h5"), fires=True),
    Case(code="KG202", name="no-keras", model=model(MSE), environment=NO_KERAS, fires=False),
    Case(code="KG203", name="alias", model=model(MSE, format="h5"), environment=ALIASED, fires=True, found="that name"),
    Case(code="KG203", name="zip-format", model=model(MSE), environment=ALIASED, fires=False),
    Case(
        code="KG204",
        name="operation",
        model=model(ref("Multiply", config={"name": "multiply"}), format="h5"),
        environment=MULTIPLY,
        fires=True,
        found="builds `keras.layers.Multiply`",
    ),
    Case(
        code="KG204",
        name="layer",
        model=model(ref("Multiply", config={"name": "multiply", "dtype": "float32"}), format="h5"),
        environment=MULTIPLY,
        fires=False,
    ),
    Case(
        code="KG204",
        name="layer-without-these-keys",
        model=model(ref("Pipeline", config={"name": "pipeline", "layers": []}), format="h5"),
        environment=MULTIPLY,
        fires=False,
    ),
    Case(
        code="KG204",
        name="zip",
        model=model(ref("keras.layers.Multiply", config={"name": "multiply"})),
        environment=MULTIPLY,
        fires=False,
    ),
    Case(
        code="KG203",
        name="canonical-name",
        model=model(function("keras.losses.mean_squared_error", section=Section.COMPILE), format="h5"),
        fires=False,
    ),
]


def test_the_fix_names_the_saving_release():
    from mlflow_kerasguard.engine import check_model

    report = check_model(model(GONE, keras_version="2.15.0"), environment())
    [finding] = [item for item in report.findings if item.code == "KG201"]
    assert finding.fix == "pip install 'keras==2.15.0'"
    [finding] = check_model(model(GONE, keras_version=None), environment()).errors
    assert finding.fix is None
