"""Look at a model's live custom objects: what they say of themselves, and what comes of making them again.

Only classes and configurations of the person's own are run here, all of which have run before; the
judging is done by the rules KG51x and KG52x.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlflow_kerasguard.custom_code.constructors import (
    arguments_given,
    attributes_of,
    constructor_of,
    is_model,
    is_plain,
    shown,
)
from mlflow_kerasguard.custom_code.lambdas import describe_lambda
from mlflow_kerasguard.custom_code.live_objects import (
    Live,
    LiveObjects,
    children,
    is_custom,
    is_keras_object,
    lookup_names,
)
from mlflow_kerasguard.custom_code.rebuilding import Rebuilder
from mlflow_kerasguard.keras_runtime import KerasRuntime, innermost_message
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.observed import Observed, ObservedLambda, ObservedObject
from mlflow_kerasguard.rules.config import unmarked_lambdas

#: Keys of a Functional or Sequential model's configuration; such a one isn't handed to `__init__`.
_GRAPH_KEYS = frozenset({"layers", "input_layers"})

_METHODS = ("get_config", "from_config")

#: Public modules that hold Keras's own classes.
_NAMESPACES = (
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
)


def observe(spec: ModelSpec, live: LiveObjects, runtime: KerasRuntime) -> Observed:
    """Look at every custom object that a saved model names.

    Args:
        spec: the model as it was read back from its file.
        live: its objects in memory.
        runtime: its Keras.
    """
    with _undisturbed(runtime) as registry:
        found = [(ref, thing) for ref in spec.objects if (thing := live.find(ref)) is not None]
        registry.update({name: thing for ref, thing in found for name in lookup_names(ref)})
        classes = [(ref, thing) for ref, thing in found if ref.kind is Kind.CLASS and isinstance(thing, type)]
        distinct = {_identity(ref, cls): (ref, cls) for ref, cls in reversed(classes)}
        objects = tuple(_observe_saved(ref, cls, live, runtime) for ref, cls in reversed(distinct.values()))
    return Observed(objects=objects, lambdas=tuple(_lambdas(spec, live)))


def observe_unsaved(model: Any, runtime: KerasRuntime) -> Observed:
    """Look for what keeps Keras from saving a model: the innermost custom objects that don't serialize."""
    with _undisturbed(runtime):
        return Observed(objects=tuple(_culprits(Live(where="model", thing=model), runtime, set())))


@contextlib.contextmanager
def _undisturbed(runtime: KerasRuntime) -> Iterator[dict[str, Any]]:
    """Leave Python's random numbers as they are: initializers draw their seeds from them."""
    state = random.getstate()
    try:
        with runtime.isolated_registry() as registry:
            yield registry
    finally:
        random.setstate(state)


def _identity(ref: ObjectRef, cls: type) -> tuple[type, str]:
    """Objects of one class that differ by their names only are looked at once."""
    config = {key: value for key, value in ref.config.items() if key != "name"}
    return cls, json.dumps(config, sort_keys=True, default=str)


def _described(where: str, cls: type, registered_name: str, runtime: KerasRuntime) -> ObservedObject:
    parameters, takes_base_arguments = constructor_of(cls)
    return ObservedObject(
        where=where,
        name=cls.__name__,
        target=f"{cls.__module__}:{cls.__qualname__}",
        registered_name=registered_name,
        namesake=_namesake(cls.__name__, runtime),
        parameters=parameters,
        takes_base_arguments=takes_base_arguments,
        own_methods=frozenset(name for name in _METHODS if _is_own(cls, name)),
    )


def _is_own(cls: type, method: str) -> bool:
    defined = next((vars(base)[method] for base in cls.__mro__ if method in vars(base)), None)
    return defined is not None and is_custom(getattr(defined, "__func__", defined))


def _namesake(name: str, runtime: KerasRuntime) -> str | None:
    for namespace in _NAMESPACES:
        if inspect.isclass(getattr(getattr(runtime.module, namespace, None), name, None)):
            return f"{runtime.package}.{namespace}.{name}"
    return None


