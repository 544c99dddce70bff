"""What each TensorFlow release knows: operations, public names and those deprecated, GraphDef versions, requirements.

Shipped data, which ``python -m tools.history tensorflow`` writes from the registry's wheels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.tensorflow_api.table import NameTable, read_data

__all__ = ["TensorFlowRelease", "deprecations", "find_release", "operations", "public_names", "releases"]

#: Data files beside this module.
RELEASES, OPERATIONS, NAMES = "releases.json.gz", "operations.json.gz", "names.json.gz"
DEPRECATIONS = "deprecations.json.gz"

#: Between an operation and one of its attributes, in the table of operations.
SEPARATOR = ":"

#: Stands for the attributes of an operation that aren't known.
ANY_ATTRIBUTE = "*"


# No slots: `cached_property` needs a `__dict__`.
@dataclass(frozen=True, kw_only=True)
class TensorFlowRelease:
    """One release.

    Attributes:
        version: such as ``2.18.1``.
        requires: its ``Requires-Dist`` lines.
        requires_python: its ``Requires-Python``; None where it doesn't say.
        pythons: minor versions that have wheels for Linux on x86-64, such as ``3.11``.
        producer: the GraphDef version that it writes and reads up to.
        min_producer: the lowest GraphDef version that it still reads.
        foreign_names: modules such as ``tf.keras`` whose contents other distributions bring.
    """

    version: str
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    pythons: tuple[str, ...] = ()
    producer: int
    min_producer: int
    foreign_names: frozenset[str] = frozenset()

    @cached_property
    def _operations(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for entry in operations().at(self.version):
            name, _, attribute = entry.partition(SEPARATOR)
            found.setdefault(name, set()).update({attribute} - {""})
        return {name: frozenset(attributes) for name, attributes in found.items()}

    @property
    def operations(self) -> frozenset[str]:
        """Names of the operations that a graph may hold.

        Only those that Python has a function for; some internal ones, which no model is saved with,
        have none.
        """
        return frozenset(self._operations)

    def takes(self, operation: str, attribute: str) -> bool:
        """Whether an operation that it has has an attribute of that name."""
        return bool(self._operations[operation] & {attribute, ANY_ATTRIBUTE})

    @cached_property
    def public_names(self) -> frozenset[str]:
        """Every public name and module, such as ``tf.linalg.det``; see ``has_name``."""
        return public_names().at(self.version)

    @cached_property
    def deprecated_names(self) -> Mapping[str, str]:
        """Deprecated public names, and what TensorFlow says to use instead; empty where it says nothing."""
        entries = (entry.partition(" ") for entry in deprecations().at(self.version))
        return {name: instructions for name, _, instructions in entries}

    def has_name(self, name: str) -> bool:
        """Whether a public name exists.

        Args:
            name: such as ``tf.linalg.det`` or ``tf.compat.v1.Session``; not the members of classes.

        Raises:
            Unknown: another distribution brings it, such as anything below ``tf.keras``.
        """
        plain = name
        while plain.startswith("tf.compat.v2."):
            plain = "tf." + plain.removeprefix("tf.compat.v2.")
        owner = next((module for module in self.foreign_names if plain.startswith(f"{module}.")), None)
        if owner is not None:
            raise Unknown(f"`{owner}` isn't TensorFlow's own: whether it has `{name}` is another package's matter")
        return plain in self.public_names


def releases() -> tuple[str, ...]:
    """All known releases, oldest first."""
    return tuple(_facts())


@cache
def find_release(version: str) -> TensorFlowRelease:
    """One release of TensorFlow.

    Raises:
        Unknown: the history lacks it.
    """
    facts = _facts().get(version) or _facts().get(version.partition("+")[0])
    if facts is None:
        raise Unknown(f"the history lacks TensorFlow {version}")
    return TensorFlowRelease(
        version=facts["version"],
        requires=tuple(facts["requires"]),
        requires_python=facts["requires_python"],
        pythons=tuple(facts["pythons"]),
        producer=facts["producer"],
        min_producer=facts["min_producer"],
        foreign_names=frozenset(facts["foreign_names"]),
    )


@cache
def _facts() -> dict[str, dict[str, Any]]:
    rows: Any = read_data(RELEASES)["releases"]
    return {row["version"]: row for row in rows}


@cache
def operations() -> NameTable:
    """Every release's operations, each also with its attributes as ``MatMul:transpose_a``."""
    return NameTable.read("TensorFlow", read_data(OPERATIONS))


@cache
def public_names() -> NameTable:
    """Every release's public names, each as ``tf.linalg.det``."""
    return NameTable.read("TensorFlow", read_data(NAMES))


@cache
def deprecations() -> NameTable:
    """Every release's deprecated names, each as ``tf.compat.v1.log Use `tf.math.log` instead``."""
    return NameTable.read("TensorFlow", read_data(DEPRECATIONS))
