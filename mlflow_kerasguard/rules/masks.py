"""Which masks reach the layers of a graph, by the ways in which a release of Keras hands them on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from mlflow_kerasguard.formats.graph import Call, Endpoint, Graph, GraphLayer
from mlflow_kerasguard.model import Json

#: A mask by how it comes about: from a tensor, or as several put together. None where there is none.
Mask = tuple[object, ...] | None

#: A call of a layer: its name, and the number of the call.
CallKey = tuple[str, int]

#: What hands the mask of its input on.
_SAME_NAMES = (
    "Activation ActivityRegularization AlphaDropout BatchNormalization Dense Dropout ELU GaussianDropout GaussianNoise "
    "GroupNormalization LayerNormalization LeakyReLU PReLU ReLU Softmax SpatialDropout1D TimeDistributed "
    "UnitNormalization"
)
_SAME = frozenset(_SAME_NAMES.split())
_RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional"})
ATTENTION = frozenset({"Attention", "AdditiveAttention"})
_MULTI_HEAD = "MultiHeadAttention"
MERGES = frozenset({"Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"})

#: What computes something else for another mask.
_READERS = _RECURRENT | ATTENTION | {"GlobalAveragePooling1D", _MULTI_HEAD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Masks:
    """The masks of one graph in one release.

    Attributes:
        read: of each call that computes something else for another mask, the masks it is given.
        merged: of each call that merges tensors, their masks.
    """

    read: Mapping[CallKey, tuple[Mask, ...]]
    merged: Mapping[CallKey, tuple[Mask, ...]]


def has_masks(graph: Graph, configs: Mapping[str, Mapping[str, Json]]) -> bool:
    """Whether anything in the graph makes a mask."""
    return any(_makes_mask(layer, configs.get(layer.name, {})) for layer in graph.layers.values())


def find_masks(graph: Graph, configs: Mapping[str, Mapping[str, Json]], ways: Mapping[str, str]) -> Masks:
    """Follow the masks through a graph.

    Args:
        graph: a functional model.
        configs: the configurations of its layers, by name.
        ways: by subject, the way in which the release computes, see ``keras_api.computations``.
    """
    masks: dict[CallKey, Mask] = {}
    read: dict[CallKey, tuple[Mask, ...]] = {}
    merged: dict[CallKey, tuple[Mask, ...]] = {}
    for key, layer, call in _in_order(graph):
        sources = [_key(graph, endpoint) for endpoint in call.inputs]
        given = tuple(masks.get(source) for source in sources)
        if layer.class_name in _READERS:
            read[key] = _none(given) if _ignored(layer, ways) else given
        if layer.class_name in MERGES:
            merged[key] = given
        masks[key] = _returned(layer, call, given, configs.get(layer.name, {}), ways)
        if layer.class_name == _MULTI_HEAD and ways.get(_MULTI_HEAD) == "takes masks away":
            masks |= dict.fromkeys(sources)
    return Masks(read=read, merged=merged)


def _in_order(graph: Graph) -> Iterator[tuple[CallKey, GraphLayer, Call]]:
    """Calls after those whose results they are given, else as in the file; none of a graph that goes in circles."""
    calls = {
        (layer.name, number): (layer, call)
        for layer in graph.layers.values()
        if not _is_operation(layer)
        for number, call in enumerate(layer.calls)
    }
    order = TopologicalSorter(
        {key: [_key(graph, endpoint) for endpoint in call.inputs] for key, (_, call) in calls.items()}
    )
    try:
        keys = tuple(order.static_order())
    except CycleError:
        return
    for key in keys:
        if key in calls:
            yield key, *calls[key]


def _is_operation(layer: GraphLayer) -> bool:
    """Whether it is an operation that may have the name of a layer; operations lose masks."""
    return layer.module is not None and ".ops" in layer.module


def _key(graph: Graph, endpoint: Endpoint) -> CallKey:
    return endpoint.layer, graph.call_number(endpoint, is_output=False)


def _returned(
    layer: GraphLayer, call: Call, given: tuple[Mask, ...], config: Mapping[str, Json], ways: Mapping[str, str]
) -> Mask:
    """The mask of what a call returns."""
    first = given[0] if given else None
    name = layer.class_name
    if _makes_mask(layer, config):
        return ("of", name, call.inputs)
    if name in MERGES:
        way = ways.get("Merge", "")
        # Along time, masks are put together as their tensors are.
        joined = name == "Concatenate" and config.get("axis") in {1, -2} and way != "drops"
        return ("joined", given) if joined and any(given) else _united(given, way)
    if name in _RECURRENT:
        return first if _returns_sequences(config) else None
    if name == "Identity":
        return first if ways.get("Identity") == "passes masks" else None
    if _ignored(layer, ways) or name not in _SAME | ATTENTION | {_MULTI_HEAD}:
        return None
    return first


def _united(given: tuple[Mask, ...], way: str) -> Mask:
    """The mask of merged tensors: those of all, or of any, or none."""
    there = frozenset(mask for mask in given if mask is not None)
    if not there or way == "drops" or (way == "unites" and None in given):
        return None
    return (way, there) if len(there) > 1 else next(iter(there))


def _makes_mask(layer: GraphLayer, config: Mapping[str, Json]) -> bool:
    return layer.class_name == "Masking" or (layer.class_name == "Embedding" and bool(config.get("mask_zero")))


def _ignored(layer: GraphLayer, ways: Mapping[str, str]) -> bool:
    return layer.class_name == _MULTI_HEAD and ways.get(_MULTI_HEAD) == "ignores masks"


def _none(given: tuple[Mask, ...]) -> tuple[Mask, ...]:
    return (None,) * len(given)


def _returns_sequences(config: Mapping[str, Json]) -> bool:
    """A wrapper's own layer says it; a cell's layer itself."""
    inner = config.get("layer")
    own = inner.get("config") if isinstance(inner, dict) else config
    return isinstance(own, Mapping) and bool(own.get("return_sequences"))
