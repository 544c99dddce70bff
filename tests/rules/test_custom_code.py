"""KG5xx: custom objects."""

from __future__ import annotations

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.model import Kind, ObjectRef, Origin
from tests.builders import Case, environment, function, model, ref

SCALE = ref("shop.layers.Scale", registered_name="Shop>Scale")
MAIN = ObjectRef(
    class_name="Scale", registered_name="Scale", has_module=True, role="layers", where='layers["scale"]', parent=0
)
HUB = ref("keras_hub.layers.TokenEmbedding", registered_name="keras_hub>TokenEmbedding")
IMPORTED = Origin(imported_objects={"Shop>Scale": "shop.layers:Scale"})
NO_KERAS = environment(packages={})

CASES = [
    Case(
        code="KG501",
        name="main",
        model=model(MAIN),
        fires=True,
        where='layers["scale"]',
        found="doesn't come with the model",
    ),
    Case(
        code="KG501",
        name="installed-but-not-registered",
        model=model(SCALE),
        environment=environment(modules={"shop"}),
        fires=True,
    ),
    Case(
        code="KG501",
        name="packaged",
        model=model(SCALE, origin=Origin(provided_objects=frozenset({"Shop>Scale"}))),
        fires=False,
    ),
    Case(
        code="KG501",
        name="registered",
        model=model(MAIN),
        environment=environment(registered_objects=frozenset({"Scale"})),
        fires=False,
    ),
    Case(
        code="KG501",
        name="imported-by-an-older-loader",
        model=model(SCALE),
        environment=environment(modules={"shop"}, keras={"imported": frozenset({"shop"})}),
        fires=False,
    ),
    Case(
        code="KG501",
        name="function",
        model=model(function("shop.swoosh", registered_name="Shop>swoosh")),
        fires=True,
        found="isn't part of Keras",
    ),
    Case(code="KG501", name="own", model=model(ref()), fires=False),
    Case(code="KG501", name="no-keras", model=model(MAIN), environment=NO_KERAS, fires=False),
    Case(
        code="KG501",
        name="modules-unknown",
        model=model(ref("shop.Scale")),
        environment=environment(keras={"imported": frozenset({"shop"})}, has_module=Environment(source="x").has_module),
        fires=False,
        unknown="whether a module `shop` can be imported isn't known",
    ),
    Case(
        code="KG501",
        name="imported-by-the-guard",
        model=model(SCALE, origin=IMPORTED),
        environment=environment(modules={"shop"}),
        fires=False,
    ),
    Case(
        code="KG502",
        name="what-the-guard-imports-is-gone",
        model=model(SCALE, origin=IMPORTED),
        fires=True,
        found="no module `shop`",
    ),
    Case(code="KG502", name="not-installed", model=model(HUB), fires=True, found="no module `keras_hub`"),
    Case(code="KG502", name="installed", model=model(HUB), environment=environment(modules={"keras_hub"}), fires=False),
    Case(code="KG502", name="no-keras", model=model(HUB), environment=NO_KERAS, fires=False),
    Case(
        code="KG501",
        name="lambda-is-another-rule",
        model=model(ObjectRef(kind=Kind.LAMBDA, class_name="__lambda__", parent=0)),
        fires=False,
    ),
]
