"""Promotions as texts, as JSON, and as pages."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlflow_kerasguard.findings import Verdict
from mlflow_kerasguard.rebuild.outcome import Outcome as Load
from mlflow_kerasguard.rebuild.outcome import Result
from mlflow_kerasguard.registry.gate import Outcome
from mlflow_kerasguard.registry.policy import Exemption
from mlflow_kerasguard.registry.promoted import Held, Kind, Promotion, Target
from mlflow_kerasguard.reports.promotions import PROMOTION_FORMATS
from tests.reports.samples import finding, report

ALIAS = Target(kind=Kind.ALIAS, name="champion")
COPY = Target(kind=Kind.COPY, name="live")
GOOD = Held(name="prod", environment="prod: `requirements.txt` (Python 3.11)", digest="ab" * 32, report=report())
PROMOTION = Promotion(
    model="sum",
    version="7",
    target=ALIAS,
    outcome=Outcome.ALLOWED,
    environments=(GOOD,),
    signature="cd" * 32,
    policy="kerasguard.toml",
    time="2026-05-04T03:02:01+00:00",
    by="ann",
)
REFUSED = replace(
    PROMOTION,
    outcome=Outcome.REFUSED,
    reasons=("it is incompatible in prod", "it is 3 days old"),
    environments=(replace(GOOD, report=report(finding())), GOOD),
)


def text(promotion):
    return PROMOTION_FORMATS["text"](promotion)


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({}, "ALLOWED: models:/sum/7 may have the alias `champion`"),
        ({"done": True}, "PROMOTED: models:/sum/7 has the alias `champion`"),
        ({"target": COPY}, "ALLOWED: models:/sum/7 may become a version of `live`"),
        ({"target": COPY, "done": True, "made": "3"}, "PROMOTED: models:/sum/7 is version 3 of `live`"),
        (
            {"outcome": Outcome.REFUSED},
            "REFUSED: models:/sum/7 doesn't get the alias `champion`; nothing was changed",
        ),
        (
            {"outcome": Outcome.UNDECIDED, "target": Target(kind=Kind.STAGE, name="Staging")},
            "UNDECIDED: models:/sum/7 doesn't get the stage `Staging`; nothing was changed",
        ),
        (
            {"outcome": Outcome.REFUSED, "target": COPY},
            "REFUSED: models:/sum/7 doesn't become a version of `live`; nothing was changed",
        ),
        ({"model": "a\nb"}, "ALLOWED: models:/a\\nb/7 may have the alias `champion`"),
    ],
)
def test_headlines(changes, first):
    assert text(replace(PROMOTION, **changes)).splitlines()[0] == first


def test_a_whole_text():
    exempted = (Exemption(code="KG710", reason="not reached"),)
    seen = replace(GOOD, rehearsed=True, golden=True, exempted=exempted)
    done = replace(
        PROMOTION, done=True, before="6", stored="runs:/1/x.html", environments=(seen, GOOD), notes=("well",)
    )
    assert (
        text(done)
        == f"""\
PROMOTED: models:/sum/7 has the alias `champion`

policy     kerasguard.toml
before     version 6
signature  sha256:{"cd" * 32}
by         ann, 2026-05-04T03:02:01+00:00
against    prod: `requirements.txt` (Python 3.11): compatible, rehearsed, same predictions, KG710
           doesn't count (not reached)
           prod: `requirements.txt` (Python 3.11): compatible
report     runs:/1/x.html

note: well"""
    )


def test_a_refusal_shows_reasons_and_the_reports_that_refuse():
    shown = text(REFUSED)
    assert "\n\n- it is incompatible in prod\n- it is 3 days old\n\nINCOMPATIBLE: model.keras will not load" in shown
    assert shown.count("will not load") == 1
    assert "COMPATIBLE: model.keras will load" not in shown


def test_loads_that_failed_are_shown():
    load = Load(environment="prod", result=Result.FAILED, problem="it doesn't load: boom")
    failed = replace(REFUSED, environments=(replace(GOOD, rehearsal=load),))
    assert "it doesn't load: boom" in text(failed)
    assert "boom" in PROMOTION_FORMATS["html"](failed)
    good = replace(load, result=Result.SAME)
    assert "difference" not in text(replace(PROMOTION, environments=(replace(GOOD, rehearsal=good),)))


def test_json():
    document = json.loads(PROMOTION_FORMATS["json"](REFUSED))
    assert document["schema_version"] == 1
    assert (document["target"], document["outcome"], document["done"]) == (
        {"kind": "alias", "name": "champion"},
        "refused",
        False,
    )
    first, second = document["environments"]
    assert (first["verdict"], second["verdict"]) == (Verdict.INCOMPATIBLE.value, Verdict.COMPATIBLE.value)
    assert (first["digest"], document["signature"]) == (f"sha256:{'ab' * 32}", f"sha256:{'cd' * 32}")
    assert first["report"]["findings"][0]["code"] == "KG201"
    assert json.loads(PROMOTION_FORMATS["json"](replace(PROMOTION, signature=None)))["signature"] is None


def test_a_page_escapes_what_it_shows():
    page = PROMOTION_FORMATS["html"](replace(REFUSED, by="<script>", notes=("<b>",)))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<li>it is 3 days old</li>" in page
    assert '<p class="bad">incompatible</p>' in page
    assert page.count("<details open>") == 1


def test_its_text_is_the_report():
    assert str(REFUSED) == text(REFUSED)
    assert "none" in text(replace(PROMOTION, signature=None))


def test_unsafe_is_said():
    from tests.reports.samples import UNSAFE

    assert ": compatible, unsafe" in text(
        replace(REFUSED, environments=(replace(GOOD, report=report(finding(UNSAFE))),))
    )
