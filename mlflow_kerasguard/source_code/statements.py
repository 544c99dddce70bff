"""The statements of a program at its top level: what each binds and reads, and which of them some names need.

Text in, values out: nothing is imported or run. Which statements are needed is worked out backwards, as
compilers find dead code, because a notebook's cells run repeatedly and bind the same names again.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mlflow_kerasguard.source_code.definitions import Definition, Import

#: Methods of lists, dicts and sets that change them.
_CHANGING_METHODS = frozenset(
    {
        "add",
        "append",
        "clear",
        "discard",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "setdefault",
        "sort",
        "update",
    }
)

#: How `symtable` calls the scopes of comprehensions, which run where they stand.
_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement at the top level.

    Attributes:
        node: its syntax tree.
        program: the position of the text that it is in.
        source: its own text, without comments around it.
        binds: the names that it may bind; ``*`` for a star import.
        kills: those that it binds whatever happens, so that earlier values are lost.
        changes: names whose object it changes: ``X[…] = …``, ``X.attribute = …``, ``X.append(…)``.
        now: names that it reads while it runs.
        later: names that only functions inside of it read, whenever they are called.
    """

    node: ast.stmt
    program: int
    source: str
    binds: frozenset[str]
    kills: frozenset[str]
    changes: frozenset[str]
    now: frozenset[str]
    later: frozenset[str]


def statements_of(texts: Sequence[str], pinned: Mapping[str, int]) -> list[Statement]:
    """The statements of texts that ran one after the other, without those that ask for ``__name__``.

    Args:
        texts: Python source each.
        pinned: name to the position of the text whose definition of it counts; what later texts
            do to the name is left out.

    Raises:
        SyntaxError: a text isn't Python.
    """
    found: list[Statement] = []
    for position, text in enumerate(texts):
        hidden = {name for name, last in pinned.items() if last < position}
        nodes = [node for node in ast.parse(text).body if not is_main_guard(node)]
        found += [_without(_statement(node, text, position), hidden) for node in nodes]
    return found


def needed(statements: Sequence[Statement], names: Iterable[str]) -> list[tuple[Statement, frozenset[str]]]:
    """The statements that ``names`` need for having the values that they have in the end.

    Returns:
        Each with the names that are taken from it, in the order in which they ran.
    """
    statements = _without_changes_of_imports(statements)
    in_the_end = frozenset(names)
    while True:
        kept = list(_backwards(statements, in_the_end))[::-1]
        # A function looks its names up when it is called: what counts is what they are bound to in the end.
        more = in_the_end.union(*(statement.later for statement, _ in kept))
        if more == in_the_end:
            return kept
        in_the_end = more


def names_bound_by(text: str) -> frozenset[str]:
    """The module-level names that a text may bind.

    Raises:
        SyntaxError: it isn't Python.
    """
    return frozenset(name for node in ast.parse(text).body for name in _bound(node))


def first_line(node: ast.stmt) -> int:
    """Where a statement begins, with its decorators."""
    decorators = node.decorator_list if isinstance(node, Definition) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def text_of(node: ast.stmt, lines: Sequence[str]) -> str:
    """A statement's own text; other statements on its lines, and comments, aren't part of it."""
    first, last = first_line(node) - 1, (node.end_lineno or node.lineno) - 1
    chosen = [line.encode() for line in lines[first : last + 1]]
    chosen[-1] = chosen[-1][: node.end_col_offset]
    if first == node.lineno - 1:
        chosen[0] = chosen[0][node.col_offset :]
    # A function on one line takes a semicolon behind it for its own.
    return b"\n".join(chosen).decode().rstrip("; ")


