"""KG51x: what a custom class has to keep to."""

from __future__ import annotations

from typing import Any

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.observed import Observed, ObservedObject
from mlflow_kerasguard.source_identity import Parameter
from tests.builders import Case, environment, model

UNITS = Parameter(name="units")
FACTOR = Parameter(name="factor", default="1.0")
KWARGS = Parameter(name="**kwargs")
OWN_FROM_CONFIG = frozenset({"from_config"})


def seen(**facts: Any) -> Any:
    """A model with one custom object, of which these things were seen."""
    defaults = {
        "where": 'layers["scale"]',
        "name": "Scale",
        "target": "shop:Scale",
        "registered_name": "Scale",
        "parameters": (UNITS, FACTOR, KWARGS),
        "attributes": {"units": "units", "factor": "factor"},
        "config_keys": frozenset({"name", "units", "factor"}),
    }
    return model(observed=Observed(objects=(ObservedObject(**{**defaults, **facts}),)))


FAILED = {"config_keys": None, "config_error": "NotImplementedError: …"}
ONLY_NAME = frozenset({"name"})

CASES = [
    Case(
        code="KG510",
        name="no-get-config",
        model=seen(compound=frozenset({"units"}), **FAILED),
        fires=True,
        where='layers["scale"]',
        found="`shop:Scale` has no `get_config`, and `units` is no plain value",
    ),
    Case(
        code="KG510",
        name="variadic",
        model=seen(parameters=(Parameter(name="*sizes"),), **FAILED),
        fires=True,
        found="Keras can't derive it from `*sizes`",
    ),
    Case(
        code="KG510",
        name="it-fails",
        model=seen(own_methods=frozenset({"get_config"}), **FAILED),
        fires=True,
        found="its `get_config` fails: NotImplementedError",
    ),
    Case(code="KG510", name="sound", model=seen(), fires=False),
    Case(
        code="KG511",
        name="missing",
        model=seen(config_keys=ONLY_NAME),
        fires=True,
        found="`Scale.get_config` doesn't return it",
    ),
    Case(
        code="KG511",
        name="own-from-config",
        model=seen(config_keys=ONLY_NAME, own_methods=OWN_FROM_CONFIG),
        fires=False,
    ),
    Case(code="KG511", name="sound", model=seen(), fires=False),
    Case(
        code="KG512",
        name="lost",
        model=seen(config_keys=frozenset({"units"}), arguments={"factor": "3.0"}),
        fires=True,
        found="so it comes back as `factor=1.0`",
    ),
    Case(
        code="KG512",
        name="derived-from-defaults",
        model=seen(arguments={"factor": "3.0"}, misstated={"factor": "1.0"}),
        fires=True,
        found="`factor=1.0`: `Scale` has no `get_config`",
    ),
    Case(code="KG512", name="kept", model=seen(arguments={"factor": "3.0"}), fires=False),
    Case(
        code="KG512",
        name="own-from-config",
        model=seen(config_keys=ONLY_NAME, arguments={"factor": "3.0"}, own_methods=OWN_FROM_CONFIG),
        fires=False,
    ),
    Case(
        code="KG513",
        name="set",
        model=seen(unserializable={"factor": "an object of type `set`"}),
        fires=True,
        where='layers["scale"].factor',
        found="`Scale.get_config` returns an object of type `set`",
    ),
    Case(code="KG513", name="sound", model=seen(), fires=False),
    Case(
        code="KG514",
        name="own-key",
        model=seen(
            parameters=(UNITS,),
            takes_base_arguments=False,
            config_keys=frozenset({"units", "colour"}),
            rebuild_error="TypeError: …",
        ),
        fires=True,
        found="`Scale.__init__` takes `units`",
    ),
    Case(
        code="KG514",
        name="key-that-keras-refuses",
        model=seen(
            config_keys=frozenset({"units", "colour"}), rebuild_error="ValueError: Unrecognized … {'colour': 'red'}"
        ),
        fires=True,
    ),
    Case(
        code="KG514",
        name="another-error",
        model=seen(config_keys=frozenset({"units", "colour"}), rebuild_error="ValueError: units"),
        fires=False,
    ),
    Case(code="KG514", name="rebuilt", model=seen(config_keys=frozenset({"units", "colour"})), fires=False),
    Case(
        code="KG515",
        name="fails",
        model=seen(rebuild_error="KeyError: 'x'"),
        fires=True,
        found="it fails: KeyError: 'x'",
    ),
    Case(
        code="KG515",
        name="told-as-missing",
        model=seen(rebuild_error="TypeError: …", config_keys=ONLY_NAME),
        fires=False,
    ),
    Case(
        code="KG515",
        name="build-fails",
        model=seen(build_error="ValueError: already built"),
        fires=True,
        found="that fails: ValueError: already built",
    ),
    Case(code="KG515", name="sound", model=seen(), fires=False),
    Case(
        code="KG516",
        name="dict",
        model=seen(unrestored=("units",)),
        fires=True,
        found="hands on their configurations",
    ),
    Case(code="KG516", name="sound", model=seen(), fires=False),
    Case(
        code="KG517",
        name="changed",
        model=seen(changed={"units": ("2", "4")}),
        fires=True,
        where='layers["scale"].units',
        found="its `get_config` says `4`",
    ),
    Case(code="KG517", name="sound", model=seen(), fires=False),
    Case(
        code="KG518",
        name="fewer",
        model=seen(variables=(2, 0)),
        fires=True,
        found="0 after `from_config` and `build`",
    ),
    Case(code="KG518", name="unsaved", model=seen(unsaved=("v",)), fires=True, found="a variable of the backend's own"),
    Case(code="KG518", name="sound", model=seen(), fires=False),
    Case(
        code="KG519",
        name="measured",
        model=seen(lost={"mean": ("3.0", "0.0")}),
        fires=True,
        found="`0.0` after `from_config` and `build`",
    ),
    Case(
        code="KG519",
        name="told-as-an-argument",
        model=seen(lost={"factor": ("3.0", "1.0")}, arguments={"factor": "3.0"}, config_keys=ONLY_NAME),
        fires=False,
    ),
    Case(code="KG519", name="sound", model=seen(), fires=False),
]


