"""Which distribution a module came with, from the lists of files that are installed.

``importlib.metadata.packages_distributions`` parses every line of every list, and doesn't tell the
distributions apart that share a namespace such as ``google``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

#: The first part of each path of a list.
_TOP = re.compile(r"^([A-Za-z_]\w*)(?:/|\.py,|\.[\w.-]*so,|\.py$)", re.MULTILINE | re.ASCII)

#: What follows the path of a module in a list: it is a package, a file of source, or compiled.
_MODULE_ENDINGS = ("/__init__.py", ".py,", ".py\n", ".cpython-", ".abi3.so", ".so")


class ModuleOwners:
    """Finds the distributions of modules."""

    def __init__(self, records: Mapping[str, str]) -> None:
        """Look through lists of files.

        Args:
            records: distribution to its list, as ``RECORD`` has it.
        """
        self._records = records

    @cached_property
    def _by_top(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for distribution, record in sorted(self._records.items()):
            for top in set(_TOP.findall(record)):
                found.setdefault(top, []).append(distribution)
        return found

    def of(self, module: str) -> str | None:
        """The distribution that brings a module; None where none does, or it is a namespace that several share.

        Args:
            module: its full name; of ``package.name`` the last part may be no module at all.
        """
        candidates = self._by_top.get(module.partition(".")[0], [])
        if len(candidates) == 1:
            return candidates[0]
        for name in _upwards(module):
            holders = [candidate for candidate in candidates if _holds(self._records[candidate], name)]
            if holders:  # Several builds of one thing: any of them will do.
                return holders[0]
        return None


def _upwards(module: str) -> Iterator[str]:
    while module:
        yield module
        module = module.rpartition(".")[0]


def _holds(record: str, module: str) -> bool:
    path = module.replace(".", "/")
    beginnings = (f"{path}{rest}" for rest in _MODULE_ENDINGS)
    return any(record.startswith(start) or f"\n{start}" in record for start in beginnings)
