"""The graphs of a model and how the target rebuilds them, for the rules about graphs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.formats.graph import Graph, GraphLayer, read_graph
from mlflow_kerasguard.keras_api import KerasApi
from mlflow_kerasguard.model import ModelSpec, ObjectRef
from mlflow_kerasguard.rules.view import comes_with_code, is_keras_own, keras_api, keras_is_missing

#: What the root is called in places; its own parts are named without it.
_ROOT = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A graph and the model that it belongs to.

    Attributes:
        ref: the model.
        graph: its graph.
        parts: the objects of its layers, by name.
    """

    ref: ObjectRef
    graph: Graph
    parts: Mapping[str, ObjectRef]

    def where(self, layer: str | None) -> str:
        """The place of one of its layers, or of its outputs."""
        prefix = "" if self.ref.where == _ROOT else f"{self.ref.where}."
        return f"{self.ref.where}.output_layers" if layer is None else f'{prefix}layers["{layer[:200]}"]'

    def name(self, layer: str) -> str:
        """A layer as messages call it: its class and name."""
        found = self.graph.layers.get(layer)
        return f"`{found.class_name}` `{layer}`" if found else f"`{layer}`"


def placed_graphs(model: ModelSpec, env: Environment) -> Iterator[tuple[Placed, KerasApi]]:
    """Each graph that Keras itself rebuilds, with the Keras that does; none where no Keras is installed.

    Raises:
        Unknown: there are graphs, and the Keras isn't known.
    """
    if not keras_is_missing(model, env):
        for placed in _graphs(model, env):
            yield placed, keras_api(model, env)


def _graphs(model: ModelSpec, env: Environment) -> Iterator[Placed]:
    """A custom class may go about its graph in its own way."""
    for placed in _read(_Same(model.objects)):
        if is_keras_own(placed.ref) and not comes_with_code(placed.ref, model, env):
            yield placed


def layers_by_place(model: ModelSpec, env: Environment) -> dict[str, GraphLayer]:
    """What the model's graphs hold, by the place that messages call it by."""
    return {placed.where(layer.name): layer for placed in _graphs(model, env) for layer in placed.graph.layers.values()}


class _Same:
    """Objects that are equal only to themselves: several rules look at the same graphs."""

    def __init__(self, objects: tuple[ObjectRef, ...]) -> None:
        self.objects = objects

    def __hash__(self) -> int:
        return id(self.objects)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.objects is other.objects


@lru_cache(maxsize=2)
def _read(same: _Same) -> tuple[Placed, ...]:
    parts: dict[int | None, dict[str, ObjectRef]] = {}
    for ref in same.objects:
        if ref.role == "layers":
            parts.setdefault(ref.parent, {})[str(ref.config.get("name"))] = ref
    found = [(index, ref, read_graph(ref.config)) for index, ref in enumerate(same.objects) if _has_graph(ref)]
    return tuple(
        Placed(ref=ref, graph=graph, parts=parts.get(index, {})) for index, ref, graph in found if graph is not None
    )


def _has_graph(ref: ObjectRef) -> bool:
    return "output_layers" in ref.config
