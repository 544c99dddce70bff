"""Requirements as they are typed: ``keras==3.8.0 tensorflow==2.18.1 python==3.11 KERAS_BACKEND=jax``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlflow_kerasguard.environment.listed import Listed, parse_variable, split_python
from mlflow_kerasguard.environment.wanted import Wanted, parse_requirement
from mlflow_kerasguard.errors import UsageError

#: White space around these belongs to one requirement.
_JOINTS = re.compile(r"\s*(===|==|~=|!=|<=|>=|<|>|@)\s*")
#: A comma before another specifier belongs to the requirement as well; one before a name separates.
_SPECIFIER_COMMA = re.compile(r"\s*,\s*(?=[=~!<>])")
_NAME_COMMA = re.compile(r"\s*,\s*(?=[A-Za-z])(?![^\[]*\])")
_EXTRAS = re.compile(r"\s*\[\s*([^\]]*?)\s*\]")

_VARIABLE = re.compile(r"([A-Z_][A-Z0-9_]*)=([^=]*)")


def read_requirement_strings(text: str) -> Listed:
    """Requirements and environment variables, separated by white space, commas or lines.

    Raises:
        UsageError: one can't be parsed.
    """
    where = f"`{' '.join(text.split())}`"
    wanted: list[Wanted] = []
    variables: dict[str, str] = {}
    for token in _tokens(text):
        variable = _VARIABLE.fullmatch(token)
        if variable:
            name, value = parse_variable(variable[1], variable[2], where)
            variables[name] = value
        else:
            wanted.append(parse_requirement(token, where))
    others, python = split_python(wanted)
    if not others and python is None:
        raise UsageError(f"{where} names no distribution; expected requirements such as `keras==3.8.0`")
    return Listed(source=where, wanted=others, python=python, variables=variables)


def _tokens(text: str) -> Iterator[str]:
    for line in text.splitlines():
        head, semicolon, marker = line.partition(";")
        tokens = _joined(head).split()
        # A marker holds spaces itself: it belongs to the last requirement, and runs to the end of the line.
        if semicolon and tokens:
            tokens[-1] += f" ; {marker.strip()}"
        yield from tokens


def _joined(text: str) -> str:
    text = _EXTRAS.sub(lambda match: "[" + "".join(match[1].split()) + "]", text)
    text = _SPECIFIER_COMMA.sub(",", _JOINTS.sub(r"\1", text))
    return _NAME_COMMA.sub(" ", text)
