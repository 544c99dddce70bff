"""What an audit knows of each version: values only, and how they are written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any


class Status(str, Enum):
    """What is known of one version in one environment.

    Attributes:
        COMPATIBLE: it loads there, predicts the same, and is safe to load.
        INCOMPATIBLE: it doesn't load there, or predicts something else.
        UNSAFE: it isn't wise to load it, whatever else holds.
        UNDECIDED: a rule would have to know something that isn't known.
        NOT_JUDGED: it is a Keras model, but what would have to be read of it can't be, or is too much.
        UNREACHABLE: its files aren't there or don't arrive, or the version isn't ready.
        NOT_KERAS: another kind of model, which this package has nothing to say of.
    """

    COMPATIBLE = "compatible"
    INCOMPATIBLE = "incompatible"
    UNSAFE = "unsafe"
    UNDECIDED = "undecided"
    NOT_JUDGED = "not judged"
    UNREACHABLE = "unreachable"
    NOT_KERAS = "not Keras"

    def __str__(self) -> str:
        return self.value

    @property
    def is_bad(self) -> bool:
        return self in {Status.INCOMPATIBLE, Status.UNSAFE}

    @property
    def is_open(self) -> bool:
        return self in {Status.UNDECIDED, Status.NOT_JUDGED, Status.UNREACHABLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One version in one environment.

    Attributes:
        status: what is known.
        codes: of the rules that decided it, each once; empty where it is compatible or wasn't judged.
        reason: one line on the first of them, or why it wasn't judged.
    """

    status: Status
    codes: tuple[str, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"status": self.status.value, "codes": list(self.codes), "reason": self.reason}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Cell:
        return cls(status=Status(value["status"]), codes=tuple(value["codes"]), reason=str(value["reason"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedEnvironment:
    """An environment that versions were held against.

    Attributes:
        name: as the caller gave it.
        description: one line on what it has.
        digest: of :func:`mlflow_kerasguard.environment.identity.environment_digest`.
    """

    name: str
    description: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What was read of a version.

    Attributes:
        flavor: ``kerasguard``, ``keras`` or ``tensorflow``; another flavor's name; empty where it isn't known.
        summary: one line on the model.
        signature_sha256: the digest of its compatibility signature; None where it has none.
        stamp: changes when its files do, as far as that is seen without reading them; empty where it isn't.
    """

    flavor: str = ""
    summary: str = ""
    signature_sha256: str | None = None
    stamp: str = ""

    @property
    def guarded(self) -> bool:
        return self.flavor == "kerasguard"


#: Workspace, name and version.
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVersion:
    """A version as the registry lists it.

    Attributes:
        workspace: MLflow's; ``default`` where there is but one.
        name: of the registered model.
        version: its number.
        aliases: that point at it, in order.
        source: where the registry says that it came from.
        updated: milliseconds since 1970, when the registry last changed it.
        problem: why nothing of it can be read; empty where it can.
    """

    workspace: str
    name: str
    version: str
    aliases: tuple[str, ...] = ()
    source: str = ""
    updated: int = 0
    problem: str = ""

    @property
    def key(self) -> Key:
        return (self.workspace, self.name, self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A version, and what is known of it in each environment.

    Attributes:
        listed: as the registry lists it.
        contents: what was read of it.
        cells: by the digest of the environment.
    """

    listed: RegisteredVersion
    contents: Contents = field(default_factory=Contents)
    cells: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.listed.key

    @property
    def label(self) -> str:
        """Name and version, with the workspace where there are several."""
        inside = f"{self.listed.name}/{self.listed.version}"
        return inside if self.listed.workspace in {"", "default"} else f"{self.listed.workspace}: {inside}"

    def to_dict(self) -> dict[str, Any]:
        listed = asdict(self.listed)
        del listed["problem"]
        return {
            **listed,
            "aliases": list(self.listed.aliases),
            **asdict(self.contents),
            "guarded": self.contents.guarded,
            "cells": {digest: cell.to_dict() for digest, cell in self.cells.items()},
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Row:
        """A row again.

        Raises:
            KeyError, TypeError, ValueError: it isn't one.
        """
        return cls(
            listed=RegisteredVersion(
                workspace=str(value["workspace"]),
                name=str(value["name"]),
                version=str(value["version"]),
                aliases=tuple(value["aliases"]),
                source=str(value["source"]),
                updated=int(value["updated"]),
            ),
            contents=Contents(
                flavor=str(value["flavor"]),
                summary=str(value["summary"]),
                signature_sha256=value["signature_sha256"],
                stamp=str(value["stamp"]),
            ),
            cells={str(digest): Cell.from_dict(cell) for digest, cell in value["cells"].items()},
        )
