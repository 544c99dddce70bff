"""KG702 and KG703: graphs that come back and compute something else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.formats.graph import Graph
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules.graphs import placed_graphs
from mlflow_kerasguard.rules.rebuild import rebuild
from mlflow_kerasguard.rules.registry import rule

#: The releases that write 0 for the number of any call of a layer that was called before; where each
#: call is an output of the model as well, nothing in the file tells.
_NUMBERS_LOST = "3.2."

#: How many calls make a layer a shared one.
_SHARED = 2


@rule(
    "KG702",
    Level.ERROR,
    title="call of a shared layer is in the file, and nothing uses its result",
    why="A graph is written from its outputs back, so each call in it is used. Keras 3.2 mixes up the numbers of the "
    "calls of a shared layer: the file then says that one call is used twice and another never.",
)
def unused_call(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, _ in placed_graphs(model, env):
        taken, returned = _uses(placed.graph)
        for layer in placed.graph.layers.values():
            if placed.graph.legacy or len(layer.calls) < _SHARED:
                continue
            used = taken[layer.name].keys() | returned[layer.name]
            unused = [number for number in range(len(layer.calls)) if number not in used]
            for number in unused:
                yield Mismatch(
                    where=placed.where(layer.name),
                    expected=f"the result of call {number + 1} of `{layer.class_name}` `{layer.name}` to be used",
                    found="the file names other calls of it only: it was written with wrong numbers, and any Keras "
                    "builds a model that predicts something else",
                    fix="build the model from its code, load the weights, and save it with Keras 3.3 or later",
                )
            if not unused and _is_ambiguous(model, taken[layer.name], returned[layer.name]):
                yield Unknown(
                    f"Keras {model.keras_version} loses the numbers of the calls of a shared layer, and the file "
                    f"doesn't tell which call of `{layer.name}` is meant"
                )


def _uses(graph: Graph) -> tuple[dict[str, Counter[int]], dict[str, set[int]]]:
    """How often each call of a layer is taken by other calls, and which calls the model returns."""
    taken: dict[str, Counter[int]] = defaultdict(Counter)
    returned: dict[str, set[int]] = defaultdict(set)
    for layer in graph.layers.values():
        for call in layer.calls:
            for endpoint in call.inputs:
                taken[endpoint.layer][graph.call_number(endpoint, is_output=False)] += 1
    for endpoint in graph.outputs:
        returned[endpoint.layer].add(graph.call_number(endpoint, is_output=True))
    return taken, returned


def _is_ambiguous(model: ModelSpec, taken: Counter[int], returned: set[int]) -> bool:
    """Whether a 0 in the file may stand for a later call.

    The first call is used by something. Where only one thing takes it, that one is right.
    """
    if not (model.keras_version or "").startswith(_NUMBERS_LOST) or set(taken) != {0}:
        return False
    return 0 in returned or taken[0] > 1


@rule(
    "KG703",
    Level.ERROR,
    title="result of a nested model's call is taken from another of its calls",
    why="Keras 2 counts the calls of a nested model from 1, and Keras 3 takes what it finds in the file to be counted "
    "from 0. Where a nested model is called more than once, results change places.",
)
def mistaken_call(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, api in placed_graphs(model, env):
        rebuilt = rebuild(placed.graph, api.loader) if api.loader.counts_calls_afresh else None
        for wanted in rebuilt.mistaken if rebuilt is not None and not rebuilt.fails else ():
            number = placed.graph.call_number(wanted.endpoint, is_output=wanted.layer is None) + 1
            yield Mismatch(
                where=placed.where(wanted.layer),
                expected=f"the result of call {number} of {placed.name(wanted.endpoint.layer)}",
                found=f"`{api.package}` {api.version} takes the result of another call of it",
                fix=ANOTHER_RELEASE,
            )
