"""KG304 and KG306 to KG309: graphs that a Keras can't rebuild; KG702 and KG703: that it rebuilds otherwise."""

from __future__ import annotations

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.keras_api import LoaderFacts
from tests.builders import Case, environment, model, ref, unknown_environment
from tests.rules.graph_models import OLD_INNER, config, functional, keras, layer, nested, new, old, tensor

NO_KERAS = environment(packages={})
NEW = keras()
EARLY = keras(late_calls_refused=True, stuck_calls_hang=True, nested_outputs_shifted=False, nested_endpoints=False)
HANGING = keras(stuck_calls_hang=True)
KERAS_2 = environment(keras={"loader": LoaderFacts(calls_by_argument=False)})
PLAIN = functional(layer("y", new("x")))

# A(B(A(x))): the second call of A needs B, whose call needs the first of A.
INTERLEAVED = functional(layer("y", new("x"), new("b")), layer("b", new("y")), outputs=(("y", 1),))
LATE = functional(layer("y", new("b")), layer("b", new("x")))
FROM_KERAS_2 = functional(nested(old("x"), inner=OLD_INNER), layer("y", old(("m", 1))), keras_version="2.15.0")
SHARED = layer("s", new("x"), new("x"))


def of_3_2(*layers, **fields):
    return functional(*layers, keras_version="3.2.1", **fields)


