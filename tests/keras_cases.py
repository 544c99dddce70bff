"""Live models for the flavor's tests, of whichever Keras this environment has.

Each case makes a built model and an input example; ``test_flavor`` logs and loads every one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

RANDOM = np.random.default_rng(7)


def is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def installed_keras() -> Any:
    """`tf_keras` where it is installed, else `keras` on the backend that is there."""
    if is_installed("tf-keras"):
        return import_module("tf_keras")
    backend = next(name for name in ("tensorflow", "jax", "torch") if is_installed(name))
    os.environ.setdefault("KERAS_BACKEND", backend)
    return import_module("keras")


keras = installed_keras()
IS_KERAS_3 = int(keras.__version__.split(".")[0]) >= 3
BACKEND = keras.backend.backend() if IS_KERAS_3 else "tensorflow"

#: Neither JAX nor torch has strings.
HAS_STRINGS = BACKEND == "tensorflow"


def rows(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype("float32")


@keras.utils.register_keras_serializable("cases")
class Doubled(keras.Model):
    """A subclassed model; takes an array, a list or a dict."""

    def __init__(self, units: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.dense = keras.layers.Dense(units)

    def build(self, input_shape: Any) -> None:
        shapes = list(input_shape.values()) if isinstance(input_shape, dict) else input_shape
        self.dense.build(shapes[0] if hasattr(shapes[0], "__len__") else shapes)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        if isinstance(inputs, dict):
            return {name: self.dense(value) for name, value in inputs.items()}
        if isinstance(inputs, list | tuple):
            return [self.dense(value) for value in inputs]
        return 2 * self.dense(inputs)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "units": self.units}


@dataclass(frozen=True)
class Case:
    """A model to log.

    Attributes:
        make: gives a built model.
        example: what it takes.
        h5: whether the legacy format can hold it.
    """

    make: Callable[[], Any]
    example: Callable[[], Any]
    h5: bool = True


def sequential() -> Any:
    return keras.Sequential(
        [keras.layers.InputLayer((3,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2)]
    )


def compiled() -> Any:
    model = sequential()
    model.compile("adam", loss="mse", metrics=["mae"])
    model.fit(rows(8, 3), rows(8, 2), verbose=0)
    return model


def functional() -> Any:
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(3)(inputs)
    return keras.Model(inputs, keras.layers.Add()([inputs, hidden]))


def several(structure: str) -> Any:
    first, second = keras.Input((2,), name="first"), keras.Input((2,), name="second")
    sums = keras.layers.Dense(1, name="sums")(keras.layers.Concatenate()([first, second]))
    products = keras.layers.Multiply(name="products")([first, second])
    if structure == "list":
        return keras.Model([first, second], [sums, products])
    return keras.Model({"first": first, "second": second}, {"sums": sums, "products": products})


def subclassed(data: Any) -> Any:
    model = Doubled(name="doubled")
    model(data)
    return model


def strings() -> Any:
    lookup = keras.layers.StringLookup(vocabulary=["no", "yes"], output_mode="one_hot", name="lookup")
    inputs = keras.Input((1,), dtype="string")
    return keras.Model(inputs, keras.layers.Dense(2)(lookup(inputs)))


def integers() -> Any:
    inputs = keras.Input((4,), dtype="int32")
    return keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(10, 3)(inputs)))


def mixed_precision(policy: str) -> Any:
    return keras.Sequential([keras.layers.InputLayer((3,)), keras.layers.Dense(4, dtype=policy)])


def nested() -> Any:
    inner = functional()
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2)(inner(inputs)))


def shared() -> Any:
    first, second = keras.Input((3,), name="first"), keras.Input((3,), name="second")
    layer = keras.layers.Dense(2)
    return keras.Model([first, second], keras.layers.Add()([layer(first), layer(second)]))


def recurrent() -> Any:
    cell = keras.layers.GRUCell(2)
    return keras.Sequential([keras.layers.InputLayer((5, 3)), keras.layers.Bidirectional(keras.layers.RNN(cell))])


def _pair(width: int) -> Callable[[], dict[str, np.ndarray]]:
    return lambda: {"first": rows(4, width), "second": rows(4, width)}


CASES = {
    "sequential": Case(sequential, lambda: rows(4, 3)),
    "compiled": Case(compiled, lambda: rows(4, 3)),
    "functional": Case(functional, lambda: rows(4, 3)),
    "several inputs and outputs, lists": Case(lambda: several("list"), _pair(2)),
    "several inputs and outputs, list example": Case(lambda: several("list"), lambda: [rows(4, 2), rows(4, 2)]),
    "several inputs and outputs, dicts": Case(lambda: several("dict"), _pair(2), h5=IS_KERAS_3),
    "subclassed": Case(lambda: subclassed(rows(1, 3)), lambda: rows(4, 3), h5=False),
    "subclassed, lists": Case(lambda: subclassed([rows(1, 3), rows(1, 3)]), lambda: [rows(4, 3), rows(4, 3)], h5=False),
    "subclassed, dicts": Case(lambda: subclassed(_pair(3)()), _pair(3), h5=False),
    "integers": Case(integers, lambda: RANDOM.integers(0, 9, size=(4, 4)).astype("int32")),
    "half precision": Case(lambda: mixed_precision("mixed_float16"), lambda: rows(4, 3)),
    "brain floats": Case(lambda: mixed_precision("mixed_bfloat16"), lambda: rows(4, 3)),
    "nested": Case(nested, lambda: rows(4, 3)),
    "shared layer": Case(shared, _pair(3)),
    "recurrent": Case(recurrent, lambda: rows(4, 5, 3)),
}
if HAS_STRINGS:
    CASES["strings"] = Case(strings, lambda: np.array([["yes"], ["no"], ["other"]]), h5=False)
