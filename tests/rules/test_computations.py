"""KG710 and KG714: layers that compute something else, or nothing, in another release."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.rules.computations import COMPUTATIONS
from mlflow_kerasguard.rules.savers import saving_api, ways_of
from tests.builders import Case, environment, model, ref


def there(*computations, version="3.15.1", **facts):
    """An environment whose Keras computes so."""
    packages = {"keras": version, "tensorflow": "2.21.0"}
    loader = LoaderFacts(computations=frozenset(computations), **facts)
    return environment(packages=packages, keras={"loader": loader})


def layer(name, shape=(None, 8, 8, 3), *, dtype="float32", **config):
    """A model of an input and one layer."""
    source = ref(
        "keras.layers.InputLayer",
        config={"name": "input", "batch_shape": list(shape) if shape else None, "dtype": dtype},
    )
    part = ref(f"keras.layers.{name}", config={"name": "part", **config})
    items = [
        {"class_name": item.class_name, "name": item.config["name"], "config": item.config} for item in (source, part)
    ]
    root = ref("keras.Sequential", where="model", role="", parent=None, config={"layers": items})
    return {"objects": (root, source, part)}


def crop(shape=(None, 8, 8, 3), height=4, width=4, version="3.5.0", **config):
    return model(**layer("RandomCrop", shape, height=height, width=width, **config), keras_version=version)


def resizing(dtype="uint8", version="3.5.0", height=4, **config):
    return model(**layer("Resizing", dtype=dtype, height=height, width=height, **config), keras_version=version)


def encoding(name="CategoryEncoding", shape=(None, 1), mode="one_hot", version="3.3.3"):
    return model(**layer(name, shape, output_mode=mode), keras_version=version)


PASSES = there("RandomCrop=passes")
CROPS = there("RandomCrop=crops")
ROUNDS = there("Resizing=rounds")

CASES = [
    Case(code="KG710", name="crop-passes", model=crop(), environment=PASSES, fires=True, found="hands its input on"),
    Case(code="KG710", name="crop-same-size", model=crop(height=8, width=8), environment=PASSES, fires=False),
    Case(code="KG710", name="crop-same-way", model=crop(version="3.8.0"), environment=PASSES, fires=False),
    Case(code="KG710", name="crop-cuts", model=crop(), environment=CROPS, fires=True, found="without resizing"),
    Case(code="KG710", name="crop-of-small-image", model=crop(height=16, width=16), environment=CROPS, fires=False),
    Case(code="KG710", name="crop-of-other-aspect", model=crop(height=16, width=20), environment=CROPS, fires=True),
    Case(
        code="KG710",
        name="crop-channels-first",
        model=crop((None, 3, 4, 4), data_format="channels_first"),
        environment=PASSES,
        fires=False,
    ),
    Case(
        code="KG710",
        name="crop-of-any-size",
        model=crop((None, None, None, 3)),
        environment=PASSES,
        fires=False,
        unknown="the size of its input",
    ),
    Case(code="KG710", name="crop-unsized", model=crop(None), environment=PASSES, fires=False, unknown="the size"),
    Case(
        code="KG710",
        name="crop-to-nothing",
        model=crop(height=None),
        environment=PASSES,
        fires=False,
        unknown="the size",
    ),
    Case(
        code="KG710",
        name="saver-unnamed",
        model=crop(version=None),
        environment=PASSES,
        fires=False,
        unknown="recorded",
    ),
    Case(
        code="KG710",
        name="saver-unknown",
        model=crop(version="2.1.0"),
        environment=PASSES,
        fires=False,
        unknown="2.1.0",
    ),
    Case(code="KG710", name="nothing-is-known-there", model=crop(), environment=there(), fires=False),
    Case(code="KG710", name="no-keras", model=crop(), environment=environment(packages={}), fires=False),
    Case(code="KG710", name="resizing-integers", model=resizing(), environment=ROUNDS, fires=True, found="rounds"),
    Case(code="KG710", name="resizing-fractions", model=resizing("float32"), environment=ROUNDS, fires=False),
    Case(code="KG710", name="resizing-to-same-size", model=resizing(height=8), environment=ROUNDS, fires=False),
    Case(
        code="KG710", name="resizing-nearest", model=resizing(interpolation="nearest"), environment=ROUNDS, fires=False
    ),
    Case(
        code="KG710",
        name="resizing-in-integers",
        model=model(**layer("Resizing", dtype="uint8", height=4, width=4), keras_version="2.15.0"),
        environment=there("Resizing=truncates"),
        fires=True,
    ),
    Case(code="KG710", name="one-hot", model=encoding(), environment=there("CategoryEncoding=squeezes"), fires=True),
    Case(
        code="KG710",
        name="one-hot-lookup",
        model=encoding("StringLookup"),
        environment=there("IndexLookup=keeps"),
        fires=True,
    ),
    Case(
        code="KG710",
        name="one-hot-of-another-layer",
        model=encoding("StringLookup"),
        environment=there("CategoryEncoding=keeps", "IndexLookup=squeezes"),
        fires=False,
    ),
    Case(
        code="KG710",
        name="one-hot-many",
        model=encoding(shape=(None, 3)),
        environment=there("CategoryEncoding=squeezes"),
        fires=False,
    ),
    Case(
        code="KG710",
        name="multi-hot",
        model=encoding(mode="multi_hot"),
        environment=there("CategoryEncoding=squeezes"),
        fires=False,
    ),
    Case(
        code="KG710",
        name="one-hot-of-any-shape",
        model=encoding(shape=None),
        environment=there("CategoryEncoding=squeezes"),
        fires=False,
        unknown="the size",
    ),
    Case(
        code="KG714",
        name="gone",
        model=resizing(interpolation="gaussian"),
        environment=there(resize_interpolations=frozenset({"bilinear", "area"})),
        fires=True,
        found="`area`, `bilinear`",
    ),
    Case(
        code="KG714",
        name="there",
        model=resizing(interpolation="Bilinear"),
        environment=there(resize_interpolations=frozenset({"bilinear"})),
        fires=False,
    ),
    Case(code="KG714", name="not-listed", model=resizing(interpolation="gaussian"), environment=there(), fires=False),
    Case(
        code="KG714",
        name="no-keras",
        model=resizing(interpolation="gaussian"),
        environment=environment(packages={}),
        fires=False,
    ),
    Case(code="KG714", name="no-such-layer", fires=False),
]


def test_integers_resized_by_a_layer_of_integers_lose_their_fractions_anyway():
    part = ref("keras.layers.Resizing", config={"name": "part", "dtype": "uint8", "height": 4, "width": 4})
    from mlflow_kerasguard.rules.shapes import Tensor

    shows = COMPUTATIONS["Resizing"].shows
    assert not shows(part, Tensor(dtype="uint8"), frozenset({"keeps fractions", "truncates"}))
    assert shows(part, Tensor(dtype="uint8"), frozenset({"keeps fractions", "rounds"}))


@pytest.mark.parametrize("computation", COMPUTATIONS.values(), ids=COMPUTATIONS)
@pytest.mark.parametrize("version", ["2.9.0", "2.15.0", "3.0.5", "3.6.0", "3.8.0"])
def test_every_way_that_a_release_has_is_told_in_words(version, computation):
    ways = ways_of(saving_api(model(keras_version=version), environment()))
    assert ways[computation.subject] in computation.ways


@pytest.mark.parametrize(
    ("version", "package"), [("2.15.0", "keras"), ("2.16.0", "tf_keras"), ("3.0.5", "keras"), ("2.4.0", "keras")]
)
def test_a_keras_2_after_2_15_is_tf_keras(version, package):
    found = saving_api(model(keras_version=version, keras_package=None), environment())
    assert (found.package, found.version) == (package, version)


def test_where_the_saver_is_installed_it_answers_itself():
    env = environment()
    assert saving_api(model(), env) is not None
    assert saving_api(model(), env).version == "3.15.1"
