"""What an audit says as a whole, and what has changed since an earlier one: values only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from mlflow_kerasguard.registry.audit.values import AuditedEnvironment, Cell, Row, Status

#: Layout of :meth:`Audit.to_dict`. Add keys freely; raise the number when one changes or goes.
AUDIT_SCHEMA_VERSION = 1


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
