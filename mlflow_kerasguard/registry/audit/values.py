"""What an audit says: values only, and how they are written as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

#: Layout of :meth:`Audit.to_dict`. Add keys freely; raise the number when one changes or goes.
AUDIT_SCHEMA_VERSION = 1


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


class ChangeKind(str, Enum):
    """What has become of a version since an earlier audit."""

    BROKEN = "newly broken"
    MENDED = "mended"
    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One version that isn't what it was.

    Attributes:
        kind: what became of it.
        version: its label.
        environment: the name of the environment; empty for what is new or gone.
        before: what was known of it; None for what is new.
        after: what is known of it; None for what is gone.
    """

    kind: ChangeKind
    version: str
    environment: str = ""
    before: Cell | None = None
    after: Cell | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "version": self.version,
            "environment": self.environment,
            "before": self.before and self.before.to_dict(),
            "after": self.after and self.after.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What became of a whole registry in some environments.

    Attributes:
        registry: its URI, without a password.
        environments: in the order in which they were given.
        rows: by workspace, name and version.
        changes: since an earlier audit; None where there is none to compare with.
        titles: of the rules that decided something, by code.
        reused: how many versions weren't read again, because an interrupted audit had done so.
        seconds: how long it took.
    """

    registry: str
    environments: Sequence[AuditedEnvironment]
    rows: Sequence[Row]
    changes: Sequence[Change] | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    reused: int = 0
    seconds: float = 0.0

    def cell(self, row: Row, environment: AuditedEnvironment) -> Cell:
        """What is known of a version in an environment."""
        return row.cells[environment.digest]

    def counts(self, environment: AuditedEnvironment) -> dict[str, int]:
        """How many versions there are of each status in an environment; none of it is left out."""
        found = Counter(self.cell(row, environment).status for row in self.rows)
        return {status.value: found[status] for status in Status}

    def by_code(self, environment: AuditedEnvironment, statuses: Collection[Status]) -> dict[str, list[Row]]:
        """The rows of some statuses by what decided them, the most frequent first.

        What has no code is under its reason.
        """
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            cell = self.cell(row, environment)
            if cell.status in statuses:
                for code in cell.codes or (cell.reason,):
                    found.setdefault(code, []).append(row)
        return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))

    def _findings(self, environment: AuditedEnvironment) -> list[dict[str, Any]]:
        groups = self.by_code(environment, {Status.INCOMPATIBLE, Status.UNSAFE})
        return [
            {
                "code": code,
                "title": self.titles.get(code, ""),
                "versions": len(rows),
                "models": len({(row.listed.workspace, row.listed.name) for row in rows}),
            }
            for code, rows in groups.items()
        ]

    @property
    def statuses(self) -> set[Status]:
        """All that occur."""
        return {self.cell(row, environment).status for row in self.rows for environment in self.environments}

    @property
    def ok(self) -> bool:
        """Every Keras model is compatible and safe everywhere."""
        return self.statuses <= {Status.COMPATIBLE, Status.NOT_KERAS}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; ``schema_version`` names the layout."""
        return {
            "schema_version": AUDIT_SCHEMA_VERSION,
            "registry": self.registry,
            "ok": self.ok,
            "environments": [
                {**asdict(environment), "statuses": self.counts(environment), "findings": self._findings(environment)}
                for environment in self.environments
            ],
            "versions": [row.to_dict() for row in self.rows],
            "changes": None if self.changes is None else [change.to_dict() for change in self.changes],
            "reused": self.reused,
            "seconds": round(self.seconds, 3),
        }
