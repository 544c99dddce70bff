"""KG340: shapes that layers are built from."""

from __future__ import annotations

from mlflow_kerasguard.keras_api import LoaderFacts
from tests.builders import CLASSES, Case, environment, model, ref

SHAPES = {"input_shape": [[None, 3], [None, 3]]}


def there(*, dot_wants_tuples=True):
    loader = LoaderFacts(dot_wants_tuples=dot_wants_tuples)
    return environment(keras={"loader": loader}, classes={**CLASSES, "keras.layers.Dot": "axes normalize"})


def dot(built=SHAPES, name="Dot"):
    return model(ref(f"keras.layers.{name}", build_config=built))


CASES = [
    Case(code="KG340", name="dot", model=dot(), environment=there(), fires=True, found="a list of tuples only"),
    Case(code="KG340", name="later", model=dot(), environment=there(dot_wants_tuples=False), fires=False),
    Case(code="KG340", name="not-built", model=dot(None), environment=there(), fires=False),
    Case(code="KG340", name="another-layer", model=dot(name="Dense"), environment=there(), fires=False),
    Case(code="KG340", name="no-keras", model=dot(), environment=environment(packages={}), fires=False),
]
