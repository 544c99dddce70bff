"""conda's `environment.yml`, and MLflow's `conda.yaml` and `python_env.yaml`, which look like it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from mlflow_kerasguard.environment.listed import VARIABLES, Listed, python_of, split_python
from mlflow_kerasguard.environment.requirements_file import parse_line
from mlflow_kerasguard.environment.text_files import read_text
from mlflow_kerasguard.environment.wanted import Wanted
from mlflow_kerasguard.errors import UsageError

#: Packages of conda that go by another name on the package index.
_NAMES = {
    "tensorflow-base": "tensorflow",
    "tensorflow-mkl": "tensorflow",
    "tensorflow-eigen": "tensorflow",
    "tf_keras": "tf-keras",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
}

#: Where a version that isn't understood is an error: the verdict depends on them.
_DECISIVE = frozenset({"python", "keras", "tf-keras", "tensorflow", "tensorflow-cpu", "tensorflow-gpu"})

_SPEC = re.compile(r"(?:[\w./-]+::)?([A-Za-z0-9_][\w.-]*)\s*(.*)", re.ASCII)
_BRACKETS = re.compile(r"\[(?:.*,)?\s*version\s*=\s*['\"]?([^'\"\]]*)['\"]?.*\]|\[.*\]")
#: As many numbers as a release of the decisive packages has.
_FULL = 3


def read_conda(path: Path) -> Listed:
    """The environment that a YAML file describes.

    Raises:
        UsageError: it isn't YAML, has no list of dependencies, or one can't be parsed.
    """
    root = _compose(path)
    keys = _keys(root, path)
    if "dependencies" not in keys:
        raise UsageError(f"`{path}`, line 1: there is no `dependencies`; expected a conda `environment.yml`")
    wanted, python = split_python(_dependencies(keys["dependencies"], path))
    if "python" in keys:  # MLflow's `python_env.yaml`.
        text = _text(keys["python"], path)
        python = python_of(_specifier("python", f"=={text}", f"python: {text}", _at(path, keys["python"])))
    return Listed(source=f"`{path}`", wanted=wanted, python=python, variables=_variables(keys, path))


def _compose(path: Path) -> yaml.Node | None:
    text = read_text(path)
    try:
        # The nodes know their lines; and nothing is constructed.
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise UsageError(f"`{path}`{line}: it isn't YAML: {problem}; expected a conda `environment.yml`") from error
    return node


def _keys(node: yaml.Node | None, path: Path) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        where = _at(path, node) if node else f"`{path}`, line 1"
        raise UsageError(f"{where}: it is no mapping; expected a conda `environment.yml`")
    return {str(key.value): value for key, value in node.value}


def _at(path: Path, node: yaml.Node) -> str:
    return f"`{path}`, line {node.start_mark.line + 1}"


def _text(node: yaml.Node, path: Path) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise UsageError(f"{_at(path, node)}: expected text, such as `keras=3.8.0`")
    return str(node.value).strip()


def _items(node: yaml.Node, path: Path) -> list[yaml.Node]:
    if not isinstance(node, yaml.SequenceNode):
        raise UsageError(f"{_at(path, node)}: expected a list")
    return list(node.value)


def _dependencies(node: yaml.Node, path: Path) -> Iterator[Wanted]:
    for item in _items(node, path):
        if isinstance(item, yaml.MappingNode):
            for line in _items(_keys(item, path).get("pip") or _empty(item, path), path):
                yield from parse_line(_text(line, path), path, _at(path, line))
            continue
        text = _text(item, path)
        if text.startswith("-"):  # A line for pip, in `python_env.yaml`.
            yield from parse_line(text, path, _at(path, item))
        else:
            yield parse_match_spec(text, _at(path, item))


def _empty(item: yaml.Node, path: Path) -> yaml.Node:
    raise UsageError(f"{_at(path, item)}: expected a dependency or `pip:` with a list")


def parse_match_spec(text: str, where: str) -> Wanted:
    """A requirement in conda's form: ``channel::name=version=build`` and ``name >=1,<2``.

    A single ``=`` means a prefix: ``keras=3.8`` is any 3.8.

    Raises:
        UsageError: it can't be parsed.
    """
    match = _SPEC.fullmatch(text)
    if match is None:
        raise UsageError(f"{where}: `{text}` isn't a conda dependency; expected one such as `keras=3.8.0`")
    name = str(canonicalize_name(_NAMES.get(match[1].lower(), match[1])))
    version = _BRACKETS.sub(lambda found: f" {found[1] or ''}", match[2]).strip()
    return Wanted(name=name, specifier=_specifier(name, _as_pep_440(version), text, where), where=where)


def _as_pep_440(version: str) -> str:
    """``=3.8`` → ``==3.8.*``; a full version, with ``==``, a build or after a space, → ``==3.8.0``."""
    if not version or version == "*":
        return ""
    if version[0] in "<>!~":
        return version
    is_prefix = version.startswith("=") and not version.startswith("==")
    number, _, build = version.lstrip("=").replace(" ", "=").partition("=")
    if number.endswith("*"):
        return f"=={number.rstrip('*').rstrip('.')}.*"
    if is_prefix and not build and number.count(".") + 1 < _FULL:
        return f"=={number}.*"
    return f"=={number}"


def _specifier(name: str, specifier: str, text: str, where: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(specifier)
    except InvalidSpecifier as error:
        if name in _DECISIVE:
            raise UsageError(
                f"{where}: `{text}` names no version of `{name}`; expected one such as `=3.8.0`"
            ) from error
        return None  # conda knows versions such as `9e`.


def _variables(keys: dict[str, Any], path: Path) -> dict[str, str]:
    """The environment variables that the file sets, as far as they bear on loading."""
    if "variables" not in keys:
        return {}
    return {name: _text(value, path) for name, value in _keys(keys["variables"], path).items() if name in VARIABLES}
