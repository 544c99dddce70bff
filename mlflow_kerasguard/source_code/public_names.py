"""The public names of TensorFlow and Keras that a module's source uses: read from it, nothing is imported.

What a local variable hides isn't taken for a module, and what the code itself guards (by ``hasattr``, a
comparison of versions, or ``except ImportError``) is left out: it may be missing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from mlflow_kerasguard.source_code.guards import guarded_by_try, is_guard, leaves
from mlflow_kerasguard.source_code.scopes import PACKAGES, Alias, Scope, is_package

#: Modules inside of the packages that aren't their public interface.
_PRIVATE = {
    "tf": frozenset({"compiler", "core", "dtensor", "examples", "include", "python", "security", "tools", "tsl"}),
    "keras": frozenset({"api", "protobuf", "src"}),
    "tf_keras": frozenset({"api", "protobuf", "src"}),
}

#: Likewise, below others that are.
_PRIVATE_INSIDE = frozenset({"genai", "microfrontend", "profiling", "python", "testing", "toco", "tools"})

#: Names that begin with an underscore and are listed all the same.
_LISTED = frozenset({"__internal__", "__operators__"})

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

_TESTS = (ast.If, ast.IfExp, ast.BoolOp)
_CATCHING = (ast.Try, ast.With)
_BINDING = (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


def public_names(source: bytes) -> dict[str, int]:
    """Read a module.

    Args:
        source: the module's text.

    Returns:
        Names such as ``tf.nn.softmax``, ``tf.keras.layers.Dense`` and ``keras.ops.mean``, each with the
        line of its first use. An attribute of what a name stands for is a part of it.

    Raises:
        SyntaxError: it isn't Python.
    """
    found: dict[str, int] = {}
    for name, line in uses(ast.parse(source)):
        found[name] = min(line, found.get(name, line))
    return dict(sorted(found.items()))


def uses(tree: ast.Module) -> list[tuple[str, int]]:
    """Every use of a public name in a module's syntax tree, with its line; see :func:`public_names`."""
    return list(_Reader(tree).result())


def public_name(path: str) -> str | None:
    """The public name that a dotted path stands for; None for what isn't public.

    Args:
        path: as code spells it out, such as ``tensorflow.compat.v2.nn.softmax``.
    """
    top, *parts = path.split(".")
    while parts[:2] == ["compat", "v2"]:
        parts = parts[2:]
    own = PACKAGES.get(top)
    if own is None or (parts and (parts[0] in _PRIVATE[own] or not _PRIVATE_INSIDE.isdisjoint(parts))):
        return None
    ends = (index for index, part in enumerate(parts) if part.startswith("_") and part not in _LISTED)
    parts = parts[: next(ends, len(parts))]
    return ".".join([own, *parts]) if parts else None


