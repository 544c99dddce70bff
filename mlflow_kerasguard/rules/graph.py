"""KG304 and KG306 to KG309: the graph of a functional model, and whether the target Keras can rebuild it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.formats.graph import Call, Graph
from mlflow_kerasguard.keras_api import KerasApi, Unknown
from mlflow_kerasguard.model import Json, ModelSpec
from mlflow_kerasguard.rules.graphs import Placed, placed_graphs
from mlflow_kerasguard.rules.rebuild import Wanted, rebuild
from mlflow_kerasguard.rules.registry import rule


@rule(
    "KG304",
    Level.ERROR,
    title="graph endpoints are in a form that the target Keras can't read",
    why="From 3.5 on Keras reads a functional model's inputs and outputs in the structure they had, and later releases "
    "write a single tensor without a list around it; earlier ones expect a flat list or dict.",
)
def unreadable_endpoints(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, api in placed_graphs(model, env):
        if api.loader.nested_endpoints:
            continue
        for key in ("input_layers", "output_layers"):
            if not _is_flat(placed.ref.config[key]):
                yield Mismatch(
                    where=f"{placed.ref.where}.{key}",
                    expected="a single endpoint or a nested structure of them to be read",
                    found=f"`{api.package}` {api.version} reads a flat list or dict of `[layer, node, tensor]` only",
                    fix=ANOTHER_RELEASE,
                )


@rule(
    "KG306",
    Level.ERROR,
    title="call of a layer is in a form that the target Keras can't read",
    why="Keras 2 writes the calls of a graph as lists and Keras 3 as arguments. Keras 2 can't read the new form; "
    "Keras 3 reads the old one, but neither constants, nor tensors given by name, nor structures of tensors in it.",
)
def unreadable_call(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, api in placed_graphs(model, env):
        for layer in placed.graph.layers.values():
            reasons = {reason: None for call in layer.calls for reason in _unreadable(call, placed.graph, api)}
            for reason in reasons:
                yield Mismatch(
                    where=placed.where(layer.name),
                    expected=f"the call of `{layer.class_name}` to be read",
                    found=f"`{api.package}` {api.version} {reason}",
                    fix=ANOTHER_RELEASE,
                )


def _unreadable(call: Call, graph: Graph, api: KerasApi) -> Iterator[str]:
    """Why a call can't be read."""
    if not graph.legacy:
        if not api.loader.calls_by_argument:
            yield "can't read calls with `args` and `kwargs`, as Keras 3 writes them"
    elif api.loader.counts_calls_afresh:
        if call.constants:
            yield "takes a constant of Keras 2's form for a layer that is missing"
        if call.structured:
            yield "can't read inputs of Keras 2's form that are a dict or nested"
        for key in call.named:
            yield f"gives `{key}` as a list of names and numbers instead of a tensor"


@rule(
    "KG307",
    Level.ERROR,
    title="graph waits for a call that is never made",
    why="Keras 3 makes the calls of a graph one by one and puts off those whose inputs aren't there yet. It counts "
    "calls from 0, Keras 2 those of a nested model from 1: some inputs never come, and most releases wait forever.",
)
def stuck_call(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, api in placed_graphs(model, env):
        if not api.loader.counts_calls_afresh:
            continue
        rebuilt = rebuild(placed.graph, api.loader)
        ending = "never finishes loading" if api.loader.stuck_calls_hang else "gives up"
        for wanted in rebuilt.stuck:
            yield _mismatch(
                placed,
                wanted,
                found=f"`{api.package}` {api.version} makes no such call, and {ending}",
                fix=_fix(model, api),
            )
        for wanted in rebuilt.lost:
            yield _mismatch(
                placed,
                wanted,
                found=f"`{api.package}` {api.version} makes no such call, and fails",
                fix=_fix(model, api),
            )


@rule(
    "KG308",
    Level.ERROR,
    title="graph names a layer that it doesn't have",
    why="Each input of a call names the layer that it comes from; where that isn't among the graph's layers, no Keras "
    "can rebuild the graph.",
)
def missing_layer(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, api in placed_graphs(model, env):
        for wanted in rebuild(placed.graph, api.loader).missing:
            yield _mismatch(placed, wanted, found="the graph has no such layer", fix=None)


@rule(
    "KG309",
    Level.ERROR,
    title="shared layer is called before the input of the call is made",
    why="Where layers are shared at different depths, as in `A(B(A(x)))`, some calls come before their inputs. Keras "
    "before 3.7 stops there instead of coming back to them.",
)
def late_call(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, api in placed_graphs(model, env):
        wanted = rebuild(placed.graph, api.loader).late if api.loader.late_calls_refused else None
        if wanted is not None:
            yield _mismatch(
                placed,
                wanted,
                found=f"`{api.package}` {api.version} stops at a call whose input isn't made yet",
                fix=ANOTHER_RELEASE,
            )


def _mismatch(placed: Placed, wanted: Wanted, *, found: str, fix: str | None) -> Mismatch:
    endpoint = wanted.endpoint
    number = placed.graph.call_number(endpoint, is_output=wanted.layer is None) + 1
    asking = "an output of the model" if wanted.layer is None else placed.name(wanted.layer)
    return Mismatch(
        where=placed.where(wanted.layer),
        expected=f"call {number} of {placed.name(endpoint.layer)}, which {asking} takes",
        found=found,
        fix=fix,
    )


def _fix(model: ModelSpec, api: KerasApi) -> str | None:
    """The release that saved the file; where it can't read the file either, only the code helps."""
    if model.keras_version == api.version:
        return "build the model from its code, and copy the weights layer by layer"
    return ANOTHER_RELEASE


def _is_flat(endpoints: Json) -> bool:
    """Whether every item is an endpoint: ``[layer name, node index, tensor index]``."""
    items = endpoints.values() if isinstance(endpoints, dict) else endpoints
    return isinstance(items, Iterable) and all(isinstance(item, list) and _is_endpoint(item) for item in items)


def _is_endpoint(item: list[Json]) -> bool:
    return bool(item) and isinstance(item[0], str)
