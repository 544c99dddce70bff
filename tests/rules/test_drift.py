"""KG5xx: packaged code, and what the environment has of the same modules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Verdict
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Origin
from mlflow_kerasguard.policies import CustomCode
from mlflow_kerasguard.rules.drift import drift
from mlflow_kerasguard.source_code.definitions import Module
from mlflow_kerasguard.source_code.fingerprints import fingerprint
from mlflow_kerasguard.source_identity import Provenance
from tests.builders import Case, environment, model, ref

SOURCE = """
class Scale:
    def __init__(self, by=2.0): ...
    def call(self, x):
        return x * factor()
"""
HELPERS = "def factor():\n    return 1\n"
GAINED = SOURCE.replace("by=2.0", "by=2.0, activation='relu'")

LOGGED = Origin(
    packaged_modules=frozenset({"shop.layers", "helpers"}),
    provided_objects=frozenset({"Shop>Scale"}),
    packaged_objects={"Shop>Scale": "shop.layers:Scale", "Scale": "shop.layers:Scale"},
    fingerprints={
        name: replace(
            fingerprint(Module(SOURCE.encode()), "Scale"),
            uses={"helpers:factor": Module(HELPERS.encode()).digest_of("factor")},
        )
        for name in ("Shop>Scale", "Scale")
    },
    module_digests={"shop.layers": Module(SOURCE.encode()).digest, "helpers": Module(HELPERS.encode()).digest},
    provenance=Provenance(commit="0123456789abcdef"),
)
SCRIPT = Origin(
    packaged_modules=frozenset({"kerasguard_main_train"}),
    packaged_objects={"Shop>Scale": "kerasguard_main_train:Scale"},
    module_digests={"kerasguard_main_train": "0"},
)


def logged(policy, origin=LOGGED):
    scale = ref("shop.layers.Scale", registered_name="Shop>Scale")
    return model(scale, origin=origin, custom_code=CustomCode(policy))


def having(layers=SOURCE, helpers=HELPERS):
    sources = {"shop.layers": layers, "helpers": helpers}
    return environment(read_source={name: text.encode() for name, text in sources.items() if text is not None}.get)


def unreadable(name):
    if name == "helpers":
        raise Unknown("it is a secret")
    return SOURCE.encode()


def case(code, name, policy, env=None, *, fires, origin=LOGGED, **expected):
    env = env or having()
    return Case(code=code, name=name, model=logged(policy, origin), environment=env, fires=fires, **expected)


PLACE = 'layers["scale"]'
WORDS = "a test environment has another version: `Scale.__init__` gained `activation='relu'`"
NEW_HELPER = HELPERS.replace("1", "2")

CASES = [
    case("KG530", "same", "packaged", fires=False),
    case("KG530", "gained", "packaged", having(GAINED), fires=True, where=PLACE, found=WORDS),
    case("KG530", "helper", "packaged", having(helpers=NEW_HELPER), fires=True, found="`helpers.factor`, whose body"),
    case("KG530", "not-there", "packaged", having(None, None), fires=False),
    case("KG530", "script", "packaged", having(None), fires=False, origin=SCRIPT),
    case("KG530", "other-policy", "host", having(GAINED), fires=False),
    case("KG530", "unknown", "packaged", environment(read_source=unreadable), fires=False, unknown="a secret"),
    case(
        "KG530",
        "place-not-in-the-model",
        "packaged",
        having(GAINED),
        fires=True,
        origin=replace(LOGGED, packaged_objects={"Scale": "shop.layers:Scale"}),
        where=PLACE,
    ),
    case("KG531", "packaged", "packaged", having(GAINED), fires=False),
    case("KG531", "same", "host", having(f'"""Text."""\n{SOURCE}# end\n'), fires=False),
    case("KG531", "same-required", "require-same", having(f'"""Text."""\n{SOURCE}# end\n'), fires=False),
    case("KG531", "gained", "host", having(GAINED), fires=True, where=PLACE, found=WORDS),
    case("KG531", "gained-required", "require-same", having(GAINED), fires=True, where=PLACE, found=WORDS),
    case("KG531", "not-there", "host", having(None, None), fires=False),
    case("KG531", "something-else", "host", having(f"{SOURCE}\nx = 1\n"), fires=False),
    case(
        "KG531",
        "something-else-required",
        "require-same",
        having(f"{SOURCE}\nx = 1\n"),
        fires=True,
        where="module `shop.layers`",
        found="differs in what no custom object of the model uses",
    ),
    case("KG531", "unknown", "require-same", environment(read_source=unreadable), fires=False, unknown="a secret"),
    case(
        "KG531", "not-python", "host", having("class"), fires=False, unknown="`shop.layers` of a test environment can't"
    ),
    case(
        "KG531",
        "no-fingerprint",
        "host",
        fires=False,
        origin=replace(LOGGED, fingerprints={}),
        unknown="doesn't say what `shop.layers.Scale` was",
    ),
    case(
        "KG531",
        "no-fingerprint-and-not-there",
        "host",
        having(None),
        fires=False,
        origin=replace(LOGGED, fingerprints={}),
    ),
    case("KG531", "script", "require-same", fires=False, origin=SCRIPT),
    case("KG532", "packaged", "packaged", having(None, None), fires=False),
    case("KG532", "there", "host", having(GAINED), fires=False),
    case("KG532", "no-module", "host", having(None), fires=True, where="module `shop.layers`", found="has no module"),
    case("KG532", "no-helper", "require-same", having(helpers=None), fires=True, found="has no module `helpers`"),
    case(
        "KG532",
        "no-object",
        "host",
        having("x = 1"),
        fires=True,
        where=PLACE,
        found="`shop.layers` of a test environment doesn't define `Scale`",
    ),
    case("KG532", "script", "host", fires=True, origin=SCRIPT, where=PLACE, found="defined in a script or notebook"),
    case("KG532", "unknown", "host", environment(read_source=unreadable), fires=False, unknown="a secret"),
]


def fixes(origin, env=None):
    return {item.fix for item in drift(logged("host", origin), env or having(GAINED))}


@pytest.mark.parametrize(
    ("provenance", "end"),
    [
        (None, "what was logged"),
        (Provenance(commit="a" * 40), f"commit `{'a' * 12}`, which the model was logged from"),
        (
            Provenance(commit="a" * 40, modified=("x.py",)),
            f"commit `{'a' * 12}`, which the model was logged from, with changes that it doesn't hold",
        ),
    ],
)
def test_the_fix_names_the_commit(provenance, end):
    start = 'use `custom_code="packaged"`, or bring `shop.layers` of a test environment back to '
    assert fixes(replace(LOGGED, provenance=provenance)) == {start + end}


def test_every_module_that_differs_is_named():
    (fix,) = fixes(LOGGED, having(GAINED, NEW_HELPER))
    assert "bring `shop.layers`, `helpers` of" in fix


def test_an_object_that_the_model_holds_nowhere():
    nowhere = replace(logged("host"), objects=())
    assert {item.where for item in drift(nowhere, having(GAINED))} == {"`shop.layers.Scale`"}


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        ("packaged", Verdict.COMPATIBLE),
        ("host", Verdict.INCOMPATIBLE),
        ("require-same", Verdict.INCOMPATIBLE),
    ],
)
def test_the_policy_decides_the_verdict(policy, verdict):
    assert check_model(logged(policy), having(GAINED)).verdict is verdict


@pytest.mark.parametrize(("policy", "verdict"), [("packaged", Verdict.COMPATIBLE), ("require-same", Verdict.UNDECIDED)])
def test_an_environment_of_which_the_modules_are_unknown(policy, verdict):
    known = replace(having(), read_source=Environment(source="x").read_source)
    assert check_model(logged(policy), known).verdict is verdict
