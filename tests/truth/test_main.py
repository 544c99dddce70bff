"""``python -m tests.truth`` on a few files of the record."""

from __future__ import annotations

import json
import lzma
import tarfile

import pytest

from tests.truth.__main__ import main
from tests.truth.tables import table_in

SAVER, LOADER = "3.15.1", "3.8.0"
FILES = ("Dense.h5", "Dense.keras", "Add.h5", "StringLookup.h5")


@pytest.fixture
def small(record, tmp_path):
    """A record of four loads; one of them is made to look like a load that never returned."""
    outcomes = {load.file: load.outcome for load in record.loads(LOADER) if load.saver == SAVER and load.file in FILES}
    outcomes["Add.h5"] = {"load": "hang"}
    document = {
        "releases": {name: record.releases[name] for name in (SAVER, LOADER)},
        "verdicts": {LOADER: {SAVER: outcomes}},
    }
    (tmp_path / "models").mkdir()
    with lzma.open(tmp_path / "verdicts.json.xz", "wt") as file:
        json.dump(document, file)
    with tarfile.open(tmp_path / "models" / f"{SAVER}.tar.xz", "w:xz") as archive:
        for name in FILES:
            archive.add(record.path(SAVER, name), f"{SAVER}/{name}")
    return tmp_path


def test_figures(small, capsys):
    assert main([str(small), "--json", str(small / "figures.json")]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines[1:3]] == [[LOADER, "4"], ["all", "4"]]
    figures = json.loads((small / "figures.json").read_text())
    assert figures["all"] == figures[LOADER]
    assert (figures["all"]["nameless"], figures["all"]["named"]) == (1, 3)
    assert figures["same major version"]["false_passes"] == 4


def test_details(small, capsys):
    assert main([str(small), "--loader", LOADER, "--verbose", "--format", "markdown"]) == 0
    out = capsys.readouterr().out
    assert "1 loads: the error names nothing: hang" in out
    assert out.count("\n| ") == len(["title", "line", "all", "two", "oracles", LOADER])


def test_loader_that_is_not_there(small, capsys):
    assert main([str(small), "--loader", "9.9"]) == 2
    assert capsys.readouterr().err == f"no loader `9.9` in the record; there are {LOADER}\n"


def test_recording(small, capsys):
    readme = small / "README.md"
    readme.write_text("before\n<!-- truth: python -m tests.truth --record -->\nold\n<!-- /truth -->\nafter\n")
    assert main([str(small), "--record", "--format", "markdown"], readme=readme) == 0
    assert table_in(readme.read_text()) == capsys.readouterr().out
    assert readme.read_text().endswith("<!-- /truth -->\nafter\n")
    assert json.loads((small / "figures.json").read_text())["all"]["loads"] == 4
