"""What of a module decides about loading: values, whether read from source files or recorded.

Everything above this (following names, orders of bases, lookups) is the same for a Keras that lies
on a disk and for one of the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Import:
    """Where an imported name comes from; ``symbol`` is None for a module."""

    module: str
    symbol: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """A call that hands ``**kwargs`` (or the config) on.

    Attributes:
        base: dotted name of the class for ``Base.__init__(self, …)``; None for ``super()``.
        keywords: parameters given explicitly; the same key in ``**kwargs`` would be a TypeError.
        positional: how many are given by position.
        passes_args: ``*args`` is handed on as well.
    """

    base: str | None = None
    keywords: frozenset[str] = frozenset()
    positional: int = 0
    passes_args: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Constructor:
    """One ``__init__``, without its bases.

    Attributes:
        positional: names that can be given by position, in order, without ``self``.
        parameters: every name that it declares.
        required: those without a default.
        takes_kwargs: whether it has ``**kwargs``.
        popped: keys that it takes from ``**kwargs`` itself.
        forwards: the calls that hand ``**kwargs`` on.
        allowed: keys that it lets pass where it checks the rest; None where it doesn't check.
        rejects_rest: it raises on what is left in ``**kwargs``.
        unknown: why its use of ``**kwargs`` can't be followed.
    """

    positional: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    takes_kwargs: bool = False
    popped: frozenset[str] = frozenset()
    forwards: tuple[Forward, ...] = ()
    allowed: frozenset[str] | None = None
    rejects_rest: bool = False
    unknown: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FromConfig:
    """One ``from_config``, without its bases.

    Attributes:
        dropped: keys that it takes out of the config.
        supplied: keys that it puts in.
        constructs: how it calls ``cls(…, **config)``; None where it never does.
        calls_super: it goes on to the next class's ``from_config``.
        reads_only_what_it_knows: it builds the object from single keys, so others don't matter.
    """

    dropped: frozenset[str] = frozenset()
    supplied: frozenset[str] = frozenset()
    constructs: Forward | None = None
    calls_super: bool = False
    reads_only_what_it_knows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The tables of a module in which loaders look objects up by name.

    Attributes:
        listed: the classes and functions of ``ALL_OBJECTS``; None where the module has none.
        snake_case: they are found by their names in snake case, too.
        aliases: further names of the table: alias to dotted name.
        deserializes: ``get`` of this module hands a dict to the module's own ``deserialize``.
        entries: keys of the tables inside functions, ``"zero": Zeros``: key to what it stands for.
        layer_modules: the names of modules whose classes Keras 2 puts into its table of layers, the
            ones that win first.
    """

    listed: tuple[str, ...] | None = None
    snake_case: bool = False
    aliases: tuple[tuple[str, str], ...] = ()
    deserializes: bool = False
    entries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    layer_modules: tuple[str, ...] = ()


class ClassFacts(Protocol):
    """A class as its own statement shows it, without its bases."""

    @property
    def bases(self) -> tuple[str, ...]:
        """The base expressions, dotted names only."""

    @property
    def constructor(self) -> Constructor | None:
        """Its own ``__init__``."""

    @property
    def from_config(self) -> FromConfig | None:
        """Its own ``from_config``."""

    @property
    def build(self) -> tuple[str, ...] | None:
        """The parameters of its own ``build`` that have no default, without ``self``."""

    @property
    def call(self) -> tuple[str, ...] | None:
        """The parameters of its own ``call``, without ``self``, with ``*`` and ``**`` where it takes any."""

    @property
    def hands_input_back(self) -> bool | None:
        """Whether its own ``compute_output_spec`` returns what it is given; None where it has none."""

    @property
    def saves_assets(self) -> bool:
        """Whether it defines ``save_assets`` itself."""


class ModuleFacts(Protocol):
    """One module."""

    @property
    def name(self) -> str:
        """Its dotted name."""

    @property
    def is_package(self) -> bool:
        """Whether it has submodules."""

    @property
    def imports(self) -> Mapping[str, Import]:
        """Imported names at the top level."""

    @property
    def star_imports(self) -> tuple[str, ...]:
        """Modules from which everything is imported."""

    @property
    def tables(self) -> Tables:
        """Its tables of objects."""

    def alias(self, name: str) -> str | None:
        """The dotted name that a top-level ``name = dotted.name`` refers to."""

    def has_class(self, name: str) -> bool:
        """Whether it defines a class of that name."""

    def has_function(self, name: str) -> bool:
        """Whether it defines a function of that name."""

    def find_class(self, name: str) -> ClassFacts | None:
        """A class that it defines."""

    def exported_as(self, name: str) -> str | None:
        """The first public name that ``keras_export`` gives a definition."""

    def is_registered(self, name: str) -> bool:
        """Whether ``register_keras_serializable`` stands above a definition."""


class Modules(Protocol):
    """The modules of one package."""

    @property
    def package(self) -> str:
        """The top-level name."""

    def module(self, name: str) -> ModuleFacts | None:
        """A module by its dotted name, or None where the package has no such module."""
