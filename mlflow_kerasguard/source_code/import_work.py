"""What a module does when it is imported, beyond defining things: told from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlflow_kerasguard.observed import ImportWork
from mlflow_kerasguard.source_code.definitions import Module
from mlflow_kerasguard.source_code.statements import is_main_guard

#: Calls that set something up and return at once; people put them at the top for good reasons.
_HARMLESS_CALLS = frozenset(
    {
        *("basicConfig", "filterwarnings", "simplefilter", "set_verbosity", "setLevel", "addHandler", "addFilter"),
        *(
            "seed",
            "set_seed",
            "set_random_seed",
            "set_floatx",
            "set_backend",
            "set_image_data_format",
            "enable_v2_behavior",
        ),
        *("setdefault", "update", "append", "add", "extend", "insert", "register", "register_keras_serializable"),
        *("set_dtype_policy", "set_global_policy", "set_visible_devices", "set_memory_growth", "getLogger"),
    }
)

#: Calls whose result takes reading, computing or waiting.
_WORKING_CALLS = frozenset(
    {
        *("open", "fit", "fit_transform", "predict", "evaluate", "train", "load_model", "load_weights", "load_data"),
        *("urlopen", "urlretrieve", "get_file", "check_output", "Popen", "system", "sleep"),
        *("read_csv", "read_parquet", "read_json", "read_excel", "read_sql", "read_text", "read_bytes", "load"),
        *("loadtxt", "genfromtxt", "from_pretrained", "from_preset", "connect", "create_engine", "input"),
    }
)


def work_at_import(module: Module, name: str) -> tuple[ImportWork, ...]:
    """The statements at a module's top level that do work.

    Args:
        module: the parsed module.
        name: what to call its file.
    """
    lines = module.source.decode("utf-8", "replace").splitlines()
    return tuple(
        ImportWork(place=f"{name}:{node.lineno}", text=lines[node.lineno - 1].strip())
        for node in _top_level(module.tree.body)
        if _works(node)
    )


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run at import, also inside ``if`` and ``try``; not those of a script's main part."""
    for node in body:
        if isinstance(node, ast.If):
            if not is_main_guard(node):
                yield from _top_level([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            handled = [statement for handler in node.handlers for statement in handler.body]
            yield from _top_level([*node.body, *handled, *node.orelse, *node.finalbody])
        else:
            yield node


def _works(node: ast.stmt) -> bool:
    if isinstance(node, ast.For | ast.While | ast.With | ast.AsyncFor | ast.AsyncWith):
        return any(isinstance(part, ast.Call) for part in ast.walk(node))
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call | ast.Await) and _called(node.value) not in _HARMLESS_CALLS
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return any(_called(part) in _WORKING_CALLS for part in _evaluated(node))
    return False


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement that are evaluated with it; what a lambda holds waits."""
    for part in ast.iter_child_nodes(node):
        if not isinstance(part, ast.Lambda):
            yield part
            yield from _evaluated(part)


def _called(node: ast.AST) -> str:
    """The last part of the name that is called; empty where there is none."""
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
