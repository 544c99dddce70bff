"""Requirements files in pip's format.

Of pip's options only those that name other files and constrain releases bear on what is installed; where
it is installed from and how doesn't matter here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mlflow_kerasguard.environment.listed import Listed, split_python
from mlflow_kerasguard.environment.text_files import read_text
from mlflow_kerasguard.environment.wanted import Wanted, parse_requirement, parse_wheel_url
from mlflow_kerasguard.errors import UsageError

_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s*)(\S.*)")
_EDITABLE = re.compile(r"(-e|--editable)(?:\s*=\s*|\s+)(\S.*)")
#: Options of a single requirement, such as `--hash=sha256:…`.
OWN_OPTIONS = re.compile(r"\s+--?[a-z].*$")
#: What pip takes for a place instead of a requirement.
_PLACE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[./~]|[^@\s]*\.(whl|zip|tar\.gz|tgz|tar\.bz2)$")
_EGG = re.compile(r"#(?:.*&)?egg=([A-Za-z0-9._-]+)")


def read_requirements_file(path: Path) -> Listed:
    """A requirements file and those that it includes.

    Raises:
        UsageError: a file can't be read, or a line can't be parsed.
    """
    wanted = tuple(_File(path, (path.resolve(),)).wanted())
    if not wanted:
        raise UsageError(f"`{path}` holds no requirement; expected lines such as `keras==3.8.0`")
    others, python = split_python(wanted)
    return Listed(source=f"`{path}`", wanted=others, python=python)


@dataclass(frozen=True, slots=True)
class _File:
    """One file, and the files that led to it, itself last: an include that leads back is passed over."""

    path: Path
    trail: tuple[Path, ...]
    only_constrains: bool = False

    def wanted(self) -> Iterator[Wanted]:
        for number, line in logical_lines(read_text(self.path)):
            yield from self.parse(line, f"`{self.path}`, line {number}")

    def parse(self, line: str, where: str) -> Iterator[Wanted]:
        include = _INCLUDE.fullmatch(line)
        if include:
            yield from self._include(include[2], where, constraint=include[1] in {"-c", "--constraint"})
            return
        editable = _EDITABLE.fullmatch(line)
        text = OWN_OPTIONS.sub("", editable[2] if editable else line)
        if text.startswith("-"):
            return
        if _PLACE.match(text):
            yield from _at_place(text, where)
        else:
            yield parse_requirement(text, where, only_constrains=self.only_constrains)

    def _include(self, name: str, where: str, *, constraint: bool) -> Iterator[Wanted]:
        path = self.path.parent / name
        if "://" in name:
            raise UsageError(f"{where}: `{name}` isn't fetched; expected the path of a file")
        if not path.is_file():
            raise UsageError(f"{where}: there is no file `{path}`; expected requirements")
        if path.resolve() not in self.trail:
            constrains = constraint or self.only_constrains
            yield from _File(path, (*self.trail, path.resolve()), constrains).wanted()


def parse_line(text: str, path: Path, where: str) -> Iterator[Wanted]:
    """One line of a requirements file that stands in another kind of file.

    Args:
        text: the line.
        path: the other file; includes are relative to it.
        where: the place, for messages.
    """
    for _, line in logical_lines(text):
        yield from _File(path, (path.resolve(),)).parse(line, where)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, continued ones put together, each with the number of its first."""
    pending, first = "", 0
    for number, line in enumerate((*text.splitlines(), ""), 1):
        first = first if pending else number
        # pip ends a continuation at a comment line, and doesn't continue one.
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            pending += line[:-1] + " "
            continue
        whole = _COMMENT.sub("", pending + line).strip()
        pending = ""
        if whole:
            yield first, _VARIABLE.sub(lambda match: os.environ.get(match[1], match[0]), whole)


def _at_place(text: str, where: str) -> Iterator[Wanted]:
    """What a URL or path installs, as far as its text says."""
    wheel = parse_wheel_url(text)
    if wheel is not None:
        yield parse_requirement(f"{wheel[0]}=={wheel[1].public}", where)
        return
    egg = _EGG.search(text)
    if egg:
        yield replace(parse_requirement(egg[1], where), specifier=None)