CASES = [
    Case(
        code="KG304",
        name="single-endpoint",
        model=functional(layer("y", new("x")), outputs=["y", 0, 0]),
        environment=EARLY,
        fires=True,
        where="model.output_layers",
    ),
    Case(
        code="KG304",
        name="nested",
        model=functional(layer("y", new("x")), outputs={"a": [["y", 0, 0]]}),
        environment=EARLY,
        fires=True,
        where="model.output_layers",
    ),
    Case(code="KG304", name="flat", model=PLAIN, environment=EARLY, fires=False),
    Case(
        code="KG304",
        name="newer",
        model=functional(layer("y", new("x")), outputs=["y", 0, 0]),
        environment=NEW,
        fires=False,
    ),
    Case(
        code="KG306",
        name="arguments-in-keras-2",
        model=PLAIN,
        environment=KERAS_2,
        fires=True,
        where='layers["y"]',
        found="`args` and `kwargs`",
    ),
    Case(code="KG306", name="lists-in-keras-2", model=FROM_KERAS_2, environment=KERAS_2, fires=False),
    Case(code="KG306", name="arguments-in-keras-3", model=PLAIN, environment=NEW, fires=False),
    Case(
        code="KG306",
        name="constant",
        model=functional(layer("y", [["x", 0, 0, {}], ["_CONSTANT_VALUE", -1, 1.0, {}]])),
        environment=NEW,
        fires=True,
        found="constant",
    ),
    Case(
        code="KG306",
        name="dict",
        model=functional(layer("y", {"a": ["x", 0, 0, {}]}, old("x"))),
        environment=NEW,
        fires=True,
        found="a dict or nested",
    ),
    Case(
        code="KG306",
        name="tensor-by-name",
        model=functional(layer("y", old("x", mask=["x", 0, 0]))),
        environment=NEW,
        fires=True,
        found="`mask`",
    ),
    Case(code="KG306", name="lists", model=FROM_KERAS_2, environment=NEW, fires=False),
    Case(
        code="KG307",
        name="nested-model-of-keras-2",
        model=FROM_KERAS_2,
        environment=HANGING,
        fires=True,
        where='layers["y"]',
        found="never finishes",
    ),
    Case(code="KG307", name="newer", model=FROM_KERAS_2, environment=NEW, fires=True, found="gives up"),
    Case(code="KG307", name="in-keras-2", model=FROM_KERAS_2, environment=KERAS_2, fires=False),
    Case(code="KG307", name="no-keras", model=FROM_KERAS_2, environment=NO_KERAS, fires=False),
    Case(
        code="KG307",
        name="unknown",
        model=FROM_KERAS_2,
        environment=unknown_environment(),
        fires=False,
        unknown="",
    ),
    Case(
        code="KG307",
        name="in-a-circle",
        model=functional(layer("y", new("b")), layer("b", new("y"))),
        environment=NEW,
        fires=True,
    ),
    Case(
        code="KG307",
        name="output-that-isn't-made",
        model=functional(layer("y", new("x")), outputs=(("y", 1),)),
        environment=keras(),
        fires=True,
        where="model.output_layers",
        found="and fails",
    ),
    Case(
        code="KG307",
        name="nested-output-before-3.3",
        model=functional(nested(new("x")), outputs=(("m", 1),)),
        environment=EARLY,
        fires=True,
        where="model.output_layers",
    ),
    Case(
        code="KG307",
        name="nested-output",
        model=functional(nested(new("x")), outputs=(("m", 1),)),
        environment=NEW,
        fires=False,
    ),
    Case(code="KG307", name="comes-back", model=LATE, environment=NEW, fires=False),
    Case(code="KG307", name="interleaved", model=INTERLEAVED, environment=NEW, fires=False),
    Case(
        code="KG307",
        name="custom-model",
        model=model(ref("shop.Net", config=config(layer("y", new("b")), layer("b", new("y"))))),
        environment=NEW,
        fires=False,
    ),
    Case(
        code="KG308",
        name="input",
        model=functional(layer("y", new("gone")), layer("z", new("y"))),
        environment=NEW,
        fires=True,
        where='layers["y"]',
    ),
    Case(
        code="KG308",
        name="output",
        model=functional(layer("y", new("x")), outputs=(("gone", 0),)),
        environment=NEW,
        fires=True,
        where="model.output_layers",
    ),
    Case(code="KG308", name="all-there", model=INTERLEAVED, environment=NEW, fires=False),
    Case(code="KG309", name="late", model=LATE, environment=EARLY, fires=True, where='layers["y"]'),
    Case(code="KG309", name="interleaved", model=INTERLEAVED, environment=EARLY, fires=True, where='layers["y"]'),
    Case(code="KG309", name="in-order", model=PLAIN, environment=EARLY, fires=False),
    Case(code="KG309", name="newer", model=LATE, environment=NEW, fires=False),
    Case(
        code="KG309",
        name="lists-are-put-off",
        model=functional(layer("y", old("b")), layer("b", old("x"))),
        environment=EARLY,
        fires=False,
    ),
    Case(
        code="KG702",
        name="second-call-unused",
        model=of_3_2(SHARED, layer("y", new([tensor("s"), tensor("s")]))),
        environment=NEW,
        fires=True,
        where='layers["s"]',
    ),
    Case(
        code="KG702",
        name="both-used",
        model=of_3_2(SHARED, layer("y", new([tensor("s"), tensor("s", 1)]))),
        environment=NEW,
        fires=False,
    ),
    Case(
        code="KG702",
        name="one-of-them-returned",
        model=of_3_2(SHARED, layer("y", new("s")), outputs=(("y", 0), ("s", 1))),
        environment=NEW,
        fires=False,
    ),
    Case(
        code="KG702",
        name="both-returned",
        model=of_3_2(SHARED, layer("y", new("s")), outputs=(("y", 0), ("s", 0), ("s", 1))),
        environment=NEW,
        fires=False,
        unknown="which call of `s` is meant",
    ),
    Case(
        code="KG702",
        name="other-saver",
        model=functional(SHARED, layer("y", new("s")), outputs=(("y", 0), ("s", 0), ("s", 1))),
        environment=NEW,
        fires=False,
    ),
    Case(
        code="KG702",
        name="nested-model-returned",
        model=of_3_2(nested(new("x"), new("x")), layer("y", new("m")), outputs=(("y", 0), ("m", 2))),
        environment=NEW,
        fires=False,
    ),
    Case(
        code="KG702",
        name="lists",
        model=functional(layer("s", old("x"), old("x")), layer("y", old("s"))),
        environment=NEW,
        fires=False,
    ),
    Case(
        code="KG703",
        name="nested-model-of-keras-2",
        model=functional(
            nested(old("x"), old("x"), inner=OLD_INNER), layer("y", old(("m", 1))), outputs=(("y", 0), ("m", 2))
        ),
        environment=NEW,
        fires=True,
        where='layers["y"]',
        found="another call",
    ),
    Case(code="KG703", name="one-that-fails", model=FROM_KERAS_2, environment=NEW, fires=False),
    Case(code="KG703", name="in-keras-2", model=FROM_KERAS_2, environment=KERAS_2, fires=False),
    Case(
        code="KG703",
        name="nested-model-of-keras-3",
        model=functional(nested(new("x"), new("x")), layer("y", new("m")), outputs=(("y", 0), ("m", 2))),
        environment=NEW,
        fires=False,
    ),
    Case(
        code="KG703",
        name="before-3.3",
        model=functional(nested(new("x"), new("x")), layer("y", new("m")), outputs=(("y", 0), ("m", 1))),
        environment=EARLY,
        fires=True,
        where="model.output_layers",
    ),
]


def test_where_only_the_code_helps():
    at_home = functional(layer("y", new("b")), layer("b", new(("x", 1))))
    [finding] = [item for item in check_model(at_home, NEW).errors if item.code == "KG307"]
    assert "from its code" in str(finding.fix)
