"""KG330: training configurations that the target refuses."""

from __future__ import annotations

from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.model import Section
from tests.builders import CLASSES, Case, environment, model, ref

HUBER = "keras.losses.Huber"


def there(*reductions):
    loader = LoaderFacts(loss_reductions=frozenset(reductions))
    return environment(keras={"loader": loader}, classes={**CLASSES, HUBER: "delta reduction name"})


def loss(role="loss", section=Section.COMPILE, **config):
    return model(ref(HUBER, role=role, where="compile_config.loss", section=section, config=config))


KERAS_3 = there("sum", "none", "None", "sum_over_batch_size")

CASES = [
    Case(
        code="KG330",
        name="auto",
        model=loss(reduction="auto"),
        environment=KERAS_3,
        fires=True,
        where="compile_config.loss",
        found="`sum_over_batch_size`",
    ),
    Case(code="KG330", name="null-in-keras-2", model=loss(reduction=None), environment=there("none"), fires=True),
    Case(code="KG330", name="null-in-keras-3", model=loss(reduction=None), environment=KERAS_3, fires=False),
    Case(code="KG330", name="known", model=loss(reduction="sum"), environment=KERAS_3, fires=False),
    Case(code="KG330", name="not-said", model=loss(), environment=KERAS_3, fires=False),
    Case(code="KG330", name="not-checked", model=loss(reduction="auto"), environment=there(), fires=False),
    Case(code="KG330", name="a-metric", model=loss("metrics", reduction="auto"), environment=KERAS_3, fires=False),
    Case(
        code="KG330",
        name="not-compiled",
        model=loss(section=Section.MODEL, reduction="auto"),
        environment=KERAS_3,
        fires=False,
    ),
    Case(
        code="KG330",
        name="no-keras-is-another-rule",
        model=loss(reduction="auto"),
        environment=environment(packages={}),
        fires=False,
    ),
]
