"""Wheels from the configured package index, through the ordinary client."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import Version

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


@dataclass(frozen=True)
class Wheel:
    """An opened wheel: text files by path, and its metadata."""

    archive: zipfile.ZipFile

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(self.archive.namelist())

    def read(self, path: str) -> str | None:
        return self.archive.read(path).decode("utf-8") if path in self.names else None

    @cached_property
    def _metadata(self) -> HeaderParser:
        name = next(name for name in self.names if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(self.archive.read(name).decode("utf-8"))

    @property
    def requires(self) -> tuple[str, ...]:
        return tuple(self._metadata.get_all("Requires-Dist") or ())

    @property
    def requires_python(self) -> str | None:
        return self._metadata["Requires-Python"]


def index_versions(distribution: str) -> list[str]:
    """The final releases that the index has, oldest first, whatever Python they want."""
    command = (*PIP, "index", "versions", distribution, "--ignore-requires-python")
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    match = re.search(r"^Available versions: (.*)$", listing, re.MULTILINE)
    versions = match[1].split(", ") if match else []
    return sorted(versions, key=Version)


@contextmanager
def open_wheel(requirement: str, *, python: str | None = None, keep: Path | None = None) -> Iterator[Wheel]:
    """Download a wheel and open it.

    Args:
        requirement: a name and version.
        python: the Python to take a wheel for, where it matters; then for Linux.
        keep: a directory where wheels stay and are looked for first; else it is deleted afterwards.
    """
    with TemporaryDirectory() as temporary:
        directory = keep or Path(temporary)
        name, _, version = requirement.partition("==")
        pattern = f"{name.replace('-', '_')}-{version}-*.whl"
        if not list(directory.glob(pattern)):
            target = ("--python-version", python, "--platform", "manylinux2010_x86_64") if python else ()
            options = ("--no-deps", "--quiet", "--only-binary=:all:", "--ignore-requires-python", *target)
            subprocess.run((*PIP, "download", *options, "--dest", str(directory), requirement), check=True)
        with zipfile.ZipFile(next(directory.glob(pattern))) as archive:
            yield Wheel(archive)
