"""Which definitions of packaged modules a class or function uses: by names, from source that isn't run.

A name counts as the definition of the module's top level that it would be looked up as; where it was
imported from another packaged module, that module's definition counts as well. What is reached through
an instance or chosen while the program runs can't be seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from itertools import chain

from mlflow_kerasguard.source_code.definitions import Definition, Import, Module, imported

#: A name with the attributes that are taken of it, such as ``helpers.factor``.
_Chain = tuple[str, ...]

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

#: Names that are followed for one object, before the rest is left alone.
_LIMIT = 5000

#: Parts of a dotted path that count: imports can be written that add parts for ever.
_DEEPEST = 20


def used_definitions(
    modules: Mapping[str, Module], packages: frozenset[str], module: str, qualname: str
) -> dict[str, str]:
    """Digests of the definitions that a class or function uses, directly or through others.

    Args:
        modules: the packaged ones by name.
        packages: those of them that are packages.
        module: the one that defines the object.
        qualname: the object.

    Returns:
        ``module:name`` to the digest.
    """
    node = modules[module].find(qualname) if module in modules else None
    if node is None:
        return {}
    walk = _Walk(modules, packages)
    walk.follow(module, node)
    walk.run()
    walk.found.pop(f"{module}:{qualname}", None)
    return dict(sorted(walk.found.items()))


class _Walk:
    """From names to definitions, and on to the names in these."""

    def __init__(self, modules: Mapping[str, Module], packages: frozenset[str]) -> None:
        self.found: dict[str, str] = {}
        self._modules = modules
        self._packages = packages
        self._seen: set[tuple[str, _Chain]] = set()
        self._queue: list[tuple[str, _Chain]] = []

    def run(self) -> None:
        while self._queue and len(self._seen) < _LIMIT:
            step = self._queue.pop()
            if step not in self._seen:
                self._seen.add(step)
                self._look_up(*step)

    def follow(self, module: str, node: ast.AST) -> None:
        """Look up what a part of a module uses; imports inside of it come before those of the module."""
        inside = dict(chain.from_iterable(self._imported(module, n) for n in ast.walk(node) if isinstance(n, Import)))
        for names in _names(node):
            if names[0] in inside:
                self._enter((*inside[names[0]], *names[1:]))
            else:
                self._queue.append((module, names))

    def _look_up(self, module: str, names: _Chain) -> None:
        """What a name means at the top level of a module."""
        own = self._modules[module]
        name, rest = names[0], names[1:]
        if name not in own.bindings:
            for star in own.bindings.get("*", ()):
                self._enter_import(module, star, "*", names)
            return
        key = f"{module}:{name}"
        is_new = key not in self.found
        self.found[key] = str(own.digest_of(name))
        for node in own.bindings[name]:
            if isinstance(node, Import):
                self._enter_import(module, node, name, rest)
            elif is_new:
                self.follow(module, node)

    def _enter_import(self, module: str, node: ast.AST, name: str, rest: _Chain) -> None:
        assert isinstance(node, Import)
        self._enter((*dict(self._imported(module, node))[name], *rest))

    def _enter(self, path: _Chain) -> None:
        """Go on in the packaged module that a dotted path leads into, if any."""
        path = path[:_DEEPEST]
        for length in range(len(path) - 1, 0, -1):
            module = ".".join(path[:length])
            if module in self._modules:
                self._queue.append((module, path[length:]))
                return

    def _imported(self, module: str, node: Import) -> Iterator[tuple[str, _Chain]]:
        package = module if module in self._packages else module.rpartition(".")[0]
        return imported(node, package)


def _names(root: ast.AST) -> Iterator[_Chain]:
    """The names that a part of a module takes from around itself: not those that a function inside of it binds."""
    stack: list[tuple[ast.AST, frozenset[str]]] = [(root, frozenset())]
    while stack:
        node, hidden = stack.pop()
        names = _chain(node)
        if names is not None:
            yield from (one for one in [names] if one[0] not in hidden)
            continue
        inner = hidden | _local_names(node) if isinstance(node, _Function) else hidden
        for field, value in ast.iter_fields(node):
            # Defaults and decorators are outside of the function.
            within = inner if field == "body" else hidden
            children = value if isinstance(value, list) else [value]
            stack += [(child, within) for child in children if isinstance(child, ast.AST)]


def _chain(node: ast.AST) -> _Chain | None:
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Store):
        return None
    return (node.id, *reversed(attributes))


def _local_names(function: _Function) -> frozenset[str]:
    """A function's parameters, and the names that it binds; not those of functions inside of it."""
    every = function.args
    found = {argument.arg for argument in (*every.posonlyargs, *every.args, *every.kwonlyargs)}
    found |= {argument.arg for argument in (every.vararg, every.kwarg) if argument is not None}
    shared: set[str] = set()
    stack: list[ast.AST] = list(function.body) if isinstance(function.body, list) else [function.body]
    while stack:
        node = stack.pop()
        if isinstance(node, Definition):
            found.add(node.name)
        elif isinstance(node, ast.Global):
            shared.update(node.names)
        elif not isinstance(node, ast.Lambda):
            found.update(n.id for n in [node] if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            stack += ast.iter_child_nodes(node)
    return frozenset(found - shared)
