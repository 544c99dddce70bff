"""Reports as text. A renderer sees values only and decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from mlflow_kerasguard.findings import Report
from mlflow_kerasguard.reports import json, sarif, text

#: Name of a format to its renderer. The texts have no newline at the end.
FORMATS: Mapping[str, Callable[[Report], str]] = MappingProxyType(
    {"text": text.render, "json": json.render, "sarif": sarif.render}
)


def render_all(reports: Sequence[Report], format: str) -> str:
    """One report or several: texts one after the other, JSON as a list, SARIF as one run."""
    if format == "sarif":
        return sarif.render_sarif(reports)
    texts = [FORMATS[format](report) for report in reports]
    if len(texts) == 1 or format != "json":
        return "\n\n".join(texts)
    return f"[{', '.join(texts)}]"
