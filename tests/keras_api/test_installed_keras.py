"""The static reading of the installed Keras against the installed Keras itself."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.model import ObjectRef, Section

NAMESPACES = ("layers", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers")

#: What constructors without defaults need, by the name of the parameter.
ARGUMENTS: dict[str, object] = {
    "activation": "relu",
    "alpha": 0.1,
    "axes": 1,
    "cell": lambda keras: keras.layers.LSTMCell(2),
    "cells": lambda keras: [keras.layers.LSTMCell(2)],
    "class_id": 1,
    "cropping": 1,
    "dims": (2, 1),
    "equation": "ab,bc->ac",
    "factor": 0.1,
    "filters": 2,
    "fn": lambda keras: keras.losses.mean_squared_error,
    "function": lambda keras: keras.activations.relu,
    "head_dim": 2,
    "height": 4,
    "input_dim": 4,
    "inner_optimizer": lambda keras: keras.optimizers.SGD(),
    "kernel_size": 1,
    "key_dim": 2,
    "layer": lambda keras: keras.layers.LSTM(2),
    "layers": lambda keras: [],
    "mask_value": 0,
    "max_value": 2.0,
    "mean": 0.0,
    "min_value": 0.1,
    "n": 2,
    "noise_shape": None,
    "num_bins": 3,
    "num_classes": 2,
    "num_heads": 2,
    "num_key_value_heads": 1,
    "num_query_heads": 2,
    "num_tokens": 3,
    "height_factor": 0.1,
    "output_dim": 2,
    "output_size": 1,
    "pool_size": 1,
    "width_factor": 0.1,
    "output_shape": 2,
    "precision": 0.5,
    "rate": 0.1,
    "recall": 0.5,
    "scale": 2.0,
    "sensitivity": 0.5,
    "shape": (3,),
    "specificity": 0.5,
    "stddev": 0.1,
    "stddev_range": 0.1,
    "target_class_ids": [0],
    "target_shape": (2,),
    "units": 2,
    "value_range": (0, 1),
    "width": 4,
}


@pytest.fixture(scope="module")
def keras():
    # Not at the top: importing Keras takes seconds, also when another test is wanted.
    import keras

    return keras


@pytest.fixture(scope="module")
def api():
    return installed().read_keras_api("keras")


def public_classes(keras):
    for namespace in NAMESPACES:
        module = getattr(keras, namespace)
        for name in sorted(vars(module)):
            if isinstance(getattr(module, name), type) and not name.startswith("_") and name[0].isupper():
                yield namespace, name, getattr(module, name)


def find(api, namespace, name):
    ref = ObjectRef(class_name=name, module=f"keras.{namespace}", has_module=True)
    return api.find_class(ref, legacy_hdf5=False)


def make(keras, cls, static):
    values = {name: ARGUMENTS[name] for name in sorted(static.required)}
    made = {name: value(keras) if callable(value) else value for name, value in values.items()}
    return cls(**{**made, **MORE_ARGUMENTS.get(cls.__name__, {})})


def test_version(api, keras):
    assert api.version == keras.__version__


def test_every_public_class_is_found_where_it_is(api, keras):
    expected = {f"{space}.{name}": f"{cls.__module__}.{cls.__qualname__}" for space, name, cls in public_classes(keras)}
    found = {name: find(api, *name.split(".")).path for name in expected}
    assert found == expected
    assert len(expected) > 150


#: What classes need beyond what their signatures demand.
MORE_ARGUMENTS = {
    "CategoryEncoding": {"num_tokens": 3},
    "Discretization": {"num_bins": 3},
    "InputLayer": {"shape": (3,)},
    "RandomPosterization": {"factor": 4},
}

#: Abstract classes, and those that need more than values.
NOT_MADE = {
    "layers": {"FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper", "InputSpec", "MaxNumBoundingBoxes"},
    "optimizers": {"Optimizer", "MultiOptimizer", "OptimizerMap"},
    "losses": {"Loss"},
    "initializers": {"Initializer"},
    "regularizers": {"Regularizer"},
}


def test_configs_are_accepted_key_by_key_as_keras_does(api, keras):
    wrong, seen = {}, 0
    for namespace, name, cls in public_classes(keras):
        if name in NOT_MADE.get(namespace, ()):
            continue
        static = find(api, namespace, name)
        config = make(keras, cls, static).get_config()
        refused = [key for key in config if not static.accepts(key)]
        any_key = static.accepts("no_such_key_anywhere")
        seen += 1
        if refused or any_key != accepts_unknown_key(cls, config):
            wrong[f"{namespace}.{name}"] = (refused, any_key)
    assert wrong == {}
    assert seen > 150


def accepts_unknown_key(cls, config):
    try:
        cls.from_config({**config, "no_such_key_anywhere": 1})
    except (TypeError, ValueError) as error:
        message = str(error)
    else:
        return True
    assert "no_such_key_anywhere" in message or "takes no arguments" in message
    return False


@pytest.mark.parametrize(
    ("name", "role", "found"),
    [
        ("relu", "activation", "keras.src.activations.activations.relu"),
        ("swish", "activation", "keras.src.activations.activations.silu"),
        ("glorot_uniform", "kernel_initializer", "keras.src.initializers.random_initializers.GlorotUniform"),
        ("adam", "optimizer", "keras.src.optimizers.adam.Adam"),
        ("mse", "loss", "keras.src.losses.losses.mean_squared_error"),
        ("no_such_function", "activation", None),
    ],
)
def test_names(api, name, role, found):
    namespace = {"activation": "activations", "kernel_initializer": "initializers", "optimizer": "optimizers"}
    ref = ObjectRef(class_name=name, module=f"keras.{namespace.get(role, 'losses')}", role=role, section=Section.MODEL)
    function = api.find_function(ref, legacy_hdf5=False)
    assert (function.path if function else None) == found


def test_the_loader(api):
    facts = api.loader
    assert facts.zip_safe_mode
    assert api.refuses_lambdas(legacy_hdf5=False)
    layer = ObjectRef(class_name="InputLayer", role="layers")
    assert "batch_input_shape" in api.keys_rewritten(layer)
    assert not api.keys_rewritten(replace(layer, module="keras.layers", has_module=True))


def test_reading_never_imports():
    # Keras is imported by this test; a fresh process would show it, and test_architecture does that.
    before = set(sys.modules)
    assert find(installed().read_keras_api("keras"), "layers", "Dense")
    assert {name for name in set(sys.modules) - before if name.startswith(("keras", "tensorflow"))} == set()
