"""The report for people."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.findings import Finding
from mlflow_kerasguard.reports.text import LONGEST, WIDTH, render
from tests.reports.samples import CHANGED, MISSING, OTHER, PIN, UNKNOWN, UNSAFE, VIOLATED, finding, report

EVERYTHING = """\
INCOMPATIBLE, UNSAFE: model.keras will not load in this environment; it is not safe to load (2 errors, 1 warning, \
1 undecided)

model        model.keras
             `.keras` file, saved by keras 3.15.1, on tensorflow, 2 layers, 4 weights
environment  this interpreter (Python 3.11.7, keras 3.8.0)

error KG101: file would write outside its directory
  Whoever unpacks it can lose files.

  where     ../../.bashrc
  expected  `keras.layers.Dense`
  found     keras 3.8.0 has no such class

error KG201: class is missing
  Keras resolves each class by module and name, so loading stops at the first one that is gone.

  where     layers["dense"], layers["dense_1"], layers["dense_2"] ... and 97 more
  expected  `keras.layers.Dense`
  found     keras 3.8.0 has no such class
  fix       `pip install 'keras==3.15.1'`

warning KG405: a requirement is violated
  Nobody tests it.

  where     environment
  expected  `keras.layers.Dense`
  found     keras 3.8.0 has no such class
  fix       `pip install 'keras==3.15.1'`

undecided KG201: class is missing?
  - what `keras` offers isn't known

note KG401: saved by another Keras: expected keras 3.15.1, found keras 3.8.0 (model)"""


def test_everything():
    places = ('layers["dense"]', 'layers["dense_1"]', 'layers["dense_2"]')
    whole = report(
        finding(UNSAFE, places=("../../.bashrc",), fix=None),
        finding(places=places, count=100),
        finding(VIOLATED, places=("environment",)),
        finding(OTHER, expected="keras 3.15.1", found="keras 3.8.0", fix=None, places=("model",)),
        undecided=(UNKNOWN,),
    )
    assert render(whole) == EVERYTHING
    assert str(whole) == EVERYTHING


@pytest.mark.parametrize(
    ("findings", "undecided", "headline"),
    [
        ((), (), "COMPATIBLE: model.keras will load in this environment"),
        ((finding(OTHER),), (), "COMPATIBLE: model.keras will load in this environment"),
        ((finding(VIOLATED),), (), "COMPATIBLE: model.keras will load in this environment (1 warning)"),
        (
            (finding(UNSAFE),),
            (),
            "UNSAFE: model.keras would load in this environment, but it is not safe to load (1 error)",
        ),
        ((finding(), finding()), (), "INCOMPATIBLE: model.keras will not load in this environment (2 errors)"),
        (
            (finding(CHANGED),),
            (),
            "INCOMPATIBLE: model.keras will not load and predict the same in this environment (1 error)",
        ),
        (
            (finding(), finding(CHANGED)),
            (),
            "INCOMPATIBLE: model.keras will not load in this environment (2 errors)",
        ),
        (
            (),
            (UNKNOWN, UNKNOWN),
            "UNDECIDED: it is not known whether model.keras will load in this environment (2 undecided)",
        ),
        (
            (finding(UNSAFE),),
            (UNKNOWN,),
            "UNSAFE: model.keras is not safe to load; it is not known whether it will load (1 error, 1 undecided)",
        ),
    ],
)
def test_verdict_comes_first(findings, undecided, headline):
    assert render(report(*findings, undecided=undecided)).splitlines()[0] == headline


def test_nothing_found_ends_after_what_was_checked():
    text = render(report())
    assert text.splitlines()[-1] == "environment  this interpreter (Python 3.11.7, keras 3.8.0)"


def test_long_path_is_short_in_the_verdict_and_whole_below():
    path = "/srv/mlflow/artifacts/1/models/m-8f3c2ab1/artifacts/data/model.keras"
    lines = render(report(model=path)).splitlines()
    assert lines[0].startswith("COMPATIBLE: .../data/model.keras will")
    assert lines[2].endswith(path)


def test_uri_is_whole_in_the_verdict():
    uri = "models:/m-5f4df029a576497b97d2554359160235"
    assert render(report(model=uri)).startswith(f"COMPATIBLE: {uri} will")


def _lines_with(text: str, part: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines()) if part in line]


def test_why_and_a_shared_fix_stand_once_per_rule():
    others = ("`keras.layers.A`", "`keras.layers.B`", "`keras.layers.C`")
    text = render(report(*(finding(expected=other) for other in others), finding(expected="`D`", fix="`other`")))
    assert len(_lines_with(text, MISSING.why)) == 1
    assert len(_lines_with(text, "expected")) == 4
    assert len(_lines_with(text, PIN)) == 1
    assert _lines_with(text, "expected")[2] < _lines_with(text, PIN)[0] < _lines_with(text, "expected")[3]
    assert len(_lines_with(text, "`other`")) == 1


def test_lines_are_wrapped_but_for_what_is_there_to_be_copied():
    command = "`pip install " + " ".join(f"'package-{n}==1.0'" for n in range(20)) + "`"
    text = render(report(finding(found="many words " * 40, fix=f"either this or {command}")))
    long = [line for line in text.splitlines() if len(line) > WIDTH]
    assert [line.strip() for line in long] == [command]
    assert "\N{NO-BREAK SPACE}" not in text
    assert not [line for line in text.splitlines() if line != line.rstrip()]


HOSTILE = [
    ("\x1b[2J\x1b[1;1H", "\\x1b[2J\\x1b[1;1H"),
    ("\nCOMPATIBLE: model.keras", "\\nCOMPATIBLE: model.keras"),
    ("\N{RIGHT-TO-LEFT OVERRIDE}", "\\u202e"),
    ("\ud800", "\\ud800"),
    ("\N{NO-BREAK SPACE}", "\\xa0"),
]


@pytest.mark.parametrize(("name", "shown"), HOSTILE, ids=[shown for _, shown in HOSTILE])
@pytest.mark.parametrize("field", ["where", "expected", "found", "fix", "note", "reason", "model", "summary"])
def test_names_from_a_model_cannot_forge_the_report(name, shown, field):
    fields = {"expected": {"expected": name}, "found": {"found": name}, "fix": {"fix": name}}
    findings: list[Finding] = [finding(**fields.get(field, {}))]
    if field == "where":
        findings = [finding(places=(name,))]
    if field == "note":
        findings = [finding(OTHER, found=name)]
    undecided = (UNKNOWN.__class__(rule=MISSING, reason=name),) if field == "reason" else ()
    named = {"model": {"model": name}, "summary": {"model_summary": name}}.get(field, {})
    text = render(report(*findings, undecided=undecided, **named))
    assert shown in text
    assert all(line.isprintable() for line in text.splitlines())
    assert "COMPATIBLE: model.keras" not in [line[:23] for line in text.splitlines()[1:]]


def test_a_name_as_long_as_its_file_is_cut():
    text = render(report(finding(places=("a" * 100_000, "b"), count=7, found="c" * 100_000)))
    assert len(text) < 10 * LONGEST
    assert "[...]" in text
    assert ", b ... and 5 more" in " ".join(text.split())
