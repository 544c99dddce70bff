"""Code that reckons with a name that isn't there: what such code uses may be missing."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

#: A test with such a word in it asks for a release, for what is there, or isn't true when a model is loaded.
_WORDS = re.compile(
    r"version|keras_?[23]|tf_?[12]|type_checking|__name__|legacy|find_spec|available|(^|_)has_|compat|^hasattr$",
    re.IGNORECASE,
)

#: What is raised where a name is missing, and what includes it.
_RAISED = frozenset({"AttributeError", "ImportError", "ModuleNotFoundError", "Exception", "BaseException", "NameError"})

_DEFAULT = 3


def is_guard(test: ast.expr, names: Collection[str]) -> bool:
    """Whether an expression finds out what is there.

    Args:
        test: the expression.
        names: variables that hold the result of such an expression.
    """
    for node in ast.walk(test):
        if isinstance(node, ast.Name) and (node.id in names or _WORDS.search(node.id)):
            return True
        if isinstance(node, ast.Attribute) and _WORDS.search(node.attr):
            return True
        if isinstance(node, ast.Call) and len(node.args) == _DEFAULT and getattr(node.func, "id", "") == "getattr":
            return True
    return False


def guarded_by_try(node: ast.Try | ast.With) -> bool:
    """Whether a missing name is caught: by a handler, or by ``contextlib.suppress``."""
    if isinstance(node, ast.Try):
        return any(handler.type is None or _names(handler.type) & _RAISED for handler in node.handlers)
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    return any("suppress" in _names(call.func) and _names(*call.args) & _RAISED for call in calls)


def leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether what follows a block doesn't run after it; an error that it raises is another matter."""
    return bool(body) and isinstance(body[-1], ast.Return | ast.Continue | ast.Break)


def _names(*nodes: ast.expr) -> set[str]:
    """All names in expressions, of attributes the last one."""
    inside = [item for node in nodes for item in ast.walk(node)]
    return {item.attr for item in inside if isinstance(item, ast.Attribute)} | {
        item.id for item in inside if isinstance(item, ast.Name)
    }
