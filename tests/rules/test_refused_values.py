"""KG325 to KG328: names, modes, inner layers and means that the target refuses."""

from __future__ import annotations

from mlflow_kerasguard.keras_api import ClassApi, LoaderFacts
from tests.builders import Case, environment, model, ref

CLASSES = {
    f"keras.layers.{name}": "name output_mode layers mean variance axis"
    for name in ("Hashing", "StringLookup", "Pipeline", "Normalization")
}


def target(**facts):
    return environment(classes=CLASSES, keras={"loader": LoaderFacts(**facts)})


def layer(class_name, **config):
    return model(ref(f"keras.layers.{class_name}", config={"name": "x", **config}))


SLASHED = ClassApi(path="keras.src.Dense", bases=("keras.src.ops.operation.Operation",), accepts_any=True)


def no_slashes(**facts):
    classes = {**CLASSES, "keras.Sequential": "name", "keras.layers.Dense": SLASHED}
    return environment(classes=classes, keras={"loader": LoaderFacts(**facts)})


def normalization(shape, mean, axis):
    config = {"name": "x", "mean": mean, "variance": mean, "axis": axis}
    return model(ref("keras.layers.Normalization", config=config, build_config={"input_shape": shape}))


RESHAPES = target(normalization_reshapes=True)

CASES = [
    Case(
        code="KG328",
        name="one-mean-for-three",
        model=normalization([None, 3], 1.0, -1),
        environment=RESHAPES,
        fires=True,
        found="one for each feature only",
    ),
    Case(
        code="KG328",
        name="listed-axis",
        model=normalization([None, 3], [[1.0]], [-1]),
        environment=RESHAPES,
        fires=True,
    ),
    Case(code="KG328", name="later", model=normalization([None, 3], 1.0, -1), environment=target(), fires=False),
    Case(code="KG328", name="one-feature", model=normalization([None, 1], 1.0, -1), environment=RESHAPES, fires=False),
    Case(code="KG328", name="no-axis", model=normalization([None, 3], 1.0, None), environment=RESHAPES, fires=False),
    Case(
        code="KG328",
        name="each-its-own",
        model=normalization([None, 3], [1.0, 2.0, 3.0], -1),
        environment=RESHAPES,
        fires=False,
    ),
    Case(code="KG328", name="unknown-shape", model=normalization(None, 1.0, -1), environment=RESHAPES, fires=False),
    Case(
        code="KG327",
        name="first-releases",
        model=layer("Pipeline", layers=[{"class_name": "Dense"}]),
        environment=target(pipeline_keeps_dicts=True),
        fires=True,
        found="keeps their configurations",
    ),
    Case(code="KG327", name="later", model=layer("Pipeline", layers=[{}]), environment=target(), fires=False),
    Case(
        code="KG327",
        name="empty",
        model=layer("Pipeline", layers=[]),
        environment=target(pipeline_keeps_dicts=True),
        fires=False,
    ),
    Case(
        code="KG326",
        name="before-2.6",
        model=layer("StringLookup", output_mode="multi_hot"),
        environment=target(modes_before_multi_hot=True),
        fires=True,
        found="doesn't know this mode",
    ),
    Case(
        code="KG326",
        name="2.6",
        model=layer("StringLookup", output_mode="multi_hot"),
        environment=target(),
        fires=False,
    ),
    Case(
        code="KG326",
        name="an-old-mode",
        model=layer("StringLookup", output_mode="count"),
        environment=target(modes_before_multi_hot=True),
        fires=False,
    ),
    Case(
        code="KG325",
        name="name-with-slash",
        model=layer("Dense", name="block/dense"),
        environment=no_slashes(slashes_refused=True),
        fires=True,
        found="takes no name with a `/`",
    ),
    Case(
        code="KG325",
        name="keras-2-takes-it",
        model=layer("Dense", name="block/dense"),
        environment=no_slashes(),
        fires=False,
    ),
    Case(
        code="KG325",
        name="not-an-operation",
        model=layer("Hashing", name="block/dense"),
        environment=no_slashes(slashes_refused=True),
        fires=False,
    ),
    Case(
        code="KG325", name="plain-name", model=layer("Dense"), environment=no_slashes(slashes_refused=True), fires=False
    ),
]
