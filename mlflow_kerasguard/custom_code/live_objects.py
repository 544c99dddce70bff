"""From names in a saved configuration to the live classes and functions behind them.

Only the logging side uses this: there the model is in memory, and its objects' code is what has to
travel with the file.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.custom_code.live_code import is_same_code
from mlflow_kerasguard.errors import CodeCaptureError
from mlflow_kerasguard.keras_runtime import KERAS_PACKAGES
from mlflow_kerasguard.model import Kind, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow_kerasguard.keras_runtime import KerasRuntime

#: Packages whose classes no model has to bring along.
FRAMEWORKS = KERAS_PACKAGES | {"builtins", "jax", "jaxlib", "mlflow_kerasguard", "numpy", "tensorflow", "torch"}


def is_custom(thing: Any) -> bool:
    """Whether a class or function is neither Keras's nor a framework's."""
    return top_level(thing) not in FRAMEWORKS


def top_level(thing: Any) -> str:
    return str(getattr(thing, "__module__", None) or "builtins").split(".", 1)[0]


class LiveObjects:
    """The custom classes and functions that a model in memory uses, to be found by saved names."""

    def __init__(self, model: Any, runtime: KerasRuntime, custom_objects: Mapping[str, Any]) -> None:
        self._given = custom_objects
        self._registry = runtime.registry
        self.reached = tuple(walk(model))
        definitions = {id(thing): thing for thing in map(_definition, self.reached) if is_custom(thing)}
        self._named = {thing.__name__: thing for thing in definitions.values()}
        self._in_model: dict[tuple[str, str], list[Any]] = {}
        for thing in definitions.values():
            self._in_model.setdefault((thing.__module__, thing.__qualname__), []).append(thing)

    def find(self, ref: ObjectRef) -> Any | None:
        """The custom class or function that ``ref`` stands for; None where it is Keras's own.

        A name that nothing is known under gives None too: the check reports it as code that is nowhere.

        Raises:
            CodeCaptureError: the model uses two versions of it.
        """
        for thing in self._candidates(ref):
            if is_custom(thing):
                return self._as_in_model(thing, ref)
        return None

    def _as_in_model(self, thing: Any, ref: ObjectRef) -> Any:
        """The version that the model uses: Keras's registry and the module have the latest one only."""
        name = getattr(thing, "__qualname__", "<unnamed>")
        if "<" in name or any(thing is given for given in self._given.values()):
            return thing
        versions = self._in_model.get((thing.__module__, name), [thing])
        if not all(is_same_code(versions[0], other) for other in versions[1:]):
            raise CodeCaptureError(
                f"the model uses two versions of `{ref.class_name}` of module `{thing.__module__}`, which was defined "
                "more than once in this process; build the model again"
            )
        return thing if any(thing is version for version in versions) else versions[-1]

    def _candidates(self, ref: ObjectRef) -> Iterator[Any]:
        names = lookup_names(ref)
        for known in (self._given, self._registry):
            yield from (known[name] for name in names if name in known)
        if ref.module is not None and ref.top_level_module not in KERAS_PACKAGES | {"builtins"}:
            yield from _module_attribute(ref.module, ref.class_name)
        if ref.top_level_module not in KERAS_PACKAGES or not ref.has_module:
            # A function of a Keras before 3.7 is saved by its bare name, even where it is registered.
            yield from (known for name, known in self._registry.items() if name.endswith(f">{ref.class_name}"))
            # HDF5 has the name of its registration, which a model that was loaded isn't in the registry by any more.
            yield from (self._named[name] for name in (ref.class_name.rsplit(">", 1)[-1],) if name in self._named)

    def instance(self, ref: ObjectRef, cls: type) -> Any | None:
        """The live object that ``ref`` was saved from; None where it can't be told from others."""
        alike = [live for live in self.reached if type(live.thing) is cls]
        name = ref.config.get("name")
        named = [live for live in alike if name is not None and getattr(live.thing, "name", None) == name]
        placed = named or [live for live in alike if live.where == ref.where] or alike
        return placed[0].thing if len(placed) == 1 else None


def lookup_names(ref: ObjectRef) -> tuple[str, ...]:
    """The keys under which Keras looks for a custom object when it meets ``ref`` in a file."""
    names = [ref.class_name] if ref.kind is Kind.FUNCTION else [ref.registered_name or ref.class_name]
    if ref.registered_name and ">" in ref.registered_name:
        names.append(ref.registered_name)
    return tuple(dict.fromkeys(names))


def _definition(live: Live) -> Any:
    return live.thing if isinstance(live.thing, FunctionType) else type(live.thing)


def _module_attribute(module: str, name: str) -> Iterator[Any]:
    found = getattr(sys.modules.get(module), name, None)
    if callable(found):
        yield found


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """An object or function that was reached in a model.

    Attributes:
        where: its place, in the words of :class:`~mlflow_kerasguard.model.ObjectRef`.
        thing: a Keras object or a function, custom or not.
    """

    where: str
    thing: Any


def walk(model: Any) -> Iterator[Live]:
    """Keras objects and functions among the attributes of the model, at any depth, each once."""
    seen: set[int] = set()
    stack = [Live(where="model", thing=model)]
    while stack:
        live = stack.pop()
        if id(live.thing) in seen:
            continue
        seen.add(id(live.thing))
        if isinstance(live.thing, FunctionType):
            yield live
        elif is_keras_object(type(live.thing)):
            yield live
            stack += children(live, seen)


def children(live: Live, seen: set[int]) -> Iterator[Live]:
    """What a Keras object holds directly, or in lists and dicts.

    Args:
        live: the object.
        seen: identities of lists and dicts that were looked into; the object's own are added.
    """
    attributes = dict(getattr(live.thing, "__dict__", {}))
    held = [_at(value, f"{live.where}.{name}" if live.where != "model" else name) for name, value in attributes.items()]
    while held:
        item = held.pop(0)
        if not isinstance(item.thing, dict | list | tuple | set | frozenset):
            yield item
        elif id(item.thing) not in seen:
            seen.add(id(item.thing))
            held[:0] = _items(item)


def _items(live: Live) -> list[Live]:
    values = live.thing.values() if isinstance(live.thing, dict) else live.thing
    return [_at(value, live.where) for value in values]


def _at(thing: Any, where: str) -> Live:
    """Layers are known by their names, wherever they are held."""
    name = getattr(thing, "name", None)
    is_layer = isinstance(name, str) and hasattr(type(thing), "call") and hasattr(type(thing), "add_weight")
    return Live(where=f'layers["{name}"]' if is_layer else where, thing=thing)


def is_keras_object(cls: type) -> bool:
    return any(top_level(base) in KERAS_PACKAGES for base in cls.__mro__) or hasattr(cls, "get_config")
