"""What names stand for in Python's scopes, as far as that is a package, a module, or a name in one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

#: The packages whose names are of interest: how they are imported, and how they are called.
PACKAGES = {"tensorflow": "tf", "keras": "keras", "tf_keras": "tf_keras"}

_WHOLE = frozenset(
    {*PACKAGES, "tensorflow.keras", "tensorflow.compat.v1", "tensorflow.compat.v2", "tensorflow.compat.v2.keras"}
)

#: An alias of an alias of an alias; code that goes further isn't understood.
_DEPTH = 8


def is_package(path: str) -> bool:
    """Whether a path is a whole package, or TensorFlow's view of one."""
    return path in _WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """What a name is bound to: a dotted path, or what another name stands for there.

    Attributes:
        path: as it is imported, such as ``tensorflow.keras``; empty for what another name stands for.
        name: that other name.
        scope: where it is looked up.
        parts: attributes of it.
    """

    path: str = ""
    name: str = ""
    scope: Scope | None = None
    parts: tuple[str, ...] = ()

    def resolve(self, depth: int = _DEPTH) -> str | None:
        """The dotted path; None where that isn't certain."""
        base = self.path or (self.scope.find(self.name, depth) if self.scope is not None else None)
        return ".".join([base, *self.parts]) if base else None


@dataclass(slots=True, kw_only=True, eq=False)
class Scope:
    """The names that a module, class, function or comprehension binds.

    Attributes:
        parent: the scope around it.
        is_class: whether the scopes inside of it pass it over.
        bound: what each name is bound to, at one place after the other.
        shared: names that are bound in another scope, and that one.
    """

    parent: Scope | None
    is_class: bool = False
    bound: dict[str, list[Alias | None]] = field(default_factory=dict)
    shared: dict[str, Scope] = field(default_factory=dict)

    @property
    def evaluates_annotations(self) -> bool:
        """Whether annotations of variables are evaluated in it; those of local variables never are."""
        return self.parent is None or self.is_class

    def bind(self, name: str, alias: Alias | None) -> None:
        """Note that a name is bound here; to None where that isn't a name of a package."""
        owner = self.shared.get(name, self)
        owner.bound.setdefault(name, []).append(alias)

    def share(self, names: Iterable[str], *, with_module: bool) -> None:
        """Names that are bound further out: ``global`` and ``nonlocal``."""
        owner = self
        while owner.parent is not None and (with_module or owner is self):
            owner = owner.parent
        self.shared.update(dict.fromkeys(names, owner))

    def find(self, name: str, depth: int) -> str | None:
        """The dotted path that a name stands for here; None where there is none, or may be another."""
        scope: Scope | None = self
        while scope is not None and (name not in scope.bound or (scope.is_class and scope is not self)):
            scope = scope.parent
        if scope is None or not depth:
            return None
        found: str | None = None
        for alias in scope.bound[name]:
            path = alias.resolve(depth - 1) if alias else None
            if path is None or path != (found or path):
                return None
            found = path
        return found
