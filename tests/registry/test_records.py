"""Records: a sealed one counts for its version in its environment, and nothing else does."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlflow_kerasguard.registry.records import RECORD_TAG, InvalidRecord, Record, Subject, find_record, tag_of

MADE = datetime(2026, 5, 4, 3, 2, 1, 456000, timezone.utc)
SUBJECT = Subject(model="sum", version="7", signature="ab" * 32, created=MADE)
ENVIRONMENT = "0123456789abcdef" * 4
KEY = b"secret"
RECORD = Record(
    model="sum",
    version="7",
    signature="ab" * 32,
    created=MADE.isoformat(),
    environment="prod (Python 3.11)",
    environment_digest=ENVIRONMENT,
    verdict="compatible",
    rehearsed=True,
    golden=False,
    allowed=("KG710",),
    time="2026-05-04T04:00:00+00:00",
    by="ann",
    guard="0.1",
)

keys = st.none() | st.just(KEY)
texts = st.text(max_size=8)


def tags(record=RECORD, key=KEY):
    return {record.tag: record.sealed(key)}


@given(keys, texts, st.booleans(), st.lists(texts))
def test_what_was_sealed_is_read(key, by, golden, allowed):
    record = replace(RECORD, by=by, golden=golden, allowed=tuple(allowed))
    assert find_record(tags(record, key), SUBJECT, ENVIRONMENT, key) == record


def test_the_tag_is_the_environments():
    assert RECORD.tag == tag_of(ENVIRONMENT) == RECORD_TAG + "0123456789abcdef"


@pytest.mark.parametrize("key", [None, KEY])
def test_there_is_none(key):
    assert find_record({"kerasguard.verdict": "compatible"}, SUBJECT, ENVIRONMENT, key) is None
    assert find_record(tags(), SUBJECT, "f" * 64, key) is None


def refused(tags, subject=SUBJECT, digest=ENVIRONMENT, key=KEY):
    with pytest.raises(InvalidRecord) as caught:
        find_record(tags, subject, digest, key)
    return str(caught.value)


OTHER_VALUES = {bool: st.booleans(), str: texts, tuple: st.lists(texts).map(tuple)}


@given(keys, st.sampled_from(fields(Record)), st.data())
def test_any_change_is_seen(key, field, data):
    """Whoever has no key can't change a field and keep the seal."""
    before = getattr(RECORD, field.name)
    value = data.draw(OTHER_VALUES[type(before)])
    assume(value != before)
    text = json.loads(RECORD.sealed(key))
    text[field.name] = list(value) if isinstance(value, tuple) else value
    assert refused({RECORD.tag: json.dumps(text)}, key=key).startswith("it was changed")


@given(keys, st.integers(min_value=0), st.characters())
def test_any_other_character_is_seen(key, place, character):
    text = RECORD.sealed(key)
    place %= len(text)
    changed = text[:place] + character + text[place + 1 :]
    assume(changed != text)
    # A seal in JSON can be written in several ways, and be the same: then nothing was changed.
    try:
        found = find_record({RECORD.tag: changed}, SUBJECT, ENVIRONMENT, key)
    except InvalidRecord:
        return
    assert found == RECORD


@given(st.text())
def test_other_text_is_no_record(text):
    refused({RECORD.tag: text})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts,
        lambda values: st.lists(values, max_size=3) | st.dictionaries(texts, values, max_size=3),
        max_leaves=5,
    ),
    st.sampled_from([*(field.name for field in fields(Record)), "seal"]),
)
def test_other_json_is_no_record(value, name):
    assume(value != getattr(RECORD, name, None))
    refused({RECORD.tag: json.dumps(value)})
    refused({RECORD.tag: json.dumps({**json.loads(RECORD.sealed(KEY)), name: value})})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rehearsed", "yes"),
        ("golden", 1),
        ("by", None),
        ("verdict", "good"),
        ("allowed", "KG710"),
        ("allowed", None),
    ],
)
def test_what_has_a_seal_and_other_types_is_no_record(field, value):
    """Somebody who has the key may have made it with another release."""
    text = replace(RECORD, **{field: value}).sealed(KEY)
    assert "isn't a record as this version writes it" in refused({RECORD.tag: text})


def test_deep_json_is_no_record():
    refused({RECORD.tag: "[" * 100_000})


ELSEWHERE = {
    "model": replace(SUBJECT, model="other"),
    "version": replace(SUBJECT, version="8"),
    "signature": replace(SUBJECT, signature="cd" * 32),
    "younger": replace(SUBJECT, created=MADE + timedelta(milliseconds=1)),
    "unsigned": replace(SUBJECT, signature=""),
}


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("subject", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_copy_elsewhere_doesnt_count(subject, key):
    assert refused(tags(key=key), subject, key=key).startswith("it is about ")


def test_the_same_moment_in_another_zone_is_another_text():
    """Records are compared as they are written: the version's time is always given in UTC."""
    there = replace(SUBJECT, created=MADE.astimezone(timezone(timedelta(hours=2))))
    refused(tags(), there)


def test_a_copy_under_another_environments_tag_doesnt_count():
    digest = "f" * 64
    assert refused({tag_of(digest): RECORD.sealed(KEY)}, digest=digest) == "it is about another environment"


def test_digests_that_begin_alike_are_told_apart():
    digest = ENVIRONMENT[:16] + "f" * 48
    assert refused(tags(), digest=digest) == "it is about another environment"


def test_keys():
    assert refused(tags(key=None), key=KEY) == "it was changed, or is sealed with another key"
    assert refused(tags(key=b"other"), key=KEY) == "it was changed, or is sealed with another key"
    assert refused(tags(key=KEY), key=None) == "it is sealed with a key; set `MLFLOW_KERASGUARD_RECORD_KEY`"
    assert find_record(tags(key=None), SUBJECT, ENVIRONMENT, None) == RECORD


@given(st.binary(min_size=1).filter(lambda other: other != KEY))
def test_no_other_key_seals(other):
    # HMAC fills keys up with zeros, and hashes those that are too long.
    assume(other.rstrip(b"\0") != KEY)
    refused(tags(key=other))


def test_a_plain_seal_with_the_name_of_a_keyed_one():
    content = {**asdict(RECORD), "seal": "hmac-sha256:" + "0" * 64}
    refused({RECORD.tag: json.dumps(content)}, key=None)
    refused({RECORD.tag: json.dumps(content)}, key=KEY)
    refused({RECORD.tag: json.dumps({**content, "seal": "ä"})})
