"""KG620 and KG621: quantized layers and how their weights are kept."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.rules.quantization import quantization_mode
from tests.builders import CLASSES, Case, environment, model, ref

KNOWN = frozenset({"int8", "float8"})
INT8 = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": "float32"}}
INT4 = {"class_name": "Int4DTypePolicy", "config": {"mode": "int4/128", "source_name": "float32"}}


def there(*ways, modes=KNOWN, version="3.15.1"):
    packages = {"keras": version, "tensorflow": "2.21.0"}
    loader = LoaderFacts(quantization_modes=modes, computations=frozenset(ways))
    return environment(
        packages=packages,
        keras={"loader": loader},
        classes={**CLASSES, "keras.layers.Conv2D": "", "keras.layers.Embedding": ""},
    )


def quantized(dtype=INT8, name="Dense", version="3.11.3"):
    return model(ref(f"keras.layers.{name}", config={"dtype": dtype}), keras_version=version)


NO_KERAS = environment(packages={})
BY_COLUMNS = there("Dense in int4=packed by columns")

CASES = [
    Case(code="KG620", name="int4", model=quantized(INT4), environment=there(), fires=True, found="`float8`, `int8`"),
    Case(code="KG620", name="int8", model=quantized(), environment=there(), fires=False),
    Case(code="KG620", name="not-quantized", model=quantized("float32"), environment=there(), fires=False),
    Case(code="KG620", name="not-listed", model=quantized(INT4), environment=there(modes=frozenset()), fires=False),
    Case(code="KG620", name="no-keras", model=quantized(INT4), environment=NO_KERAS, fires=False),
    Case(code="KG621", name="int4", model=quantized(INT4), environment=BY_COLUMNS, fires=True, found="by columns"),
    Case(code="KG621", name="same-way", model=quantized(INT4, version="3.14.1"), environment=BY_COLUMNS, fires=False),
    Case(
        code="KG621",
        name="never-quantized",
        model=quantized(name="Embedding", version="3.3.3"),
        environment=there(),
        fires=True,
        found="never quantized",
    ),
    Case(
        code="KG621",
        name="mode-of-which-nothing-is-known",
        model=quantized({**INT8, "config": {"mode": "gptq/4/128"}}),
        environment=BY_COLUMNS,
        fires=False,
    ),
    Case(
        code="KG621",
        name="early-name",
        model=quantized("int8_from_float32", version="3.1.1"),
        environment=there("Dense in int8=scales in one dimension"),
        fires=True,
    ),
    Case(code="KG621", name="another-layer", model=quantized(INT4, "Conv2D"), environment=BY_COLUMNS, fires=False),
    Case(code="KG621", name="no-keras", model=quantized(INT4), environment=NO_KERAS, fires=False),
]


@pytest.mark.parametrize(
    ("dtype", "mode"),
    [
        (INT8, "int8"),
        (INT4, "int4"),
        ({"class_name": "QuantizedDTypePolicy", "config": {"name": "int8_from_bfloat16"}}, "int8"),
        ("int8_from_float32", "int8"),
        ("int64", None),
        ({"class_name": "DTypePolicy", "config": {"name": "int64"}}, None),
        ({"class_name": "DTypePolicy", "config": {"name": None}}, None),
        ({"class_name": "DTypePolicy"}, None),
        (None, None),
    ],
)
def test_the_mode_of_a_data_type(dtype, mode):
    assert quantization_mode(ref(config={"dtype": dtype})) == mode
