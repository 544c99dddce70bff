"""What two models differ in, as text and JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mlflow_kerasguard.reports.differences import render_json, render_text


@dataclass(frozen=True)
class Item:
    section: str
    where: str
    before: str | None
    after: str | None
    details: tuple[str, ...] = ()


ITEMS = [
    Item("versions", "Keras", "3.7.0", "3.14.1"),
    Item("objects", 'layers["old"]', "keras.layers.Dense", None),
    Item("objects", 'layers["new"]', None, "keras.layers.Dense"),
    Item("code", "shop>Scale", "layers:Scale", "layers:Scale", ("`Scale` gained `a=1`", "+    a = 1", "+")),
]

TEXT = """\
- a
+ b

Versions
  Keras: 3.7.0 -> 3.14.1

Objects
  - layers["old"]: keras.layers.Dense
  + layers["new"]: keras.layers.Dense

Custom code
  shop>Scale: layers:Scale
    `Scale` gained `a=1`
    +    a = 1
    +"""


def test_text():
    assert render_text("a", "b", ITEMS) == TEXT


def test_none():
    assert render_text("a", "b", []) == "- a\n+ b\n\nno differences"
    assert json.loads(render_json("a", "b", []))["differences"] == []


def test_control_characters_are_shown():
    assert "\\x1b" in render_text("a", "b", [Item("objects", "x\x1b[0m", "y", None)])


def test_json():
    document = json.loads(render_json("a", "b", ITEMS))
    assert (document["schema_version"], document["first"], document["second"]) == (1, "a", "b")
    assert document["differences"][3] == {
        "section": "code",
        "where": "shop>Scale",
        "before": "layers:Scale",
        "after": "layers:Scale",
        "details": ["`Scale` gained `a=1`", "+    a = 1", "+"],
    }
