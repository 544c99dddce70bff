"""KG51x: what a custom class has to keep to, so that Keras can make it again from its configuration.

These rules judge what the process that logs a model sees of its live objects; they are silent elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.observed import ObservedObject
from mlflow_kerasguard.rules import snippets
from mlflow_kerasguard.rules.registry import rule

#: Parameters of every layer, metric or loss, which Keras's own constructors take.
_BASE_PARAMETERS = frozenset({"activity_regularizer", "autocast", "dtype", "name", "reduction", "trainable"})


def _objects(model: ModelSpec) -> tuple[ObservedObject, ...]:
    return model.observed.objects if model.observed is not None else ()


def _package(model: ModelSpec) -> str:
    return model.keras_package or "keras"


def _quoted(names: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in names)


@rule(
    "KG510",
    Level.ERROR,
    title="get_config is missing or fails",
    why="A layer is saved as what its `get_config` returns. Keras can derive that where all arguments of the "
    "constructor are plain values; for others the class has to say it itself.",
)
def no_config(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _objects(model):
        if item.config_error is None:
            continue
        names = _own_parameters(item)
        own = "get_config" in item.own_methods
        yield Mismatch(
            where=item.where,
            expected=f"a configuration of `{item.name}`",
            found=f"its `get_config` fails: {item.config_error}"
            if own
            else f"`{item.target}` has no `get_config`, and {_cause(item)}",
            fix=f"mend `{item.name}.get_config`" if own else f"add this to `{item.name}`",
            snippet=() if own else _config_snippet(model, item, names),
        )


def _own_parameters(item: ObservedObject) -> list[str]:
    """The names of the parameters that its own ``get_config`` has to return."""
    return [parameter.name for parameter in item.config_parameters if parameter.name not in _BASE_PARAMETERS]


def _cause(item: ObservedObject) -> str:
    """Why Keras can't derive a configuration."""
    compound = [name for name in item.attributes if name in item.compound and name not in _BASE_PARAMETERS]
    if compound:
        return f"{_quoted(compound)} {'is' if len(compound) == 1 else 'are'} no plain value{'s' * (len(compound) > 1)}"
    variadic = [parameter for parameter in item.parameters if str(parameter).startswith("*")]
    return f"Keras can't derive it from {_quoted(variadic) or 'its arguments'}"


def _config_snippet(model: ModelSpec, item: ObservedObject, names: list[str]) -> tuple[str, ...]:
    kept = snippets.assignments(item, names)
    head = ("# in __init__:", *kept, "") if kept else ()
    return (*head, *snippets.config_methods(item, names, keras=_package(model)))


