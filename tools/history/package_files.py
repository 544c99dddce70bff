"""Where the files of TensorFlow are read: in a wheel for Linux, or in an installed package."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from tools.history.wheels import PIP, Wheel

#: Linux on x86-64, as wheels have named it over the years.
_PLATFORMS = ("manylinux2010", "manylinux2014", "manylinux_2_17", "manylinux_2_27", "manylinux_2_28")

_WHEEL = re.compile(r"/([^/\s]+)\.whl\b")

#: A wheel's name: project, version, maybe a build number, and the tags of Python, ABI and platform.
_SHORTEST = 5


class Files(Protocol):
    """Files by their path below ``site-packages``."""

    @property
    def names(self) -> frozenset[str]:
        """All paths, with ``/``."""

    def read(self, path: str) -> str | None:
        """The text of a file, or None where there is none."""


class InstalledFiles:
    """The files of an installed package.

    Args:
        root: a ``site-packages`` directory.
        package: a top-level package in it.
    """

    def __init__(self, root: Path, package: str) -> None:
        self._root = root
        self._package = package

    @cached_property
    def names(self) -> frozenset[str]:
        found = set()
        for directory, inside, files in os.walk(self._root / self._package):
            # Thousands of C++ headers, of which two are wanted; these are read by name.
            inside[:] = [name for name in inside if name != "include"]
            found |= {(Path(directory) / name).relative_to(self._root).as_posix() for name in files}
        return frozenset(found)

    def read(self, path: str) -> str | None:
        try:
            return (self._root / path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None


def wheel_tags(project: str) -> list[tuple[str, str, str]]:
    """Version, Python tag and platform tag of every wheel that the configured index lists.

    Raises:
        subprocess.CalledProcessError: pip couldn't ask the index.
    """
    # Wheels for other Pythons and platforms are told as well, as links that are skipped.
    command = (*PIP, "index", "versions", "--pre", "-vv", project)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names = {tuple(match[1].split("-")) for match in _WHEEL.finditer(done.stdout + done.stderr)}
    return sorted((parts[1], parts[-3], parts[-1]) for parts in names if len(parts) >= _SHORTEST)


@contextmanager
def downloaded(requirement: str, python: str) -> Iterator[Wheel]:
    """The files of a release's wheel, which is deleted afterwards.

    Args:
        requirement: such as ``tensorflow-cpu==2.18.1``.
        python: a Python that has a wheel, such as ``3.11``.

    Raises:
        subprocess.CalledProcessError: pip couldn't download it; it says why on the standard error.
    """
    platforms = [option for tag in _PLATFORMS for option in ("--platform", f"{tag}_x86_64")]
    options = ("--no-deps", "--only-binary=:all:", "--quiet", "--python-version", python, *platforms)
    with TemporaryDirectory() as directory:
        subprocess.run((*PIP, "download", *options, "--dest", directory, requirement), check=True)
        [path] = Path(directory).glob("*.whl")
        with zipfile.ZipFile(path) as archive:
            yield Wheel(archive)