def lines_of(text: str) -> list[str]:
    """The lines as Python counts them; `str.splitlines` knows more ends of lines."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _statement(node: ast.stmt, text: str, position: int) -> Statement:
    source = text_of(node, lines_of(text))
    now, later = _reads(source)
    return Statement(
        node=node,
        program=position,
        source=source,
        binds=frozenset(_bound(node)),
        kills=frozenset(_surely_bound(node)),
        changes=frozenset(_changed(node)),
        now=now,
        later=later,
    )


def _without(statement: Statement, names: set[str]) -> Statement:
    return replace(
        statement,
        binds=statement.binds - names,
        kills=statement.kills - names,
        changes=statement.changes - names,
    )


def _without_changes_of_imports(statements: Sequence[Statement]) -> list[Statement]:
    """Settings of other modules, such as ``os.environ[…] = …``, are the program's business, not the model's."""
    imported = {name for one in statements if isinstance(one.node, Import) for name in one.binds}
    return [replace(one, changes=one.changes - imported) for one in statements]


def _backwards(
    statements: Sequence[Statement], in_the_end: frozenset[str]
) -> Iterator[tuple[Statement, frozenset[str]]]:
    live = set(in_the_end)
    for statement in reversed(statements):
        taken = live & statement.binds
        # What a star import brings can't be told from the name.
        if taken or live & statement.changes or "*" in statement.binds:
            yield statement, frozenset(taken)
            live -= statement.kills
            live |= _with_called(statement.now, statements)


def _with_called(names: frozenset[str], statements: Sequence[Statement]) -> set[str]:
    """``names``, and what the functions and classes among them read if they are called right there."""
    found: set[str] = set()
    queue = set(names)
    while queue:
        found |= queue
        queue = {name for one in statements if one.binds & queue for name in one.later} - found
    return found


def is_main_guard(node: ast.stmt) -> bool:
    """``if __name__ == "__main__":`` and anything else that asks for the name."""
    return isinstance(node, ast.If) and "__name__" in {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}


def _bound(node: ast.AST) -> Iterator[str]:
    """The module-level names that a statement binds, also inside ``if``, ``try`` and ``with``."""
    if isinstance(node, Definition):
        yield node.name
        return
    if isinstance(node, Import):
        yield from (_name_of(alias) for alias in node.names)
        return
    for child in ast.iter_child_nodes(node):
        inner = isinstance(child, ast.stmt | ast.ExceptHandler | ast.withitem | ast.match_case)
        yield from _bound(child) if inner else _stored(child)


def _name_of(alias: ast.alias) -> str:
    return alias.asname or alias.name.split(".", 1)[0]


def _stored(node: ast.AST) -> Iterator[str]:
    """Names that an expression stores; the variables of comprehensions and lambdas are their own."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    if isinstance(node, ast.Lambda):
        return
    children = [node.iter, *node.ifs] if isinstance(node, ast.comprehension) else ast.iter_child_nodes(node)
    for child in children:
        yield from _stored(child)


def _surely_bound(node: ast.stmt) -> set[str]:
    if isinstance(node, Definition | ast.Assign) or (isinstance(node, ast.AnnAssign) and node.value is not None):
        return set(_bound(node))
    if isinstance(node, Import):
        # `import a.b` adds to what another `import a.c` has bound.
        return {_name_of(alias) for alias in node.names if alias.asname or "." not in alias.name} - {"*"}
    if isinstance(node, ast.If):
        return _surely(node.body) & _surely(node.orelse)
    if isinstance(node, ast.Try):
        paths = [_surely(node.body) | _surely(node.orelse), *(_surely(handler.body) for handler in node.handlers)]
        return set.intersection(*paths) | _surely(node.finalbody)
    return set()


def _surely(body: list[ast.stmt]) -> set[str]:
    return set().union(*map(_surely_bound, body))


def _changed(node: ast.AST) -> Iterator[str]:
    if isinstance(node, Definition | ast.expr):
        return
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign | ast.Delete):
        targets = [target for target in node.targets if isinstance(target, ast.Attribute | ast.Subscript)]
    elif isinstance(node, ast.AugAssign | ast.AnnAssign) and not isinstance(node.target, ast.Name):
        targets = [node.target]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = node.value.func
        targets = [called] if isinstance(called, ast.Attribute) and called.attr in _CHANGING_METHODS else []
    yield from (name for target in targets for name in _base(target))
    for child in ast.iter_child_nodes(node):
        yield from _changed(child)


def _base(node: ast.expr) -> Iterator[str]:
    """The ``X`` of ``X.a[0].b``."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _reads(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The module-level names that a statement reads: while it runs, and in functions that are called later."""
    now: set[str] = set()
    later: set[str] = set()
    queue = [(symtable.symtable(source, "<statement>", "exec"), False)]
    while queue:
        table, deferred = queue.pop()
        is_function = table.get_type() == "function"
        deferred |= is_function and table.get_name() not in _COMPREHENSIONS
        (later if deferred else now).update(
            symbol.get_name()
            for symbol in table.get_symbols()
            # A class body looks its own names up at the module's top level as long as it hasn't bound them.
            if symbol.is_referenced() and (symbol.is_global() or not (is_function or symbol.is_free()))
        )
        queue += [(child, deferred) for child in table.get_children()]
    return frozenset(now), frozenset(later)
