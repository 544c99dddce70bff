"""The archive: what installers ask of it, and that nothing but its contents decides its bytes."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from dataclasses import replace

import pytest
from packaging.utils import parse_wheel_filename

from mlflow_kerasguard.wheel_labels import is_labelled, unlabelled
from mlflow_kerasguard.wheels.contents import WheelContents, write_wheel

METADATA = b"Metadata-Version: 2.1\nName: Own.Layers\nVersion: 1.2\n\nVersion: not this one\n"
CONTENTS = WheelContents(
    name="Own.Layers",
    version="1.2",
    files={"own_layers/__init__.py": b"x = 1\n", 'own_layers/a "b",c.txt': b"text"},
    metadata={"METADATA": METADATA, "licenses/LICENSE": b"free"},
)


def read(path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_wheel_is_named_after_what_it_states(tmp_path):
    path = write_wheel(CONTENTS, tmp_path / "new" / "folder")
    name, version, _, tags = parse_wheel_filename(path.name)
    assert (name, str(version), {str(tag) for tag in tags}) == ("own-layers", "1.2", {"py3-none-any"})
    files = read(path)
    assert files["own_layers-1.2.dist-info/METADATA"] == METADATA
    assert b"Root-Is-Purelib: true\nTag: py3-none-any\n" in files["own_layers-1.2.dist-info/WHEEL"]
    assert files["own_layers-1.2.dist-info/licenses/LICENSE"] == b"free"


def test_the_record_has_every_file(tmp_path):
    files = read(write_wheel(CONTENTS, tmp_path))
    record = "own_layers-1.2.dist-info/RECORD"
    assert list(files)[-1] == record
    rows = {name: (digest, size) for name, digest, size in csv.reader(io.StringIO(files[record].decode()))}
    assert rows.pop(record) == ("", "")
    assert rows == {name: (_digest(content), str(len(content))) for name, content in files.items() if name != record}


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def test_order_and_clock_change_nothing(tmp_path):
    other = replace(CONTENTS, files=dict(reversed(CONTENTS.files.items())))
    assert other.to_bytes() == CONTENTS.to_bytes()
    with zipfile.ZipFile(write_wheel(other, tmp_path)) as archive:
        assert {(entry.date_time[0], entry.external_attr >> 16) for entry in archive.infolist()} == {(1980, 0o100644)}


CHANGES = {
    "content": {"files": {**CONTENTS.files, "own_layers/__init__.py": b"x = 2\n"}},
    "another file": {"files": {**CONTENTS.files, "own_layers/more.py": b""}},
    "name of a file": {"files": {"own_layers/init.py": b"x = 1\n"}},
    "metadata": {"metadata": {"METADATA": METADATA + b"more"}},
    "version": {"version": "1.3"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_makes_another_version(change):
    before, after = CONTENTS.labelled(), replace(CONTENTS, **change).labelled()
    assert before.version.partition("+")[2] != after.version.partition("+")[2]


@pytest.mark.parametrize(("version", "start"), [("1.2", "1.2+kg"), ("1.2+cu118", "1.2+cu118.kg")])
def test_a_label_stands_once(version, start):
    labelled = replace(CONTENTS, version=version).labelled()
    assert labelled.version.startswith(start)
    assert labelled.labelled() == labelled
    assert unlabelled(labelled.version) == version
    assert is_labelled(labelled.version)


@pytest.mark.parametrize("version", ["1.2", "1.2+g0123456789ab", "1.2+kg0123", "1.2+local.1"])
def test_other_labels_stay(version):
    assert unlabelled(version) == version
    assert not is_labelled(version)


def test_a_labelled_wheel_agrees_with_its_name(tmp_path):
    labelled = CONTENTS.labelled()
    path = write_wheel(labelled, tmp_path)
    assert str(parse_wheel_filename(path.name)[1]) == labelled.version
    metadata = read(path)[f"own_layers-{labelled.version}.dist-info/METADATA"]
    assert metadata == METADATA.replace(b"Version: 1.2", f"Version: {labelled.version}".encode())
