"""KG310 to KG318: what the layers of a graph are given, and what they give back."""

from __future__ import annotations

from mlflow_kerasguard.keras_api import ClassApi
from tests.builders import Case, environment, model, ref
from tests.rules.graph_models import functional, keras, layer, nested, new, old, tensor

NO_KERAS = environment(packages={})
NEW = keras()
LISTS = keras(single_outputs_unwrapped=False)
PLAIN = functional(layer("y", new("x")))
OPERATION = ClassApi(path="keras.src.ops.numpy.OnesLike", call=("x",))
WITH_OPERATION = {"keras.src.ops.numpy.OnesLike": OPERATION}
SLICE = {"class_name": "__slice__", "config": {"start": None, "stop": 2, "step": None}}


def ones_like(*args, **kwargs):
    return functional(layer("y", new(*args, **kwargs), of="keras.src.ops.numpy.OnesLike"))


def sliced(key, *, by_name=False):
    node = new("x", key=key) if by_name else new("x", key)
    return functional(layer("y", node, of="keras.src.ops.numpy.GetItem"))


def sequential(*layers):
    return model(ref("keras.Sequential", where="model", role="", parent=None, config={"layers": list(layers)}))


SEQUENTIAL = {"class_name": "Sequential", "config": {"layers": []}}

HIDES = keras(attention_hides_scores=True)


def attention(of="keras.layers.Attention", outputs=(0, 1)):
    return functional(layer("y", new("x"), of=of), outputs=[["y", 0, number] for number in outputs])


