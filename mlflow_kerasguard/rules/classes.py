"""KG2xx: classes and functions that the model names, and whether the target Keras has them."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.formats.graph import GraphLayer
from mlflow_kerasguard.keras_api import FunctionApi, Unknown
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef, Section
from mlflow_kerasguard.rules.graphs import layers_by_place
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import (
    find_class,
    is_keras_3,
    is_legacy_hdf5,
    keras_api,
    keras_is_missing,
    own_objects,
)


@rule(
    "KG201",
    Level.ERROR,
    title="class is missing from the target Keras",
    why="Keras resolves each class by module and name before it builds anything, so loading stops at the first one "
    "that is gone, was renamed, or is a custom class whose code isn't there.",
)
def missing_class(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        if find_class(api, ref, model) is None:
            yield Mismatch(
                where=ref.where,
                expected=f"class `{ref.path}`{_own_name(ref)}",
                found=f"`{api.package}` {api.version} has no such class",
                fix=ANOTHER_RELEASE,
            )


def _own_name(ref: ObjectRef) -> str:
    """The name that a loss or metric has given itself: Keras 3 tries that where it doesn't find the class."""
    name = ref.config.get("name")
    return f", named `{name[:40]}`" if ref.section is Section.COMPILE and isinstance(name, str) else ""


@rule(
    "KG202",
    Level.ERROR,
    title="function is missing from the target Keras",
    why="An activation, loss or metric that is given by name is looked up when the model is built or compiled; a name "
    "that nothing answers to stops the load.",
)
def missing_function(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.FUNCTION):
        if _stays_a_word(ref, model):
            continue
        if api.find_function(ref, legacy_hdf5=is_legacy_hdf5(model)) is None:
            yield Mismatch(
                where=ref.where,
                expected=f"function `{ref.class_name}`",
                found=f"`{api.package}` {api.version} has none of that name",
                fix=ANOTHER_RELEASE,
            )


def _stays_a_word(ref: ObjectRef, model: ModelSpec) -> bool:
    """Whether it is a loss or metric that a `.keras` file holds by its bare name: that is looked up when training."""
    return model.format == "keras" and ref.section is Section.COMPILE and not ref.has_module


@rule(
    "KG209",
    Level.ERROR,
    title="class can't be made from a configuration",
    why="Keras makes every object by its class's `from_config`. Some names are kept for old imports only, such as the "
    "optimizers of `keras.optimizers.legacy` in Keras 3, and have none.",
)
def not_rebuildable(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    if is_legacy_hdf5(model) and not is_keras_3(api):
        return  # `deserialize_keras_object` of Keras 2 calls the class itself where it has no `from_config`.
    for ref in own_objects(model, env, Kind.CLASS):
        found = find_class(api, ref, model)
        if found is not None and not found.rebuildable:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.path}` to be made from its configuration",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} has no `from_config`",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG203",
    Level.ERROR,
    title="loss or metric is named by an alias that the HDF5 loader can't resolve",
    why="Keras 3 turns a name in an HDF5 training configuration into the module of the function's canonical name and "
    "looks the name up there; an alias such as `mse` is then often not found. Loading with `compile=False` avoids it.",
)
def alias_in_training_config(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or not is_legacy_hdf5(model):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.FUNCTION):
        function = api.find_function(ref, legacy_hdf5=True)
        if isinstance(function, FunctionApi) and not function.reachable:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to be a name of `{function.exported_as}`",
                found=f"the HDF5 loader of `{api.package}` {api.version} doesn't find it by that name",
                fix="load it with `compile=False`, or save it again as `.keras`",
            )


@rule(
    "KG204",
    Level.ERROR,
    title="operation is taken for the layer of the same name",
    why="HDF5 holds class names without modules, so an operation of a functional graph, such as the `Multiply` behind "
    "`x * 2.0`, comes back as the layer `Multiply`, which is called in another way.",
)
def operation_taken_for_layer(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or not is_legacy_hdf5(model):
        return
    api = keras_api(model, env)
    graph = layers_by_place(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        # Every layer's config says whether it is trainable and of what type; an operation's doesn't.
        if ref.role != "layers" or ref.has_module or {"trainable", "dtype"} & set(ref.config):
            continue
        layer = graph.get(ref.where)
        if layer is not None and _is_called_as_a_layer(layer):
            continue
        if api.has_operation(ref.class_name) and find_class(api, ref, model) is not None:
            yield Mismatch(
                where=ref.where,
                expected=f"the operation `{ref.class_name}`{_arguments(layer)}",
                found=f"the HDF5 loader of `{api.package}` {api.version} builds `keras.layers.{ref.class_name}`",
                fix="save the model again as `.keras`, in the environment that has it in memory",
            )


def _is_called_as_a_layer(layer: GraphLayer) -> bool:
    """With one tensor, or one list of them, and nothing else: a layer such as `Concatenate` then does the same."""
    return bool(layer.calls) and all(len(call.args) == 1 and call.inputs and not call.kwargs for call in layer.calls)


def _arguments(layer: GraphLayer | None) -> str:
    names = dict.fromkeys(key for call in (layer.calls if layer else ()) for key in call.kwargs)
    return f" with {', '.join(f'`{name[:40]}`' for name in names)}" if names else ""
