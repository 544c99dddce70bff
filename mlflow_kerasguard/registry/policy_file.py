"""The policy's file: TOML whose errors name line and key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mlflow_kerasguard.environment.text_files import parse_toml, read_text
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.policy import Exemption, Guard, Policy, PolicyTable

#: The environment variable that names the file.
POLICY = "MLFLOW_KERASGUARD_POLICY"
#: Where one is looked for in a directory, first come first served.
FILE_NAME, PYPROJECT = "kerasguard.toml", "pyproject.toml"
_TABLE = ("tool", "kerasguard")

#: A place in the document: keys, and positions in arrays.
Place = tuple[str | int, ...]

_TABLES: Mapping[str, type[BaseModel]] = {"": PolicyTable, "guard": Guard, "allow": Exemption}


def find_policy(directory: Path, variables: Mapping[str, str]) -> Path | None:
    """The file that applies where nobody names one; None where there is none.

    Args:
        directory: where somebody works.
        variables: environment variables.
    """
    named = variables.get(POLICY)
    if named:
        return Path(named)
    if (directory / FILE_NAME).is_file():
        return directory / FILE_NAME
    path = directory / PYPROJECT
    has_one = path.is_file() and _inner(parse_toml(read_text(path), path, "a `pyproject.toml`")) is not None
    return path if has_one else None


def read_policy(path: Path) -> Policy:
    """Read a policy.

    Args:
        path: a TOML file; of a ``pyproject.toml`` the table ``[tool.kerasguard]``.

    Raises:
        UsageError: it isn't one; names line and key, and what was expected.
    """
    text = read_text(path)
    document = parse_toml(text, path, "a policy, as the README describes it")
    inner = _inner(document)
    outer: Place = ()
    if inner is not None:
        outer = _TABLE
    elif path.name == PYPROJECT:
        raise UsageError(f"`{path}` has no table `[{'.'.join(_TABLE)}]`")
    table = document if inner is None else inner
    try:
        read = PolicyTable.model_validate(table)
    except ValidationError as error:
        raise UsageError(_message(path, text, outer, error)) from None
    for number, guard in enumerate(read.guard):
        for position, name in enumerate(guard.environments):
            if name not in read.environments:
                place = (*outer, "guard", number, "environments", position)
                known = ", ".join(f"`{key}`" for key in read.environments) or "none"
                raise UsageError(f"{_where(path, text, place)}: there is no environment {name!r}; there are: {known}")
    return Policy(source=path, environments=dict(read.environments), guards=read.guard)


def _inner(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    tool = document.get(_TABLE[0])
    table = tool.get(_TABLE[1]) if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _message(path: Path, text: str, outer: Place, error: ValidationError) -> str:
    first, *others = error.errors()
    place: Place = (*outer, *first["loc"])
    if first["type"] == "missing":
        # The table is there, and the key isn't.
        said = f"{_where(path, text, place[:-1])}: `{first['loc'][-1]}` is missing"
    elif first["type"] == "extra_forbidden":
        said = f"{_where(path, text, place)}: there is no such key{_meant(first['loc'])}"
    elif first["type"] == "value_error":
        said = f"{_where(path, text, place)}: {first['ctx']['error']}"
    else:
        expected = first["msg"].removeprefix("Input should be ")
        said = f"{_where(path, text, place)}: expected {expected[:1].lower()}{expected[1:]}, not {first['input']!r}"
    more = f" (and {len(others)} more)" if others else ""
    return said + more


def _meant(place: Place) -> str:
    table = _TABLES.get(next((str(key) for key in reversed(place[:-1]) if isinstance(key, str)), ""), PolicyTable)
    keys = [field.alias or name for name, field in table.model_fields.items()]
    close = difflib.get_close_matches(str(place[-1]), keys, n=1)
    return f"; is it `{close[0]}`?" if close else "; there are: " + ", ".join(f"`{key}`" for key in keys)


def _where(path: Path, text: str, place: Place) -> str:
    name = "".join(f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in place).lstrip(".")
    return f"`{path}`, line {_line(text, place)}" + (f", `{name}`" if name else "")


def _line(text: str, place: Place) -> int:
    """The line on which a place of a document begins.

    The document is read up to each line: the first part that holds the place ends where its value ends, and
    the one before that could be read ends right before it begins.
    """
    before = 0
    for number, document in _parts(text.split("\n")):
        if _holds(document, place):
            return before + 1
        before = number
    return before or 1


def _parts(lines: Sequence[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number in range(1, len(lines) + 1):
        try:
            yield number, parse_toml("\n".join(lines[:number]), Path(), "")
        except UsageError:
            continue


def _holds(document: Any, place: Place) -> bool:
    for key in place:
        if isinstance(key, int):
            if not isinstance(document, list) or key >= len(document):
                return False
        elif not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True
