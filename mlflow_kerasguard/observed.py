"""What only the process that logs a model can see of its custom objects: values, as the rules judge them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow_kerasguard.source_identity import Parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedObject:
    """A custom class that the saved model names, its live object, and what came of rebuilding that.

    Attributes:
        where: the place in the model.
        name: of the class.
        target: ``module:qualname`` of the class.
        registered_name: the name under which Keras looks for it.
        namesake: the public path of a class of Keras's own of the same name; None where there is none.
        parameters: what its constructor takes, without ``self``.
        attributes: parameter to the attribute of the live object that holds its value, such as ``_units``.
        own_methods: which of ``get_config`` and ``from_config`` aren't Keras's.
        takes_base_arguments: the constructor hands ``name``, ``dtype`` and the like on to Keras's.
        config_keys: keys of its configuration; None where ``get_config`` failed.
        config_error: how it failed.
        unserializable: key to what is wrong with its value.
        arguments: parameter to the argument that the live object was made with, as Python text, where it has
            a default and that is another.
        misstated: parameter to the value in the config, where Keras derived that and the live object has another.
        compound: parameters whose values are objects or functions, which are rebuilt from configurations.
        rebuild_error: how ``from_config`` failed.
        build_error: how making its variables again failed.
        changed: key to its value before and after ``from_config``, as JSON.
        unrestored: parameters whose value came back as a configuration.
        variables: number of variables of the live object and of the rebuilt one, where they differ.
        unsaved: attributes that hold variables that Keras doesn't know of, and whose values don't come back.
        lost: attributes with plain values or arrays that don't come back: name to before and after.
    """

    where: str
    name: str
    target: str
    registered_name: str
    namesake: str | None = None
    parameters: tuple[Parameter, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    own_methods: frozenset[str] = frozenset()
    takes_base_arguments: bool = True
    config_keys: frozenset[str] | None = None
    config_error: str | None = None
    unserializable: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    misstated: Mapping[str, str] = field(default_factory=dict)
    compound: frozenset[str] = frozenset()
    rebuild_error: str | None = None
    build_error: str | None = None
    changed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    unrestored: tuple[str, ...] = ()
    variables: tuple[int, int] | None = None
    unsaved: tuple[str, ...] = ()
    lost: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def module(self) -> str:
        return self.target.partition(":")[0]

    @property
    def named_parameters(self) -> tuple[Parameter, ...]:
        """Without ``*args`` and ``**kwargs``."""
        return tuple(item for item in self.parameters if not item.name.startswith("*"))

    @property
    def variadic(self) -> str | None:
        """The name of ``*args``, without its star."""
        names = (item.name[1:] for item in self.parameters if item.name.startswith("*"))
        return next((name for name in names if not name.startswith("*")), None)

    @property
    def config_parameters(self) -> tuple[Parameter, ...]:
        """What a configuration should hold: ``*args`` under its name, as a list."""
        variadic = () if self.variadic is None else (Parameter(name=self.variadic),)
        return (*self.named_parameters, *variadic)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of parameters without a default."""
        return tuple(item.name for item in self.named_parameters if item.default is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedLambda:
    """A lambda in the model.

    Attributes:
        where: the place in the model.
        place: file and line of its source, such as ``train.py:12``; empty where that isn't known.
        arguments: its parameters as source text; empty where it isn't known.
        body: its expression as source text; likewise.
        is_layer: it is the function of a ``Lambda`` layer.
        comes_back: whether Keras can make a function of what it has written.
    """

    where: str
    place: str = ""
    arguments: str = ""
    body: str = ""
    is_layer: bool = True
    comes_back: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWork:
    """A statement at the top of a packaged module that does more than define things.

    Attributes:
        place: file and line, such as ``layers.py:12``.
        text: the statement's first line.
    """

    place: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that was seen.

    Attributes:
        objects: custom classes, each configuration once.
        lambdas: lambdas in the model.
        import_work: what packaged modules do when they are imported.
        allow_lambda: the one who logs takes lambdas, and the Python that they are bound to.
    """

    objects: tuple[ObservedObject, ...] = ()
    lambdas: tuple[ObservedLambda, ...] = ()
    import_work: tuple[ImportWork, ...] = ()
    allow_lambda: bool = False