CASES = [
    Case(
        code="KG316",
        name="scores-are-returned",
        model=attention(),
        environment=HIDES,
        fires=True,
        where='layers["y"]',
        found="returns one tensor",
    ),
    Case(
        code="KG316",
        name="scores-are-used",
        model=functional(
            layer("scores", new("x"), of="keras.layers.Attention"),
            layer("y", new(tensor("scores", 0, 1))),
        ),
        environment=HIDES,
        fires=True,
        where='layers["scores"]',
    ),
    Case(code="KG316", name="not-used", model=attention(outputs=(0,)), environment=HIDES, fires=False),
    Case(code="KG316", name="3.8", model=attention(), environment=NEW, fires=False),
    Case(
        code="KG316",
        name="another-layer",
        model=attention(of="keras.layers.MultiHeadAttention"),
        environment=HIDES,
        fires=False,
    ),
    Case(
        code="KG317",
        name="variadic-function",
        model=functional(layer("y", ["_CONSTANT_VALUE", -1, "bij,bkj->bik", {}], of="TFOpLambda")),
        fires=True,
        where='layers["y"]',
        found="none",
    ),
    Case(code="KG317", name="with-a-tensor", model=functional(layer("y", old("x"), of="TFOpLambda")), fires=False),
    Case(code="KG317", name="by-name", model=functional(layer("y", old("x", b=["x", 0, 0]))), fires=False),
    Case(
        code="KG318",
        name="sequential",
        model=model(ref("keras.layers.TimeDistributed", config={"layer": SEQUENTIAL})),
        environment=keras(sequential_shape_unknown=True),
        fires=True,
        found="no `compute_output_shape`",
    ),
    Case(
        code="KG318",
        name="functional",
        model=model(ref("keras.layers.TimeDistributed", config={"layer": {**SEQUENTIAL, "class_name": "Functional"}})),
        environment=keras(sequential_shape_unknown=True),
        fires=False,
    ),
    Case(
        code="KG318",
        name="3.4",
        model=model(ref("keras.layers.TimeDistributed", config={"layer": SEQUENTIAL})),
        environment=NEW,
        fires=False,
    ),
    Case(
        code="KG318",
        name="no-keras",
        model=model(ref("keras.layers.TimeDistributed", config={"layer": SEQUENTIAL})),
        environment=NO_KERAS,
        fires=False,
    ),
    Case(code="KG317", name="no-calls", model=functional(layer("y", of="Dense")), fires=False),
    Case(
        code="KG310",
        name="ellipsis",
        model=sliced([{"class_name": "__ellipsis__", "config": {}}, 0]),
        environment=keras(value_kinds=frozenset({"__keras_tensor__", "__slice__"})),
        fires=True,
        found="no value of that name",
    ),
    Case(
        code="KG310",
        name="known",
        model=sliced([SLICE, 0]),
        environment=keras(value_kinds=frozenset({"__keras_tensor__", "__slice__"})),
        fires=False,
    ),
    Case(code="KG310", name="kinds-not-known", model=sliced([SLICE, 0]), environment=NEW, fires=False),
    Case(
        code="KG311",
        name="list",
        model=sliced([SLICE, 0]),
        environment=keras(slices_by_list=False),
        fires=True,
        where='layers["y"]',
    ),
    Case(
        code="KG311",
        name="by-name",
        model=sliced([SLICE, 0], by_name=True),
        environment=keras(slices_by_list=False),
        fires=True,
    ),
    Case(code="KG311", name="number", model=sliced(0), environment=keras(slices_by_list=False), fires=False),
    Case(code="KG311", name="newer", model=sliced([SLICE, 0]), environment=NEW, fires=False),
    Case(
        code="KG312",
        name="returns-its-input",
        model=model(ref("keras.layers.Equalization")),
        environment=keras({"keras.layers.Equalization": ClassApi(path="x.Equalization", hands_input_back=True)}),
        fires=True,
        found="`Equalization`",
    ),
    Case(
        code="KG312",
        name="not-a-layer-of-the-model",
        model=model(ref("keras.layers.Equalization", role="layer")),
        environment=keras({"keras.layers.Equalization": ClassApi(path="x.Equalization", hands_input_back=True)}),
        fires=False,
    ),
    Case(code="KG312", name="other", model=model(ref()), environment=NEW, fires=False),
    Case(code="KG312", name="no-keras", model=model(ref()), environment=NO_KERAS, fires=False),
    Case(
        code="KG313",
        name="wrapper",
        model=model(ref("keras.layers.Wrapper")),
        environment=keras({"keras.layers.Wrapper": "layer"}, uncallable=frozenset({"Wrapper"})),
        fires=True,
        found="`Wrapper`",
    ),
    Case(
        code="KG313",
        name="another-class",
        model=model(ref()),
        environment=keras(uncallable=frozenset({"Wrapper"})),
        fires=False,
    ),
    Case(code="KG313", name="no-keras", model=model(ref()), environment=NO_KERAS, fires=False),
    Case(
        code="KG314",
        name="model-before-a-layer",
        model=sequential(nested(), layer("d")),
        environment=LISTS,
        fires=True,
        where="model",
        found="`Dense` doesn't take",
    ),
    Case(
        code="KG314",
        name="time-distributed",
        model=model(ref("keras.layers.TimeDistributed", config={"layer": nested()})),
        environment=keras({"keras.layers.TimeDistributed": "layer"}, single_outputs_unwrapped=False),
        fires=True,
        found="`TimeDistributed` doesn't take",
    ),
    Case(
        code="KG314",
        name="time-distributed-layer",
        model=model(ref("keras.layers.TimeDistributed", config={"layer": layer("d")})),
        environment=keras({"keras.layers.TimeDistributed": "layer"}, single_outputs_unwrapped=False),
        fires=False,
    ),
    Case(code="KG314", name="model-at-the-end", model=sequential(layer("d"), nested()), environment=LISTS, fires=False),
    Case(
        code="KG314", name="model-before-a-model", model=sequential(nested(), nested()), environment=LISTS, fires=False
    ),
    Case(code="KG314", name="unwrapped", model=sequential(nested(), layer("d")), environment=NEW, fires=False),
    Case(code="KG314", name="not-sequential", model=PLAIN, environment=LISTS, fires=False),
    Case(code="KG314", name="odd-layers", model=sequential(3), environment=LISTS, fires=False),
    Case(
        code="KG314",
        name="layers-that-are-no-list",
        model=model(ref("keras.Sequential", config={"layers": 3})),
        environment=LISTS,
        fires=False,
    ),
    Case(code="KG314", name="no-keras", model=PLAIN, environment=NO_KERAS, fires=False),
    Case(
        code="KG315",
        name="by-name",
        model=ones_like("x", dtype=None),
        environment=keras(WITH_OPERATION),
        fires=True,
        where='layers["y"]',
        found="takes `x`",
    ),
    Case(
        code="KG315",
        name="too-many",
        model=ones_like("x", 3),
        environment=keras({"keras.src.ops.numpy.OnesLike": ClassApi(path="keras.src.ops.numpy.OnesLike", call=())}),
        fires=True,
        found="takes nothing",
    ),
    Case(code="KG315", name="taken", model=ones_like("x"), environment=keras(WITH_OPERATION), fires=False),
    Case(
        code="KG315",
        name="takes-anything",
        model=ones_like("x", 3, dtype=None),
        environment=keras(
            {"keras.src.ops.numpy.OnesLike": ClassApi(path="keras.src.ops.numpy.OnesLike", call=("*", "**"))}
        ),
        fires=False,
    ),
    Case(code="KG315", name="unknown-call", model=PLAIN, environment=NEW, fires=False),
    Case(
        code="KG315",
        name="layer",
        model=functional(layer("y", new("x", use_causal_mask=True))),
        environment=keras({"keras.layers.Dense": ClassApi(path="keras.layers.Dense", call=("query", "training"))}),
        fires=True,
        found="takes `query`, `training`",
    ),
    Case(
        code="KG315",
        name="layer-of-keras-2",
        model=functional(layer("y", old("x", use_causal_mask=True))),
        environment=keras({"keras.layers.Dense": ClassApi(path="keras.layers.Dense", call=("query",))}),
        fires=True,
    ),
    Case(
        code="KG315",
        name="layer-sorts-its-arguments",
        model=functional(layer("y", new("x", "x", training=True, mask=None))),
        environment=keras({"keras.layers.Dense": ClassApi(path="keras.layers.Dense", call=("query",))}),
        fires=False,
    ),
    Case(
        code="KG204",
        name="called-with-more",
        model=functional(layer("y", new("x", weights=[1]), of="Concatenate", axis=-1), format="h5"),
        environment=environment(
            classes={"keras.layers.Concatenate": "axis name"}, keras={"operations": frozenset({"Concatenate"})}
        ),
        fires=True,
        where='layers["y"]',
    ),
    Case(
        code="KG204",
        name="called-like-the-layer",
        model=functional(layer("y", new([tensor("x"), tensor("x")]), of="Concatenate", axis=-1), format="h5"),
        environment=environment(
            classes={"keras.layers.Concatenate": "axis name"}, keras={"operations": frozenset({"Concatenate"})}
        ),
        fires=False,
    ),
]
