"""What a class's constructor takes, and what a live object was made with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from mlflow_kerasguard.observed import ObservedObject
from mlflow_kerasguard.source_identity import Parameter

_LONGEST = 60

_STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def constructor_of(cls: type) -> tuple[tuple[Parameter, ...], bool]:
    """The parameters of ``cls(...)``, and whether others are handed on."""
    try:
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]  # of a class, on purpose
    except ValueError:  # A constructor that isn't written in Python.
        return (), True
    found = tuple(
        Parameter(
            name=f"{_STARS.get(item.kind, '')}{item.name}",
            default=None if item.default is item.empty else shown(item.default),
        )
        for item in parameters
    )
    return found, any(item.kind is item.VAR_KEYWORD for item in parameters)


def shown(value: object) -> str:
    """A value as Python would write it, cut where it is long."""
    name = getattr(value, "__qualname__", None)
    text = " ".join(str(name if name is not None else repr(value)).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def attributes_of(described: ObservedObject, thing: Any) -> dict[str, str]:
    """Each parameter's attribute of the live object: of the same name, or with an underscore before it."""
    found = {}
    for parameter in described.config_parameters:
        candidates = (parameter.name, f"_{parameter.name}")
        name = next((name for name in candidates if _has(thing, name)), None)
        if name is not None:
            found[parameter.name] = name
    return found


def _has(thing: Any, name: str) -> bool:
    try:
        return hasattr(thing, name)
    except Exception:  # noqa: BLE001 - a property of a person's own may raise anything
        return False


def arguments_given(described: ObservedObject, thing: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that differ from the defaults.

    Keras 3 keeps plain ones when an object is made; of models, it keeps the defaults instead. Elsewhere
    they are read from the attributes of the same names: those of a default of None may have been filled in
    later, and don't count.
    """
    kept = None if is_model(thing) else getattr(getattr(thing, "_auto_config", None), "config", None)
    defaults = {item.name: item.default for item in described.named_parameters if item.default is not None}
    if isinstance(kept, dict):
        return {name: kept[name] for name in defaults if name in kept and shown(kept[name]) != defaults[name]}
    return {
        name: values[name]
        for name, default in defaults.items()
        if name in values and default != "None" and is_plain(values[name]) and shown(values[name]) != default
    }


def is_model(thing: Any) -> bool:
    return hasattr(thing, "layers") and hasattr(thing, "compile")


def is_plain(value: Any) -> bool:
    """Whether JSON has it: numbers, text, and lists and dicts of these."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return value is None or type(value) in {bool, int, float, str}
