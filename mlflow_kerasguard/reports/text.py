"""A report for people: on a terminal, in a log file, and as the text of an error."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from mlflow_kerasguard.findings import Finding, Level, Report, Rule, Undecided, Verdict

#: Columns after which lines are wrapped. Nothing inside backticks is broken: it is there to be copied.
WIDTH = 100

#: Longest text that is taken over as it is; a name inside a model can be as long as its file.
LONGEST = 600

#: Width of the column with a finding's labels: that of `expected`, and two.
_LABELS = 10

#: Longest path that is repeated in the verdict's line.
_LONGEST_NAME = 60

_CODE = re.compile(r"`[^`]*`")
_NO_BREAK = "\N{NO-BREAK SPACE}"

_HEADLINES = {
    (Verdict.COMPATIBLE, True): "COMPATIBLE: {} will load in this environment",
    (Verdict.COMPATIBLE, False): "UNSAFE: {} would load in this environment, but it is not safe to load",
    (Verdict.INCOMPATIBLE, True): "INCOMPATIBLE: {} will not load{} in this environment",
    (
        Verdict.INCOMPATIBLE,
        False,
    ): "INCOMPATIBLE, UNSAFE: {} will not load{} in this environment; it is not safe to load",
    (Verdict.UNDECIDED, True): "UNDECIDED: it is not known whether {} will load in this environment",
    (Verdict.UNDECIDED, False): "UNSAFE: {} is not safe to load; it is not known whether it will load",
}


def render(report: Report) -> str:
    """The verdict, what was held against what, the findings by rule, what isn't known, the notes."""
    serious = [finding for finding in report.findings if finding.level is not Level.NOTE]
    notes = [finding for finding in report.findings if finding.level is Level.NOTE]
    blocks = [
        [_headline(report)],
        fields({"model": report.model, "": report.model_summary, "environment": report.environment, **_apart(report)}),
        *(_rule_block(list(group)) for _, group in groupby(serious, key=lambda finding: finding.rule)),
        *_undecided_blocks(report.undecided),
        _notes_block(notes),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def render_findings(report: Report) -> str:
    """The findings alone, by rule."""
    groups = groupby(report.findings, key=lambda finding: finding.rule)
    return "\n\n".join("\n".join(_rule_block(list(group))) for _, group in groups)


def _headline(report: Report) -> str:
    levels = [finding.level.value for finding in report.findings if finding.level is not Level.NOTE]
    counted = [_count(levels.count(level), level) for level in dict.fromkeys(levels)]
    if report.undecided:
        counted.append(f"{len(report.undecided)} undecided")
    effect = " and predict the same" if _only_predictions_suffer(report) else ""
    headline = _HEADLINES[report.verdict, report.safe].format(_short(plain(report.model)), effect)
    return f"{headline} ({', '.join(counted)})" if counted else headline


def _apart(report: Report) -> dict[str, str]:
    """What becomes of the model when loss, metrics and optimizer are left alone, where that isn't the same."""
    if report.details.get("verdict_without_compile") != Verdict.COMPATIBLE.value:
        return {}
    return {"compile=False": "it will load with `load_model(path, compile=False)`: only what it was trained with fails"}


def _only_predictions_suffer(report: Report) -> bool:
    """Whether the model loads well, and then isn't what it was: all that family KG7xx is about."""
    return all(finding.rule.family == "KG7" for finding in report.errors if finding.rule.prevents_loading)


def _short(model: str) -> str:
    """A path by its end, so that the verdict stays in one line; the whole of it follows below."""
    return model if len(model) <= _LONGEST_NAME else ".../" + "/".join(model.rsplit("/", 2)[-2:])


def _rule_block(findings: Sequence[Finding]) -> list[str]:
    """All findings of one rule: its title and reason once, then each finding."""
    rule = findings[0].rule
    lines = [f"{rule.level} {rule.code}: {rule.title}", *wrap(rule.why, first="  ")]
    for finding, following in zip(findings, [*findings[1:], None], strict=True):
        # Neighbours with the same way out state it once, after the last of them.
        shared = following is not None and (following.fix, following.snippet) == (finding.fix, finding.snippet)
        lines += ["", *_finding(finding), *([] if shared else _way_out(finding))]
    return lines


def _finding(finding: Finding) -> list[str]:
    return fields({"where": _places(finding), "expected": finding.expected, "found": finding.found}, indent="  ")


def _way_out(finding: Finding) -> list[str]:
    fix = [] if finding.fix is None else list(wrap(finding.fix, first="  fix".ljust(_LABELS + 2)))
    # Code is there to be copied: its lines stay as they are.
    code = ["", *(f"    {plain(line)}".rstrip() for line in finding.snippet)] if finding.snippet else []
    return [*fix, *code]


def _undecided_blocks(items: Sequence[Undecided]) -> Iterator[list[str]]:
    """Rules that lack the same knowledge together: of an unknown Keras most rules know nothing."""
    reasons: dict[Rule, list[str]] = {}
    for item in items:
        reasons.setdefault(item.rule, []).append(item.reason)
    alike: dict[tuple[str, ...], list[Rule]] = {}
    for rule, lacking in reasons.items():
        alike.setdefault(tuple(lacking), []).append(rule)
    for unknown, rules in alike.items():
        codes = ", ".join(sorted(rule.code for rule in rules))
        title = f"{rules[0].title}?" if len(rules) == 1 else f"{len(rules)} rules can't tell"
        yield [
            *wrap(title, first=f"undecided {codes}: ", indent="  "),
            *(line for reason in unknown for line in wrap(reason, first="  - ")),
        ]


def _notes_block(notes: Iterable[Finding]) -> list[str]:
    return [line for note in notes for line in wrap(_note(note), first=f"note {note.code}: ", indent="  ")]


def _note(note: Finding) -> str:
    fix = f"; {note.fix}" if note.fix else ""
    return f"{note.title}: expected {note.expected}, found {note.found} ({_places(note)}){fix}"


def _places(finding: Finding) -> str:
    more = finding.count - len(finding.places)
    # Each place gets its own share of the length, so that the number of the others stays visible.
    places = ", ".join(plain(place, LONGEST // 4) for place in finding.places)
    return f"{places} ... and {more} more" if more > 0 else places


def fields(values: Mapping[str, str], *, indent: str = "") -> list[str]:
    """Labels and values in two columns."""
    width = max(map(len, values)) + 2
    return [line for label, value in values.items() for line in wrap(value, first=indent + label.ljust(width))]


def wrap(value: str, *, first: str, indent: str | None = None, longest: int = LONGEST) -> Iterator[str]:
    """``value`` in lines of at most ``WIDTH``, the others indented as far as ``first`` reaches."""
    unbroken = _CODE.sub(lambda code: code[0].replace(" ", _NO_BREAK), plain(value, longest))
    lines = textwrap.wrap(
        first + unbroken,
        WIDTH,
        subsequent_indent=" " * len(first) if indent is None else indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return (line.replace(_NO_BREAK, " ") for line in lines)


def plain(value: str, longest: int = LONGEST) -> str:
    """``value`` in one line and without control characters.

    Names inside a model are under the control of whoever wrote it: an escape sequence could hide a
    finding on the terminal, a newline forge one in the log.
    """
    if len(value) > longest:
        value = f"{value[: longest // 2]} [...] {value[-longest // 4 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in value)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