@rule(
    "KG511",
    Level.ERROR,
    title="config lacks what the constructor requires",
    why="Keras makes the object again with `cls(**config)`; a parameter without a default that isn't in the "
    "config is a `TypeError` where the model is loaded.",
)
def incomplete_config(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _objects(model):
        missing = [name for name in item.required if name not in (item.config_keys or ())]
        if item.config_keys is None or "from_config" in item.own_methods or not missing:
            continue
        yield Mismatch(
            where=item.where,
            expected=f"{_quoted(missing)} in the config, which `{item.name}.__init__` requires",
            found=f"`{item.name}.get_config` doesn't return {'it' if len(missing) == 1 else 'them'}",
            fix=f"return {_quoted(missing)} from `{item.name}.get_config`",
            snippet=_config_snippet(model, item, missing),
        )


@rule(
    "KG512",
    Level.ERROR,
    title="argument of the constructor is not in the config",
    why="The object was made with another value than the default, and the config doesn't say so. It is made "
    "again with the default: the model loads, and is another one.",
)
def lost_argument(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _objects(model):
        if item.config_keys is None or "from_config" in item.own_methods:
            continue
        defaults = {parameter.name: parameter.default for parameter in item.named_parameters}
        for name, argument in item.arguments.items():
            if name in item.config_keys or defaults.get(name) is None:
                continue
            yield Mismatch(
                where=item.where,
                expected=f"`{name}={argument}` in the config, as `{item.name}` was made",
                found=f"`{item.name}.get_config` doesn't return it, so it comes back as `{name}={defaults[name]}`",
                fix=f"return `{name}` from `{item.name}.get_config`",
                snippet=_config_snippet(model, item, [name]),
            )
        for name, stated in item.misstated.items():
            yield Mismatch(
                where=item.where,
                expected=f"`{name}={item.arguments[name]}` in the config, as `{item.name}` was made",
                found=f"`{name}={stated}`: `{item.name}` has no `get_config`, and Keras derives a model's from the "
                "defaults of its constructor",
                fix=f"add this to `{item.name}`",
                snippet=_config_snippet(model, item, _own_parameters(item)),
            )


@rule(
    "KG513",
    Level.ERROR,
    title="value of the config doesn't survive JSON",
    why="A config is stored as JSON: what Keras can't put into it, or what comes out of it as something else, is lost.",
)
def unserializable_value(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _objects(model):
        for key, reason in item.unserializable.items():
            yield Mismatch(
                where=f"{item.where}.{key}",
                expected="a number, text, truth value, list or dict of these, array or Keras object",
                found=f"`{item.name}.get_config` returns {reason}",
                fix=f"return `{key}` in a form that JSON has, and turn it back in `{item.name}.__init__`",
            )


@rule(
    "KG514",
    Level.ERROR,
    title="constructor doesn't take a key of the config",
    why="Keras makes the object again with `cls(**config)`. A key that the constructor doesn't take is a "
    "`TypeError`; `name`, `dtype` and `trainable` are in every layer's config.",
)
def key_not_taken(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _objects(model):
        extra = _keys_not_taken(item)
        if not extra:
            continue
        base = [key for key in extra if key in _BASE_PARAMETERS]
        own = [key for key in extra if key not in _BASE_PARAMETERS]
        yield Mismatch(
            where=item.where,
            expected=f"parameters for {_quoted(extra)}",
            found=f"`{item.name}.__init__` takes {_quoted(item.parameters) or 'nothing'}",
            fix=f"take {_quoted(own)} in `{item.name}.__init__`, or leave it out of `get_config`"
            if own
            else f"let `{item.name}.__init__` take `**kwargs` and hand them to Keras's",
            snippet=snippets.constructor(item) if base and not own else (),
        )


def _keys_not_taken(item: ObservedObject) -> list[str]:
    """Keys that make ``cls(**config)`` fail, where that is how it is made."""
    if item.rebuild_error is None or item.config_keys is None or "from_config" in item.own_methods:
        return []
    taken = {parameter.name for parameter in item.named_parameters}
    if item.takes_base_arguments:
        taken |= _BASE_PARAMETERS
        # Keras's own constructor names in its error what it doesn't know.
        return sorted(key for key in item.config_keys - taken if f"'{key}'" in item.rebuild_error)
    return sorted(item.config_keys - taken)


@rule(
    "KG515",
    Level.ERROR,
    title="object can't be made again from its config",
    why="Loading a model begins with `from_config` of each of its objects, with what `get_config` returned "
    "after a way through JSON.",
)
def cant_be_rebuilt(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _objects(model):
        told = _keys_not_taken(item) or (set(item.required) - set(item.config_keys or ()))
        if item.rebuild_error is not None and not told:
            yield Mismatch(
                where=item.where,
                expected=f"`{item.name}.from_config(config)` gives an object like the saved one",
                found=f"it fails: {item.rebuild_error}",
                fix=f"let `{item.name}.from_config` take what `get_config` returns, as JSON gives it back",
            )
        if item.build_error is not None:
            yield Mismatch(
                where=item.where,
                expected=f"`{item.name}` to make its variables once more after `from_config`",
                found=f"that fails: {item.build_error}",
                fix=f"let `{item.name}.build` pass over layers that are built already: those of a config are",
                snippet=("if not self.inner.built:", "    self.inner.build(input_shape)"),
            )


@rule(
    "KG516",
    Level.ERROR,
    title="argument comes back as a configuration",
    why="Layers, functions and other objects in a config are stored as their own configs. Unless "
    "`from_config` or `__init__` makes objects of them again, the constructor gets a dict, and fails when"
    " it is used.",
)
def comes_back_as_config(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _objects(model):
        if item.unrestored:
            yield Mismatch(
                where=item.where,
                expected=f"the objects {_quoted(item.unrestored)}",
                found=f"`{item.name}.from_config` hands on their configurations, which are dicts",
                fix=f"add this to `{item.name}`",
                snippet=snippets.from_config_method(item.unrestored, keras=_package(model)),
            )


@rule(
    "KG517",
    Level.ERROR,
    title="config changes on its way through from_config",
    why="What was saved and made again should have the same config. Where it has another, the model that is "
    "loaded isn't the one that was saved.",
)
def config_changes(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _objects(model):
        for key, (before, after) in item.changed.items():
            yield Mismatch(
                where=f"{item.where}.{key}",
                expected=f"`{key}` of `{item.name}` to be `{before}`",
                found=f"after `from_config` its `get_config` says `{after}`",
                fix=f"keep `{key}` in `{item.name}` as `__init__` was given it",
            )


@rule(
    "KG518",
    Level.ERROR,
    title="variables are not made again, or not saved",
    why="Weights are stored for the variables that Keras tracks, and put back into those that `__init__` and "
    "`build` make. Variables that arise elsewhere have no place to come back to; variables of the "
    "backend's own aren't stored at all.",
)
def variables_not_restored(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _objects(model):
        if item.variables is not None:
            yield Mismatch(
                where=item.where,
                expected=f"{item.variables[0]} variables in `{item.name}`, as in memory",
                found=f"{item.variables[1]} after `from_config` and `build`",
                fix=f"make all of them in `{item.name}.__init__` or `build`, from what the config holds",
            )
        for name in item.unsaved:
            yield Mismatch(
                where=item.where,
                expected=f"the value of `{item.name}.{name}` in the file",
                found="it is a variable of the backend's own, which Keras doesn't save",
                fix=f"make it with `self.{name} = self.add_weight(...)`",
            )


@rule(
    "KG519",
    Level.WARNING,
    title="attribute doesn't come back",
    why="What was put into an attribute after the object was made, such as a mean that was measured, is "
    "neither a weight nor in the config. A loaded model has what the constructor gives it.",
)
def lost_attribute(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _objects(model):
        told = {item.attributes.get(name, name) for name in item.arguments if name not in (item.config_keys or ())}
        for name, (before, after) in item.lost.items():
            if name in told:
                continue
            yield Mismatch(
                where=item.where,
                expected=f"`{item.name}.{name}` to be `{before}`",
                found=f"`{after}` after `from_config` and `build`",
                fix=f"keep it in a weight that isn't trainable, or return it from `{item.name}.get_config`",
            )
