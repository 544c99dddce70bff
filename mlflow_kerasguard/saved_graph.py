"""What the graph of a SavedModel asks of TensorFlow: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import ModelSpec

#: Under this key of ``ModelSpec.details`` a graph is kept.
KEY = "graph"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of operation that the graph uses.

    Attributes:
        name: as registered, such as ``MatMul``.
        where: the first node that uses it.
        attributes: names of all attributes that nodes set.
        in_function: whether a function uses it. ``tf.saved_model.load`` imports the functions, and the
            nodes outside of them only where the file has no object graph.
    """

    name: str
    where: str
    attributes: tuple[str, ...] = ()
    in_function: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A SavedModel's graph.

    Attributes:
        tensorflow_version: the release that wrote it, as the file says.
        min_consumer: the lowest GraphDef version that a reader may have.
        producer: the GraphDef version of the writer.
        bad_consumers: GraphDef versions that must not read it.
        has_objects: it has an object graph, as TensorFlow 2 writes it.
        stripped: attributes with their default value were left out.
        signatures: names of the signatures.
        operations: in the order of their first use.
    """

    tensorflow_version: str | None = None
    producer: int = 0
    min_consumer: int = 0
    bad_consumers: tuple[int, ...] = ()
    has_objects: bool = True
    stripped: bool = True
    signatures: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()

    @property
    def imported(self) -> tuple[Operation, ...]:
        """The operations that a loader has to know."""
        return tuple(item for item in self.operations if item.in_function or not self.has_objects)


def find_graph(model: ModelSpec) -> Graph | None:
    """The graph of a SavedModel; None where the model has none.

    Raises:
        Unknown: the description, which may be from a logged model's signature, is of another form.
    """
    facts = model.details.get(KEY)
    if model.format != "saved_model" or facts is None:
        return None
    try:
        return _graph(facts)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unknown("the description of the model's graph can't be read") from error


def _graph(facts: Mapping[str, Any]) -> Graph:
    return Graph(
        tensorflow_version=facts.get("tensorflow_version"),
        producer=int(facts.get("producer", 0)),
        min_consumer=int(facts.get("min_consumer", 0)),
        bad_consumers=tuple(map(int, facts.get("bad_consumers", ()))),
        has_objects=bool(facts.get("has_objects", True)),
        stripped=bool(facts.get("stripped", True)),
        signatures=tuple(map(str, facts.get("signatures", ()))),
        operations=tuple(_operation(name, row) for name, row in facts.get("operations", {}).items()),
    )


def _operation(name: str, row: Mapping[str, Any]) -> Operation:
    return Operation(
        name=str(name),
        where=str(row["where"]),
        attributes=tuple(map(str, row.get("attributes", ()))),
        in_function=bool(row.get("in_function", True)),
    )
