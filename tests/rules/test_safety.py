"""KG1xx: what a file is, and what it would make a loader do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.formats.anomalies import KINDS, Topic
from mlflow_kerasguard.model import Anomaly, Kind, ModelSpec, ObjectRef, Origin, WeightSpec
from tests.builders import Case, environment, function, model, ref, unknown_environment

NO_KERAS = environment(packages={"tensorflow": "2.21.0"})
KERAS_2 = environment(packages={"keras": "2.15.0", "tensorflow": "2.15.0"})
KERAS_3_3 = environment(packages={"keras": "3.3.3", "tensorflow": "2.16.0"})
TF_KERAS = environment(packages={"tf-keras": "2.18.0", "tensorflow": "2.18.0"})

CODE_OF = {
    Topic.UNREADABLE: "KG101",
    Topic.SIZE: "KG109",
    Topic.ARCHIVE: "KG110",
    Topic.HDF5: "KG111",
    Topic.JSON: "KG112",
    Topic.ODD: "KG113",
}


def odd(kind: str, where: str = "file", found: str = "something odd") -> ModelSpec:
    return model(anomalies=(Anomaly(kind=kind, where=where, found=found),))


def named(name: str, container: str, form: str = "keras") -> ModelSpec:
    return model(format=form, details={"file_name": name, "container": container})


def unreadable(kind: str) -> ModelSpec:
    return replace(odd(kind), format="unknown", config=None, objects=())


def trusting(*objects: ObjectRef) -> ModelSpec:
    return model(*objects, trusted=frozenset({"keras.layers.Lambda", "keras.layers.TFSMLayer"}))


LAMBDA = ref("keras.layers.Lambda", where='layers["twice"]')
BYTECODE = ref("__lambda__", kind=Kind.LAMBDA, where='layers["twice"].function', role="function", parent=1)
LEGACY_LAMBDA = ref("Lambda", where='layers["twice"]', config={"function": "4wA=", "function_type": "lambda"})
TFSM = ref("keras.layers.TFSMLayer", config={"filepath": "/tmp/x"})
LOOKUP = ref("keras.layers.StringLookup", config={"vocabulary": "/etc/passwd"})
HUGE = ref("keras.layers.Dense", config={"units": 10**12})
KERNEL = WeightSpec(path="layers/dense/vars/0", shape=(100_000, 10_000), dtype="float32")
SQUARE = {"input_shape": [None, 10_000]}

CASES = [
    *(Case(code=CODE_OF[kind.topic], name=name, model=odd(name), fires=True) for name, kind in KINDS.items()),
    *(Case(code=code, name="nothing-odd", model=model(), fires=False) for code in sorted(set(CODE_OF.values()))),
    Case(code="KG101", name="without-a-reason", model=unreadable("json-too-deep"), fires=True, found="none that"),
    Case(code="KG101", name="of-a-signature", model=model(config=None), fires=False),
    Case(
        code="KG102", name="archive-as-h5", model=named("m.h5", "zip"), fires=True, found="a zip archive named `m.h5`"
    ),
    Case(code="KG102", name="archive-without-extension", model=named("m", "zip"), fires=True),
    Case(code="KG102", name="extension-in-capitals", model=named("m.KERAS", "zip"), fires=True),
    Case(code="KG102", name="archive", model=named("m.keras", "zip"), fires=False),
    Case(code="KG102", name="hdf5-as-keras", model=named("m.keras", "hdf5", "h5"), fires=True, found="`keras` 3.15.1"),
    Case(
        code="KG102",
        name="hdf5-as-keras-in-keras-2",
        model=named("m.keras", "hdf5", "h5"),
        environment=KERAS_2,
        fires=False,
    ),
    Case(
        code="KG102",
        name="hdf5-as-keras-in-tf-keras",
        model=replace(named("m.keras", "hdf5", "h5"), keras_package="tf_keras"),
        environment=TF_KERAS,
        fires=False,
    ),
    Case(
        code="KG102",
        name="hdf5-as-keras-in-unknown",
        model=named("m.keras", "hdf5", "h5"),
        environment=unknown_environment(),
        fires=False,
        unknown="isn't known",
    ),
    Case(code="KG102", name="no-keras", model=named("m.keras", "hdf5", "h5"), environment=NO_KERAS, fires=False),
    Case(code="KG102", name="hdf5", model=named("m.hdf5", "hdf5", "h5"), fires=False),
    Case(code="KG102", name="directory", model=named("m", "directory"), fires=False),
    Case(code="KG102", name="directory-too-new", model=named("m", "directory"), environment=KERAS_3_3, fires=True),
    Case(code="KG102", name="directory-in-keras-2", model=named("m", "directory"), environment=KERAS_2, fires=True),
    Case(
        code="KG102",
        name="saved-model",
        model=replace(named("m", "directory", "saved_model"), config=None),
        environment=KERAS_2,
        fires=False,
    ),
    Case(code="KG102", name="without-a-file", model=model(), fires=False),
    Case(code="KG103", name="lambda", model=model(LAMBDA, BYTECODE), fires=True, where='layers["twice"].function'),
    Case(code="KG103", name="trusted", model=trusting(LAMBDA, BYTECODE), fires=False),
    Case(code="KG103", name="anywhere-else", model=trusting(ref(), replace(BYTECODE, role="activation")), fires=True),
    Case(code="KG103", name="another-lambda", model=trusting(ref("shop.Lambda"), BYTECODE), fires=True),
    Case(code="KG103", name="without-a-layer", model=trusting(replace(BYTECODE, parent=None)), fires=True),
    Case(code="KG103", name="with-a-lost-layer", model=trusting(replace(BYTECODE, parent=9)), fires=True),
    Case(code="KG103", name="legacy", model=model(LEGACY_LAMBDA), fires=True, where='layers["twice"].function'),
    Case(code="KG103", name="legacy-trusted", model=trusting(LEGACY_LAMBDA), fires=False),
    Case(
        code="KG103",
        name="legacy-name",
        model=model(replace(LEGACY_LAMBDA, config={"function": "f", "function_type": "function"})),
        fires=False,
    ),
    Case(code="KG105", name="saved-model", model=model(TFSM), fires=True, found="`TFSMLayer`, which opens"),
    Case(
        code="KG105", name="pickle", model=model(ref("keras.layers.TorchModuleWrapper")), fires=True, found="unpickles"
    ),
    Case(code="KG105", name="legacy", model=model(ref("TFSMLayer"), format="h5"), fires=True),
    Case(code="KG105", name="trusted", model=trusting(TFSM), fires=False),
    Case(code="KG105", name="trusted-legacy", model=trusting(ref("TFSMLayer")), fires=False),
    Case(code="KG105", name="keras-layers", model=model(ref()), fires=False),
    Case(code="KG106", name="path", model=model(LOOKUP), fires=True, found="`/etc/passwd`"),
    Case(code="KG106", name="list", model=model(replace(LOOKUP, config={"vocabulary": ["a"]})), fires=False),
    Case(
        code="KG106",
        name="tokenizer",
        model=model(ref("keras_hub.tokenizers.BytePairTokenizer", config={"merges": "https://x/y"})),
        fires=True,
    ),
    Case(code="KG106", name="trusted", model=model(LOOKUP, trusted=frozenset({LOOKUP.path})), fires=False),
    *(
        Case(code="KG107", name=f"name-{number}", model=model(ref(config={"name": name})), fires=fires)
        for number, (name, fires) in enumerate(
            {
                "../../assets": True,
                "a/../b": True,
                "/etc": True,
                "a\\b": True,
                "C:/x": True,
                "a\0b": True,
                "block1/conv..2": False,
                "tf.__operators__.add": False,
                "input:0": False,
            }.items()
        )
    ),
    Case(code="KG107", name="without-a-name", model=model(ref(config={"name": 3})), fires=False),
    Case(
        code="KG108",
        name="other-name",
        model=model(ref(registered_name="evil>Dense")),
        fires=True,
        found="`evil>Dense`",
    ),
    Case(
        code="KG108",
        name="registered-by-keras",
        model=model(
            ref(
                "keras.src.applications.inception_resnet_v2.CustomScaleLayer", registered_name="Custom>CustomScaleLayer"
            )
        ),
        fires=False,
    ),
    Case(code="KG108", name="custom-name", model=model(ref(registered_name="Custom>Dense")), fires=True),
    Case(code="KG108", name="own-name", model=model(ref(registered_name="Dense")), fires=False),
    Case(code="KG108", name="custom-class", model=model(ref("shop.Dense", registered_name="shop>Dense")), fires=False),
    Case(
        code="KG108",
        name="function",
        model=model(function("keras.losses.mse", registered_name="function")),
        fires=False,
    ),
    Case(
        code="KG108",
        name="trusted",
        model=model(ref(registered_name="shop>Dense"), trusted=frozenset({"shop>Dense"})),
        fires=False,
    ),
    Case(
        code="KG108",
        name="packaged",
        model=model(ref(registered_name="shop>Dense"), origin=Origin(provided_objects=frozenset({"shop>Dense"}))),
        fires=False,
    ),
    Case(code="KG109", name="units", model=model(HUGE), fires=True, found="1,000,000,000,000 weight values"),
    Case(code="KG109", name="stored", model=model(ref(config={"units": 10**9}), weights=(KERNEL,)), fires=False),
    Case(
        code="KG109",
        name="width-times-depth",
        model=model(ref(config={"units": 10**4}, build_config=SQUARE)),
        fires=True,
        found="100,000,000",
    ),
    Case(
        code="KG109",
        name="kernel",
        model=model(ref("keras.layers.Conv2D", config={"filters": 1, "kernel_size": [10**5, 10**5]})),
        fires=True,
    ),
    Case(
        code="KG109",
        name="kernel-in-groups",
        model=model(ref(config={"filters": 10**4, "groups": 10**4, "kernel_size": [3, 3]}, build_config=SQUARE)),
        fires=False,
    ),
    Case(code="KG109", name="heads", model=model(ref(config={"num_heads": 10**5, "key_dim": 10**5})), fires=True),
    Case(code="KG109", name="embedding", model=model(ref(config={"input_dim": 10**7, "output_dim": 64})), fires=True),
    Case(code="KG109", name="thousands-of-digits", model=model(ref(config={"units": 10**4000})), fires=True),
    Case(
        code="KG109",
        name="other-types",
        model=model(
            ref(config={"units": "9" * 12, "kernel_size": 3, "filters": -(10**12)}, build_config={"input_shape": []})
        ),
        fires=False,
    ),
    Case(
        code="KG109",
        name="stored-unknown",
        model=replace(odd("weights-not-indexed"), objects=(HUGE,)),
        fires=False,
    ),
    Case(code="KG114", name="artifact", model=odd("payload-digest"), fires=True, found="something odd"),
    Case(code="KG114", name="file", model=odd("zip-prefix"), fires=False),
]


def test_every_topic_has_one_rule():
    for topic, code in CODE_OF.items():
        kinds = [name for name, kind in KINDS.items() if kind.topic is topic]
        spec = model(anomalies=tuple(Anomaly(kind=kind, where="file", found=kind) for kind in kinds))
        report = check_model(spec, environment())
        assert {finding.code for finding in report.findings} == {code}
        assert [finding.found for finding in report.findings] == kinds


@pytest.mark.parametrize(
    ("spec", "verdict", "safe"),
    [
        (unreadable("zip-damaged"), "incompatible", False),
        (unreadable("json-too-deep"), "incompatible", False),
        (odd("zip-comment"), "compatible", True),
        (odd("zip-trailing"), "compatible", False),
        (named("m.h5", "zip"), "incompatible", False),
    ],
)
def test_verdict_and_safety_are_kept_apart(spec, verdict, safe):
    report = check_model(spec, environment())
    assert (report.verdict.value, report.safe) == (verdict, safe)
