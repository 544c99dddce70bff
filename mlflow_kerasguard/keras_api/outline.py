"""What a Python module defines and imports, read from its text without running it.

Parsing a whole Keras module takes up to 100 ms, and a check needs a dozen of them. So the text is
searched for the lines that open a definition, and only the pieces that are asked for are parsed: a
class's header, one method. Where a piece doesn't parse on its own (text in column 0 of a docstring,
say), the whole module is parsed instead, so the short way never changes an answer.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from mlflow_kerasguard.keras_api.facts import Import

_TOP_LEVEL = re.compile(
    r"""^(?:
        class[ ]+(?P<class>\w+)
      | (?:async[ ]+)?def[ ]+(?P<function>\w+)
      | (?P<alias>\w+)[ ]*=[ ]*(?P<target>[A-Za-z_][\w.]*)[ ]*(?:[#].*)?$
    )""",
    re.MULTILINE | re.VERBOSE,
)
_IMPORT = re.compile(
    r"""^(?P<indent>[ ]*)(?:
        from[ ]+(?P<module>[.\w]+)[ ]+import[ ]+(?:\((?P<block>[^)]*)\)|(?P<line>[^(\n]+))
      | import[ ]+(?P<plain>[\w.]+)(?:[ ]+as[ ]+(?P<as>\w+))?
    )""",
    re.MULTILINE | re.VERBOSE,
)
#: A block under a condition at the top level, and an alias right inside it.
_CONDITIONAL = re.compile(r"^(?:if|elif|else|try|except)\b[^\n]*:\n(?P<body>(?:[ ]{4}[^\n]*\n|\n)+)", re.MULTILINE)
_INDENTED_ALIAS = re.compile(r"^[ ]{4}(?P<alias>\w+) = (?P<target>[A-Za-z_][\w.]*)$", re.MULTILINE)
_NEXT_STATEMENT = re.compile(r"^[^\s#)\]}]", re.MULTILINE)


@dataclass(slots=True)
class ClassOutline:
    """A class as its text shows it.

    Attributes:
        name: as defined.
        bases: the base expressions, dotted names only; anything else is left out.
        text: the class statement.
        whole: parses the whole module and gives the class from it.
    """

    name: str
    bases: tuple[str, ...]
    text: str
    whole: Callable[[], ast.ClassDef]
    _methods: dict[str, ast.FunctionDef | None] = field(default_factory=dict)
    _starts: dict[str, list[re.Match[str]]] | None = None

    def method(self, name: str) -> ast.FunctionDef | None:
        """The syntax tree of a method that the class itself defines; None where it has none."""
        if name not in self._methods:
            self._methods[name] = self._read_method(name)
        return self._methods[name]

    def _read_method(self, name: str) -> ast.FunctionDef | None:
        if self._starts is None:
            self._starts = self._find_methods()
        starts = self._starts.get(name, [])
        if not starts:
            return None
        if len(starts) == 1:
            try:
                return _parse_function(_indented_block(self.text, starts[0]))
            except SyntaxError:
                pass  # Text in the block isn't code; the whole module tells.
        return _function_in(self.whole(), name)

    def _find_methods(self) -> dict[str, list[re.Match[str]]]:
        """Where the class's own methods begin, by name."""
        depth = _body_indent(self.text)
        found: dict[str, list[re.Match[str]]] = {}
        for match in re.finditer(rf"^[ ]{{{depth}}}(?:async[ ]+)?def[ ]+(?P<name>\w+)", self.text, re.MULTILINE):
            if _is_code(self.text, match.start()):
                found.setdefault(match["name"], []).append(match)
        return found


class ModuleOutline:
    """One module's text."""

    def __init__(self, name: str, text: str, *, is_package: bool = False) -> None:
        self.name = name
        self.is_package = is_package
        self._text = text
        self._classes: dict[str, ClassOutline | None] = {}

    @cached_property
    def _definitions(self) -> dict[str, list[re.Match[str]]]:
        found: dict[str, list[re.Match[str]]] = {}
        for match in _TOP_LEVEL.finditer(self._text):
            if _is_code(self._text, match.start()):
                name = match["class"] or match["function"] or match["alias"]
                found.setdefault(name, []).append(match)
        return found

    @cached_property
    def tree(self) -> ast.Module:
        """The whole module's syntax tree."""
        return ast.parse(self._text)

    @property
    def text(self) -> str:
        """The module's source."""
        return self._text

    @cached_property
    def _conditional_aliases(self) -> dict[str, str]:
        """Aliases that depend on the backend, say: the first branch counts, which is TensorFlow's."""
        found: dict[str, str] = {}
        for block in _CONDITIONAL.finditer(self._text):
            for match in _INDENTED_ALIAS.finditer(block["body"]):
                found.setdefault(match["alias"], match["target"])
        return found

    @property
    def defined(self) -> tuple[str, ...]:
        """Every class, function and alias at the top level."""
        return tuple({**self._definitions, **self._conditional_aliases})

    def has_class(self, name: str) -> bool:
        return any(match["class"] for match in self._definitions.get(name, ()))

    def has_function(self, name: str) -> bool:
        return any(match["function"] for match in self._definitions.get(name, ()))

    def alias(self, name: str) -> str | None:
        """The dotted name that a top-level ``name = dotted.name`` refers to."""
        matches = self._definitions.get(name, ())
        if not matches:
            return self._conditional_aliases.get(name)
        return matches[-1]["target"] if matches[-1]["alias"] else None

    def find_class(self, name: str) -> ClassOutline | None:
        """A class that this module defines."""
        if name not in self._classes:
            self._classes[name] = self._read_class(name) if self.has_class(name) else None
        return self._classes[name]

    def function(self, name: str) -> ast.FunctionDef | None:
        """The syntax tree of a top-level function."""
        matches = [match for match in self._definitions.get(name, ()) if match["function"]]
        if len(matches) == 1:
            try:
                return _parse_function(_statement(self._text, matches[0]))
            except SyntaxError:
                pass  # As for methods.
        return _function_in(self.tree, name) if matches else None

    def decorators(self, name: str) -> str:
        """The text of the decorators above a definition; empty where there are none."""
        matches = self._definitions.get(name, ())
        if not matches:
            return ""
        end = matches[-1].start() - 1
        lines: list[str] = []
        while end >= 0:
            start = self._text.rfind("\n", 0, end) + 1
            line = self._text[start:end]
            if not line.startswith(("@", " ", ")", "]")):
                break
            lines.append(line)
            end = start - 1
        return "\n".join(reversed(lines))

    def _read_class(self, name: str) -> ClassOutline:
        matches = [match for match in self._definitions[name] if match["class"]]
        if len(matches) == 1:
            try:
                return self._class_outline(name, _statement(self._text, matches[0]))
            except SyntaxError:
                pass  # As for methods.
        node = _class_in(self.tree, name)
        return self._class_outline(name, ast.get_source_segment(self._text, node) or "")

    def _class_outline(self, name: str, text: str) -> ClassOutline:
        header = re.match(r"class[ ]+\w+[ ]*(\((?:[^()]|\([^()]*\))*\))?[ ]*:", text)
        if header is None:
            raise SyntaxError("no class header")
        node = _class_in(ast.parse(header[0] + " ..."), name)
        bases = tuple(ast.unparse(base) for base in node.bases if isinstance(base, ast.Name | ast.Attribute))
        return ClassOutline(name, bases, text, lambda: _class_in(self.tree, name))

    @cached_property
    def imports(self) -> dict[str, Import]:
        """Imported names at the top level, or inside its ``if`` and ``try`` blocks."""
        found: dict[str, Import] = {}
        for match in _IMPORT.finditer(self._text):
            for name, imported in self._names(match):
                # A name bound at the top level counts before one that a block (or an example in a
                # docstring, which looks the same) binds.
                if not match["indent"] or name not in found:
                    found[name] = imported
        return found

    @cached_property
    def star_imports(self) -> tuple[str, ...]:
        """Modules from which everything is imported."""
        return tuple(
            self._absolute(match["module"])
            for match in _IMPORT.finditer(self._text)
            if match["line"] and match["line"].strip() == "*"
        )

    def _names(self, match: re.Match[str]) -> list[tuple[str, Import]]:
        if match["plain"]:
            dotted, alias = match["plain"], match["as"]
            first = dotted.split(".", 1)[0]
            return [(alias, Import(dotted, None))] if alias else [(first, Import(first, None))]
        module = self._absolute(match["module"])
        listed = match["block"] if match["block"] is not None else match["line"]
        names = []
        for entry in re.sub(r"#[^\n]*", "", listed).split(","):
            words = entry.split()
            if words and words[0].isidentifier():
                names.append((words[-1], Import(module, words[0])))
        return names

    def _absolute(self, module: str) -> str:
        """A relative import's module, seen from this one."""
        dots = len(module) - len(module.lstrip("."))
        if not dots:
            return module
        parts = self.name.split(".")
        base = parts[: len(parts) - dots + (1 if self.is_package else 0)]
        return ".".join([*base, module.lstrip(".")]).strip(".")


def _is_code(text: str, position: int) -> bool:
    """Whether a position is outside docstrings: examples in them define classes and methods too."""
    return text.count('"""', 0, position) % 2 == 0


def _body_indent(text: str) -> int:
    """How deep a class's body is indented."""
    match = re.search(r":[ ]*(?:#.*)?\n(?:[ ]*\n)*([ ]+)\S", text)
    return len(match[1]) if match else 4


def _statement(text: str, match: re.Match[str]) -> str:
    """From a definition's first line to the next statement at the top level."""
    return _until(text, match.start(), _NEXT_STATEMENT.finditer(text, match.end()))


def _until(text: str, start: int, ends: Iterable[re.Match[str]]) -> str:
    """From ``start`` to the first end that doesn't stand inside a string."""
    counted, quotes = start, 0
    for end in ends:
        quotes += text.count('"""', counted, end.start()) + text.count("'''", counted, end.start())
        counted = end.start()
        if quotes % 2 == 0:
            return text[start : end.start()]
    return text[start:]


def _indented_block(text: str, match: re.Match[str]) -> str:
    """From a method's ``def`` to the next line that isn't deeper than it."""
    depth = len(match[0]) - len(match[0].lstrip())
    ends = re.compile(rf"^[ ]{{0,{depth}}}[^\s)#\]}}]", re.MULTILINE).finditer(text, match.end())
    return _until(text, match.start(), ends)


def _parse_function(text: str) -> ast.FunctionDef:
    node = ast.parse(textwrap.dedent(text)).body[0]
    if not isinstance(node, ast.FunctionDef):
        raise SyntaxError("not a function")  # noqa: TRY004 - a piece that doesn't parse as expected, like any other
    return node


def _class_in(tree: ast.Module, name: str) -> ast.ClassDef:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node
    raise SyntaxError(f"no class {name} at the top level")


def _function_in(scope: ast.Module | ast.ClassDef, name: str) -> ast.FunctionDef | None:
    """The last definition of that name: it is the one that counts."""
    found = [node for node in scope.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return found[-1] if found else None