def snippet(spec: Any, code: str) -> str:
    report = check_model(spec, environment(), families=(code,))
    return "\n".join(report.findings[0].snippet)


def test_the_method_to_add_has_the_parameters_filled_in():
    long = tuple(Parameter(name=f"parameter_{number}") for number in range(4))
    attributes = {"parameter_0": "_parameter_0"}
    text = snippet(seen(parameters=long, attributes=attributes, compound={"parameter_0"}, **FAILED), "KG510")
    assert (
        text
        == """\
# in __init__:
self.parameter_1 = parameter_1
self.parameter_2 = parameter_2
self.parameter_3 = parameter_3

def get_config(self):
    return {
        **super().get_config(),
        "parameter_0": keras.saving.serialize_keras_object(self._parameter_0),
        "parameter_1": self.parameter_1,
        "parameter_2": self.parameter_2,
        "parameter_3": self.parameter_3,
    }

@classmethod
def from_config(cls, config):
    config["parameter_0"] = keras.saving.deserialize_keras_object(config["parameter_0"])
    return cls(**config)"""
    )


def test_a_constructor_that_hands_keras_its_arguments():
    facts = {"takes_base_arguments": False, "rebuild_error": "TypeError", "config_keys": frozenset({"units", "dtype"})}
    assert snippet(seen(parameters=(UNITS, FACTOR), **facts), "KG514").splitlines() == [
        "def __init__(self, units, factor=1.0, **kwargs):",
        "    super().__init__(**kwargs)",
    ]
    facts["config_keys"] = frozenset({"dtype"})
    assert snippet(seen(parameters=(), **facts), "KG514").startswith("def __init__(self, **kwargs):")


def test_variadic_arguments_come_back_as_such():
    facts = {"parameters": (Parameter(name="*sizes"), KWARGS), "attributes": {"sizes": "sizes"}, **FAILED}
    assert snippet(seen(**facts), "KG510").splitlines()[-3:] == [
        "def from_config(cls, config):",
        '    sizes = config.pop("sizes")',
        "    return cls(*sizes, **config)",
    ]


def test_code_stands_in_the_report_as_it_is():
    report = check_model(seen(compound={"units"}, **FAILED), environment(), families=("KG510",))
    assert "  fix       add this to `Scale`\n\n    def get_config(self):\n        return {" in report.explain()
    assert report.to_dict()["findings"][0]["snippet"][0] == "def get_config(self):"
