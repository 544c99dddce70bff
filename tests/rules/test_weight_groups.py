"""KG607 and KG608: where a file keeps its weights, and as what."""

from __future__ import annotations

from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.model import WeightSpec
from tests.builders import Case, environment, model, ref

BOTH = frozenset({"layers", "_layer_checkpoint_dependencies"})
CONFIG = {"units": 3, "use_bias": True}
CLASSES = {"keras.Sequential": "", "keras.layers.Dense": "units use_bias name", "keras.layers.Dropout": "rate name"}
NO_KERAS = environment(packages={}, classes=CLASSES)


def target(groups=BOTH, **facts):
    return environment(classes=CLASSES, keras={"loader": LoaderFacts(zip_layer_groups=groups, **facts)})


def dense(name, **fields):
    return ref("keras.layers.Dense", config={"name": name, **CONFIG}, where=f'layers["{name}"]', **fields)


def weights(*paths):
    return tuple(WeightSpec(path=f"{path}/vars/0", shape=(3, 3), dtype="float32") for path in paths)


def archive(*paths, **fields):
    objects = (dense("a"), ref("keras.layers.Dropout", config={"name": "drop", "rate": 0.1}), dense("b"))
    return model(*objects, **{"weights": weights(*paths), **fields})


def nested(*paths):
    inner = ref("keras.Sequential", config={"name": "inner"}, where='layers["inner"]')
    return model(inner, dense("a", parent=1), dense("b", parent=1), weights=weights(*paths))


def hdf5(dtype):
    return model(dense("a"), format="h5", weights=(WeightSpec(path="dense/kernel:0", shape=(3, 3), dtype=dtype),))


PRIVATE = "_layer_checkpoint_dependencies"

CASES = [
    Case(
        code="KG607",
        name="counted-twice",
        model=archive(f"{PRIVATE}/dense", f"{PRIVATE}/dense_2"),
        environment=target(),
        fires=True,
        where='layers["b"]',
        found="none there",
    ),
    Case(
        code="KG607",
        name="counted-once",
        model=archive("layers/dense", "layers/dense_1"),
        environment=target(),
        fires=False,
    ),
    Case(
        code="KG607",
        name="inside-another-model",
        model=nested("layers/sequential/layers/dense", "layers/sequential/layers/dense_2"),
        environment=target(),
        fires=True,
        where='layers["b"]',
    ),
    Case(
        code="KG607",
        name="inside-another-model-well",
        model=nested("layers/sequential/layers/dense", "layers/sequential/layers/dense_1"),
        environment=target(),
        fires=False,
    ),
    Case(
        code="KG607",
        name="group-unknown-to-the-target",
        model=archive(f"{PRIVATE}/dense", f"{PRIVATE}/dense_2"),
        environment=target(frozenset({"layers"})),
        fires=False,
    ),
    Case(
        code="KG607",
        name="the-same-release",
        model=archive(f"{PRIVATE}/dense", f"{PRIVATE}/dense_2"),
        environment=target(frozenset({PRIVATE}), zip_counts_twice=True),
        fires=False,
    ),
    Case(
        code="KG607",
        name="counted-once-and-looked-for-twice",
        model=archive(f"{PRIVATE}/dense", f"{PRIVATE}/dense_1"),
        environment=target(frozenset({PRIVATE}), zip_counts_twice=True),
        fires=True,
        where='layers["b"]',
    ),
    Case(code="KG607", name="no-keras", model=archive("layers/dense"), environment=NO_KERAS, fires=False),
    Case(
        code="KG608",
        name="bfloat16",
        model=hdf5("void16"),
        environment=target(),
        fires=True,
        where="dense/kernel:0",
        found="16 bits without a type",
    ),
    Case(code="KG608", name="numbers", model=hdf5("float32"), environment=target(), fires=False),
    Case(code="KG608", name="no-keras", model=hdf5("void16"), environment=NO_KERAS, fires=False),
]
