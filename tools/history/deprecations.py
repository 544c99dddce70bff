"""TensorFlow's deprecated public names, from the decorators of what they show; nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from tools.history.api_names import tensorflow_origins
from tools.history.package_files import Files

#: As the decorators call the namespace of the names that TensorFlow 1 had.
_FIRST_API = "tf.compat.v1."

_Definition = ast.FunctionDef | ast.ClassDef

#: What a sentence ends with; a full stop inside of a name isn't followed by a space.
_SENTENCE_END = re.compile(r"(?<=[^.\s]{2})\.(?:\s|$)")

_SAYS_WHAT = re.compile(r"\b(use|instead|prefer)\b", re.IGNORECASE)


def deprecated_names(files: Files) -> frozenset[str]:
    """Each as ``tf.compat.v1.log Use `tf.math.log` instead``: the name, a space, and what is said of it.

    What is said may be empty.
    """
    return frozenset(f"{name} {instructions}".rstrip() for name, instructions in _deprecated(files))


def _deprecated(files: Files) -> Iterator[tuple[str, str]]:
    for name, (module, attribute) in tensorflow_origins(files).items():
        found = _definitions(files.read(f"{module.replace('.', '/')}.py") or "").get(attribute)
        if found is None:
            continue
        instructions, old_endpoints, endpoints = found
        if instructions is not None:
            yield name, instructions
        elif name in old_endpoints:
            newer = next((endpoint for endpoint in endpoints if endpoint not in old_endpoints), None)
            yield name, f"Use `{newer}` instead" if newer else ""


# Patch releases share nearly all of their files.
@lru_cache(maxsize=4096)
def _definitions(text: str) -> dict[str, tuple[str | None, frozenset[str], tuple[str, ...]]]:
    """Functions and classes with a deprecation: the instructions, endpoints that are old ones, all endpoints."""
    found: dict[str, tuple[str | None, frozenset[str], tuple[str, ...]]] = {}
    texts: dict[str, str] = {}
    for node in ast.parse(text).body if "deprecated" in text else ():
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            texts[node.targets[0].id] = _text(node.value, {})
        elif isinstance(node, _Definition):
            calls = _decorators(node)
            old = frozenset(f"{_FIRST_API}{name}" for name in _texts(calls.get("deprecated_endpoints")))
            instructions = _instructions(calls.get("deprecated") or _of_constructor(node), texts)
            if old or instructions is not None:
                found[node.name] = (instructions, old, tuple(_endpoints(calls.get("tf_export"))))
    return found


def _decorators(node: _Definition) -> dict[str, ast.Call]:
    """By their names, without the module that they are taken from."""
    calls = [call for call in node.decorator_list if isinstance(call, ast.Call)]
    return {
        call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", ""): call for call in calls
    }


def _of_constructor(node: _Definition) -> ast.Call | None:
    """The decorator of a class whose constructor is deprecated."""
    items = node.body if isinstance(node, ast.ClassDef) else ()
    own = [item for item in items if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
    return _decorators(own[-1]).get("deprecated") if own else None


def _instructions(call: ast.Call | None, texts: dict[str, str]) -> str | None:
    """The sentence of the instructions that says what to use, else the first, without its final stop."""
    if call is None:
        return None
    values = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "instructions")]
    text = " ".join(_text(values[0], texts).split()) if values else ""
    sentences = [sentence.strip() for sentence in _SENTENCE_END.split(text)]
    chosen = next((sentence for sentence in sentences if _SAYS_WHAT.search(sentence)), sentences[0])
    return chosen + "`" * (chosen.count("`") % 2)


def _endpoints(call: ast.Call | None) -> Iterator[str]:
    """The public names that are given to a definition, those of the second API first."""
    for name in _texts(call):
        yield f"tf.{name}"
        yield f"{_FIRST_API}{name}"
    for keyword in call.keywords if call is not None else ():
        if keyword.arg == "v1" and isinstance(keyword.value, ast.List):
            yield from (f"{_FIRST_API}{_text(node, {})}" for node in keyword.value.elts)


def _texts(call: ast.Call | None) -> Iterator[str]:
    yield from (text for node in call.args if (text := _text(node, {}))) if call is not None else ()


def _text(node: ast.expr, texts: dict[str, str]) -> str:
    """A text that stands there, or in the module under a name; of one put together at run time, nothing."""
    if isinstance(node, ast.Name):
        return texts.get(node.id, "")
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
