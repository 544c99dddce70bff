"""Reports for code hosts: SARIF 2.1.0, in one run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_kerasguard.cli import main
from mlflow_kerasguard.reports import FORMATS, render_all
from tests.files import dense, layer, write_keras
from tests.reports.samples import MISSING, OTHER, UNKNOWN, VIOLATED, finding, report


def run_of(*reports):
    document = json.loads(render_all(reports, "sarif"))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    return run


def test_a_finding():
    run = run_of(report(finding(places=('layers["a"]', 'layers["b"]'), count=5)))
    (rule,) = run["tool"]["driver"]["rules"]
    (result,) = run["results"]
    assert (rule["id"], rule["shortDescription"], rule["defaultConfiguration"]) == (
        "KG201",
        {"text": MISSING.title},
        {"level": "error"},
    )
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("KG201", 0, "error")
    assert result["message"]["text"] == (
        "model.keras in this interpreter (Python 3.11.7, keras 3.8.0): class is missing "
        '(layers["a"] and 4 more): expected `keras.layers.Dense`, found keras 3.8.0 has no such class; '
        "to do: `pip install 'keras==3.15.1'`"
    )
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "model.keras"
    assert [place["fullyQualifiedName"] for place in location["logicalLocations"]] == ['layers["a"]', 'layers["b"]']


def test_what_isnt_known_is_a_warning():
    (result,) = run_of(report(undecided=(UNKNOWN,)))["results"]
    assert result["level"] == "warning"
    assert "it isn't known whether class is missing: what `keras` offers isn't known" in result["message"]["text"]
    assert "logicalLocations" not in result["locations"][0]


def test_several_reports_are_one_run():
    run = run_of(
        report(finding(), finding(OTHER, fix=None)), report(finding(VIOLATED)), report(finding(), environment="b")
    )
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["KG201", "KG401", "KG405"]
    assert [result["ruleIndex"] for result in run["results"]] == [0, 1, 2, 0]
    assert [result["level"] for result in run["results"]] == ["error", "note", "warning", "error"]
    prints = [result["partialFingerprints"]["kerasguard/v1"] for result in run["results"]]
    assert len(set(prints)) == 4
    assert prints[0] == run_of(report(finding()))["results"][0]["partialFingerprints"]["kerasguard/v1"]


def test_nothing_found():
    assert run_of(report())["results"] == []


@pytest.mark.parametrize(
    ("model", "uri"),
    [
        ("models:/sum/1", "models/sum/1"),
        ("models:/a model@champion", "models/a%20model%40champion"),
        ("s3://bucket/x.keras", "s3/bucket/x.keras"),
        ("x/model.keras", "x/model.keras"),
        (str(Path.cwd() / "x" / "model.keras"), "x/model.keras"),
        ("/elsewhere/model.keras", "/elsewhere/model.keras"),
    ],
)
def test_places_are_relative(model, uri):
    (result,) = run_of(report(finding(), model=model))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_names_in_a_model_cant_forge_lines():
    text = FORMATS["sarif"](report(finding(places=("a\n\x1b",), found="\ud800")))
    assert text.isascii()
    message = json.loads(text)["runs"][0]["results"][0]["message"]["text"]
    assert "a\\n\\x1b" in message


def test_the_command(tmp_path, capsys):
    path = write_keras(tmp_path / "model.keras", dense(), layer("Gone"))
    assert main(["check", str(path), "--against", "keras==3.15.1 python==3.11", "--format", "sarif"]) == 1
    results = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert "KG201" in {result["ruleId"] for result in results}
    for other in (["releases", str(path)], ["diff", str(path), str(path)]):
        with pytest.raises(SystemExit):
            main([*other, "--format", "sarif"])
