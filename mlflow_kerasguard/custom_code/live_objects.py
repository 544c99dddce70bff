"""From names in a saved configuration to the live classes and functions behind them.

Only the logging side uses this: there the model is in memory, and its objects' code is what has to
travel with the file.
"""

from __future__ import annotations

import inspect
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.custom_code.live_code import is_same_code
from mlflow_kerasguard.errors import CodeCaptureError, ModelNotLoggableError
from mlflow_kerasguard.keras_runtime import KERAS_PACKAGES
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow_kerasguard.keras_runtime import KerasRuntime

#: Packages whose classes no model has to bring along.
FRAMEWORKS = KERAS_PACKAGES | {"builtins", "jax", "jaxlib", "mlflow_kerasguard", "numpy", "tensorflow", "torch"}

#: Keys of a Functional or Sequential model's configuration; such a one isn't handed to `__init__`.
_GRAPH_KEYS = frozenset({"layers", "input_layers"})


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
        reached = list(_reachable(model))
        self._reached = {thing.__name__: thing for thing in reached}
        self._in_model: dict[tuple[str, str], list[Any]] = {}
        for thing in reached:
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
            yield from (self._reached[name] for name in (ref.class_name,) if name in self._reached)


def lookup_names(ref: ObjectRef) -> tuple[str, ...]:
    """The keys under which Keras looks for a custom object when it meets ``ref`` in a file."""
    names = [ref.class_name] if ref.kind is Kind.FUNCTION else [ref.registered_name or ref.class_name]
    if ref.registered_name and ">" in ref.registered_name:
        names.append(ref.registered_name)
    return tuple(dict.fromkeys(names))


def require_constructible(spec: ModelSpec, live: LiveObjects) -> None:
    """Refuse a custom object whose saved configuration lacks what its constructor requires.

    Keras 2 writes an empty configuration where a model's own can't be serialized, without an error.

    Raises:
        ModelNotLoggableError: names the class and the arguments.
    """
    for ref in spec.objects:
        cls = live.find(ref) if ref.kind is Kind.CLASS else None
        if isinstance(cls, type) and not _GRAPH_KEYS & set(ref.config) and _uses_default_from_config(cls):
            missing = sorted(_required(cls) - set(ref.config))
            if missing:
                raise ModelNotLoggableError(
                    f"`{cls.__name__}` ({ref.where}) can't be rebuilt from its saved configuration: it lacks "
                    f"{', '.join(f'`{name}`' for name in missing)}; return the constructor's arguments from "
                    f"`{cls.__name__}.get_config`"
                )


def _uses_default_from_config(cls: type) -> bool:
    from_config = getattr(cls, "from_config", None)
    return from_config is not None and not is_custom(from_config)


def _required(cls: type) -> set[str]:
    """The constructor's parameters without a default."""
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    return {p.name for p in parameters if p.kind in plain and p.default is p.empty}


def _module_attribute(module: str, name: str) -> Iterator[Any]:
    found = getattr(sys.modules.get(module), name, None)
    if callable(found):
        yield found


def _reachable(model: Any) -> Iterator[Any]:
    """Custom classes and functions among the attributes of the model, at any depth."""
    seen: set[int] = set()
    stack = [model]
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, FunctionType):
            yield from (one for one in (thing,) if is_custom(one))
        elif isinstance(thing, dict):
            stack += list(thing.values())
        elif isinstance(thing, list | tuple | set | frozenset):
            stack += list(thing)
        elif _is_keras_object(type(thing)):
            yield from (cls for cls in (type(thing),) if is_custom(cls))
            stack += list(getattr(thing, "__dict__", {}).values())


def _is_keras_object(cls: type) -> bool:
    return any(top_level(base) in KERAS_PACKAGES for base in cls.__mro__) or hasattr(cls, "get_config")
