"""What a constructor accepts, from its syntax tree.

A constructor may name a parameter, pop it from ``**kwargs``, pass ``**kwargs`` on to its base, check
it against a list, or swallow it without a word.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from mlflow_kerasguard.keras_api.facts import Constructor, Forward


def required_arguments(node: ast.FunctionDef) -> tuple[str, ...]:
    """A method's parameters without a default, in order, without ``self``."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args][1:]
    required = [arg.arg for arg in positional[: len(positional) - len(arguments.defaults)]]
    keywords = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return (*required, *(arg.arg for arg, default in keywords if default is None))


def read_parameters(node: ast.FunctionDef) -> tuple[str, ...]:
    """A method's parameters, without ``self``, with ``*`` and ``**`` where it takes any."""
    arguments = node.args
    names = [arg.arg for arg in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]][1:]
    return (*names, *(["*"] if arguments.vararg else []), *(["**"] if arguments.kwarg else []))


def returns_its_argument(node: ast.FunctionDef) -> bool:
    """Whether all that a method does is to return its first argument, as in ``return inputs``."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    first = node.args.args[1].arg if len(node.args.args) > 1 else None
    last = body[0] if len(body) == 1 else None
    return isinstance(last, ast.Return) and isinstance(last.value, ast.Name) and last.value.id == first


#: Gives a method of the same class by its name.
FindMethod = Callable[[str], "ast.FunctionDef | None"]


def read_constructor(node: ast.FunctionDef, find_method: FindMethod = lambda _: None) -> Constructor:
    """Read an ``__init__``.

    Args:
        node: its syntax tree.
        find_method: finds the methods that it may hand its ``kwargs`` to as a plain dict.
    """
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args][1:]
    constructor = Constructor(
        positional=tuple(arg.arg for arg in positional),
        parameters=frozenset(arg.arg for arg in [*positional, *arguments.kwonlyargs]),
        required=frozenset(required_arguments(node)),
        takes_kwargs=arguments.kwarg is not None,
    )
    if arguments.kwarg is None:
        return constructor
    use = _KwargsUse(arguments.kwarg.arg, find_method)
    for statement in node.body:
        use.visit(statement)
    return replace(
        constructor,
        popped=frozenset(use.popped),
        forwards=tuple(use.forwards),
        allowed=use.allowed,
        rejects_rest=use.rejects_rest,
        unknown=use.unknown,
    )


@dataclass
class _KwargsUse(ast.NodeVisitor):
    """Collects what a constructor does with its ``**kwargs``."""

    kwargs: str
    find_method: FindMethod
    popped: set[str] = field(default_factory=set)
    forwards: list[Forward] = field(default_factory=list)
    allowed: frozenset[str] | None = None
    rejects_rest: bool = False
    unknown: str | None = None
    _sets: dict[str, frozenset[str]] = field(default_factory=dict)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = _strings(node.value)
        if names is not None:
            self._sets.update({target.id: names for target in node.targets if isinstance(target, ast.Name)})
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute) and self._is_kwargs(function.value):
            if function.attr in {"pop", "get"} and node.args:
                self.popped |= names_of(node.args[0], self._sets)
        elif self._is_own_method(node):
            self._read_method(node)
        elif any(keyword.arg is None and self._is_kwargs(keyword.value) for keyword in node.keywords):
            self._forward(node)
        elif node.args and self._is_kwargs(node.args[0]) and len(node.args) > 1:
            # `generic_utils.validate_kwargs(kwargs, allowed_kwargs)`
            allowed = self._set(node.args[1])
            if allowed is not None:
                self._allow(allowed)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if self._is_kwargs(node.test) and _raises(node.body):
            self.rejects_rest = True
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        # `for kwarg in kwargs: if kwarg not in {…}: raise …`
        over_kwargs = any(self._is_kwargs(child) for child in ast.walk(node.iter))
        for child in ast.walk(node) if over_kwargs else ():
            if isinstance(child, ast.If) and isinstance(child.test, ast.Compare):
                allowed = self._set(child.test.comparators[0])
                if allowed is not None:
                    self._judge(child, allowed)
        self.generic_visit(node)

    def _judge(self, node: ast.If, listed: frozenset[str]) -> None:
        """``if key not in listed: raise``, or ``if key in listed: … else: raise``."""
        operator = cast("ast.Compare", node.test).ops[0]
        if isinstance(operator, ast.NotIn) and _raises(node.body):
            self._allow(listed)
        elif isinstance(operator, ast.In) and _raises(node.orelse):
            self._allow(frozenset() if _raises(node.body) else listed)

    def _is_own_method(self, node: ast.Call) -> bool:
        """``self._process_kwargs(kwargs)``."""
        function = node.func
        owner = function.value if isinstance(function, ast.Attribute) else None
        of_self = isinstance(owner, ast.Name) and owner.id == "self"
        return of_self and any(self._is_kwargs(argument) for argument in node.args)

    def _read_method(self, node: ast.Call) -> None:
        """What a method of the class does with the ``kwargs`` that it is handed."""
        method = self.find_method(cast("ast.Attribute", node.func).attr)
        if method is None:
            return
        place = next(number for number, argument in enumerate(node.args) if self._is_kwargs(argument))
        names = [argument.arg for argument in method.args.args][1:]
        inside = _KwargsUse(names[place] if place < len(names) else "", lambda _: None)
        for statement in method.body:
            inside.visit(statement)
        self.popped |= inside.popped
        if inside.allowed is not None:
            self._allow(inside.allowed)
        self.rejects_rest = self.rejects_rest or inside.rejects_rest

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if self._is_kwargs(node.value):
            self.popped |= names_of(node.slice, self._sets)
        self.generic_visit(node)

    def _forward(self, node: ast.Call) -> None:
        keywords = frozenset(keyword.arg for keyword in node.keywords if keyword.arg is not None)
        positional = sum(not isinstance(argument, ast.Starred) for argument in node.args)
        passes_args = positional < len(node.args)
        function = node.func
        if not (isinstance(function, ast.Attribute) and function.attr == "__init__"):
            # Handed to something that isn't a base: a partial, a dict, another object.
            self.unknown = f"`**{self.kwargs}` goes into `{ast.unparse(function)}`"
        elif isinstance(function.value, ast.Call):
            self.forwards.append(Forward(keywords=keywords, positional=positional, passes_args=passes_args))
        else:
            base = ast.unparse(function.value)
            # The first argument is `self`.
            self.forwards.append(
                Forward(base=base, keywords=keywords, positional=positional - 1, passes_args=passes_args)
            )

    def _allow(self, allowed: frozenset[str]) -> None:
        self.allowed = (self.allowed or frozenset()) | allowed
        self.rejects_rest = True

    def _set(self, node: ast.expr) -> frozenset[str] | None:
        return self._sets.get(node.id) if isinstance(node, ast.Name) else _strings(node)

    def _is_kwargs(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == self.kwargs


def _strings(node: ast.expr) -> frozenset[str] | None:
    """The elements of a literal set, list, tuple or frozenset of strings."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"set", "frozenset"}:
        return _strings(node.args[0]) if node.args else frozenset()
    if isinstance(node, ast.Set | ast.List | ast.Tuple):
        values = [element.value for element in node.elts if isinstance(element, ast.Constant)]
        names = [value for value in values if isinstance(value, str)]
        return frozenset(names) if names and len(names) == len(node.elts) else None
    return None


def names_of(node: ast.expr, sets: Mapping[str, frozenset[str]]) -> set[str]:
    """The strings that an expression stands for: a literal, or a name bound to a set of them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.Name) and node.id in sets:
        return set(sets[node.id])
    return set()


def _raises(body: list[ast.stmt]) -> bool:
    return any(isinstance(statement, ast.Raise) for statement in body)
