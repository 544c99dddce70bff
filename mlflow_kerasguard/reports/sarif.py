"""Reports as SARIF 2.1.0, which code hosts show beside a change."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlflow_kerasguard.findings import Finding, Level, Report, Rule, Undecided
from mlflow_kerasguard.reports.text import plain
from mlflow_kerasguard.version import __version__

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")


def render(report: Report) -> str:
    """One report."""
    return render_sarif([report])


def render_sarif(reports: Sequence[Report]) -> str:
    """All reports as one run: hosts want one from each tool."""
    found = {finding.rule for report in reports for finding in report.findings}
    rules = sorted(found | {item.rule for report in reports for item in report.undecided}, key=_code)
    numbers = {rule: number for number, rule in enumerate(rules)}
    driver = {"name": "kerasguard", "semanticVersion": __version__, "rules": [_rule(rule) for rule in rules]}
    run = {
        "tool": {"driver": driver},
        "results": [result for report in reports for result in _results(report, numbers)],
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _code(rule: Rule) -> str:
    return rule.code


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why} `kerasguard explain {rule.code}` says the same."},
        "defaultConfiguration": {"level": rule.level.value},
    }


def _results(report: Report, numbers: dict[Rule, int]) -> Iterator[dict[str, Any]]:
    for finding in report.findings:
        yield _result(report, finding.rule, finding.level, _text(finding), finding.places) | _index(
            finding.rule, numbers
        )
    for item in report.undecided:
        yield _result(report, item.rule, Level.WARNING, _open(item), ()) | _index(item.rule, numbers)


def _index(rule: Rule, numbers: dict[Rule, int]) -> dict[str, Any]:
    return {"ruleIndex": numbers[rule]}


def _result(report: Report, rule: Rule, level: Level, text: str, places: Sequence[str]) -> dict[str, Any]:
    message = plain(f"{report.model} in {report.environment}: {text}", 4000)
    fingerprint = hashlib.sha256(f"{rule.code} {message}".encode()).hexdigest()
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": {"uri": _uri(report.model)}}}
    if places:
        location["logicalLocations"] = [{"fullyQualifiedName": plain(place)} for place in places]
    return {
        "ruleId": rule.code,
        "level": level.value,
        "message": {"text": message},
        "locations": [location],
        "partialFingerprints": {"kerasguard/v1": fingerprint},
    }


def _text(finding: Finding) -> str:
    where = f" ({finding.where}{f' and {finding.count - 1} more' if finding.count > 1 else ''})"
    fix = f"; to do: {finding.fix}" if finding.fix else ""
    return f"{finding.title}{where}: expected {finding.expected}, found {finding.found}{fix}"


def _open(item: Undecided) -> str:
    return f"it isn't known whether {item.rule.title}: {item.reason}"


def _uri(model: str) -> str:
    """A relative URI: code hosts refuse every scheme but that of files, also where there is no such file."""
    scheme = _SCHEME.match(model)
    if scheme is not None:
        return quote(f"{scheme[1]}/{model[scheme.end() :]}")
    path = Path(model)
    inside = path.is_absolute() and path.is_relative_to(Path.cwd())
    return quote((path.relative_to(Path.cwd()) if inside else path).as_posix())
