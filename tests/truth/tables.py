"""The figures as text and as markdown, and what they hide: the loads behind them."""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterable, Iterator

from tests.truth.measure import ALL, ORACLES, Figures, Judged
from tests.truth.record import Load

COLUMNS = ("loads", "right", "false passes", "false alarms", "undecided", "reason named")


def cells(figures: Figures) -> list[str]:
    """One row, in the order of the columns: shares of the loads, and of the errors that name something."""
    counts = (figures.right, figures.false_passes, figures.false_alarms, figures.undecided)
    return [str(figures.loads), *(_share(count, figures.loads) for count in counts), _named(figures)]


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.2f} %" if total else "-"


def _named(figures: Figures) -> str:
    return _share(figures.named, figures.naming) if figures.named else "-"


def as_text(rows: dict[str, Figures]) -> str:
    table = [["", *COLUMNS], *([name, *cells(row)] for name, row in rows.items())]
    widths = [max(len(line[column]) for line in table) for column in range(len(COLUMNS) + 1)]
    lines = ([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in table)
    return "".join(f"{'  '.join(line)}\n" for line in lines)


def as_markdown(rows: dict[str, Figures]) -> str:
    """The table of the README: all loads first, then the simple oracles, then each loader."""
    order = [name for name in (ALL, *ORACLES) if name in rows]
    order += [name for name in rows if name not in order]
    lines = [("", *COLUMNS), ("---", *["--:"] * len(COLUMNS))]
    lines += [(_title(name), *cells(rows[name])) for name in order]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


#: Where the README has the table.
_IN_README = re.compile(r"(?<=<!-- truth: python -m tests\.truth --record -->\n).*?(?=<!-- /truth -->)", re.DOTALL)


def table_in(readme: str) -> str:
    """The table that a README shows."""
    return _IN_README.findall(readme)[0]


def with_table(readme: str, rows: dict[str, Figures]) -> str:
    """A README with these figures instead."""
    return _IN_README.sub(lambda _: as_markdown(rows), readme)


def _title(row: str) -> str:
    if row == ALL:
        return "**`kerasguard check`, all loads**"
    if row in ORACLES:
        return f"“compatible if {row}”"
    return f"by Keras {row.removeprefix('k')}"


def details(loads: Iterable[Judged]) -> Iterator[str]:
    """Wrong and undecided verdicts, then the reasons that no finding names, in groups of the same shape."""
    loads = list(loads)
    yield from _groups("verdict", (item for item in loads if item.judgement != "right"), _wrong)
    yield from _groups("no finding names", (item for item in loads if item.unnamed), _unnamed)
    yield from _groups("the error names nothing", (item for item in loads if item.nameless), _nameless)


def _groups(title: str, loads: Iterable[Judged], key: Callable[[Judged], str]) -> Iterator[str]:
    groups: dict[str, list[Judged]] = collections.defaultdict(list)
    for item in loads:
        groups[key(item)].append(item)
    for text, members in sorted(groups.items(), key=lambda group: -len(group[1])):
        yield f"{len(members)} loads: {title}: {text}"
        yield f"    such as {members[0].load}"


def _codes(item: Judged) -> str:
    return ", ".join(sorted(item.codes)) or "no error"


def _judgement(item: Judged) -> str:
    return f"{item.judgement.replace('_', ' ')}; {_codes(item)}"


def _wrong(item: Judged) -> str:
    if item.judgement == "undecided":
        return f"undecided: {item.reason}"
    return f"{_judgement(item)}: {_shape(item.load)}"


def _unnamed(item: Judged) -> str:
    return f"{' or '.join(sorted(item.names))} ({_judgement(item)})"


def _nameless(item: Judged) -> str:
    return f"{_shape(item.load)} ({_judgement(item)})"


def _shape(load: Load) -> str:
    """What came of it, without what differs from file to file."""
    inner = load.came.rpartition("Exception encountered: ")[2]
    text = re.sub(r"truth/\S+|0x[0-9a-f]+|\d[\d.]*", "#", " ".join(inner.split()))
    return re.sub(r"\{.*\}|\[.*\]|'[^']*'", "#", text)[:80]
