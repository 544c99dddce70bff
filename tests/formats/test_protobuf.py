"""The walk over a message's fields, on bytes in memory and on pages of a file."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_kerasguard.formats import protobuf
from mlflow_kerasguard.formats.protobuf import DamagedMessage, Message, Pages, TooManyFields, signed
from mlflow_kerasguard.formats.window import Window
from tests.formats.wire import fields, varint


def walk(data: bytes) -> list[tuple[int, int | bytes]]:
    message = Message(data)
    return [
        (tag >> 3, message.content(start, end) if tag & 7 == 2 else start)
        for tag, start, end in message.fields(0, message.size)
    ]


@given(
    st.lists(
        st.tuples(st.integers(1, (1 << 29) - 1), st.one_of(st.integers(0, (1 << 64) - 1), st.binary(max_size=300)))
    )
)
def test_what_was_written_is_read(pairs):
    assert walk(fields(*pairs)) == pairs


@given(st.binary(max_size=200))
def test_any_bytes_end_in_fields_or_in_a_refusal(data):
    with suppress(DamagedMessage):
        assert len(walk(data)) <= len(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x0a", "has no end"),
        (b"\x0a\x05abc", "ends 2 bytes after its message"),
        (b"\x0a" + b"\xff" * 10, "has no end"),
        (b"\x0a" + varint(1 << 40), "bytes after its message"),
        (b"\x08\x80", "has no end"),
        (b"\x08" + b"\x80" * 11 + b"\x01", "has no end"),
        (b"\x00\x00", "isn't the start of a field"),
        (varint(1 << 32) + b"\x00", "isn't the start of a field"),
        (b"\x0b", "unknown wire type 3"),
        (b"\x0f", "unknown wire type 7"),
        (b"\x09\x00", "ends after its message"),
        (b"\x0d\x00\x00\x00", "ends after its message"),
    ],
)
def test_damage_is_told(data, text):
    with pytest.raises(DamagedMessage, match=text):
        walk(data)


def test_numbers_of_fixed_width_are_passed_over():
    assert walk(b"\x09" + bytes(8) + b"\x0d" + bytes(4) + b"\x10\x07") == [(2, 7)]


def test_an_inner_message_cannot_reach_into_the_next():
    data = fields((1, b"\x0a\x09"), (2, "beside it"))
    message = Message(data)
    (_, start, end), _ = message.fields(0, message.size)
    with pytest.raises(DamagedMessage):
        list(message.fields(start, end))


def test_the_effort_is_bounded():
    data = fields(*[(1, 1)] * 20)
    message = Message(data, max_fields=19)
    with pytest.raises(TooManyFields):
        list(message.fields(0, len(data)))


def test_packed_numbers():
    data = varint(1500) + varint(7) + varint(9)
    assert list(Message(data).numbers(0, len(data), 2)) == [1500, 7]


def test_names_are_short_and_printable():
    assert Message(b"ab\xff").name(0, 3) == "ab\\xff"
    assert len(Message(b"a" * 10_000).name(0, 10_000)) == 4096


@pytest.mark.parametrize(("value", "expected"), [(3, 3), ((1 << 64) - 1, -1)])
def test_signed(value, expected):
    assert signed(value) == expected


def test_a_large_file_is_read_in_pages(tmp_path, monkeypatch):
    pairs = [(number, bytes([number]) * 90) for number in range(1, 30)] + [(3, 1 << 40)]
    path = tmp_path / "message"
    path.write_bytes(fields(*pairs))
    monkeypatch.setattr(protobuf, "_PAGE", 64)
    with Window.of_file(path) as window:
        assert len(Pages(window)) == window.size
        monkeypatch.setattr(protobuf, "_IN_MEMORY", 100)
        message = Message.of_window(window)
        found = [
            (tag >> 3, message.content(start, end) if tag & 7 == 2 else start)
            for tag, start, end in message.fields(0, message.size)
        ]
    assert found == pairs