class _Reader:
    """One walk over a module: what its names are bound to, and what is used; then the latter by the former."""

    def __init__(self, tree: ast.Module) -> None:
        self._uses: list[tuple[Alias, int]] = []
        self._imported: list[tuple[str, int]] = []
        self._patched: list[Alias] = []
        self._guards: set[str] = set()
        self._visitors = self._by_type()
        self._evaluated = not any(_defers_annotations(node) for node in tree.body)
        self._block(tree.body, Scope(parent=None), guarded=False)

    def _by_type(self) -> dict[type[ast.AST], Callable[..., None]]:
        """What reads a node; asked for every node while a model is logged, so it is one look-up."""
        return {
            ast.Attribute: self._attribute,
            ast.Name: self._name,
            ast.ClassDef: self._class,
            **dict.fromkeys((ast.Import, ast.ImportFrom), self._import),
            **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda), self._function),
            **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), self._comprehension),
            **dict.fromkeys((ast.Assign, ast.AnnAssign), self._assignment),
            **dict.fromkeys((ast.Global, ast.Nonlocal), self._shared),
            **dict.fromkeys((ast.Constant, ast.Load, ast.Store), self._nothing),
        }

    def result(self) -> Iterator[tuple[str, int]]:
        patched = {alias.resolve() for alias in self._patched}
        for path, line in [*self._imported, *((alias.resolve(), line) for alias, line in self._uses)]:
            name = public_name(path) if path is not None else None
            if name is not None and not any(_is_inside(str(path), whole) for whole in patched):
                yield name, line

    def _block(self, body: Iterable[ast.AST], scope: Scope, *, guarded: bool) -> None:
        for node in body:
            self._visit(node, scope, guarded=guarded)
            if isinstance(node, ast.If) and leaves(node.body) and is_guard(node.test, self._guards):
                guarded = True  # What follows runs only if the test allows for it.

    def _visit(self, node: ast.AST, scope: Scope, *, guarded: bool) -> None:
        self._visitors.get(type(node), self._other)(node, scope, guarded=guarded)

    def _name(self, node: ast.Name, scope: Scope, *, guarded: bool) -> None:  # noqa: ARG002 - all take the same
        if not isinstance(node.ctx, ast.Load):
            scope.bind(node.id, None)

    def _class(self, node: ast.ClassDef, scope: Scope, *, guarded: bool) -> None:
        scope.bind(node.name, None)
        outside = [*node.decorator_list, *node.bases, *node.keywords]
        self._block(outside, scope, guarded=guarded)
        self._block(node.body, Scope(parent=scope, is_class=True), guarded=guarded)

    def _comprehension(self, node: _Comprehension, scope: Scope, *, guarded: bool) -> None:
        self._children(node, Scope(parent=scope), guarded=guarded)

    def _shared(self, node: ast.Global | ast.Nonlocal, scope: Scope, *, guarded: bool) -> None:  # noqa: ARG002 - one signature for all
        scope.share(node.names, with_module=isinstance(node, ast.Global))

    def _nothing(self, node: ast.AST, scope: Scope, *, guarded: bool) -> None:
        """What has no names inside."""

    def _other(self, node: ast.AST, scope: Scope, *, guarded: bool) -> None:
        if isinstance(node, _TESTS):
            test = node if isinstance(node, ast.BoolOp) else node.test
            guarded = guarded or is_guard(test, self._guards)
        elif isinstance(node, _CATCHING):
            guarded = guarded or guarded_by_try(node)
        elif isinstance(node, _BINDING) and node.name:
            scope.bind(node.name, None)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            scope.bind(node.rest, None)
        self._children(node, scope, guarded=guarded)

    def _children(self, node: ast.AST, scope: Scope, *, guarded: bool) -> None:
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                self._block((item for item in value if isinstance(item, ast.AST)), scope, guarded=guarded)
            elif isinstance(value, ast.AST):
                self._visit(value, scope, guarded=guarded)

    def _attribute(self, node: ast.Attribute, scope: Scope, *, guarded: bool) -> None:
        alias = _chain(node, scope)
        if alias is None:
            self._visit(_root(node), scope, guarded=guarded)
        elif not isinstance(node.ctx, ast.Load):
            self._patched.append(alias)
        elif not guarded:
            self._uses.append((alias, node.lineno))

    def _function(self, node: _Function, scope: Scope, *, guarded: bool) -> None:
        inside = Scope(parent=scope)
        arguments = node.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        named += [item for item in (arguments.vararg, arguments.kwarg) if item is not None]
        for argument in named:
            inside.bind(argument.arg, None)
        defaults = [item for item in (*arguments.defaults, *arguments.kw_defaults) if item is not None]
        self._block(defaults, scope, guarded=guarded)
        if isinstance(node, ast.Lambda):
            self._visit(node.body, inside, guarded=guarded)
            return
        scope.bind(node.name, None)
        annotations = [item.annotation for item in named] if self._evaluated else []
        annotations += [node.returns] if self._evaluated else []
        self._block([*node.decorator_list, *(item for item in annotations if item)], scope, guarded=guarded)
        self._block(node.body, inside, guarded=guarded)

    def _assignment(self, node: ast.Assign | ast.AnnAssign, scope: Scope, *, guarded: bool) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node, ast.AnnAssign) and self._evaluated and scope.evaluates_annotations:
            self._visit(node.annotation, scope, guarded=guarded)
        if node.value is not None:
            self._visit(node.value, scope, guarded=guarded)
            if is_guard(node.value, self._guards):
                self._guards.update(target.id for target in targets if isinstance(target, ast.Name))
        is_none = isinstance(node.value, ast.Constant) and node.value.value is None
        alias = _chain(node.value, scope) if isinstance(node.value, ast.Attribute | ast.Name) and not guarded else None
        for target in targets:
            if not isinstance(target, ast.Name):
                self._visit(target, scope, guarded=guarded)
            elif not is_none:  # `tf = None` stands for what couldn't be imported.
                scope.bind(target.id, alias)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope, *, guarded: bool) -> None:
        base = f"{node.module}." if isinstance(node, ast.ImportFrom) and node.module and not node.level else ""
        is_relative = isinstance(node, ast.ImportFrom) and node.level > 0
        for item in node.names:
            path = f"{base}{item.name}"
            if item.name == "*":
                self._imported += [(base[:-1], node.lineno)] if base and not guarded else []
                continue
            own = item.asname or (item.name if base or is_relative else item.name.split(".")[0])
            bound = path if base or item.asname else item.name.split(".")[0]
            is_known = not is_relative and bound.split(".")[0] in PACKAGES
            # Whether a package is there at all is another question than whether it has a name.
            is_usable = is_known and (not guarded or is_package(bound))
            scope.bind(own, Alias(path=bound) if is_usable else None)
            if is_known and not guarded:
                self._imported.append((path, node.lineno))


def _chain(node: ast.expr, scope: Scope) -> Alias | None:
    """``a.b.c`` where it stands; None where it begins with something other than a name."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return Alias(name=node.id, scope=scope, parts=tuple(reversed(parts)))


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _is_inside(path: str, whole: str | None) -> bool:
    return whole is not None and f"{path}.".startswith(f"{whole}.")


def _defers_annotations(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
    )
