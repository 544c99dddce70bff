"""KG705 and KG706: a placeholder that is taken for a salt."""

from __future__ import annotations

from mlflow_kerasguard.keras_api import LoaderFacts
from tests.builders import Case, environment, function, model, ref

HASHES = environment(classes={"keras.layers.Hashing": "num_bins salt name"})
SIXTHS = environment(keras={"loader": LoaderFacts(hard_sigmoid_by_sixths=True)})
SIGMOID = function("keras.activations.hard_sigmoid")
PLACEHOLDER = 0xDECAFCAFFE


def hashing(salt):
    return model(ref("Hashing", config={"name": "hashing", "num_bins": 7, "salt": salt}), format="h5")


CASES = [
    Case(
        code="KG705",
        name="placeholder",
        model=hashing([PLACEHOLDER, PLACEHOLDER]),
        environment=HASHES,
        fires=True,
        found="takes for a salt",
    ),
    Case(code="KG705", name="a-salt", model=hashing([1, 2]), environment=HASHES, fires=False),
    Case(code="KG705", name="none", model=hashing(None), environment=HASHES, fires=False),
    Case(code="KG705", name="class-is-gone", model=hashing([PLACEHOLDER, PLACEHOLDER]), fires=False),
    Case(
        code="KG705",
        name="no-keras",
        model=hashing([PLACEHOLDER, PLACEHOLDER]),
        environment=environment(packages={}),
        fires=False,
    ),
    Case(
        code="KG706",
        name="keras-2-in-keras-3",
        model=model(SIGMOID, keras_version="2.15.0"),
        environment=SIXTHS,
        fires=True,
        found="another slope",
    ),
    Case(code="KG706", name="keras-3-in-keras-2", model=model(SIGMOID, keras_version="3.8.0"), fires=True),
    Case(code="KG706", name="same", model=model(SIGMOID, keras_version="3.8.0"), environment=SIXTHS, fires=False),
    Case(
        code="KG706",
        name="another-function",
        model=model(function("keras.activations.relu"), keras_version="2.15.0"),
        environment=SIXTHS,
        fires=False,
    ),
    Case(code="KG706", name="saver-unknown", model=model(SIGMOID, keras_version=None), fires=False),
    Case(code="KG706", name="no-keras", model=model(SIGMOID), environment=environment(packages={}), fires=False),
]
