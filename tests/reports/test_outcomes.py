"""The matrix of real loads, as text, JSON and a page."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from mlflow_kerasguard.output_differences import Comparison
from mlflow_kerasguard.rebuild.outcome import Outcome, Result, Seconds
from mlflow_kerasguard.reports.outcomes import OUTCOMES_FORMATS, render_html, render_json, render_text

SAME = Outcome(
    environment="as pinned",
    result=Result.SAME,
    check="compatible",
    versions={"python": "3.11.7", "keras": "3.15.1"},
    outputs=(Comparison(name="output", dtype="float32", size=2, absolute=1.25e-7),),
    seconds=Seconds(build=2.0, tools=1.5, imports=4.0, load=0.5, predict=0.5, total=7.5),
)
FAILS = Outcome(
    environment="keras==3.8.0",
    result=Result.FAILED,
    check="incompatible",
    check_reason="KG301 layers: expected this, found that",
    problem="it doesn't load: ValueError: <b>no</b> \x1b[31m" + "word " * 30,
    places=("layers.py:3 in call",),
    dropped=("numpy==2: 1.26 instead",),
    notes=("Python 3.11.9 stands in for 3.11.7, which isn't here",),
    versions={"tf-keras": "2.18.0"},
    reused=True,
)
NOT_BUILT = Outcome(environment="thing==1", result=Result.NOT_BUILT, problem="no such thing", output="a\nb  c")

TEXT = """\
model  models:/m

environment   result            check         Python  Keras   difference  build   load   total
as pinned     same predictions  compatible    3.11.7  3.15.1  1.2e-07     2.0 s   5.0 s  7.5 s
keras==3.8.0  fails             incompatible  -       2.18.0  -           cached  0.0 s  0.0 s
thing==1      not built         -             -       -       -           0.0 s   -      0.0 s

keras==3.8.0: fails
  it doesn't load: ValueError: <b>no</b> \\x1b[31mword word word word word word word word word word
  word word word word word word word word word word word word word word word word word word word
  word
  in packaged code, layers.py:3 in call
  the check says incompatible: KG301 layers: expected this, found that
  doesn't go with what was asked for: numpy==2: 1.26 instead
  Python 3.11.9 stands in for 3.11.7, which isn't here

thing==1: not built
  no such thing
  it printed last:
    a
    b  c"""


def test_text():
    assert render_text("models:/m", [SAME, FAILS, NOT_BUILT]) == TEXT


def test_long_problems_are_cut():
    outcome = Outcome(environment="x", result=Result.REFUSED, problem="\n".join(map(str, range(100))))
    assert render_text("m", [outcome]).splitlines()[-2:] == ["  39", "  ..."]


def test_json():
    document = json.loads(render_json("models:/m", [SAME, FAILS]))
    assert (document["schema_version"], document["model"]) == (1, "models:/m")
    first, second = document["environments"]
    assert (first["result"], first["outputs"][0]["absolute"]) == ("same predictions", 1.25e-7)
    assert (second["places"], second["seconds"]["total"]) == (["layers.py:3 in call"], 0.0)


class Elements(HTMLParser):
    """Which elements there are; each that is opened has to be closed in turn."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_html_is_whole_escaped_and_needs_nothing_else():
    page = render_html("models:/<m>", [SAME, FAILS, NOT_BUILT])
    elements = Elements()
    elements.feed(page)
    elements.close()
    assert elements.open == []
    tags = [tag for tag, _ in elements.seen]
    assert {"script", "link", "img", "b", "m"}.isdisjoint(tags)
    assert tags.count("details") == 2
    assert "<b>no</b>" in "".join(elements.text)
    assert "1 of 3 environments load the model as it was logged." in page
    classes = [attributes.get("class") for tag, attributes in elements.seen if tag == "td"]
    assert [name for name in classes if name] == ["good", "bad", "open"]


@pytest.mark.parametrize("format", OUTCOMES_FORMATS)
def test_texts_have_no_newline_at_the_end(format):
    assert not OUTCOMES_FORMATS[format]("m", [SAME]).endswith("\n")
