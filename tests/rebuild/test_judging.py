"""What a trial means: answers of the process inside, to outcomes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from mlflow_kerasguard.output_differences import Comparison
from mlflow_kerasguard.rebuild.judging import judge
from mlflow_kerasguard.rebuild.outcome import Result, Seconds
from mlflow_kerasguard.rebuild.plans import EnvironmentPlan
from mlflow_kerasguard.rebuild.store import Built
from mlflow_kerasguard.rebuild.trial import Job, Trial

GOOD = asdict(Comparison(name="output", dtype="float32", size=2, absolute=1e-7, relative=1e-6, tolerance=(1e-3, 1e-4)))
BAD = {**GOOD, "differing": 1, "absolute": 0.5, "first": "at (0,): 1 instead of 0.5"}
CHECKED = {"verdict": "compatible", "safe": True, "report": ""}
LOADED = {**CHECKED, "versions": {"python": "3.11.7", "keras": "3.8.0"}, "outputs": [GOOD], "import_seconds": 4.0}


@pytest.mark.parametrize(
    ("answer", "result", "problem"),
    [
        (LOADED, Result.SAME, ""),
        ({**LOADED, "outputs": []}, Result.LOADED, ""),
        ({**LOADED, "outputs": [GOOD, BAD]}, Result.DIFFERENT, "at (0,): 1 instead of 0.5"),
        ({**LOADED, "verdict": "undecided"}, Result.SAME, ""),
        ({**LOADED, "verdict": "incompatible", "report": "KG301"}, Result.REFUSED, "KG301"),
        ({**CHECKED, "safe": False, "report": "KG103"}, Result.REFUSED, "KG103"),
        ({**CHECKED, "stage": "loading", "error": "why", "places": []}, Result.FAILED, "it doesn't load: why"),
        ({**CHECKED, "stage": "predicting", "error": "why"}, Result.FAILED, "it loads, and doesn't predict: why"),
        (None, Result.FAILED, "exit status 1"),
    ],
)
def test_results(answer, result, problem):
    outcome = judge(
        Trial(answer=answer, status=None if answer else 1, output="the last lines", started=0.1),
        plan=EnvironmentPlan(name="tests", python="3.11", pins=()),
        built=Built(directory=Path(), python="3.11.7", versions={"keras": "3.8.0"}, dropped=("numpy==2",)),
        job=Job(directory=Path(), golden=True, compile=True, time_limit=1.0),
        seconds=Seconds(build=1.0),
        checked={"check": "compatible", "check_reason": ""},
    )
    assert outcome.result is result
    assert problem in outcome.problem
    assert bool(outcome.problem) is (problem != "")
    assert outcome.versions == {"python": "3.11.7", "keras": "3.8.0"}
    assert outcome.dropped == ("numpy==2",)
    assert outcome.output == ("" if answer else "the last lines")
    assert result.is_good is (result in {Result.SAME, Result.LOADED})
