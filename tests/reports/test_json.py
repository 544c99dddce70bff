"""The report for machines."""

from __future__ import annotations

import json

from mlflow_kerasguard.reports import FORMATS
from tests.reports.samples import UNKNOWN, UNSAFE, finding, report


def test_json_is_the_dict():
    whole = report(finding(), finding(UNSAFE), undecided=(UNKNOWN,), details={"compile": True})
    text = FORMATS["json"](whole)
    assert json.loads(text) == whole.to_dict()
    assert list(json.loads(text))[:2] == ["schema_version", "model"]


def test_json_is_ascii_whatever_the_model_holds():
    text = FORMATS["json"](report(finding(places=("\ud800 \x1b é",))))
    assert text.isascii()
    assert "\x1b" not in text
