r"""Which names each release has: one table for many releases, of which most names change little.

A file is gzipped JSON: ``{"releases": [...], "groups": [[[first, last, first, last, ...], "name\nname"], ...]}``.
Names of a group are those that the same releases have; these are given as ranges of indices, both ends
included. So a release's names are the groups that cover it, joined.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlflow_kerasguard.keras_api import Unknown

_GZIP = 31


def read_data(name: str) -> dict[str, object]:
    """One of the data files beside this module."""
    packed = (Path(__file__).parent / name).read_bytes()
    document: dict[str, object] = json.loads(zlib.decompress(packed, _GZIP))
    return document


@dataclass(frozen=True, slots=True)
class Group:
    """Names that the same releases have."""

    ranges: tuple[tuple[int, int], ...]
    text: str

    def covers(self, index: int) -> bool:
        return any(first <= index <= last for first, last in self.ranges)


# No slots: `cached_property` needs a `__dict__`.
@dataclass(frozen=True)
class NameTable:
    """The names of many releases.

    Attributes:
        what: how a release is called in messages, such as ``TensorFlow``.
        releases: oldest first.
    """

    what: str
    releases: tuple[str, ...]
    groups: tuple[Group, ...]

    @classmethod
    def read(cls, what: str, document: object) -> NameTable:
        """The table from its JSON."""
        assert isinstance(document, dict)
        groups = (Group(tuple(zip(flat[::2], flat[1::2], strict=True)), text) for flat, text in document["groups"])
        return cls(what, tuple(document["releases"]), tuple(groups))

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {release: index for index, release in enumerate(self.releases)}

    def index(self, version: str) -> int:
        """The place of a release.

        Raises:
            Unknown: the table lacks it.
        """
        found = self._indices.get(version)
        if found is None:
            raise Unknown(f"the names of {self.what} {version} aren't known")
        return found

    def at(self, version: str) -> frozenset[str]:
        """All names that a release has.

        Raises:
            Unknown: the table lacks it.
        """
        index = self.index(version)
        return frozenset(name for group in self.groups if group.covers(index) for name in group.text.split("\n"))

    def has(self, name: str, version: str) -> bool:
        """Whether a release has a name.

        Raises:
            Unknown: the table lacks the release.
        """
        index = self.index(version)
        group = self._groups.get(name)
        return group is not None and group.covers(index)

    def has_inside(self, module: str, version: str) -> bool:
        """Whether a release has names below another, which is that of a module then.

        Raises:
            Unknown: the table lacks the release.
        """
        index = self.index(version)
        return any(group.covers(index) for group in self._modules.get(module, ()))

    @cached_property
    def _groups(self) -> dict[str, Group]:
        return {name: group for group in self.groups for name in group.text.split("\n")}

    @cached_property
    def _modules(self) -> dict[str, list[Group]]:
        found: dict[str, dict[int, Group]] = {}
        for name, group in self._groups.items():
            found.setdefault(name.rpartition(".")[0], {})[id(group)] = group
        return {module: list(groups.values()) for module, groups in found.items()}

    def releases_with(self, name: str) -> tuple[str, ...]:
        """The releases that have a name, oldest first."""
        return tuple(self.releases[index] for index in self._having(name))

    def first_with(self, name: str) -> str | None:
        """The first release that has a name; None where none has it."""
        return next((self.releases[index] for index in self._having(name)), None)

    def first_without(self, name: str) -> str | None:
        """The release that dropped a name: the first one without it after the last one with it.

        None where the newest release has it, or none ever had it.
        """
        last = max(self._having(name), default=len(self.releases))
        return self.releases[last + 1] if last + 1 < len(self.releases) else None

    def _having(self, name: str) -> Iterator[int]:
        line = f"\n{name}\n"
        for group in self.groups:
            if line in f"\n{group.text}\n":
                for first, last in group.ranges:
                    yield from range(first, last + 1)
