"""The figures that the README shows: measured again, on every load of the record."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.findings import Verdict
from tests.truth.__main__ import README
from tests.truth.measure import ALL, ORACLES, Figures, figures_of, judge, oracle_figures
from tests.truth.tables import as_markdown, as_text, details, table_in

RECORD_THEM = "run `python -m tests.truth --record`"


def test_no_figure_is_worse(record, loads, recorded):
    measured = figures_of(loads) | oracle_figures(record, loads)
    worse = {name: row.worse_than(recorded[name]) for name, row in measured.items() if row.worse_than(recorded[name])}
    assert not worse, f"{worse}\n{as_text(measured)}\n" + "\n".join(details(loads))
    assert measured == recorded, f"better than recorded: {RECORD_THEM}"


def test_the_readme_shows_them(recorded):
    assert table_in(README.read_text(encoding="utf-8")) == as_markdown(recorded), RECORD_THEM


def test_the_record_is_whole(record, loads):
    assert len(loads) == sum(len(list(record.loads(loader))) for loader in record.loaders) > 20_000
    assert {name for name, _ in record.files} <= set(record.releases)
    assert all(record.spec(saver, file).readable for saver, file in record.files)


JUDGEMENTS = [
    (Verdict.COMPATIBLE, True, "right"),
    (Verdict.INCOMPATIBLE, False, "right"),
    (Verdict.COMPATIBLE, False, "false_passes"),
    (Verdict.INCOMPATIBLE, True, "false_alarms"),
    (Verdict.UNDECIDED, True, "undecided"),
    (Verdict.UNDECIDED, False, "undecided"),
]


@pytest.mark.parametrize(("verdict", "good", "expected"), JUDGEMENTS)
def test_judgements(verdict, good, expected):
    assert judge(verdict, good=good) == expected


WORSE = [
    ({}, []),
    ({"right": 9, "false_passes": 3}, ["right", "false_passes"]),
    ({"right": 11, "false_passes": 1, "naming": 9}, []),
    ({"named": 4}, ["named"]),
    ({"undecided": 1, "false_alarms": 1}, ["false_alarms", "undecided"]),
]


@pytest.mark.parametrize(("changes", "expected"), WORSE)
def test_worse(changes, expected):
    before = {"loads": 12, "right": 10, "false_passes": 2, "naming": 6, "named": 5}
    assert Figures(**{**before, **changes}).worse_than(Figures(**before)) == expected


def test_tables():
    rows = {
        "3.8.0": Figures(loads=200, right=199, undecided=1, naming=3, named=2),
        ALL: Figures(loads=200, right=199, undecided=1, naming=3, named=2),
        **{name: Figures(loads=200, right=100, false_alarms=100, naming=3) for name in ORACLES},
    }
    assert as_text(rows).splitlines()[1].split("  ")[-1].strip() == "66.67 %"
    assert as_markdown(rows).splitlines()[2:] == [
        "| **`kerasguard check`, all loads** | 200 | 99.50 % | 0.00 % | 0.00 % | 0.50 % | 66.67 % |",
        "| “compatible if same version” | 200 | 50.00 % | 0.00 % | 50.00 % | 0.00 % | - |",
        "| “compatible if same major version” | 200 | 50.00 % | 0.00 % | 50.00 % | 0.00 % | - |",
        "| by Keras 3.8.0 | 200 | 99.50 % | 0.00 % | 0.00 % | 0.50 % | 66.67 % |",
    ]