def _observe_saved(ref: ObjectRef, cls: type, live: LiveObjects, runtime: KerasRuntime) -> ObservedObject:
    described = _described(ref.where, cls, lookup_names(ref)[-1], runtime)
    thing = live.instance(ref, cls)
    facts: dict[str, Any] = {"config_keys": frozenset(ref.config)}
    if _GRAPH_KEYS & set(ref.config):
        # Keras makes it again from the graph: what its constructor takes isn't in the config.
        return replace(described, parameters=(), **facts)
    if thing is not None:
        facts |= _of_instance(described, thing)
        facts["unserializable"] = dict(_unserializable(thing, runtime))
        if is_model(thing) and "get_config" not in described.own_methods:
            stated = {name: shown(ref.config[name]) for name in facts["arguments"] if name in ref.config}
            facts["misstated"] = {name: value for name, value in stated.items() if value != facts["arguments"][name]}
    facts |= Rebuilder(runtime, described, facts.get("attributes", {})).compare(ref, cls, thing)
    return replace(described, **facts)


def _of_instance(described: ObservedObject, thing: Any) -> dict[str, Any]:
    attributes = attributes_of(described, thing)
    values = {name: getattr(thing, attribute, None) for name, attribute in attributes.items()}
    return {
        "attributes": attributes,
        "arguments": {name: shown(value) for name, value in arguments_given(described, thing, values).items()},
        "compound": frozenset(name for name, value in values.items() if not is_plain(value)),
    }


def _unserializable(thing: Any, runtime: KerasRuntime) -> Iterator[tuple[str, str]]:
    """Values of an object's configuration that Keras can't store, or that JSON changes."""
    try:
        config = thing.get_config()
    except Exception:  # noqa: BLE001 - told as an error of `get_config`
        return
    for key, value in config.items():
        try:
            stored = runtime.serialized(value)
            again = json.loads(json.dumps(stored))
        except Exception as error:  # noqa: BLE001 - whatever is raised, this value doesn't do
            yield key, f"an object of type `{type(value).__name__}`, which doesn't serialize: {_reason(error)}"
            continue
        if _has_other_keys(stored):
            yield key, f"{shown(value)}, a dict whose keys aren't text, and come back as text"
        elif again is None and value is not None:
            yield key, f"{shown(value)}, which comes back as `None`"


def _reason(error: Exception) -> str:
    """An error's message without the addresses of objects, which are never the same."""
    return re.sub(r" at 0x[0-9a-f]+", "", innermost_message(error))


def _has_other_keys(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(not isinstance(key, str) for key in value) or any(map(_has_other_keys, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_other_keys, value))


def _culprits(live: Live, runtime: KerasRuntime, seen: set[int]) -> Iterator[ObservedObject]:
    """Custom objects that don't serialize; nothing is looked for below those that do."""
    if id(live.thing) in seen or not is_keras_object(type(live.thing)):
        return
    seen.add(id(live.thing))
    with contextlib.suppress(Exception):
        json.dumps(runtime.serialized(live.thing))
        return
    inner = [item for child in children(live, seen) for item in _culprits(child, runtime, seen)]
    own = _culprit(live, runtime) if is_custom(type(live.thing)) else None
    yield from inner
    if own is not None:
        yield own


def _culprit(live: Live, runtime: KerasRuntime) -> ObservedObject | None:
    cls = type(live.thing)
    described = _described(live.where, cls, cls.__name__, runtime)
    facts = _of_instance(described, live.thing)
    try:
        facts["config_keys"] = frozenset(live.thing.get_config())
    except Exception as error:  # noqa: BLE001 - a person's own method may raise anything
        return replace(described, **facts, config_error=innermost_message(error))
    unserializable = dict(_unserializable(live.thing, runtime))
    return replace(described, **facts, unserializable=unserializable) if unserializable else None


def _lambdas(spec: ModelSpec, live: LiveObjects) -> Iterator[ObservedLambda]:
    functions = {item.where: item.thing for item in live.reached if getattr(item.thing, "__name__", "") == "<lambda>"}
    for ref in spec.objects:
        if ref.kind is Kind.LAMBDA:
            parent = spec.objects[ref.parent] if ref.parent is not None else None
            is_layer = parent is not None and parent.class_name == "Lambda" and ref.role == "function"
            yield describe_lambda(ref.where, functions.get(ref.where), is_layer=is_layer)
        for key in unmarked_lambdas(ref):
            where = f"{ref.where}.{key}"
            yield describe_lambda(where, functions.get(where), is_layer=False, comes_back=False)
