"""What an audit found: a table for people, JSON and CSV for machines, a page to pass on."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from mlflow_kerasguard.registry.audit.result import Audit, Change
from mlflow_kerasguard.registry.audit.values import AuditedEnvironment, Cell, Row, Status
from mlflow_kerasguard.reports.text import plain

#: Columns of the table: it is read in terminals and pasted into tickets.
WIDTH = 80

#: What of a long registry is shown; the other formats have all of it.
ROWS_SHOWN, MODELS_SHOWN, GROUPS_SHOWN, CHANGES_SHOWN = 40, 5, 12, 30
#: Environments beside each other.
_BESIDE = 4
_COLUMN = 13
_LONGEST_LABEL = WIDTH - _BESIDE * _COLUMN - 2

_BAD = (Status.INCOMPATIBLE, Status.UNSAFE)
_OPEN = (Status.UNDECIDED, Status.NOT_JUDGED, Status.UNREACHABLE)


def render_table(audit: Audit) -> str:
    """The registry, each environment with what it breaks, the versions, and what has changed."""
    blocks = [
        _fields(audit),
        *(_environment(audit, number) for number in range(len(audit.environments))),
        *_tables(audit),
        _changes(audit),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _fields(audit: Audit) -> list[str]:
    fields = {"registry": plain(audit.registry), "audited": counted(audit)}
    if audit.reused:
        fields["reused"] = f"{audit.reused:,} hadn't changed since they were saved, and weren't read again"
    return [line for label, value in fields.items() for line in _wrapped(value, first=label.ljust(10))]


def counted(audit: Audit) -> str:
    """How many versions of what kind there are."""
    kinds = {
        "guarded": sum(row.contents.guarded for row in audit.rows),
        "not guarded": sum(row.contents.flavor in {"keras", "tensorflow"} for row in audit.rows),
        "not Keras": sum(
            bool(row.contents.flavor) and row.contents.flavor not in {"kerasguard", "keras", "tensorflow"}
            for row in audit.rows
        ),
    }
    kinds["not read"] = len(audit.rows) - sum(kinds.values())
    said = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items() if number)
    return f"{_extent(audit.rows)}{f': {said}' if said else ''}"


def _environment(audit: Audit, number: int) -> list[str]:
    environment = audit.environments[number]
    lines = _wrapped(plain(title(environment)), first=f"[{number + 1}] ")
    said = ", ".join(f"{count:,} {status}" for status, count in audit.counts(environment).items() if count)
    lines += _wrapped(said or "no versions", first="    ")
    for statuses in (_BAD, _OPEN):
        groups = list(audit.by_code(environment, statuses).items())
        for code, rows in groups[:GROUPS_SHOWN]:
            lines += _group(audit, code, rows)
        if len(groups) > GROUPS_SHOWN:
            lines.append(f"    and {len(groups) - GROUPS_SHOWN} more findings or reasons")
    return lines


def title(environment: AuditedEnvironment) -> str:
    """The name of an environment, and what it has."""
    inside = environment.description.rpartition("(")[2].removesuffix(")")
    return environment.name if inside == environment.description else f"{environment.name} ({inside})"


def _group(audit: Audit, code: str, rows: Sequence[Row]) -> Iterator[str]:
    known = audit.titles.get(code)
    name = f"{code}: " if known else ""
    yield from _wrapped(f"{name}{_extent(rows)}: {plain(known or code)}", first="    ", indent="      ")
    yield from _wrapped(_listed(rows), first="      ")


def _extent(rows: Sequence[Row]) -> str:
    models = len({(row.listed.workspace, row.listed.name) for row in rows})
    return f"{len(rows):,} version{'s' * (len(rows) != 1)} of {models:,} model{'s' * (models != 1)}"


def _listed(rows: Sequence[Row]) -> str:
    models = [(key, list(group)) for key, group in groupby(rows, key=lambda row: row.label.rpartition("/")[0])]
    shown = [f"{plain(name)}/{_ranges(row.listed.version for row in group)}" for name, group in models[:MODELS_SHOWN]]
    more = len(models) - MODELS_SHOWN
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _ranges(versions: Iterable[str]) -> str:
    """`1-3+7` for 1, 2, 3 and 7."""
    runs: list[list[int]] = []
    for version in sorted(int(version) for version in versions if version.isdecimal()):
        if runs and version == runs[-1][-1] + 1:
            runs[-1].append(version)
        else:
            runs.append([version])
    return "+".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _tables(audit: Audit) -> Iterator[list[str]]:
    rows = audit.rows if len(audit.rows) <= ROWS_SHOWN else [row for row in audit.rows if _is_of_interest(audit, row)]
    left_out = len(rows) - ROWS_SHOWN
    for start in range(0, len(audit.environments) if rows else 0, _BESIDE):
        beside = audit.environments[start : start + _BESIDE]
        numbers = [f"[{start + 1 + offset}]" for offset in range(len(beside))]
        lines = [_line("version", numbers)]
        lines += [_line(label(row), [_word(audit.cell(row, item)) for item in beside]) for row in rows[:ROWS_SHOWN]]
        if left_out > 0:
            lines.append(f"and {left_out:,} more that aren't compatible everywhere: see --format csv, json or html")
        yield lines


def _is_of_interest(audit: Audit, row: Row) -> bool:
    statuses = {audit.cell(row, environment).status for environment in audit.environments}
    return not statuses <= {Status.COMPATIBLE, Status.NOT_KERAS}


def label(row: Row) -> str:
    """A version and its aliases."""
    aliases = "".join(f" @{alias}" for alias in row.listed.aliases)
    return f"{row.label}{aliases}"


def _line(first: str, cells: Sequence[str]) -> str:
    name = plain(first)
    if len(name) > _LONGEST_LABEL:
        name = f"{name[: _LONGEST_LABEL - 9]}…{name[-8:]}"
    return f"{name.ljust(_LONGEST_LABEL)}  {''.join(cell.ljust(_COLUMN) for cell in cells)}".rstrip()


def _word(cell: Cell) -> str:
    """What fits into a column."""
    if cell.status in _BAD and cell.codes:
        more = f" +{len(cell.codes) - 1}" if len(cell.codes) > 1 else ""
        return f"{'!' * (cell.status is Status.UNSAFE)}{cell.codes[0]}{more}"
    return "ok" if cell.status is Status.COMPATIBLE else cell.status.value


def _changes(audit: Audit) -> list[str]:
    if audit.changes is None:
        return []
    if not audit.changes:
        return ["nothing has changed since the earlier audit"]
    lines = ["since the earlier audit"]
    for kind, group in groupby(audit.changes, key=lambda change: change.kind):
        items = list(group)
        lines.append(f"    {len(items):,} {kind}")
        for change in items[:CHANGES_SHOWN]:
            lines += _wrapped(plain(change_text(change)), first="      ", indent="        ")
        if len(items) > CHANGES_SHOWN:
            lines.append(f"      and {len(items) - CHANGES_SHOWN:,} more")
    return lines


def change_text(change: Change) -> str:
    """One change in one line."""
    if change.before is None or change.after is None:
        return change.version
    return f"{change.version} in {change.environment}: {_long(change.before)}, now {_long(change.after)}"


def _long(cell: Cell) -> str:
    return f"{cell.status}{f' ({chr(32).join(cell.codes)})' if cell.codes else ''}"


def _wrapped(value: str, *, first: str, indent: str | None = None) -> list[str]:
    later = " " * len(first) if indent is None else indent
    return textwrap.wrap(value, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)


def render_json(audit: Audit) -> str:
    """All of it as JSON in ASCII."""
    return json.dumps(audit.to_dict(), indent=1)


_HEADER = ("workspace", "model", "version", "aliases", "flavor", "guarded", "environment", "status", "codes", "reason")


def render_csv(audit: Audit) -> str:
    """A line for each version in each environment."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for row in audit.rows:
        listed, contents = row.listed, row.contents
        start = [listed.workspace, listed.name, listed.version, " ".join(listed.aliases), contents.flavor]
        for environment in audit.environments:
            cell = audit.cell(row, environment)
            rest = [
                str(contents.guarded).lower(),
                environment.name,
                cell.status.value,
                " ".join(cell.codes),
                cell.reason,
            ]
            writer.writerow([_inert(value) for value in (*start, *rest)])
    return text.getvalue().removesuffix("\n")


def _inert(value: str) -> str:
    """A value that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


#: What a cell of the page shows beside its colour, which not everybody sees.
SYMBOLS: Mapping[Status, str] = {
    Status.COMPATIBLE: "✓",
    Status.INCOMPATIBLE: "✗",
    Status.UNSAFE: "!",
    Status.UNDECIDED: "?",
    Status.NOT_JUDGED: "-",
    Status.UNREACHABLE: "∅",
    Status.NOT_KERAS: "·",
}


def render_html(audit: Audit) -> str:
    """A heat map as a page that needs no other file."""
    from mlflow_kerasguard.reports.page import render_page

    script = Path(__file__).with_name("audit.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    return render_page(
        "audit.html",
        audit=audit,
        counted=counted(audit),
        title=title,
        label=label,
        plain=plain,
        extent=_extent,
        symbols=SYMBOLS,
        order=list(Status),
        present=[status for status in Status if status in audit.statuses],
        bad=_BAD,
        open=_OPEN,
        change_text=change_text,
        script=script,
        script_digest=digest,
    )


AUDIT_FORMATS: Mapping[str, Callable[[Audit], str]] = {
    "table": render_table,
    "json": render_json,
    "csv": render_csv,
    "html": render_html,
}
