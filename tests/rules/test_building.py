"""KG340 to KG343: shapes and numbers that layers are built from."""

from __future__ import annotations

from mlflow_kerasguard.keras_api import LoaderFacts
from tests.builders import CLASSES, Case, environment, model, ref
from tests.rules.graph_models import functional, keras, layer, new

SHAPES = {"input_shape": [[None, 3], [None, 3]]}


def there(*, dot_wants_tuples=True):
    loader = LoaderFacts(dot_wants_tuples=dot_wants_tuples)
    return environment(keras={"loader": loader}, classes={**CLASSES, "keras.layers.Dot": "axes normalize"})


def dot(built=SHAPES, name="Dot"):
    return model(ref(f"keras.layers.{name}", build_config=built))


WIDE = keras(attention_wants_equal_widths=True)


def wide(width):
    config = {"shape": [None, 3, width], "dtype": "float32", "keras_history": ["x", 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def attention(*args, of="keras.layers.MultiHeadAttention", **kwargs):
    return functional(layer("y", new(*args, **kwargs), of=of))


SHEAR = environment(
    keras={"loader": LoaderFacts(shear_bounds="0,1")}, classes={**CLASSES, "keras.layers.RandomShear": ""}
)


def shear(x, y=(0.0, 0.1), name="RandomShear"):
    return model(ref(f"keras.layers.{name}", config={"x_factor": x, "y_factor": list(y)}))


def target(*, ignores=True, rewritten=()):
    facts = {"loader": LoaderFacts(input_ignores_old_shape=ignores), "rewritten": frozenset(rewritten)}
    return environment(keras=facts)


def source(path="keras.layers.InputLayer", **config):
    return model(ref(path, config={"name": "x", **config}))


OLD = source(batch_input_shape=[None, 3])

CASES = [
    Case(code="KG343", name="old-key", model=OLD, environment=target(), fires=True, found="`shape` and `batch_shape`"),
    Case(code="KG343", name="3.0.2", model=OLD, environment=target(ignores=False), fires=False),
    Case(code="KG343", name="new-key", model=source(batch_shape=[None, 3]), environment=target(), fires=False),
    Case(
        code="KG343",
        name="both",
        model=source(batch_shape=[None, 3], batch_input_shape=[None, 3]),
        environment=target(),
        fires=False,
    ),
    Case(
        code="KG343",
        name="renamed-by-the-loader",
        model=source("InputLayer", batch_input_shape=[None, 3]),
        environment=target(rewritten={"batch_input_shape"}),
        fires=False,
    ),
    Case(
        code="KG343",
        name="another-layer",
        model=source("keras.layers.Dense", batch_input_shape=[None, 3]),
        environment=target(),
        fires=False,
    ),
    Case(code="KG343", name="no-keras", model=OLD, environment=environment(packages={}), fires=False),
    Case(code="KG342", name="below", model=shear([-0.1, 0.1]), environment=SHEAR, fires=True, found="from 0 to 1"),
    Case(code="KG342", name="above", model=shear([0, 0.1], [0, 2]), environment=SHEAR, fires=True),
    Case(code="KG342", name="inside", model=shear([-0.0, 1.0]), environment=SHEAR, fires=False),
    Case(code="KG342", name="odd", model=shear("wide"), environment=SHEAR, fires=False),
    Case(code="KG342", name="another-layer", model=shear([-1, 1], name="Dense"), environment=SHEAR, fires=False),
    Case(code="KG342", name="not-checked", model=shear([-1, 1]), environment=keras(), fires=False),
    Case(code="KG342", name="no-keras", model=shear([-1, 1]), environment=environment(packages={}), fires=False),
    Case(
        code="KG341",
        name="cross-attention",
        model=attention(wide(4), wide(2)),
        environment=WIDE,
        fires=True,
        where='layers["y"]',
        found="as many as there are in its queries",
    ),
    Case(code="KG341", name="by-name", model=attention(wide(4), value=wide(2)), environment=WIDE, fires=True),
    Case(code="KG341", name="self-attention", model=attention(wide(4), wide(4)), environment=WIDE, fires=False),
    Case(code="KG341", name="unknown-width", model=attention(wide(4), wide(None)), environment=WIDE, fires=False),
    Case(code="KG341", name="later", model=attention(wide(4), wide(2)), environment=keras(), fires=False),
    Case(
        code="KG341",
        name="another-layer",
        model=attention(wide(4), wide(2), of="keras.layers.Attention"),
        environment=WIDE,
        fires=False,
    ),
    Case(code="KG340", name="dot", model=dot(), environment=there(), fires=True, found="a list of tuples only"),
    Case(code="KG340", name="later", model=dot(), environment=there(dot_wants_tuples=False), fires=False),
    Case(code="KG340", name="not-built", model=dot(None), environment=there(), fires=False),
    Case(code="KG340", name="another-layer", model=dot(name="Dense"), environment=there(), fires=False),
    Case(code="KG340", name="no-keras", model=dot(), environment=environment(packages={}), fires=False),
]
