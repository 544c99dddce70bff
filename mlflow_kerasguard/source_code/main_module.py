"""What ``__main__`` defines as a module of its own: the definitions and the top-level code that they use.

Importing the whole script where the model is served would run the training again. Text in, text out:
where the text comes from is the business of :mod:`mlflow_kerasguard.custom_code.interactive`.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlflow_kerasguard.source_code.definitions import Definition, Import
from mlflow_kerasguard.source_code.imports import origin
from mlflow_kerasguard.source_code.statements import (
    Statement,
    first_line,
    lines_of,
    needed,
    statements_of,
)
from mlflow_kerasguard.source_identity import SCRIPT_MODULE_PREFIX

#: Where Python's formatters break a line; an import that is written anew and is longer gets brackets.
_LINE_LENGTH = 88

#: Comments that tools read at the beginning of a file or a cell; they say nothing about a definition.
_MARKERS = re.compile(r"#(!|\s*%%|\s*In ?\[|.*coding[:=])")


def module_name(stem: str) -> str:
    """The name under which definitions of ``__main__`` travel.

    Args:
        stem: the name of the script or notebook, without its suffix.
    """
    return f"{SCRIPT_MODULE_PREFIX}{re.sub(r'[^0-9A-Za-z_]', '_', stem)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A piece of the module.

    Attributes:
        text: without a line feed at its end.
        is_definition: whether it is set off by two blank lines.
        joined: whether it followed the part before it without a blank line.
    """

    text: str
    is_definition: bool = False
    joined: bool = False


def extract(
    texts: Sequence[str],
    names: Iterable[str],
    *,
    title: str,
    package: str | None = None,
    pinned: Mapping[str, int] | None = None,
) -> str | None:
    """The part of a program that defines ``names``.

    Args:
        texts: the program: a script, or the cells of a notebook in the order in which they ran.
        names: top-level names to keep.
        title: the module's docstring.
        package: the package that the script was run in (``python -m``); relative imports become
            absolute ones.
        pinned: name to the position of the text whose definition of it is wanted, where that isn't
            the last one.

    Returns:
        Source code of a module, or None where the top level of the texts doesn't define one of the names.

    Raises:
        SyntaxError: a text isn't Python.
    """
    wanted = set(names)
    statements = statements_of(texts, pinned or {})
    if not wanted <= {name for statement in statements for name in statement.binds}:
        return None
    kept = needed(statements, wanted)
    hoisted = _hoisted(kept)
    seen: set[str] = set()
    used = {key for statement, taken in hoisted for key in _aliases(statement.node, taken)}
    # Also those that ran again later: what they share is taken from the first.
    imports = [line for statement in statements for line in _import_lines(statement, used, package, seen)]
    body = _ordered([one for one in kept if one not in hoisted], statements)
    lines = [lines_of(text) for text in texts]
    parts = [_part(one, previous, lines, package) for one, previous in zip(body, [None, *body], strict=False)]
    return _layout(title, _future_imports(statements), imports, parts)


def _future_imports(statements: list[Statement]) -> list[str]:
    found = [one.node for one in statements if isinstance(one.node, ast.ImportFrom)]
    features = {alias.name: None for node in found if node.module == "__future__" for alias in node.names}
    return [f"from __future__ import {feature}" for feature in features]


_Kept = tuple[Statement, frozenset[str]]


def _hoisted(kept: list[_Kept]) -> list[_Kept]:
    """The imports that mean the same at the top of the module."""
    rivals: dict[str, set[str]] = {}
    for statement, taken in kept:
        for name in taken if isinstance(statement.node, Import) else statement.binds:
            rivals.setdefault(name, set()).add(_origin(statement.node, name))
    found: list[_Kept] = []
    for position, (statement, taken) in enumerate(kept):
        if not _is_import((statement, taken)):
            continue
        is_star = "*" in statement.binds
        if is_star and len(found) < position:
            break  # It may bind names of statements before it, and imports after it may bind names of its.
        if is_star or all(len(rivals[name]) == 1 for name in taken):
            found.append((statement, taken))
    return found


