"""Functional models for the rules about graphs: layers by name, calls in the form of Keras 2 or 3."""

from __future__ import annotations

from typing import Any

from mlflow_kerasguard.formats.config_tree import collect_objects
from mlflow_kerasguard.keras_api import LoaderFacts
from tests.builders import CLASSES, environment, model

X = {"class_name": "InputLayer", "module": "keras.layers", "name": "x", "config": {"name": "x"}, "inbound_nodes": []}


def layer(name: str, *nodes: Any, of: str = "keras.layers.Dense", **config: Any) -> dict[str, Any]:
    """A layer by its name, its calls (as `old` and `new` write them) and its class."""
    module, _, class_name = of.rpartition(".")
    found = {"class_name": class_name, "config": {"name": name, **config}, "name": name, "inbound_nodes": list(nodes)}
    return {"module": module, **found} if module else found


def tensor(name: str, node: int = 0, index: int = 0) -> dict[str, Any]:
    config = {"shape": [None, 3], "dtype": "float32", "keras_history": [name, node, index]}
    return {"class_name": "__keras_tensor__", "config": config}


def new(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """A call as Keras 3 writes it; a string or pair stands for a tensor."""
    return {"args": [_tensor(item) for item in args], "kwargs": kwargs}


def old(*inputs: Any, **kwargs: Any) -> list[Any]:
    """A call as Keras 2 writes it."""
    return [[*(item if isinstance(item, tuple) else (item, 0)), 0, kwargs] for item in inputs]


def _tensor(item: Any) -> Any:
    if isinstance(item, str):
        return tensor(item)
    return tensor(*item) if isinstance(item, tuple) else item


def config(*layers: dict[str, Any], outputs: Any = (("y", 0),)) -> dict[str, Any]:
    """The configuration of a functional model; `outputs` are pairs of layer and call, or as they stand."""
    endpoints = [[name, node, 0] for name, node in outputs] if isinstance(outputs, tuple) else outputs
    return {"name": "graph", "layers": [X, *layers], "input_layers": [["x", 0, 0]], "output_layers": endpoints}


def functional(*layers: dict[str, Any], outputs: Any = (("y", 0),), **fields: Any) -> Any:
    """A whole model of them."""
    root = {
        "class_name": "Functional",
        "module": "keras.src.models.functional",
        "config": config(*layers, outputs=outputs),
    }
    return model(objects=collect_objects(root), **fields)


INNER = config(layer("y", new("x")))
OLD_INNER = config(layer("y", old("x")))


def nested(*nodes: Any, name: str = "m", inner: dict[str, Any] = INNER) -> dict[str, Any]:
    """A functional model as a layer."""
    found = layer(name, *nodes, of="keras.src.models.functional.Functional")
    return {**found, "config": {**inner, "name": name}}


def keras(classes: Any = None, **facts: Any) -> Any:
    """An environment with a Keras 3, of which more is said."""
    facts = {"counts_calls_afresh": True, "nested_outputs_shifted": True, **facts}
    return environment(keras={"loader": LoaderFacts(**facts)}, classes={**CLASSES, **(classes or {})})
