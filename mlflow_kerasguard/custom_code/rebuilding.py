"""Make a custom object again from its saved configuration, and hold it against the live one."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from mlflow_kerasguard.custom_code.constructors import is_plain, shown
from mlflow_kerasguard.keras_runtime import KerasRuntime, innermost_message
from mlflow_kerasguard.model import ObjectRef
from mlflow_kerasguard.observed import ObservedObject

#: Attributes that change as a layer is used, and are Keras's.
_KERAS_OWN = frozenset(
    {"built", "autocast", "input_spec", "name", "supports_masking", "dtype", "trainable", "stop_training"}
)

_LONGEST = 80


class Rebuilder:
    """Makes objects of one class again."""

    def __init__(self, runtime: KerasRuntime, described: ObservedObject, attributes: Mapping[str, str]) -> None:
        """Describe what to look at.

        Args:
            runtime: the Keras.
            described: the class.
            attributes: parameter to the attribute that holds its value.
        """
        self._runtime = runtime
        self._described = described
        self._attributes = attributes

    def compare(self, ref: ObjectRef, cls: Any, thing: Any | None) -> dict[str, Any]:
        """What of :class:`ObservedObject` is known after ``from_config``.

        Args:
            ref: the object as it was saved.
            cls: its class.
            thing: the live object; None where it isn't known.
        """
        try:
            again = cls.from_config(copy.deepcopy(dict(ref.config)))
        except Exception as error:  # noqa: BLE001 - a person's own code may raise anything
            return {"rebuild_error": innermost_message(error)}
        facts: dict[str, Any] = {"changed": self._changed(ref.config, again)}
        if thing is None:
            return facts
        facts["unrestored"] = tuple(name for name in self._attributes if self._is_config(name, thing, again))
        if not facts["unrestored"] and self._is_built_alone(ref, thing, again):
            facts["build_error"] = _build(ref, again)
        if facts.get("build_error", "") is None:
            facts["variables"] = _variables(thing, again)
            facts["unsaved"] = tuple(_unsaved(thing, again))
            facts["lost"] = dict(_lost(thing, again)) if not facts["changed"] else {}
        return facts

    def _changed(self, config: Mapping[str, Any], again: Any) -> dict[str, tuple[str, str]]:
        try:
            now = json.loads(json.dumps(self._runtime.serialized(again.get_config())))
        except Exception:  # noqa: BLE001 - what can't be serialized is told of the live object
            return {}
        pairs = {key: (_text(value), _text(now.get(key))) for key, value in config.items()}
        return {key: (_cut(was), _cut(after)) for key, (was, after) in pairs.items() if was != after}

    def _is_config(self, parameter: str, thing: Any, again: Any) -> bool:
        """Whether an argument that is an object comes back as what describes it."""
        name = self._attributes[parameter]
        before, after = getattr(thing, name, None), getattr(again, name, None)
        return isinstance(after, dict) and {"class_name", "config"} <= set(after) and not isinstance(before, dict)

    def _is_built_alone(self, ref: ObjectRef, thing: Any, again: Any) -> bool:
        """Whether a loader lets it make its variables by itself."""
        if not getattr(thing, "built", True):
            return False
        return bool(ref.build_config) if hasattr(again, "build_from_config") else not hasattr(again, "build")


def _build(ref: ObjectRef, again: Any) -> str | None:
    """Let it make its variables as Keras does; how that failed."""
    if not hasattr(again, "build_from_config") or again.built:
        return None
    try:
        again.build_from_config(copy.deepcopy(ref.build_config))
    except Exception as error:  # noqa: BLE001 - a person's own code may raise anything
        return innermost_message(error)
    return None


def _text(value: Any) -> str:
    return json.dumps(_without_sharing(value), sort_keys=True)


def _without_sharing(value: Any) -> Any:
    """A configuration without the marks of objects that appear several times in one file."""
    if isinstance(value, dict):
        return {key: _without_sharing(item) for key, item in value.items() if key != "shared_object_id"}
    return [_without_sharing(item) for item in value] if isinstance(value, list) else value


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def _variables(thing: Any, again: Any) -> tuple[int, int] | None:
    """Both numbers of variables, where they differ.

    Layers inside others are built when the model calls them, so nothing is said of those.
    """
    if any(hasattr(value, "add_weight") for value in _held(thing)) or not hasattr(thing, "variables"):
        return None
    before, after = len(thing.variables), len(again.variables)
    return (before, after) if before != after else None


def _held(thing: Any) -> list[Any]:
    """What an object's attributes hold, directly or in lists and dicts."""
    found: list[Any] = []
    stack = list(vars(thing).values())
    while stack:
        value = stack.pop()
        if isinstance(value, dict | list | tuple | set):
            stack += value.values() if isinstance(value, dict) else value
        else:
            found.append(value)
    return found


def _unsaved(thing: Any, again: Any) -> list[str]:
    """Attributes with variables of TensorFlow's that Keras 3 doesn't track, where a new object has other values."""
    tracked = {id(getattr(variable, "value", variable)) for variable in getattr(thing, "variables", ())}
    tracked |= {id(variable) for variable in getattr(thing, "variables", ())}
    return [
        name
        for name, value in vars(thing).items()
        if _is_backend_variable(value) and id(value) not in tracked and not _equal(value, getattr(again, name, None))
    ]


def _is_backend_variable(value: Any) -> bool:
    kinds = {f"{base.__module__}.{base.__name__}" for base in type(value).__mro__}
    return "tensorflow.python.ops.variables.Variable" in kinds


def _lost(thing: Any, again: Any) -> list[tuple[str, tuple[str, str]]]:
    """Public attributes with plain values or arrays that differ."""
    found = []
    for name, value in vars(thing).items():
        if name.startswith("_") or name in _KERAS_OWN or not (is_plain(value) or _is_array(value)):
            continue
        after = getattr(again, name, None)
        if not _equal(value, after):
            found.append((name, (shown(value), shown(after))))
    return found


def _is_array(value: Any) -> bool:
    return type(value).__module__ == "numpy" and hasattr(value, "dtype")


def _equal(before: Any, after: Any) -> bool:
    import numpy as np

    try:
        first, second = np.asarray(before), np.asarray(after)
        return bool(first.shape == second.shape and np.array_equal(first, second, equal_nan=first.dtype.kind in "fc"))
    except (TypeError, ValueError):
        return bool(before == after)
