"""What has become of versions since an earlier audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.audit.ledger import Saved
from mlflow_kerasguard.registry.audit.result import Change, ChangeKind
from mlflow_kerasguard.registry.audit.values import AuditedEnvironment, Cell, Row, Status

#: What there is to say of a pair of statuses; any other that differs has changed.
_SOUND = Status.COMPATIBLE


def changes(
    before: Saved, environments: Sequence[AuditedEnvironment], rows: Sequence[Row], *, whole: bool
) -> list[Change]:
    """The versions that aren't what they were.

    Environments are compared by the names that they were given, for what is behind a name is what changes; only
    where the two audits have no name in common, by what they are.

    Args:
        before: the earlier audit.
        environments: of the later one.
        rows: likewise.
        whole: the later one listed the whole registry, so that what it doesn't have is gone.

    Raises:
        UsageError: the two have no environment in common.
    """
    pairs = _pairs(before.environments, environments)
    found: list[Change] = []
    for row in rows:
        earlier = before.rows.get(row.key)
        if earlier is None:
            found.append(Change(kind=ChangeKind.NEW, version=row.label))
        else:
            found += _changes(earlier, row, pairs)
    if whole:
        present = {row.key for row in rows}
        gone = (row for key, row in before.rows.items() if key not in present)
        found += [Change(kind=ChangeKind.GONE, version=row.label) for row in gone]
    order = list(ChangeKind)
    return sorted(found, key=lambda change: order.index(change.kind))


def _pairs(
    before: Sequence[AuditedEnvironment], after: Sequence[AuditedEnvironment]
) -> list[tuple[AuditedEnvironment, AuditedEnvironment]]:
    for attribute in ("name", "digest"):
        known = {getattr(item, attribute): item for item in before}
        pairs = [(known[value], item) for item in after if (value := getattr(item, attribute)) in known]
        if pairs:
            return pairs
    names = ", ".join(f"`{item.name}`" for item in before) or "none"
    raise UsageError(f"the earlier audit has other environments ({names}): there is nothing to compare with")


def _changes(
    before: Row, after: Row, pairs: Sequence[tuple[AuditedEnvironment, AuditedEnvironment]]
) -> Iterator[Change]:
    for earlier, later in pairs:
        first, second = before.cells.get(earlier.digest), after.cells[later.digest]
        if first is None or (first.status, first.codes) == (second.status, second.codes):
            continue
        yield Change(kind=_kind(first, second), version=after.label, environment=later.name, before=first, after=second)


def _kind(before: Cell, after: Cell) -> ChangeKind:
    if after.status.is_bad and not before.status.is_bad:
        return ChangeKind.BROKEN
    if after.status is _SOUND and before.status.is_bad:
        return ChangeKind.MENDED
    return ChangeKind.CHANGED
