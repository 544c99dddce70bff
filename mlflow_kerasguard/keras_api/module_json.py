"""A module's facts as compact JSON, and back: the layout of the history's rows.

What is empty or false isn't written; keys are short, because there are tens of thousands of them.
Raise ``history.LAYOUT`` when a key changes its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from functools import cached_property
from typing import Any, TypeVar

from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.keras_api.facts import ClassFacts, Constructor, Forward, FromConfig, Import, ModuleFacts, Tables

_T = TypeVar("_T")


class RecordedClass:
    """A class of the history."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    @property
    def bases(self) -> tuple[str, ...]:
        return tuple(self._data.get("b", ()))

    @cached_property
    def constructor(self) -> Constructor | None:
        data = self._data.get("i")
        return None if data is None else _constructor(data)

    @cached_property
    def from_config(self) -> FromConfig | None:
        data = self._data.get("f")
        return None if data is None else _from_config(data)

    @property
    def build(self) -> tuple[str, ...] | None:
        data = self._data.get("u")
        return None if data is None else tuple(data)

    @property
    def call(self) -> tuple[str, ...] | None:
        data = self._data.get("k")
        return None if data is None else tuple(data)

    @property
    def hands_input_back(self) -> bool | None:
        data = self._data.get("h")
        return None if data is None else bool(data)

    @property
    def saves_assets(self) -> bool:
        return "a" in self._data


class RecordedModule:
    """A module of the history.

    Args:
        name: its dotted name.
        data: what :func:`encode_module` made.
    """

    def __init__(self, name: str, data: Mapping[str, Any]) -> None:
        self.name = name
        self._data = data
        self.is_package = "p" in data
        self.star_imports: tuple[str, ...] = tuple(data.get("s", ()))
        self._classes: dict[str, RecordedClass] = {}

    @cached_property
    def imports(self) -> dict[str, Import]:
        return {
            name: Import(module, symbol[0] if symbol else None)
            for module, names in self._data.get("m", {}).items()
            for name, *symbol in names
        }

    @cached_property
    def tables(self) -> Tables:
        data = self._data.get("t", {})
        return Tables(
            listed=_optional(tuple, data.get("listed")),
            snake_case="snake_case" in data,
            aliases=tuple((alias, target) for alias, target in data.get("aliases", ())),
            deserializes="deserializes" in data,
            entries={key: tuple(targets) for key, targets in data.get("entries", {}).items()},
            layer_modules=tuple(data.get("layer_modules", ())),
        )

    def alias(self, name: str) -> str | None:
        target: str | None = self._data.get("a", {}).get(name)
        return target

    def has_class(self, name: str) -> bool:
        return name in self._data.get("c", ())

    def has_function(self, name: str) -> bool:
        return name in self._data.get("f", ())

    def find_class(self, name: str) -> RecordedClass | None:
        if name not in self._classes and self.has_class(name):
            self._classes[name] = RecordedClass(self._data["c"][name])
        return self._classes.get(name)

    def exported_as(self, name: str) -> str | None:
        exported: str = self._data.get("f", {}).get(name, "")
        return exported or None

    def is_registered(self, name: str) -> bool:
        return "r" in self._data.get("c", {}).get(name, ())


def encode_module(module: ModuleFacts, defined: tuple[str, ...]) -> dict[str, Any]:
    """The JSON of a module.

    Args:
        module: its facts.
        defined: the names of its classes, functions and aliases.
    """
    package = module.name.split(".", 1)[0]
    imports: dict[str, list[list[str]]] = {}
    for name, imported in module.imports.items():
        # What comes from elsewhere isn't followed anyway.
        if imported.module.split(".", 1)[0] == package:
            imports.setdefault(imported.module, []).append([name, *([imported.symbol] if imported.symbol else [])])
    classes = {name: facts for name in defined if (facts := module.find_class(name))}
    return _without_empty(
        p=int(module.is_package),
        m=imports,
        s=list(module.star_imports),
        a={name: target for name in defined if (target := module.alias(name))},
        f={name: module.exported_as(name) or "" for name in defined if module.has_function(name)},
        c={name: _encode_class(facts, registered=module.is_registered(name)) for name, facts in classes.items()},
        t=_flat(module.tables),
    )


def _encode_class(facts: ClassFacts, *, registered: bool) -> dict[str, Any]:
    data = _without_empty(b=list(facts.bases), a=int(facts.saves_assets), r=int(registered))
    if facts.constructor is not None:
        forwards = [_flat(forward) for forward in facts.constructor.forwards]
        data["i"] = {**_flat(facts.constructor), **({"forwards": forwards} if forwards else {})}
    if facts.from_config is not None:
        constructs = facts.from_config.constructs
        data["f"] = {**_flat(facts.from_config), **({"constructs": _flat(constructs)} if constructs else {})}
    if facts.build is not None:
        data["u"] = list(facts.build)
    if facts.hands_input_back is not None:
        data["h"] = int(facts.hands_input_back)
    if facts.call is not None:
        data["k"] = list(facts.call)
    return data


def _constructor(data: Mapping[str, Any]) -> Constructor:
    return _decoded(
        Constructor, {**data, "forwards": tuple(_decoded(Forward, item) for item in data.get("forwards", ()))}
    )


def _from_config(data: Mapping[str, Any]) -> FromConfig:
    return _decoded(FromConfig, {**data, "constructs": _optional(_forward, data.get("constructs"))})


def _forward(data: Mapping[str, Any]) -> Forward:
    return _decoded(Forward, data)


def encode_loader(facts: LoaderFacts) -> dict[str, Any]:
    """The JSON of a release's loader."""
    return _flat(facts)


def decode_loader(data: Mapping[str, Any]) -> LoaderFacts:
    """The loader that :func:`encode_loader` wrote."""
    return _decoded(LoaderFacts, data)


def _flat(value: Any) -> dict[str, Any]:
    """A dataclass's fields that aren't at their defaults; sets in order, so that equal facts are equal texts."""
    data = {field.name: getattr(value, field.name) for field in fields(value)}
    return {
        field.name: sorted(data[field.name]) if isinstance(data[field.name], frozenset) else data[field.name]
        for field in fields(value)
        if data[field.name] != _default(field)
    }


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _decoded(cls: type[_T], data: Mapping[str, Any]) -> _T:
    """A dataclass from its JSON: lists become what the field's annotation says."""
    values = {}
    for name, value in data.items():
        if isinstance(value, list):
            values[name] = frozenset(value) if "frozenset" in _ANNOTATIONS[cls][name] else tuple(value)
        else:
            values[name] = value
    return cls(**values)


_ANNOTATIONS: dict[type, dict[str, str]] = {
    cls: {field.name: str(field.type) for field in fields(cls)}
    for cls in (Constructor, Forward, FromConfig, LoaderFacts)
}


def _optional(make: Any, data: Any) -> Any:
    return None if data is None else make(data)


def _without_empty(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}
