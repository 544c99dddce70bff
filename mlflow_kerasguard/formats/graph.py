"""The graph of a functional model as its configuration describes it: layers, their calls, what each call takes.

Keras 2 writes a call as a list of ``[layer, node, tensor, kwargs]``; Keras 3 as ``{"args": …, "kwargs": …}``
in which a tensor is a ``__keras_tensor__``. Both become the same values here. Nothing in the file is
believed: what doesn't have the expected form is noted, never raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from mlflow_kerasguard.model import Json

#: What a graph's own inputs are called in a file.
INPUT_LAYER = "InputLayer"

#: Where Keras 2 writes a number or an array instead of a layer's name.
CONSTANT = "_CONSTANT_VALUE"

_HISTORY_LENGTH = 3
_WITH_ARGUMENTS = 4


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A tensor: the ``tensor``-th output of the ``node``-th call of ``layer``, as the file counts."""

    layer: str
    node: int
    tensor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a layer.

    Attributes:
        inputs: the tensors that it takes.
        args: what it is given by position, as in the file; empty in Keras 2's form.
        kwargs: what it is given by name, as in the file.
        legacy: it is in Keras 2's form.
        named: those of ``kwargs`` that hold a tensor in Keras 2's form, which is a plain list.
        constants: some of the inputs are numbers, as Keras 2 writes them.
        structured: its inputs are neither one tensor nor a flat list of them (Keras 2's form only).
    """

    inputs: tuple[Endpoint, ...] = ()
    args: tuple[Json, ...] = ()
    kwargs: Mapping[str, Json]
    legacy: bool = False
    named: tuple[str, ...] = ()
    constants: bool = False
    structured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphLayer:
    """A layer of a graph.

    Attributes:
        name: its name in the graph.
        class_name: its class, as the file names it.
        module: its module, where the file says.
        is_network: it is a functional or Sequential model that begins with an input layer of its own;
            Keras 2 counts that model's own call as the first.
        is_functional: it is a functional model.
        calls: its calls in order; those of an input layer aren't in the file.
    """

    name: str
    class_name: str
    module: str | None = None
    is_network: bool = False
    is_functional: bool = False
    calls: tuple[Call, ...] = ()

    @property
    def is_input(self) -> bool:
        """Whether it is an input of the graph."""
        return self.class_name == INPUT_LAYER


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A functional model.

    Attributes:
        layers: by name, in the order of the file; of layers of one name the last counts, as in Keras.
        inputs: the tensors that it takes.
        outputs: the tensors that it returns.
        legacy: its calls are in Keras 2's form.
    """

    layers: Mapping[str, GraphLayer]
    inputs: tuple[Endpoint, ...]
    outputs: tuple[Endpoint, ...]
    legacy: bool = False

    def used(self) -> Iterator[Endpoint]:
        """The tensors that some call takes or the model returns."""
        for layer in self.layers.values():
            for call in layer.calls:
                yield from call.inputs
        yield from self.outputs

    def call_number(self, endpoint: Endpoint, *, is_output: bool) -> int:
        """Which call of its layer a tensor comes from, counted from 0.

        Keras 2 counts the calls of a model inside the graph from 1. So does Keras 3 where the outputs
        of the graph name a functional model, but nowhere else.
        """
        layer = self.layers.get(endpoint.layer)
        if layer is None:
            return endpoint.node
        return endpoint.node - int(layer.is_network if self.legacy else is_output and layer.is_functional)


def is_functional_config(config: Mapping[str, Json]) -> bool:
    """Whether a configuration is a functional model's."""
    return "input_layers" in config and "output_layers" in config and isinstance(config.get("layers"), list)


def is_object(value: Json) -> TypeGuard[dict[str, Json]]:
    """Whether a value is a serialized layer or model."""
    return (
        isinstance(value, dict) and isinstance(value.get("config"), dict) and isinstance(value.get("class_name"), str)
    )


def returns_list(layer: Json) -> bool:
    """Whether a model's only output is written as a list of one: its own, or its last layer's."""
    while is_object(layer):
        config = layer["config"]
        if is_functional_config(config):
            outputs = config["output_layers"]
            return isinstance(outputs, list) and len(outputs) == 1 and _is_leaf(outputs[0])
        layers = config.get("layers")
        layer = layers[-1] if isinstance(layers, list) and layers else None
    return False


def read_graph(config: Mapping[str, Json]) -> Graph | None:
    """The graph in the configuration of a functional model; None where it holds none."""
    if not is_functional_config(config):
        return None
    items = [item for item in config["layers"] if isinstance(item, dict) and isinstance(item.get("name"), str)]
    names = frozenset(item["name"] for item in items)
    layers = {item["name"]: _layer(item, names) for item in items}
    return Graph(
        layers=layers,
        inputs=tuple(_endpoints(config["input_layers"])),
        outputs=tuple(_endpoints(config["output_layers"])),
        legacy=any(call.legacy for layer in layers.values() for call in layer.calls),
    )


def _layer(item: Mapping[str, Json], names: frozenset[str]) -> GraphLayer:
    nodes = item.get("inbound_nodes")
    config = item.get("config")
    config = config if isinstance(config, dict) else {}
    is_functional = is_functional_config(config)
    module = item.get("module")
    return GraphLayer(
        name=item["name"],
        class_name=str(item.get("class_name")),
        module=module if isinstance(module, str) else None,
        is_network=is_functional or _begins_with_input(config.get("layers")),
        is_functional=is_functional,
        calls=tuple(_call(node, names) for node in nodes) if isinstance(nodes, list) else (),
    )


def _begins_with_input(layers: Json) -> bool:
    first = layers[0] if isinstance(layers, list) and layers else None
    return isinstance(first, dict) and first.get("class_name") == INPUT_LAYER


def _call(node: Json, names: frozenset[str]) -> Call:
    if isinstance(node, dict) and ("args" in node or "kwargs" in node):
        args, kwargs = node.get("args"), node.get("kwargs")
        return Call(
            inputs=tuple(_keras_tensors([args, kwargs])),
            args=tuple(args) if isinstance(args, list) else (),
            kwargs=kwargs if isinstance(kwargs, dict) else {},
        )
    return _legacy_call(node, names)


def _keras_tensors(value: Json) -> Iterator[Endpoint]:
    """The tensors in the arguments of a call, in order; a stack, since a file may nest deep."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if item.get("class_name") == "__keras_tensor__":
                config = item.get("config")
                endpoint = _endpoint(config.get("keras_history")) if isinstance(config, dict) else None
                if endpoint is not None:
                    yield endpoint
            else:
                stack += reversed(list(item.values()))
        elif isinstance(item, list):
            stack += reversed(item)


def _legacy_call(node: Json, names: frozenset[str]) -> Call:
    """A call in Keras 2's form: a nested structure of ``[layer, node, tensor, kwargs]``."""
    inputs: list[Endpoint] = []
    kwargs: Mapping[str, Json] = {}
    constants = False
    for leaf in _leaves(node):
        if leaf[0] == CONSTANT:
            constants = True
        else:
            inputs += filter(None, [_endpoint(leaf[:_HISTORY_LENGTH])])
        last = leaf[-1] if len(leaf) == _WITH_ARGUMENTS else {}
        # All inputs of a call carry the same arguments; Keras takes the last one's.
        kwargs = last if isinstance(last, dict) else {}
    named = {key: [item for item in _endpoints(value) if item.layer in names] for key, value in kwargs.items()}
    return Call(
        inputs=(*inputs, *(endpoint for endpoints in named.values() for endpoint in endpoints)),
        kwargs=kwargs,
        legacy=bool(node),
        named=tuple(key for key, endpoints in named.items() if endpoints),
        constants=constants,
        structured=not (isinstance(node, list) and all(_is_leaf(item) for item in node)),
    )


def _is_leaf(value: Json) -> bool:
    """Whether a value is a ``[layer, node, tensor]`` or ``[layer, node, tensor, kwargs]``."""
    return (
        isinstance(value, list)
        and len(value) in {_HISTORY_LENGTH, _WITH_ARGUMENTS}
        and isinstance(value[0], str)
        and _is_number(value[1])
    )


def _leaves(value: Json) -> Iterator[list[Json]]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            if _is_leaf(item):
                yield item
            else:
                stack += reversed(item)
        elif isinstance(item, dict):
            stack += reversed(list(item.values()))


def _endpoints(value: Json) -> Iterator[Endpoint]:
    """The tensors in a structure whose leaves are ``[layer, node, tensor]``."""
    for leaf in _leaves(value):
        endpoint = _endpoint(leaf) if len(leaf) == _HISTORY_LENGTH else None
        if endpoint is not None:
            yield endpoint


def _endpoint(value: Json) -> Endpoint | None:
    if not isinstance(value, list) or len(value) != _HISTORY_LENGTH:
        return None
    layer, node, tensor = value
    if not isinstance(layer, str) or not _is_number(node) or not _is_number(tensor):
        return None
    return Endpoint(layer, node, tensor)


def _is_number(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
