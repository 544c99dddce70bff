"""What archives say about themselves."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from mlflow_kerasguard.formats import read_model, zip_audit
from mlflow_kerasguard.formats.window import Window
from mlflow_kerasguard.model import ModelSpec
from tests.formats.build import archive, index_entry, members, write_keras

WEIGHTS = "model.weights.h5"


def _kinds(model: ModelSpec) -> list[str]:
    return [item.kind for item in model.anomalies]


def _read(directory: Path, data: bytes) -> ModelSpec:
    return read_model(write_keras(directory, data))


def _member(name: str, data: bytes | str = b"x", **fields) -> bytes:
    """A sound archive with one more member, whose entry has ``fields``."""
    buffer = io.BytesIO(archive(members()))
    with zipfile.ZipFile(buffer, "a") as file:
        info = zipfile.ZipInfo(name)
        for key, value in fields.items():
            setattr(info, key, value)
        file.writestr(info, data)
    return buffer.getvalue()


def _commented(comment: bytes) -> bytes:
    buffer = io.BytesIO(archive(members()))
    with zipfile.ZipFile(buffer, "a") as file:
        file.comment = comment
    return buffer.getvalue()


def _duplicate() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return _member("config.json", "{}")


def _with_gap() -> bytes:
    """Bytes between the members that no header speaks of."""
    data = archive(members())
    at = data.index(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    record = bytearray(data[end:])
    struct.pack_into("<I", record, 16, struct.unpack_from("<I", record, 16)[0] + 7)
    return data[:at] + b"hidden!" + data[at:end] + bytes(record)


def _gap_between() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members().items():
            file.writestr(name, content)
            file.fp.write(b"hidden!")
            file.start_dir = file.fp.tell()
    return buffer.getvalue()


SOUND = archive(members())
ODD_ARCHIVES = {
    "slip": (_member("../../evil.py"), ["zip-member-outside", "unexpected-member"]),
    "absolute": (_member("/etc/passwd"), ["zip-member-outside", "unexpected-member"]),
    "backslash": (_member("assets\\..\\x"), ["zip-member-outside", "unexpected-member"]),
    "drive": (_member("C:/x"), ["zip-member-outside", "unexpected-member"]),
    "hidden in assets": (_member("assets/../../x"), ["zip-member-outside"]),
    "duplicate": (_duplicate(), ["zip-duplicate-member", "config-not-a-model"]),
    "duplicate but for case": (_member("CONFIG.json", "{}"), ["zip-duplicate-member", "unexpected-member"]),
    "symbolic link": (_member("assets/a", "/etc/passwd", external_attr=stat.S_IFLNK << 16), ["zip-special-member"]),
    "device": (_member("assets/a", external_attr=stat.S_IFCHR << 16), ["zip-special-member"]),
    "prefix": (b"#!/bin/sh\n" + SOUND, ["zip-prefix"]),
    "trailing": (SOUND + b"more", ["zip-trailing"]),
    "comment": (_commented(b"hello"), ["zip-comment"]),
    "gap before the index": (_with_gap(), ["zip-gap"]),
    "gaps": (_gap_between(), ["zip-gap", "zip-gap", "zip-gap"]),
    "nested": (_member("assets/inner.bin", archive({"a": "b"})), ["zip-nested-archive"]),
    "gzip": (_member("assets/inner.bin", b"\x1f\x8b\x08"), ["zip-nested-archive"]),
    "other size": (index_entry(SOUND, b"metadata.json", 24, "<I", 5), ["zip-headers-disagree", "metadata-damaged"]),
    "other checksum": (index_entry(SOUND, b"metadata.json", 16, "<I", 5), ["zip-headers-disagree", "metadata-damaged"]),
    "other method": (index_entry(SOUND, b"metadata.json", 10, "<H", 8), ["zip-headers-disagree", "metadata-damaged"]),
    "bomb": (
        index_entry(_member("assets/a", bytes(100)), b"assets/a", 24, "<I", 300 << 20),
        ["zip-expansion", "zip-headers-disagree"],
    ),
    "encrypted": (
        index_entry(SOUND, b"config.json", 8, "<H", 1),
        ["zip-encrypted", "zip-headers-disagree", "config-damaged"],
    ),
}


@pytest.mark.parametrize("name", ODD_ARCHIVES)
def test_an_odd_archive(tmp_path, name):
    data, kinds = ODD_ARCHIVES[name]
    assert _kinds(_read(tmp_path, data)) == kinds


def test_a_member_said_to_be_elsewhere(tmp_path):
    kinds = _kinds(_read(tmp_path, index_entry(SOUND, b"config.json", 42, "<I", 3)))
    # Python 3.13 finds the neighbour overlapped as well, and refuses to read it.
    assert [kind for kind in kinds if kind != "metadata-damaged"] == [
        "zip-overlap",
        "zip-headers-disagree",
        "config-damaged",
    ]


def test_a_member_renamed_in_the_index(tmp_path):
    at = SOUND.rindex(b"metadata.json")
    model = _read(tmp_path, SOUND[:at] + b"metadatb.json" + SOUND[at + 13 :])
    assert _kinds(model) == ["zip-headers-disagree", "metadata-missing", "unexpected-member"]
    assert "`metadata.json` in its header, `metadatb.json` in the index" in model.anomalies[0].found


def test_members_that_share_bytes(tmp_path):
    data = _member("assets/a", bytes(64), external_attr=0o600 << 16)
    first, second = (struct.pack("<I", data.index(name) - 30) for name in (b"metadata.json", b"assets/a"))
    at = data.rindex(second)
    model = _read(tmp_path, data[:at] + first + data[at + 4 :])
    assert "zip-overlap" in _kinds(model)


def test_a_member_that_runs_into_the_index(tmp_path):
    size = len(members()[WEIGHTS])
    data = index_entry(SOUND, WEIGHTS.encode(), 20, "<I", size + 1000)
    assert "zip-overlap" in _kinds(_read(tmp_path, data))


def test_streamed_archives_have_descriptors(tmp_path):
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = b""

        def writable(self):
            return True

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as file:
        for name, content in members().items():
            file.writestr(name, content)
    assert _read(tmp_path, pipe.data).anomalies == ()


@pytest.mark.parametrize("signature", [True, False])
def test_descriptors_may_lack_their_signature(tmp_path, signature):
    window = Window.of_file(write_keras(tmp_path, b"PK\x07\x08" * signature + bytes(12) + b"PK\x01\x02"))
    assert zip_audit._after_descriptor(window, 0) == 12 + 4 * signature
    assert zip_audit._after_descriptor(window, 1) == 1


def test_an_index_of_absurd_size_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_audit, "MAX_INDEX_BYTES", 100)
    assert _kinds(_read(tmp_path, SOUND)) == ["zip-too-many-members"]


@pytest.mark.parametrize("spoil", [None, b"PK\x06\x07", b"PK\x06\x06"])
def test_large_archives_keep_the_index_size_elsewhere(tmp_path, monkeypatch, spoil):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    data = archive(members())
    end = data.rindex(b"PK\x05\x06")
    data = data[: end + 12] + b"\xff\xff\xff\xff" + data[end + 16 :]
    if spoil is None:
        assert _read(tmp_path, data).anomalies == ()
    else:
        assert _kinds(_read(tmp_path, data.replace(spoil, b"PK\x00\x00"))) == ["zip-too-many-members"]


def test_an_end_record_alone_is_no_archive(tmp_path):
    end = b"PK\x05\x06" + bytes(8) + b"\xff\xff\xff\xff" + bytes(6)
    assert _kinds(_read(tmp_path, b"PK\x03\x04" + end)) == ["zip-too-many-members"]
    assert _kinds(_read(tmp_path, b"PK\x03\x04PK\x05\x06")) == ["zip-damaged"]


def test_an_index_that_is_damaged(tmp_path):
    assert _kinds(_read(tmp_path, SOUND.replace(b"PK\x01\x02", b"PK\x01\x03"))) == ["zip-damaged"]


def test_sizes_may_be_kept_where_large_ones_are(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members().items():
            with file.open(name, "w", force_zip64=True) as member:
                member.write(content if isinstance(content, bytes) else content.encode())
    model = _read(tmp_path, buffer.getvalue())
    assert (model.anomalies, len(model.weights)) == ((), 2)
