"""Tables of names: what goes in comes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.tensorflow_api.table import NameTable
from tools.history.name_tables import document, rows_of

TABLE = NameTable.read("Thing", document({"2.10.0": "ac", "2.9.0": "ab", "2.11.0": "acd", "2.12.0": "ab"}))

releases = st.integers(0, 12).map("1.{}".format)


@given(st.dictionaries(releases, st.frozensets(st.sampled_from("abcdefg"), min_size=1), min_size=1))
def test_every_row_comes_back(rows):
    table = NameTable.read("Thing", document(rows))
    assert rows_of(table) == rows
    for name in "abcdefg":
        assert [release for release in table.releases if name in rows[release]] == list(table.releases_with(name))


def test_releases_are_in_order_of_their_versions():
    assert TABLE.releases == ("2.9.0", "2.10.0", "2.11.0", "2.12.0")


@pytest.mark.parametrize(
    ("name", "having", "dropped"),
    [
        ("a", ("2.9.0", "2.10.0", "2.11.0", "2.12.0"), None),
        ("b", ("2.9.0", "2.12.0"), None),
        ("c", ("2.10.0", "2.11.0"), "2.12.0"),
        ("d", ("2.11.0",), "2.12.0"),
        ("e", (), None),
    ],
)
def test_questions_about_a_name(name, having, dropped):
    assert TABLE.releases_with(name) == having
    assert TABLE.first_with(name) == next(iter(having), None)
    assert TABLE.first_without(name) == dropped


def test_questions_about_a_release():
    table = NameTable.read("Thing", document({"1.0": ["a", "a.b", "c"], "2.0": ["a", "c", "c.d"]}))
    having = {(name, version) for name in "abc" for version in ("1.0", "2.0") if table.has(name, version)}
    assert having == {("a", "1.0"), ("a", "2.0"), ("c", "1.0"), ("c", "2.0")}
    inside = {(name, version) for name in "abc" for version in ("1.0", "2.0") if table.has_inside(name, version)}
    assert inside == {("a", "1.0"), ("c", "2.0")}
    for ask in (table.has, table.has_inside):
        with pytest.raises(Unknown, match=r"the names of Thing 3\.0 aren't known"):
            ask("a", "3.0")


def test_a_part_of_a_name_is_not_a_name():
    table = NameTable.read("Thing", document({"1.0": ["tf.nn", "tf.nn.relu6"]}))
    assert table.first_with("tf.nn.relu") is None
    assert table.first_with("nn") is None


def test_a_release_that_is_not_there():
    with pytest.raises(Unknown, match=r"the names of Thing 3\.0 aren't known"):
        TABLE.at("3.0")
