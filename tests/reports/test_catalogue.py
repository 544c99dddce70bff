"""The list of rules."""

from __future__ import annotations

import json

import pytest

from mlflow_kerasguard.reports.catalogue import CATALOGUES, explain
from tests.reports.samples import MISSING, UNREADABLE, UNSAFE, VIOLATED

RENDERED = {
    "text": """\
KG101  error    file would write outside its directory
KG201  error    class is missing""",
    "markdown": f"""\
| Code | Level | What is wrong | Why it matters |
|---|---|---|---|
| KG101 | error | file would write outside its directory | Whoever unpacks it can lose files. |
| KG201 | error | class is missing | {MISSING.why} |""",
}


@pytest.mark.parametrize("name", RENDERED)
def test_list(name):
    assert CATALOGUES[name]([UNSAFE, MISSING]) == RENDERED[name]


def test_json_has_every_field():
    assert json.loads(CATALOGUES["json"]([UNSAFE])) == [
        {
            "code": "KG101",
            "level": "error",
            "title": "file would write outside its directory",
            "why": "Whoever unpacks it can lose files.",
            "prevents_loading": False,
        }
    ]


@pytest.mark.parametrize(
    ("rule", "effect"),
    [
        (MISSING, "A finding makes the model incompatible."),
        (UNSAFE, "A finding makes the model unsafe to load."),
        (UNREADABLE, "A finding makes the model incompatible and unsafe to load."),
        (VIOLATED, "A finding does not bear on the verdict."),
    ],
)
def test_explain(rule, effect):
    assert explain(rule) == f"{rule.code} ({rule.level}): {rule.title}\n\n{rule.why}\n\n{effect}"