def _ordered(kept: list[_Kept], statements: list[Statement]) -> list[_Kept]:
    """Constants stand where their names were bound first, also where a cell was edited and ran again later."""
    ran = {id(statement.node): number for number, statement in enumerate(statements)}
    first: dict[frozenset[str], int] = {}
    for number, statement in enumerate(statements):
        first.setdefault(statement.binds, number)
    bound = {name for statement in statements for name in statement.binds}
    often = Counter(name for statement, _ in kept for name in statement.binds | statement.changes)

    def place(one: _Kept) -> int:
        statement = one[0]
        is_constant = isinstance(statement.node, ast.Assign | ast.AnnAssign) and not statement.now & bound
        movable = is_constant and all(often[name] == 1 for name in statement.binds)
        return first[statement.binds] if movable else ran[id(statement.node)]

    return sorted(kept, key=place)


def _is_import(one: _Kept) -> bool:
    return isinstance(one[0].node, Import)


def _origin(node: ast.stmt, name: str) -> str:
    """Where an import takes a name from; imports that agree in that are one."""
    if not isinstance(node, Import):
        return f"statement {id(node)}"
    for alias in node.names:
        if alias.asname == name or (alias.asname is None and alias.name == name and isinstance(node, ast.ImportFrom)):
            return f"{_module(node)} {alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
    return f"package {name}"


def _module(node: ast.ImportFrom) -> str:
    return "." * node.level + (node.module or "")


def _aliases(node: ast.stmt, taken: frozenset[str]) -> dict[str, ast.alias]:
    """The names of an import that are among ``taken``, by what identifies them in the whole program."""
    if not isinstance(node, Import):
        return {}
    prefix = _module(node) if isinstance(node, ast.ImportFrom) else ""
    used = [alias for alias in node.names if alias.name == "*" or (alias.asname or _top(node, alias)) in taken]
    return {f"{prefix} {ast.unparse(alias)}": alias for alias in used}


def _import_lines(statement: Statement, used: set[str], package: str | None, seen: set[str]) -> Iterator[str]:
    """An import without what nothing uses and what is imported already; as it was written where all is left."""
    node = statement.node
    if not isinstance(node, Import) or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
        return
    found = _aliases(node, statement.binds)
    left = [ast.unparse(alias) for key, alias in found.items() if key in used and key not in seen]
    seen.update(found.keys() & used)
    if not left:
        return
    is_relative = isinstance(node, ast.ImportFrom) and node.level > 0 and package is not None
    if len(left) == len(node.names) and not is_relative:
        yield statement.source
    elif isinstance(node, ast.Import):
        yield f"import {', '.join(left)}"
    else:
        yield _from_import(origin(node, str(package)) if is_relative else _module(node), left)


def _top(node: Import, alias: ast.alias) -> str:
    return alias.name.split(".", 1)[0] if isinstance(node, ast.Import) else alias.name


def _from_import(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= _LINE_LENGTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])


def _part(one: _Kept, previous: _Kept | None, lines: list[list[str]], package: str | None) -> _Part:
    statement, taken = one
    own = lines[statement.program]
    above = [] if _is_import(one) else _comment_above(statement.node, own)
    joined = previous is not None and previous[0].program == statement.program
    if joined and previous is not None:
        between = own[previous[0].node.end_lineno : first_line(statement.node) - 1 - len(above)]
        joined = all(line.strip() for line in between)
    if _is_import(one):
        return _Part(
            text="\n".join(_import_lines(statement, set(_aliases(statement.node, taken)), package, set())),
            joined=joined,
        )
    text = "\n".join([*above, statement.source + _comment_behind(statement.node, own)])
    joined = joined and previous is not None and not _is_import(previous)
    return _Part(text=text, is_definition=isinstance(statement.node, Definition), joined=joined)


def _comment_above(node: ast.stmt, lines: list[str]) -> list[str]:
    """The comment lines directly above a statement."""
    first = last = first_line(node) - 1
    while first > 0 and lines[first - 1].startswith("#") and not _MARKERS.match(lines[first - 1]):
        first -= 1
    return [line.rstrip() for line in lines[first:last]]


def _comment_behind(node: ast.stmt, lines: list[str]) -> str:
    rest = lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset :].decode()
    comment = rest.strip().lstrip("; ")
    return f"  {comment}" if comment.startswith("#") else ""


def _layout(title: str, future: list[str], imports: list[str], parts: list[_Part]) -> str:
    """The module, with the blank lines that PEP 8 asks for."""
    blocks = ["\n".join(block) for block in ([f'"""{title}"""'], future, imports) if block]
    text = "\n\n".join(blocks)
    previous = _Part(text="")
    for part in parts:
        blank = 2 if part.is_definition or previous.is_definition else int(not part.joined or not previous.text)
        text += "\n" * (blank + 1) + part.text
        previous = part
    return f"{text}\n"
