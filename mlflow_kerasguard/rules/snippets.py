"""Code to put into a person's own class, written as they would have written it."""

from __future__ import annotations

from collections.abc import Iterable

from mlflow_kerasguard.observed import ObservedLambda, ObservedObject

_WIDTH = 88


def config_methods(item: ObservedObject, names: Iterable[str], *, keras: str = "keras") -> tuple[str, ...]:
    """``get_config`` with some of the constructor's parameters; also ``from_config`` where they are objects.

    Args:
        item: the class.
        names: the parameters to return.
        keras: what Keras's package is called.
    """
    wanted = list(names)
    pairs = [f'"{name}": {_saved(item, name, keras)}' for name in wanted]
    one_line = f"    return {{**super().get_config(), {', '.join(pairs)}}}"
    body = (
        [one_line]
        if len(one_line) <= _WIDTH
        else ["    return {", "        **super().get_config(),", *(f"        {pair}," for pair in pairs), "    }"]
    )
    return ("def get_config(self):", *body, *_restoring(item, wanted, keras))


def _saved(item: ObservedObject, name: str, keras: str) -> str:
    value = f"self.{item.attributes.get(name, name)}"
    return f"{keras}.saving.serialize_keras_object({value})" if name in item.compound else value


def _restoring(item: ObservedObject, names: list[str], keras: str) -> tuple[str, ...]:
    compound = [name for name in names if name in item.compound]
    variadic = item.variadic if item.variadic in names else None
    return ("", *from_config_method(compound, variadic, keras=keras)) if compound or variadic else ()


def from_config_method(names: Iterable[str], variadic: str | None = None, *, keras: str = "keras") -> tuple[str, ...]:
    """``from_config`` that makes objects of configurations again, and ``*args`` of a list."""
    lines = [f'    config["{name}"] = {keras}.saving.deserialize_keras_object(config["{name}"])' for name in names]
    made = "cls(**config)" if variadic is None else f"cls(*{variadic}, **config)"
    taken = [] if variadic is None else [f'    {variadic} = config.pop("{variadic}")']
    return ("@classmethod", "def from_config(cls, config):", *lines, *taken, f"    return {made}")


def assignments(item: ObservedObject, names: Iterable[str]) -> tuple[str, ...]:
    """What ``__init__`` has to keep so that ``get_config`` can return it."""
    return tuple(f"self.{name} = {name}" for name in names if name not in item.attributes)


def constructor(item: ObservedObject) -> tuple[str, ...]:
    """The first lines of a constructor that hands Keras's own arguments on."""
    own = ", ".join(str(parameter) for parameter in item.named_parameters)
    return (f"def __init__(self, {own}{', ' if own else ''}**kwargs):", "    super().__init__(**kwargs)")


def replacement(item: ObservedLambda, *, keras: str = "keras") -> tuple[str, ...]:
    """A class, or a named function, that does what a lambda does."""
    arguments, body = item.arguments or "x", item.body or "..."
    register = f'@{keras}.saving.register_keras_serializable("my_project")'
    if not item.is_layer:
        return (register, f"def named({arguments}):", f"    return {body}")
    return (
        register,
        f"class Named({keras}.layers.Layer):",
        f"    def call(self, {arguments}):",
        f"        return {body}",
    )
