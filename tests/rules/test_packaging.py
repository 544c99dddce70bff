"""KG52x: lambdas, names that collide, work at import."""

from __future__ import annotations

from dataclasses import replace

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.observed import ImportWork, Observed, ObservedLambda, ObservedObject
from tests.builders import Case, environment, model, ref

LAMBDA = ObservedLambda(where='layers["lambda"].function', place="train.py:3", arguments="x", body="x * 2")
WORK = ImportWork(place="layers.py:9", text="train()")
SCALE = ObservedObject(where='layers["scale"]', name="Scale", target="a:Scale", registered_name="Scale")
OTHER = replace(SCALE, where='layers["other"]', target="b:Scale")
DENSE = replace(SCALE, name="Dense", target="a:Dense", registered_name="Dense", namesake="keras.layers.Dense")


def with_objects(*objects: ObservedObject, **fields):
    return model(ref(), observed=Observed(objects=objects), **fields)


CASES = [
    Case(
        code="KG520",
        name="layer",
        model=model(observed=Observed(lambdas=(LAMBDA,))),
        fires=True,
        where='layers["lambda"].function',
        found="`lambda x: x * 2` in train.py:3",
    ),
    Case(
        code="KG520",
        name="source-unknown",
        model=model(observed=Observed(lambdas=(ObservedLambda(where="x"),))),
        fires=True,
        found="a lambda",
    ),
    Case(
        code="KG520",
        name="allowed",
        model=model(observed=Observed(lambdas=(LAMBDA,), allow_lambda=True)),
        fires=False,
    ),
    Case(
        code="KG520",
        name="allowed-but-never-comes-back",
        model=model(observed=Observed(lambdas=(replace(LAMBDA, comes_back=False),), allow_lambda=True)),
        fires=True,
    ),
    Case(
        code="KG521",
        name="training",
        model=model(observed=Observed(import_work=(WORK,))),
        fires=True,
        where="layers.py:9",
        found="`train()`",
    ),
    Case(code="KG521", name="none", model=model(observed=Observed()), fires=False),
    Case(
        code="KG522",
        name="two-modules",
        model=with_objects(SCALE, OTHER),
        fires=True,
        where='layers["other"]',
        found="`b:Scale` and `a:Scale`",
    ),
    Case(code="KG522", name="one-class-twice", model=with_objects(SCALE, SCALE), fires=False),
    Case(
        code="KG522",
        name="kerass-own-in-hdf5",
        model=model(ref("Dense"), observed=Observed(objects=(DENSE,)), format="h5"),
        fires=True,
        found="`a:Dense` and `keras.layers.Dense`",
    ),
    Case(code="KG522", name="kerass-own-in-zip", model=with_objects(DENSE), fires=False),
    Case(code="KG523", name="namesake", model=with_objects(DENSE), fires=True, found="named as `keras.layers.Dense`"),
    Case(
        code="KG523",
        name="registered",
        model=with_objects(replace(DENSE, registered_name="shop>Dense")),
        fires=False,
    ),
]


def _snippet(observed: Observed) -> list[str]:
    return list(check_model(model(observed=observed), environment(), families=("KG520",)).findings[0].snippet)


def test_what_to_write_instead_of_a_lambda():
    assert _snippet(Observed(lambdas=(LAMBDA,))) == [
        '@keras.saving.register_keras_serializable("my_project")',
        "class Named(keras.layers.Layer):",
        "    def call(self, x):",
        "        return x * 2",
    ]
    assert _snippet(Observed(lambdas=(replace(LAMBDA, is_layer=False),)))[1:] == [
        "def named(x):",
        "    return x * 2",
    ]
