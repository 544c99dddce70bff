"""KG7xx: what loads and predicts something else."""

from __future__ import annotations

from mlflow_kerasguard.keras_api import ClassApi
from tests.builders import Case, environment, model, ref

WITH_ASSETS = environment(
    classes={
        "keras.layers.TextVectorization": ClassApi(path="x", accepts_any=True, keeps_assets=True),
        "keras.layers.Dense": "units",
        "keras.Sequential": "name",
    }
)


def vectorization(**config):
    return ref("TextVectorization", config=config)


CASES = [
    Case(
        code="KG701",
        name="learned-vocabulary",
        model=model(vectorization(vocabulary=None), format="h5"),
        environment=WITH_ASSETS,
        fires=True,
        found="doesn't hold it",
    ),
    Case(
        code="KG701",
        name="given-vocabulary",
        model=model(vectorization(vocabulary=["a"]), format="h5"),
        environment=WITH_ASSETS,
        fires=False,
    ),
    Case(code="KG701", name="zip", model=model(vectorization()), environment=WITH_ASSETS, fires=False),
    Case(code="KG701", name="no-assets", model=model(ref("Dense"), format="h5"), environment=WITH_ASSETS, fires=False),
]
