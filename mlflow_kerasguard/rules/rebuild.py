"""What a Keras 3 makes of a graph: the calls are made one by one, as ``functional_from_config`` does it.

Keras makes the calls in the order of the layers and comes back to those whose inputs weren't there
yet. Here each call is looked at again only when what it waits for has come, so that a large or
hostile graph takes time in proportion to its size.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from mlflow_kerasguard.formats.graph import Endpoint, Graph
from mlflow_kerasguard.keras_api import LoaderFacts


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tensor that something asks for; ``layer`` asks in its ``call``-th call, the model itself by None."""

    endpoint: Endpoint
    layer: str | None = None
    call: int = 0


@dataclass(slots=True)
class Rebuilt:
    """How a graph comes back.

    Attributes:
        missing: tensors of layers that aren't in the graph.
        late: what the first call asks for that comes before its input, where that stops the loader.
        stuck: calls that wait for a tensor that never comes, without those that wait for them.
        lost: outputs of the model that no call has made.
        mistaken: tensors for which the loader takes another call's.
    """

    missing: list[Wanted] = field(default_factory=list)
    late: Wanted | None = None
    stuck: list[Wanted] = field(default_factory=list)
    lost: list[Wanted] = field(default_factory=list)
    mistaken: list[Wanted] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        """Whether the loader doesn't get to the end."""
        return bool(self.missing or self.late or self.stuck or self.lost)


class _Loader:
    """The loader's state: how many calls of each layer exist, and who waits for which."""

    def __init__(self, graph: Graph, facts: LoaderFacts) -> None:
        self._graph = graph
        self._facts = facts
        self._made = {name: int(layer.is_input) for name, layer in graph.layers.items()}
        self._next = dict.fromkeys(graph.layers, 0)
        self._waiting: dict[tuple[str, int], list[str]] = {}
        self._blocked: dict[str, Wanted] = {}
        self.rebuilt = Rebuilt()

    def run(self) -> Rebuilt:
        queue = deque(self._graph.layers)
        while queue and self.rebuilt.late is None:
            queue += self._make_calls(queue.popleft())
        if self.rebuilt.late is None:
            self._note_stuck()
            self._take_outputs()
        return self.rebuilt

    def _make_calls(self, name: str) -> list[str]:
        """Make the calls of a layer as far as it goes; returns the layers that can go on now."""
        woken: list[str] = []
        calls = self._graph.layers[name].calls
        while self._next[name] < len(calls):
            blocking = self._blocking(name)
            if blocking is not None:
                self._wait(name, blocking)
                return woken
            self._blocked.pop(name, None)
            woken += self._waiting.pop((name, self._made[name]), [])
            self._made[name] += 1
            self._next[name] += 1
        return woken

    def _blocking(self, name: str) -> Wanted | None:
        """The first input of a layer's next call that isn't there."""
        call = self._next[name]
        for endpoint in self._graph.layers[name].calls[call].inputs:
            if endpoint.node >= self._made.get(endpoint.layer, 0):
                return Wanted(endpoint, name, call)
        for endpoint in self._graph.layers[name].calls[call].inputs:
            self._compare(Wanted(endpoint, name, call), endpoint.node)
        return None

    def _wait(self, name: str, wanted: Wanted) -> None:
        endpoint = wanted.endpoint
        self._blocked[name] = wanted
        if endpoint.layer not in self._graph.layers:
            self.rebuilt.missing.append(wanted)
        elif self._facts.late_calls_refused and not self._graph.legacy:
            self.rebuilt.late = wanted
        else:
            self._waiting.setdefault((endpoint.layer, endpoint.node), []).append(name)

    def _note_stuck(self) -> None:
        waiting = {
            name: wanted for name, wanted in self._blocked.items() if wanted.endpoint.layer in self._graph.layers
        }
        roots = [wanted for wanted in waiting.values() if wanted.endpoint.layer not in self._blocked]
        # Where all wait for each other, each is as good as any.
        self.rebuilt.stuck = roots or ([] if self.rebuilt.missing else list(waiting.values()))

    def _take_outputs(self) -> None:
        for endpoint in self._graph.outputs:
            layer = self._graph.layers.get(endpoint.layer)
            if layer is None:
                self.rebuilt.missing.append(Wanted(endpoint))
                continue
            made = self._made[endpoint.layer]
            node = endpoint.node - int(self._facts.nested_outputs_shifted and layer.is_functional)
            if -made <= node < made:
                # A negative place counts from the end, as in any Python list.
                self._compare(Wanted(endpoint), node % made)
            elif endpoint.layer not in self._blocked:
                self.rebuilt.lost.append(Wanted(endpoint))

    def _compare(self, wanted: Wanted, taken: int) -> None:
        """Note where the call that the loader takes isn't the one that the file means."""
        if taken != self._graph.call_number(wanted.endpoint, is_output=wanted.layer is None):
            self.rebuilt.mistaken.append(wanted)


def rebuild(graph: Graph, facts: LoaderFacts) -> Rebuilt:
    """Make the calls of a graph as a Keras with these facts does.

    Args:
        graph: the graph; its calls in whichever form.
        facts: of a Keras that counts calls afresh; one that doesn't keeps the file's own numbers.
    """
    return _Loader(graph, facts).run()
