"""A report as JSON, for machines; ``schema_version`` inside names the layout."""

from __future__ import annotations

import json

from mlflow_kerasguard.findings import Report


def render(report: Report) -> str:
    """``report.to_dict()`` as indented JSON in ASCII, so that no terminal or log can garble it."""
    return json.dumps(report.to_dict(), indent=2)
