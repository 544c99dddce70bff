"""KG3xx: configuration keys and values, and whether the target Keras takes them."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.keras_api import ClassApi, Unknown
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
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
        if found is None:
            continue
        rewritten = api.keys_rewritten(ref)
        for key in ref.config:
            if key in rewritten:
                continue
            try:
                accepted = found.accepts(key)
            except Unknown as unknown:
                yield unknown
                continue
            if not accepted:
                yield Mismatch(
                    where=ref.where,
                    expected=f"`{ref.class_name}` to take `{key}={_short(ref.config[key])}`",
                    found=f"`{_own_name(found)}` of `{api.package}` {api.version} doesn't know `{key}`",
                    fix=ANOTHER_RELEASE,
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
                found=f"`{_own_name(found)}` of `{api.package}` {api.version} can't be built without `{key}`",
                fix=ANOTHER_RELEASE,
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
            found=f"`{api.package}` {api.version} refuses lambdas in safe mode{_owner(ref, model)}",
            fix=f"replace it by a layer class; to load it all the same, pass `trusted=['{LAMBDA}']`",
        )


@rule(
    "KG305",
    Level.ERROR,
    title="config value is taken for the name of a function",
    why="The HDF5 loader of Keras 3 replaces any string in a layer's configuration by the function of that name in "
    "`keras.layers`, such as `dot` or `add`; the layer then gets a function where it wants the word.",
)
def string_taken_for_function(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        for key, value in ref.config.items():
            if key != "name" and isinstance(value, str) and api.replaces_string(ref, value):
                yield Mismatch(
                    where=ref.where,
                    expected=f"`{ref.class_name}` to get `{key}={value!r}`",
                    found=f"the HDF5 loader of `{api.package}` {api.version} gives it the function "
                    f"`keras.layers.{value}`",
                    fix="save the model again as `.keras`, in the environment that has it in memory",
                )


@rule(
    "KG331",
    Level.ERROR,
    title="lambda isn't marked as one",
    why="Keras 3 writes an activation that is a lambda without saying that it is one. No release makes a function of "
    "it again: the layer gets a dict for its activation, and refuses it.",
)
def unmarked_lambda(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        for key in unmarked_lambdas(ref):
            yield Mismatch(
                where=f"{ref.where}.{key}",
                expected="the name of a function",
                found=f"bytecode without `__lambda__`, which `{api.package}` {api.version} can't interpret",
                fix="write the activation as a named function, and save the model again",
            )


def unmarked_lambdas(ref: ObjectRef) -> list[str]:
    """Keys under which a lambda was written without its mark, as ``keras.activations.serialize`` does it."""
    return [
        key
        for key, value in ref.config.items()
        if key.endswith("activation") and isinstance(value, dict) and value.keys() == {"value"}
    ]


def _own_name(found: ClassApi) -> str:
    """The name that Keras's own errors say; `GroupQueryAttention`, for one, is `GroupedQueryAttention` there."""
    return found.path.rpartition(".")[2]


def _owner(ref: ObjectRef, model: ModelSpec) -> str:
    """The class whose configuration holds an object, as a clause."""
    return f", such as the one in `{model.objects[ref.parent].class_name}`" if ref.parent is not None else ""


def _short(value: object, limit: int = 40) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
