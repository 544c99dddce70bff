"""What is seen of a conda environment that is to be packed: values, as the rules judge them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Packable:
    """A conda environment, as its own files describe it.

    Attributes:
        prefix: its directory.
        packages: name to version of what conda installed.
        editable: distribution to the directory that an editable installation of it leads to.
        missing: conda package, as name and version, to files of it that aren't there any more.
        uncached: conda packages that the package cache doesn't hold any more.
        outside_links: link to its target, where that is absolute or outside of the environment.
        may_differ: whoever packs it takes another environment than the one that the model was logged with.
    """

    prefix: str
    packages: Mapping[str, str] = field(default_factory=dict)
    editable: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    uncached: tuple[str, ...] = ()
    outside_links: Mapping[str, str] = field(default_factory=dict)
    may_differ: bool = False
