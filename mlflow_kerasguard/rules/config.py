"""KG3xx: configuration keys and values, and whether the target Keras takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec
from mlflow_kerasguard.rules.classes import pin_saver
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import (
    find_class,
    is_legacy_hdf5,
    keras_api,
    keras_is_missing,
    own_objects,
)

LAMBDA = "keras.layers.Lambda"


@rule(
    "KG301",
    Level.ERROR,
    title="config key is not accepted",
    why="Keras hands every key of the saved configuration to the class; one that the target's constructor doesn't know "
    "is a `TypeError` or `ValueError` in the middle of loading.",
)
def unaccepted_key(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        found = find_class(api, ref, model)
        rewritten = api.keys_rewritten(ref, legacy_hdf5=is_legacy_hdf5(model))
        for key in ref.config if found is not None else ():
            if key in rewritten:
                continue
            try:
                accepted = found is None or found.accepts(key)
            except Unknown as unknown:
                yield unknown
                continue
            if not accepted:
                yield Mismatch(
                    where=ref.where,
                    expected=f"`{ref.class_name}` to take `{key}={_short(ref.config[key])}`",
                    found=f"`{ref.class_name}` of `{api.package}` {api.version} doesn't know `{key}`",
                    fix=pin_saver(model, env),
                )


@rule(
    "KG302",
    Level.ERROR,
    title="required argument is missing from the config",
    why="The target's constructor has a parameter without a default that the saved configuration doesn't hold, so the "
    "object can't be built.",
)
def missing_argument(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        found = find_class(api, ref, model)
        missing = found.required.difference(ref.config) if found is not None else None
        if found is None or not missing:
            continue
        for key in sorted(missing - found.supplied - found.dropped):
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` without `{key}`",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} can't be built without `{key}`",
                fix=pin_saver(model, env),
            )


@rule(
    "KG303",
    Level.ERROR,
    title="lambda is refused by safe mode",
    why="A lambda is stored as Python bytecode, which could be anything; Keras loads it only with `safe_mode=False`.",
)
def refused_lambda(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    lambdas = [ref for ref in model.objects if ref.kind is Kind.LAMBDA]
    if not lambdas or LAMBDA in model.trusted or keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    if not api.refuses_lambdas(legacy_hdf5=is_legacy_hdf5(model)):
        return
    for ref in lambdas:
        yield Mismatch(
            where=ref.where,
            expected="a Python lambda to be deserialized",
            found=f"`{api.package}` {api.version} refuses lambdas in safe mode",
            fix=f"replace it by a layer class; to load it all the same, pass `trusted=['{LAMBDA}']`",
        )


@rule(
    "KG304",
    Level.ERROR,
    title="graph endpoints are in a form that the target Keras can't read",
    why="From 3.5 on Keras reads a functional model's inputs and outputs in the structure they had, and later releases "
    "write a single tensor without a list around it; earlier ones expect a flat list or dict.",
)
def unreadable_endpoints(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    graphs = [ref for ref in model.objects if "input_layers" in ref.config and "output_layers" in ref.config]
    if not graphs or keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in () if api.loader.nested_endpoints else graphs:
        for key in ("input_layers", "output_layers"):
            if not _is_flat(ref.config[key]):
                yield Mismatch(
                    where=f"{ref.where}.{key}",
                    expected="a single endpoint or a nested structure of them to be read",
                    found=f"`{api.package}` {api.version} reads a flat list or dict of `[layer, node, tensor]` only",
                    fix=pin_saver(model, env),
                )


@rule(
    "KG305",
    Level.ERROR,
    title="config value is taken for the name of a function",
    why="The HDF5 loader of Keras 3 replaces any string in a layer's configuration by the function of that name in "
    "`keras.layers`, such as `dot` or `add`; the layer then gets a function where it wants the word.",
)
def string_taken_for_function(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or not is_legacy_hdf5(model):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        for key, value in ref.config.items():
            if key != "name" and isinstance(value, str) and api.replaces_string(ref, value, legacy_hdf5=True):
                yield Mismatch(
                    where=ref.where,
                    expected=f"`{ref.class_name}` to get `{key}={value!r}`",
                    found=f"the HDF5 loader of `{api.package}` {api.version} gives it the function "
                    f"`keras.layers.{value}`",
                    fix="save the model again as `.keras`, in the environment that has it in memory",
                )


def _is_flat(endpoints: object) -> bool:
    """Whether every item is an endpoint: ``[layer name, node index, tensor index]``."""
    items = endpoints.values() if isinstance(endpoints, dict) else endpoints
    return isinstance(items, Iterable) and all(isinstance(item, list) and _is_endpoint(item) for item in items)


def _is_endpoint(item: list[object]) -> bool:
    return bool(item) and isinstance(item[0], str)


def _short(value: object, limit: int = 40) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
