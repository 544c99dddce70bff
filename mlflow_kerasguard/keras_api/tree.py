"""What a name means inside a package: followed through imports, aliases and orders of bases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlflow_kerasguard.keras_api.facts import ClassFacts, ModuleFacts, Modules


@dataclass(frozen=True, slots=True)
class Definition:
    """Where a name leads to: a class or function, in the module that defines it.

    ``name`` is None for a module.
    """

    module: ModuleFacts
    name: str | None

    @property
    def path(self) -> str:
        return f"{self.module.name}.{self.name}" if self.name else self.module.name

    @property
    def class_facts(self) -> ClassFacts | None:
        """The class, if it is one."""
        return self.module.find_class(self.name) if self.name else None

    @property
    def is_function(self) -> bool:
        return self.name is not None and (self.module.has_function(self.name) or self.is_tensorflows)

    @property
    def is_tensorflows(self) -> bool:
        """A name of Keras for one of TensorFlow's functions: ``leaky_relu = tf.nn.leaky_relu``."""
        return self.name is not None and (self.module.alias(self.name) or "").startswith("tf.")


class NameTree:
    """The names of one package.

    Args:
        modules: its modules; names that lead out of the package aren't followed.
    """

    def __init__(self, modules: Modules) -> None:
        self.package = modules.package
        self._modules = modules
        self._resolved: dict[tuple[str, str], Definition | None] = {}

    def module(self, name: str) -> ModuleFacts | None:
        """A module of this package by its dotted name, or None where it has no such module."""
        return self._modules.module(name)

    def resolve(self, module: str, dotted: str) -> Definition | None:
        """What a dotted name means inside a module, followed through imports and aliases.

        None where the name isn't bound there, or leads out of this package.
        """
        key = (module, dotted)
        if key not in self._resolved:
            # Set before it is known, so that names which lead to each other end.
            self._resolved[key] = None
            self._resolved[key] = self._resolve(module, dotted)
        return self._resolved[key]

    def _resolve(self, module: str, dotted: str) -> Definition | None:
        outline = self.module(module)
        if outline is None:
            return None
        first, _, rest = dotted.partition(".")
        found = self._bound(outline, first)
        if not rest or found is None:
            return found
        # `layers.Dense`: the first part has to be a module for the rest to be looked up in it.
        return self.resolve(found.module.name, rest) if found.name is None else None

    def _bound(self, outline: ModuleFacts, name: str) -> Definition | None:
        """What one plain name is bound to at the top level of a module."""
        if outline.has_class(name) or outline.has_function(name):
            return Definition(outline, name)
        target = outline.alias(name)
        if target is not None and target != name:
            return self.resolve(outline.name, target)
        imported = outline.imports.get(name)
        if imported is not None:
            return self._imported(imported.module, imported.symbol)
        for star in outline.star_imports:
            found = self.resolve(star, name)
            if found is not None:
                return found
        submodule = self.module(f"{outline.name}.{name}") if outline.is_package else None
        return Definition(submodule, None) if submodule else None

    def _imported(self, module: str, symbol: str | None) -> Definition | None:
        if symbol is not None:
            found = self.resolve(module, symbol)
            if found is not None:
                return found
        outline = self.module(f"{module}.{symbol}" if symbol else module)
        return Definition(outline, None) if outline else None

    def bases(self, definition: Definition) -> Iterator[Definition | str]:
        """A class's bases; those outside this package by name."""
        outline = definition.class_facts
        for base in outline.bases if outline else ():
            if base != "object":
                yield self.resolve(definition.module.name, base) or base

    def mro(self, definition: Definition) -> list[Definition | str]:
        """The method resolution order, without ``object``; foreign bases by name.

        Linearized as Python does (C3); where the order can't be had, depth first.
        """
        bases = list(self.bases(definition))
        sequences: list[list[Definition | str]] = [
            self.mro(base) if isinstance(base, Definition) else [base] for base in bases
        ]
        heads = [sequence[0] for sequence in sequences]
        return [definition, *_merge([*sequences, heads])]


def _merge(sequences: list[list[Definition | str]]) -> list[Definition | str]:
    """C3's merge: the first head that stands in no other sequence's tail, again and again."""
    merged: list[Definition | str] = []
    pending = [[_key(item) for item in sequence] for sequence in sequences if sequence]
    items = {_key(item): item for sequence in sequences for item in sequence}
    while pending:
        heads = [sequence[0] for sequence in pending]
        free = (head for head in heads if not any(head in sequence[1:] for sequence in pending))
        chosen = next(free, heads[0])
        merged.append(items[chosen])
        pending = [[key for key in sequence if key != chosen] for sequence in pending]
        pending = [sequence for sequence in pending if sequence]
    return merged


def _key(item: Definition | str) -> str:
    return item.path if isinstance(item, Definition) else item
