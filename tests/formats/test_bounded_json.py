"""JSON within bounds."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_kerasguard.formats import bounded_json
from mlflow_kerasguard.formats.bounded_json import MAX_DEPTH, parse_json


@pytest.mark.parametrize(
    ("data", "kind", "found"),
    [
        (b"{", "config-damaged", "at character 1"),
        (b"\xff{}", "config-damaged", "byte 0 isn't UTF-8"),
        (b"9" * 5000, "config-damaged", "4300"),
        (b'{"a": 1, "b": 2, "a": 3}', "json-duplicate-key", "`a`"),
        (b"[" * 300 + b"]" * 300, "json-too-deep", f"more than {MAX_DEPTH}"),
        (b"[" * 10_000_000, "json-too-deep", f"more than {MAX_DEPTH}"),
        (b'{"a": "\\ud800"}', "json-lone-surrogate", "half of a surrogate pair"),
        (b'{"a": NaN}', "json-not-a-number", "`NaN`"),
        (b'{"a": -Infinity}', "json-not-a-number", "`-Infinity`"),
        (b'"' + b'\\"' * 1_000_000, "config-damaged", "unterminated string"),
    ],
)
def test_what_is_wrong_is_told(data, kind, found):
    parsed = parse_json(data, "config.json")
    [problem] = parsed.anomalies
    assert (problem.kind, problem.where) == (kind, "config.json")
    assert found in problem.found
    assert (parsed.value is None) == (kind not in {"json-duplicate-key", "json-not-a-number"})


def test_the_value_is_the_one_that_keras_sees():
    value = parse_json(b'{"a": 1, "a": 2, "b": [Infinity]}', "config.json").value
    assert value == {"a": 2, "b": [math.inf]}


def test_brackets_in_strings_do_not_count():
    text = json.dumps({"a": "[" * 1000, 'b"': '\\"{' * 1000}).encode()
    assert parse_json(text, "config.json").anomalies == ()


def test_a_whole_pair_of_surrogates_is_text():
    assert parse_json(b'"\\ud83d\\ude00"', "config.json").value == "\N{GRINNING FACE}"


def test_repeated_oddities_are_told_by_the_first_few():
    data = b"[" + b",".join(b'{"k%d": 1, "k%d": 2}' % (n, n) for n in range(50)) + b", NaN, NaN]"
    assert len(parse_json(data, "config.json").anomalies) == 10


def test_size_is_bounded(monkeypatch):
    monkeypatch.setattr(bounded_json, "MAX_BYTES", 10)
    [problem] = parse_json(b'"0123456789"', "config.json").anomalies
    assert problem.kind == "json-too-large"


def test_damage_has_the_kind_that_was_asked_for():
    assert parse_json(b"", "metadata.json", damaged="metadata-damaged").anomalies[0].kind == "metadata-damaged"


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(NESTED, st.booleans())
@settings(deadline=None)
def test_sound_json_comes_through_unchanged(value, ascii_only):
    parsed = parse_json(json.dumps(value, ensure_ascii=ascii_only).encode(), "config.json")
    assert parsed.value == value
    assert parsed.anomalies == ()


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_taken_without_an_error(data):
    parse_json(data, "config.json")


def brackets_of(text, inside=False):
    """What is outside of strings, character by character."""
    found, characters = [], iter(text)
    for character in characters:
        if inside and character == "\\":
            next(characters)
        elif character == '"':
            inside = not inside
        elif not inside and character in "[]{}":
            found.append({"{": "[", "}": "]"}.get(character, character))
    return "".join(found)


@pytest.mark.parametrize("many", [0, 1_000_000])
@given(NESTED, st.booleans())
@settings(deadline=None)
def test_brackets_are_those_outside_of_strings(many, value, ascii_only):
    text = json.dumps({"a": [value, '\\"[', "\\\\", "{", '"', ""]}, ensure_ascii=ascii_only)
    before, bounded_json._MANY_QUOTES = bounded_json._MANY_QUOTES, many
    try:
        assert bounded_json._brackets(text.encode()).decode() == brackets_of(text)
    finally:
        bounded_json._MANY_QUOTES = before


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
@pytest.mark.parametrize("beside", [b"", b'"[", [], {}, '])
def test_the_deepest_that_is_taken(opening, beside):
    levels = opening.count(b"[") + opening.count(b"{")
    closing = opening[::-1].translate(bytes.maketrans(b"[{", b"]}"), b'"a:')

    def document(depth):
        inner = b"[" * (depth % levels) + b"]" * (depth % levels)
        return (
            (b"[" + beside if beside else b"")
            + opening * (depth // levels)
            + (inner or b"1")
            + closing * (depth // levels)
            + b"]" * bool(beside)
        )

    deepest = MAX_DEPTH - bool(beside)
    assert parse_json(document(deepest), "config.json").anomalies == ()
    assert [a.kind for a in parse_json(document(deepest + 1), "config.json").anomalies] == ["json-too-deep"]


def test_a_document_of_quotes_alone_costs_no_memory(monkeypatch):
    monkeypatch.setattr(bounded_json, "_MANY_QUOTES", 10)
    text = b'["[", ["]", ' + b"[" * 300 + b'"x"' * 20
    assert parse_json(text, "config.json").anomalies[0].kind == "json-too-deep"
