"""What the top level of a module binds: classes, functions, values and imports, from its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TypeGuard

from mlflow_kerasguard.source_code.imports import origin

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
Import = ast.Import | ast.ImportFrom
_Nodes = tuple[ast.AST, ...]

#: Fields of syntax trees that say how something was written, not what it means, or that only some
#: versions of Python have: a digest has to be the same on all of them.
_LEFT_OUT = frozenset({"kind", "type_comment", "type_params", "type_ignores"})


class Module:
    """The source of one module, parsed.

    Attributes:
        source: its text.
        tree: its syntax tree.
    """

    def __init__(self, source: bytes) -> None:
        """Parse the text.

        Raises:
            SyntaxError: it isn't Python, or not of this version.
        """
        self.source = source
        try:
            self.tree = ast.parse(source)
        except (ValueError, RecursionError, MemoryError) as error:  # NUL bytes, or nested too deeply.
            raise SyntaxError(str(error)) from error

    def find(self, qualname: str) -> Definition | None:
        """A class or function, such as ``Outer.Inner``; the last one of that name counts, as when the module runs."""
        body: list[ast.stmt] = self.tree.body
        found: Definition | None = None
        for part in qualname.split("."):
            named = [node for _, node in _statements(body) if isinstance(node, Definition) and node.name == part]
            if not named:
                return None
            found = named[-1]
            body = found.body
        return found

    @cached_property
    def bindings(self) -> dict[str, list[ast.AST]]:
        """The names of the top level to the statements that bind them, and to the conditions around these."""
        found: dict[str, list[ast.AST]] = {}
        for around, node in _statements(self.tree.body):
            for name, part in _bound_by(node):
                nodes = found.setdefault(name, [])
                # `import keras.layers` beside `import keras` binds `keras` to the same.
                if not (isinstance(part, Import) and any(ast.dump(part) == ast.dump(one) for one in nodes)):
                    nodes += [*around, part]
        return found

    def digest_of(self, name: str) -> str | None:
        """A digest of what binds a name of the top level; None where nothing does."""
        nodes = self.bindings.get(name)
        return digest(nodes) if nodes is not None else None

    def import_of(self, name: str) -> Import | None:
        """The import that binds a name of the top level, if the last thing that binds it is one."""
        nodes = self.bindings.get(name, [None])
        return nodes[-1] if isinstance(nodes[-1], Import) else None

    @cached_property
    def digest(self) -> str:
        """A digest of the whole module."""
        return digest([self.tree])


def _statements(
    body: list[ast.stmt], around: tuple[ast.AST, ...] = ()
) -> Iterator[tuple[tuple[ast.AST, ...], ast.stmt]]:
    """The statements of a body, also inside ``if``, ``try`` and ``with``, with what these depend on."""
    for node in body:
        if not isinstance(node, ast.If | ast.Try | ast.With):
            yield around, node
            continue
        conditions = (node.test,) if isinstance(node, ast.If) else tuple(getattr(node, "items", ()))
        for part in (node, *getattr(node, "handlers", ())):
            yield from _statements(part.body, (*around, *conditions))
        rest = [*getattr(node, "orelse", ()), *getattr(node, "finalbody", ())]
        yield from _statements(rest, (*around, *conditions))


def _bound_by(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    """The names that a statement binds, each with the part that does it."""
    if isinstance(node, Definition):
        yield node.name, node
    elif isinstance(node, Import):
        for alias in node.names:
            yield alias.asname or alias.name.split(".", 1)[0], _import_of_one(node, alias)
    else:
        for name in dict.fromkeys(n.id for n in ast.walk(node) if _is_stored(n)):
            yield name, node


def _import_of_one(node: Import, alias: ast.alias) -> Import:
    if isinstance(node, ast.Import):
        return ast.Import(names=[alias if alias.asname else ast.alias(name=alias.name.split(".", 1)[0])])
    return ast.ImportFrom(module=node.module, names=[alias], level=node.level)


def _is_stored(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def imported(node: Import, package: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names that an import binds, each with the dotted path of what it stands for.

    Args:
        node: the statement.
        package: the package that relative imports start from; empty for none.
    """
    if isinstance(node, ast.Import):
        for alias in node.names:
            parts = tuple(alias.name.split("."))
            yield (alias.asname, parts) if alias.asname else (parts[0], parts[:1])
        return
    base = tuple(filter(None, origin(node, package).split(".")))
    for alias in node.names:
        yield alias.asname or alias.name, base if alias.name == "*" else (*base, alias.name)


def digest(nodes: Iterable[ast.AST]) -> str:
    """SHA-256 of syntax trees without comments, docstrings and layout; the same on every Python."""
    # Most checks meet no packaged code: they shouldn't wait for what brings OpenSSL along.
    import hashlib

    found = hashlib.sha256()
    for node in nodes:
        for part in _normalized(node):
            found.update(part.encode("utf-8", "surrogatepass"))
    return found.hexdigest()


def _normalized(root: ast.AST) -> Iterator[str]:
    """A syntax tree as text: classes of nodes and their fields, without those that are empty.

    Not by recursion: a long sum is nested more deeply than Python's own calls may be.
    """
    stack: list[tuple[bool, object]] = [(False, root)]
    while stack:
        is_text, value = stack.pop()
        if is_text:
            yield str(value)
        elif isinstance(value, ast.AST):
            yield f"({type(value).__name__}"
            stack.append((True, ")"))
            for name, field in reversed(list(_fields(value))):
                stack += [(False, field), (True, f" {name}=")]
        elif isinstance(value, list):
            stack += [(False, item) for item in reversed(value)]
        else:
            yield repr(value)


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    for name, value in ast.iter_fields(node):
        field: object = without_docstring(node) if name == "body" else value
        if isinstance(node, ast.JoinedStr):
            field = _joined(node.values)
        if name not in _LEFT_OUT and field is not None and field != []:
            yield name, field


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string; some releases of Python 3.12 add empty ones, and split others."""
    found: list[ast.expr] = []
    for part in values:
        if isinstance(part, ast.Constant) and found and isinstance(found[-1], ast.Constant):
            found[-1] = ast.Constant(value=str(found[-1].value) + str(part.value))
        elif not isinstance(part, ast.Constant) or part.value != "":
            found.append(part)
    return found


def without_docstring(node: ast.AST) -> object:
    """The body of a node."""
    body: object = getattr(node, "body", None)
    if not isinstance(node, Definition | ast.Module) or ast.get_docstring(node, clean=False) is None:
        return body
    # A body can't be empty; one that was a docstring only means the same as `pass`.
    return node.body[1:] or [ast.Pass()]
