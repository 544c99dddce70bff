"""What a ``from_config`` does to a config before the constructor sees it, from its syntax tree.

It may take keys away, put some in, hand the config on to the next class, or build the object from
single keys so that the others don't matter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from mlflow_kerasguard.keras_api.constructor import names_of
from mlflow_kerasguard.keras_api.facts import Forward, FromConfig


def read_from_config(node: ast.FunctionDef) -> FromConfig:
    """Read a ``from_config``."""
    names = [arg.arg for arg in node.args.args]
    if len(names) < 2:  # noqa: PLR2004 - `cls, config`
        return FromConfig(reads_only_what_it_knows=True)
    use = _ConfigUse(names[0], {names[1]})
    for statement in node.body:
        use.visit(statement)
    only_known = not use.calls_super and use.constructs is None
    return FromConfig(
        dropped=frozenset(use.dropped),
        supplied=frozenset(use.supplied),
        constructs=use.constructs,
        calls_super=use.calls_super,
        reads_only_what_it_knows=only_known or use.handed_on,
    )


@dataclass
class _ConfigUse(ast.NodeVisitor):
    """Collects what a ``from_config`` does with its config."""

    cls: str
    configs: set[str]
    dropped: set[str] = field(default_factory=set)
    supplied: set[str] = field(default_factory=set)
    constructs: Forward | None = None
    calls_super: bool = False
    handed_on: bool = False

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name) and self._copies(node.value):
                self.configs.add(target.id)
            elif isinstance(target, ast.Subscript) and self._is_config(target.value):
                self.supplied |= names_of(target.slice, {})
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript) and self._is_config(target.value):
                self.dropped |= names_of(target.slice, {})

    def visit_If(self, node: ast.If) -> None:
        """``if cls is MeanMetricWrapper: return cls(…)`` says nothing of the classes derived from it.

        Nor does ``if saving_v3_enabled():`` of the files that the only release with it writes.
        """
        is_aside = self._asks_for_the_class(node.test) or ast.unparse(node.test).endswith("saving_v3_enabled()")
        for part in node.orelse if is_aside else [node.test, *node.body, *node.orelse]:
            self.visit(part)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute) and self._is_config(function.value):
            if function.attr == "pop" and node.args:
                self.dropped |= names_of(node.args[0], {})
            elif function.attr in {"update", "setdefault"}:
                self.supplied |= {keyword.arg for keyword in node.keywords if keyword.arg}
        elif isinstance(function, ast.Attribute) and function.attr == "from_config":
            self.calls_super = self.calls_super or isinstance(function.value, ast.Call)
        elif self._spreads(node) and isinstance(function, ast.Name) and function.id == self.cls:
            keywords = frozenset(keyword.arg for keyword in node.keywords if keyword.arg is not None)
            self.constructs = Forward(keywords=keywords, positional=len(node.args))
        elif self._is_method_of_cls(function) and any(self._is_config(argument) for argument in node.args):
            # `cls._parse_function_from_config(config, "function", "module", …)` pops what it names.
            self.dropped |= {name for argument in node.args for name in names_of(argument, {})}
        elif self._builds_from(node):
            self.handed_on = True
        self.generic_visit(node)

    def _asks_for_the_class(self, test: ast.expr) -> bool:
        return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == self.cls

    def _is_method_of_cls(self, function: ast.expr) -> bool:
        owner = function.value if isinstance(function, ast.Attribute) else None
        return isinstance(owner, ast.Name) and owner.id == self.cls

    def _spreads(self, node: ast.Call) -> bool:
        return any(keyword.arg is None and self._is_config(keyword.value) for keyword in node.keywords)

    def _builds_from(self, node: ast.Call) -> bool:
        """``functional_from_config(cls, config)``: a function of its own builds from single keys."""
        builds = ast.unparse(node.func).endswith("_from_config")
        return builds and any(self._is_config(argument) for argument in node.args)

    def _copies(self, node: ast.expr) -> bool:
        """Whether the value is the config again, perhaps copied or deserialized."""
        return any(self._is_config(child) for child in _shallow(node))

    def _is_config(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id in self.configs


def _shallow(node: ast.expr) -> Iterator[ast.AST]:
    """The value itself, what a copying call is applied to, and what a dict display unpacks."""
    yield node
    if isinstance(node, ast.Call):
        yield from node.args
        if isinstance(node.func, ast.Attribute) and node.func.attr == "copy":
            yield node.func.value
    elif isinstance(node, ast.Dict):
        yield from (value for key, value in zip(node.keys, node.values, strict=True) if key is None)
