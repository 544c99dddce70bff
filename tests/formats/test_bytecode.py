"""Which Pythons a lambda's bytecode is for."""

from __future__ import annotations

import base64
import contextlib
import marshal
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_kerasguard.formats.bytecode import NotBytecode, read_bytecode
from mlflow_kerasguard.formats.marshalled import LAYOUTS, Code, NotMarshalled, read_codes
from mlflow_kerasguard.formats.opcodes import PYTHONS, instructions
from tests.recorded_bytecode import AMBIGUOUS, BYTECODE, SOURCES

HERE = ".".join(map(str, sys.version_info[:2]))
PAIRS = [(python, name) for python in BYTECODE for name in SOURCES]


def encoded(data):
    return base64.b64encode(data).decode()


def compiled(source):
    return encoded(marshal.dumps(eval(source).__code__))


@pytest.mark.parametrize(("python", "name"), PAIRS)
def test_recorded_bytecode_is_of_its_python(python, name):
    found = read_bytecode(BYTECODE[python][name])
    assert python in found.compiled_by
    assert python in found.runs_on
    assert not found.may_run_on
    assert found.names <= {"abs"}


@pytest.mark.parametrize("name", SOURCES)
def test_bytecode_of_this_python(name):
    assert HERE in read_bytecode(compiled(SOURCES[name])).runs_on


@pytest.mark.parametrize("number", sorted(instructions(HERE)))
def test_the_table_of_this_python(number):
    dis = pytest.importorskip("dis")
    name, caches = instructions(HERE)[number]
    # The jumps of 3.12 go by the names of 3.11.
    assert dis.opname[number] in {name, name.replace("_FORWARD", "")}
    entries = getattr(dis, "_inline_cache_entries", {})
    known = entries.get(dis.opname[number], 0) if isinstance(entries, dict) else entries[number]
    assert caches == known


@pytest.mark.parametrize(
    ("compiled_by", "name", "runs_on"),
    [
        # Compiled to the same instructions by both.
        ("3.8", "arithmetic", {"3.8", "3.9", "3.10"}),
        ("3.10", "arithmetic", {"3.8", "3.9", "3.10"}),
        ("3.12", "arithmetic", {"3.11", "3.12"}),
        ("3.13", "arithmetic", {"3.13"}),
        # A call of a method came with 3.7; the layout changed with 3.8.
        ("3.7", "arithmetic", {"3.6", "3.7"}),
        ("3.7", "method", {"3.7"}),
        # Jumps are counted in instructions since 3.10.
        ("3.9", "condition", {"3.8", "3.9"}),
        ("3.10", "condition", {"3.10"}),
        # `in` and `is` became instructions of their own with 3.9.
        ("3.8", "membership", {"3.8"}),
        ("3.9", "none", {"3.9", "3.10"}),
        # Other instructions, other caches.
        ("3.8", "unpacking", {"3.8"}),
        ("3.11", "method", {"3.11"}),
        ("3.12", "slice", {"3.12"}),
        ("3.12", "constant", {"3.12"}),
        # A number that is a jump out of a loop in 3.11 and something else in 3.12.
        ("3.12", "starred", {"3.12"}),
        ("3.11", "filtered", {"3.11"}),
        # What is inside counts as well: a comprehension is code of its own before 3.12.
        ("3.9", "comprehension", {"3.8", "3.9"}),
        ("3.11", "comprehension", {"3.11"}),
    ],
)
def test_where_it_runs(compiled_by, name, runs_on):
    assert read_bytecode(BYTECODE[compiled_by][name]).runs_on == runs_on


def test_what_could_be_of_two_runs_on_neither_for_certain():
    found = read_bytecode(AMBIGUOUS)
    assert found.runs_on == set()
    assert found.may_run_on == {"3.11", "3.12"}


@pytest.mark.parametrize("python", BYTECODE)
def test_the_global_names_that_it_reads(python):
    assert read_bytecode(BYTECODE[python]["global"]).names == {"abs"}
    assert read_bytecode(BYTECODE[python]["method"]).names == set()


def test_every_kind_of_constant_is_read():
    source = "lambda x: [x, 1, 10**30, 1.5, 2j, 'a', 'é', 'l' * 300, b'b', None, True, ..., (1, (2,)), x in {3, 4}]"
    assert HERE in read_bytecode(compiled(source)).runs_on


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "too early"),
        (b"N", "isn't a code object"),
        (b"\xff", "unknown type"),
        (b"r\x05\0\0\0", "isn't there"),
        (b"(\xff\xff\xff\x7f", "too early"),
        (b"s\xff\xff\xff\xff", "too early"),
        (b")\x01" * 100, "too deep"),
        (b"{" * 100, "too deep"),
        (b"f\x011x\x011\x011", "isn't a code object"),
        (b"I" + bytes(8), "isn't a code object"),
        (b"{NN0", "isn't a code object"),
        (b":NNN", "isn't a code object"),
        (b"c" + bytes(20) + b"N", "too early"),
    ],
)
def test_what_isnt_bytecode_is_told(data, reason):
    with pytest.raises(NotBytecode, match=reason):
        read_bytecode(encoded(data))


def test_fields_of_the_wrong_type_are_refused():
    code = marshal.dumps(eval("lambda x: x").__code__)
    with pytest.raises(NotMarshalled, match="`code` of its code isn't of type `bytes`"):
        read_codes(b"c" + bytes(20) + b"N" * 14, "3.11")
    assert isinstance(read_codes(code, "3.11" if HERE != "3.10" else "3.8")[0], Code)


@pytest.mark.parametrize(("text", "reason"), [("é", "base 64"), ("A", "base 64"), ("A" * (2 << 20), "long")])
def test_what_isnt_base_64_is_told(text, reason):
    with pytest.raises(NotBytecode, match=reason):
        read_bytecode(text)


def test_an_instruction_that_one_of_two_has_tells_them_apart():
    python = "3.8"
    data = bytearray(base64.b64decode(BYTECODE[python]["arithmetic"]))
    at = data.index(b"|\x00d\x01")
    data[at : at + 2] = bytes([121, 0])  # JUMP_IF_NOT_EXC_MATCH, since 3.9.
    found = read_bytecode(encoded(bytes(data)))
    assert found.compiled_by == ("3.9",)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_noise_never_does_more_than_be_refused(noise):
    for layout in LAYOUTS:
        for data in (noise, b"\xe3" + noise):
            with contextlib.suppress(NotMarshalled):
                read_codes(data, layout)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PAIRS), st.data())
def test_damaged_bytecode_never_does_more_than_be_refused(pair, data):
    code = bytearray(base64.b64decode(BYTECODE[pair[0]][pair[1]]))
    position = data.draw(st.integers(0, len(code) - 1))
    code[position] = data.draw(st.integers(0, 255))
    try:
        found = read_bytecode(encoded(bytes(code)))
    except NotBytecode:
        return
    assert set(found.runs_on | found.may_run_on) <= set(PYTHONS)


def test_references_are_not_written_out():
    # Each tuple holds the one before it twice: written out, the last would have 2 ** 200 items.
    pair = b"\xa9\x02r" + b"%br" + b"%b"
    levels = [pair % (2 * (number.to_bytes(4, "little"),)) for number in range(200)]
    data = b"(" + (201).to_bytes(4, "little") + b"\xa9\x00" + b"".join(levels)
    with pytest.raises(NotBytecode, match="isn't a code object"):
        read_bytecode(encoded(data))
