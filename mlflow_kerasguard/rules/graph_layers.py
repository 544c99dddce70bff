"""KG310 to KG318: what the layers of a graph are given, and what they give back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.formats.graph import Call, is_object, returns_list
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Json, Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules.graphs import placed_graphs
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import find_class, is_legacy_hdf5, keras_api, keras_is_missing, own_objects

#: Where Keras 3 defines operations.
_OPERATIONS = ".ops."

#: Arguments that `Layer.__call__` takes whatever the layer's own `call` does.
_TAKEN_BY_ALL = frozenset({"training", "mask"})

_SCORING = frozenset({"Attention", "AdditiveAttention"})


@rule(
    "KG310",
    Level.ERROR,
    title="value in a call is of a kind that the target Keras doesn't know",
    why="Slices, ellipses and arrays among the arguments of an operation are written as objects of special names; a "
    "release that doesn't know the name looks for a class called so.",
)
def unknown_value(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, api in placed_graphs(model, env):
        kinds = api.loader.value_kinds
        if kinds is None or not api.loader.calls_by_argument:
            continue
        for layer in placed.graph.layers.values():
            used = {kind: None for call in layer.calls for kind in _value_kinds([*call.args, call.kwargs])}
            for kind in used:
                if kind not in kinds:
                    yield Mismatch(
                        where=placed.where(layer.name),
                        expected=f"an argument of `{layer.class_name}` to be read as `{kind}`",
                        found=f"`{api.package}` {api.version} knows no value of that name",
                        fix=ANOTHER_RELEASE,
                    )


@rule(
    "KG316",
    Level.ERROR,
    title="attention scores are not among the layer's outputs",
    why="Until 3.7 an attention layer of Keras 3 tells the graph of one output only, so a model that also uses the "
    "scores can't be put together again.",
)
def hidden_scores(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, api in placed_graphs(model, env):
        if not api.loader.attention_hides_scores:
            continue
        used = {endpoint.layer for endpoint in placed.graph.used() if endpoint.tensor > 0}
        for layer in placed.graph.layers.values():
            if layer.name in used and layer.class_name in _SCORING:
                yield Mismatch(
                    where=placed.where(layer.name),
                    expected=f"`{layer.class_name}` to return its scores as well",
                    found=f"`{layer.class_name}` of `{api.package}` {api.version} returns one tensor in a graph",
                    fix=ANOTHER_RELEASE,
                )


@rule(
    "KG311",
    Level.ERROR,
    title="several slices are given as a list that the target's `GetItem` refuses",
    why="JSON has no tuples, so the key of `x[:, 0]` comes back as a list, which the operation takes from 3.2 on only.",
)
def list_of_slices(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, api in placed_graphs(model, env):
        if api.loader.slices_by_list or is_legacy_hdf5(model):
            continue  # HDF5 doesn't get as far: `GetItem` isn't a layer.
        for layer in placed.graph.layers.values():
            if layer.class_name == "GetItem" and any(
                isinstance(item, list) for call in layer.calls for item in _key(call)
            ):
                yield Mismatch(
                    where=placed.where(layer.name),
                    expected="`GetItem` to take a list of slices",
                    found=f"`GetItem` of `{api.package}` {api.version} takes a number or a tuple only",
                    fix=ANOTHER_RELEASE,
                )


@rule(
    "KG312",
    Level.ERROR,
    title="layer hands its input on as its own output",
    why="A graph is kept in its tensors, each of which knows the layer that it came out of. A layer that says its "
    "output is the very tensor it was given overwrites that, and the input is no longer connected.",
)
def handed_back_input(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        found = find_class(api, ref, model) if ref.role == "layers" else None
        if found is not None and found.hands_input_back:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to make a tensor of its own",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} returns its input as its output",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG313",
    Level.ERROR,
    title="base class is used as a layer, and can't be called",
    why="A plain `Layer` or `Wrapper` of Keras 2 hands on what it is given; in Keras 3 they have no `call`, and the "
    "first call, which comes with loading, fails.",
)
def uncallable_class(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        if ref.class_name in api.loader.uncallable and find_class(api, ref, model) is not None:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to hand on its input",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} has no `call`",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG314",
    Level.ERROR,
    title="model inside another layer comes back with a list as its output",
    why="Keras 2, and Keras 3 before 3.11, write a single output as a list of one. Some releases take that at its "
    "word; the next layer of a Sequential, or a `TimeDistributed` around it, then gets a list instead of a tensor.",
)
def listed_output(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    if not api.loader.counts_calls_afresh or api.loader.single_outputs_unwrapped:
        return
    for ref in own_objects(model, env, Kind.CLASS):
        for layer, taker in _handed_on(ref):
            if returns_list(layer):
                yield Mismatch(
                    where=ref.where,
                    expected=f"one tensor from `{layer['class_name']}` `{layer['config'].get('name')}`",
                    found=f"`{api.package}` {api.version} makes it return a list of one tensor, which "
                    f"`{taker}` doesn't take",
                    fix=ANOTHER_RELEASE,
                )


def _handed_on(ref: ObjectRef) -> Iterator[tuple[dict[str, Json], str]]:
    """What stands in a Sequential or in a `TimeDistributed`, and the class that takes its output."""
    wrapped = ref.config.get("layer")
    if ref.class_name == "TimeDistributed" and wrapped is not None and is_object(wrapped):
        yield wrapped, ref.class_name
    layers = ref.config.get("layers") if ref.class_name == "Sequential" else None
    found = [item for item in layers if is_object(item)] if isinstance(layers, list) else []
    for layer, following in pairwise(found):
        # A model takes a list of one as well as a tensor.
        if "layers" not in following["config"]:
            yield layer, following["class_name"]


@rule(
    "KG315",
    Level.ERROR,
    title="layer or operation is called with an argument that the target's doesn't take",
    why="A graph keeps what each layer and operation was called with. Where that of another release has other "
    "parameters, the call is a `TypeError` in the middle of loading.",
)
def unaccepted_argument(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, api in placed_graphs(model, env):
        for name, layer in placed.graph.layers.items():
            ref = placed.parts.get(name)
            found = find_class(api, ref, model) if ref is not None else None
            if found is None or found.call is None:
                continue
            # `Layer.__call__` sorts what it is given by position; `Operation.__call__` hands it on.
            unaccepted = _unaccepted if _OPERATIONS in found.path and not placed.graph.legacy else _unaccepted_names
            for argument in {text: None for call in layer.calls for text in unaccepted(call, found.call)}:
                yield Mismatch(
                    where=placed.where(name),
                    expected=f"`{layer.class_name}` to take {argument}",
                    found=f"`{layer.class_name}` of `{api.package}` {api.version} takes {_listed(found.call)}",
                    fix=ANOTHER_RELEASE,
                )


@rule(
    "KG318",
    Level.ERROR,
    title="wrapped Sequential can't tell its output's shape",
    why="`TimeDistributed` asks what it wraps for the shape of its output. A Sequential has no answer to that before "
    "Keras 3.4, so that the first call, which comes with loading, fails.",
)
def wrapped_sequential(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS) if api.loader.sequential_shape_unknown else ():
        wrapped = ref.config.get("layer")
        if ref.class_name == "TimeDistributed" and is_object(wrapped) and wrapped["class_name"] == "Sequential":
            yield Mismatch(
                where=ref.where,
                expected="the `Sequential` in a `TimeDistributed` to tell the shape of its output",
                found=f"`Sequential` of `{api.package}` {api.version} has no `compute_output_shape`",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG317",
    Level.ERROR,
    title="call has lost its inputs",
    why="Keras 2 doesn't write what a function takes as `*args`, such as the tensors of `tf.einsum`. The graph in the "
    "file then calls the function without them.",
)
def lost_inputs(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, _ in placed_graphs(model, env):
        for layer in placed.graph.layers.values():
            if not layer.is_input and any(call.legacy and not call.inputs for call in layer.calls):
                yield Mismatch(
                    where=placed.where(layer.name),
                    expected=f"a tensor in the call of {placed.name(layer.name)}",
                    found="the file has none",
                    fix="wrap the call in a layer of your own, or pass its tensors by name, and save the model again",
                )


def _unaccepted(call: Call, parameters: tuple[str, ...]) -> Iterator[str]:
    """What of a call's arguments the parameters leave no place for."""
    if "*" not in parameters and len(call.args) > len([name for name in parameters if name != "**"]):
        yield f"{len(call.args)} arguments by position"
    yield from _unaccepted_names(call, parameters)


def _unaccepted_names(call: Call, parameters: tuple[str, ...]) -> Iterator[str]:
    if "**" not in parameters:
        yield from (f"`{key}`" for key in call.kwargs if key not in parameters and key not in _TAKEN_BY_ALL)


def _listed(parameters: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in parameters) or "nothing"


def _key(call: Call) -> Iterable[Json]:
    """What `GetItem` is given as its key."""
    return [*call.args[1:2], *(value for name, value in call.kwargs.items() if name == "key")]


def _value_kinds(value: Json) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            name = item.get("class_name")
            if isinstance(name, str) and name.startswith("__") and name.endswith("__") and "config" in item:
                yield name
            stack += item.values()
        elif isinstance(item, list):
            stack += item
