"""HDF5 files as files: sizes, the frame around the content, and the way to an attribute's text."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest

from mlflow_kerasguard.formats import hdf5_attributes, hdf5_dataset, hdf5_file, read_model
from mlflow_kerasguard.model import ModelSpec
from tests.formats.build import write_h5


def _kinds(model: ModelSpec) -> list[str]:
    return [item.kind for item in model.anomalies]


class TestSizes:
    def test_a_dataset_that_is_not_stored(self, tmp_path):
        model = read_model(write_h5(tmp_path, lambda file: file.create_dataset("big", (1 << 30,), "f4")))
        assert [(item.kind, item.found) for item in model.anomalies] == [
            ("hdf5-expansion", "4.0 GiB declared, 0 bytes stored")
        ]

    def test_many_that_are_too_large_together(self, tmp_path, monkeypatch):
        def fill(file):
            for number in range(20):
                file.create_dataset(f"big{number}", (1000,), "f4")

        monkeypatch.setattr(hdf5_dataset, "EXPANSION_FLOOR", 50_000)
        model = read_model(write_h5(tmp_path, fill))
        assert [item.found for item in model.anomalies] == ["78.2 KiB declared in all, 32 bytes stored"]

    def test_objects_without_end(self, tmp_path, monkeypatch):
        monkeypatch.setattr(hdf5_file, "MAX_OBJECTS", 3)
        assert "hdf5-too-many-objects" in _kinds(read_model(write_h5(tmp_path)))

    @pytest.mark.parametrize("bound", ["MAX_BYTES", "MAX_ITEMS"])
    def test_attributes_without_end(self, tmp_path, monkeypatch, bound):
        path = write_h5(
            tmp_path, lambda file: file["model_weights"].attrs.update(layer_names=np.array([b"a" * 200] * 30))
        )
        monkeypatch.setattr(hdf5_attributes, bound, 5000 if bound == "MAX_BYTES" else 20)
        assert "hdf5-attribute-size" in _kinds(read_model(path))

    def test_heaps_without_end(self, tmp_path, monkeypatch):
        path = write_h5(tmp_path)
        monkeypatch.setattr(hdf5_attributes, "_MAX_HEAPS", 100)
        model = read_model(path)
        assert _kinds(model)[:1] == ["hdf5-damaged"]
        assert "global heap of 4.0 KiB" in model.anomalies[0].found


class TestFrame:
    def test_a_truncated_file(self, tmp_path):
        path = write_h5(tmp_path)
        os.truncate(path, path.stat().st_size - 1)
        [problem] = read_model(path).anomalies
        assert problem.kind == "hdf5-truncated"
        assert "and the header says" in problem.found

    @pytest.mark.parametrize("libver", ["earliest", "latest"])
    def test_bytes_behind_the_end(self, tmp_path, libver):
        path = write_h5(tmp_path, libver=libver)
        path.write_bytes(path.read_bytes() + b"more")
        model = read_model(path)
        assert [(item.kind, item.found) for item in model.anomalies] == [("hdf5-extra-bytes", "4 bytes beyond its end")]

    def test_a_user_block(self, tmp_path):
        model = read_model(write_h5(tmp_path, userblock_size=1024))
        assert _kinds(model) == ["hdf5-user-block"]
        assert len(model.weights) == 2
        assert model.keras_version == "2.7.0"

    @pytest.mark.parametrize(
        ("position", "value", "found"),
        [(8, 9, "version 9"), (13, 4, "addresses of 4 bytes"), (70, 0xFF, "opened")],
    )
    def test_a_damaged_header(self, tmp_path, position, value, found):
        path = write_h5(tmp_path)
        data = bytearray(path.read_bytes())
        assert data[8] == 0, "this h5py writes another superblock"
        data[position] = value
        path.write_bytes(data)
        model = read_model(path)
        assert any(item.kind == "hdf5-damaged" and found in item.found for item in model.anomalies), model.anomalies

    def test_a_signature_alone(self, tmp_path):
        path = tmp_path / "model.h5"
        path.write_bytes(hdf5_file.SIGNATURE)
        assert _kinds(read_model(path)) == ["hdf5-damaged"]

    def test_data_beyond_the_end(self, tmp_path):
        path = write_h5(tmp_path, lambda file: file.create_dataset("w", data=np.full(4096, 7.0)))
        data = path.read_bytes()
        with h5py.File(path) as file:
            offset = file["w"].id.get_offset()
        path.write_bytes(data.replace(struct.pack("<Q", offset), struct.pack("<Q", len(data) - 8), 1))
        [problem] = read_model(path).anomalies
        assert (problem.kind, problem.where) == ("hdf5-damaged", "file:`w`")

    def test_data_beyond_the_end_where_the_library_does_not_look(self, tmp_path):
        found: list = []
        attributes = hdf5_attributes.AttributeReader(io.BytesIO(), 0, "file", found)
        with h5py.File(write_h5(tmp_path)) as file:
            contents = hdf5_file.read_contents(file, "file", 100, attributes)
        assert {item.kind for item in contents.anomalies} == {"weights-damaged"}

    def test_the_file_is_opened_in_another_way_where_the_first_fails(self, tmp_path, monkeypatch):
        monkeypatch.setattr(hdf5_file.Window, "path", str(tmp_path / "gone"))
        assert len(read_model(write_h5(tmp_path)).weights) == 2

    def test_damage_in_the_middle_of_reading(self, tmp_path, monkeypatch):
        def fail(*args):
            raise RuntimeError("broken b-tree")

        monkeypatch.setattr(hdf5_file, "_links", fail)
        [problem] = read_model(write_h5(tmp_path)).anomalies
        assert problem.found == "it can't be read: `broken b-tree`"


class TestAttributes:
    """Structures on the way to an attribute's text, spoilt one at a time."""

    @staticmethod
    def _spoilt(path: Path, mark: bytes, offset: int, new: bytes) -> ModelSpec:
        data = bytearray(path.read_bytes())
        at = data.index(mark) + offset
        data[at : at + len(new)] = new
        path.write_bytes(data)
        return read_model(path)

    @pytest.mark.parametrize(
        ("mark", "offset", "new", "found"),
        [
            (b"GCOL", 0, b"GCOX", "no global heap"),
            (b"GCOL", 8, struct.pack("<Q", 1 << 40), "global heap of 1024.0 GiB"),
            (b"GCOL", 24, struct.pack("<Q", 1 << 40), "longer than its heap"),
            (b"GCOL", 16, struct.pack("<H", 99), "isn't in its heap"),
            (b"model_config\0", -8, b"\x09", "version 9"),
            (b"model_config\0", -7, b"\x09", None),
        ],
    )
    def test_damage(self, tmp_path, mark, offset, new, found):
        model = self._spoilt(write_h5(tmp_path), mark, offset, new)
        texts = [item.found for item in model.anomalies if item.kind == "hdf5-damaged"]
        assert any(found in text for text in texts) if found else not texts, model.anomalies

    def test_a_heap_entry_of_no_size_ends_nothing(self, tmp_path):
        """With it, libhdf5 1.14 never returns."""
        path = write_h5(tmp_path)
        data = path.read_bytes()
        at = data.index(b"GCOL") + 16
        model = self._spoilt(path, b"GCOL", 24, struct.pack("<Q", (1 << 64) - 16))
        assert at
        assert not model.readable

    def test_attributes_stored_apart(self, tmp_path):
        def fill(file):
            for number in range(20):
                file.attrs[f"note{number}"] = number

        model = read_model(write_h5(tmp_path, fill, libver="latest"))
        assert "stored apart" in model.anomalies[0].found
        assert not model.readable

    def test_blocks_without_end(self, tmp_path, monkeypatch):
        monkeypatch.setattr(hdf5_attributes, "_MAX_BLOCKS", 1)
        model = read_model(write_h5(tmp_path))
        assert any("continuation blocks" in item.found for item in model.anomalies)

    def test_headers_without_end(self, tmp_path, monkeypatch):
        monkeypatch.setattr(hdf5_attributes, "_MAX_BLOCK_BYTES", 20)
        model = read_model(write_h5(tmp_path))
        assert any("object header of" in item.found for item in model.anomalies)

    def test_a_header_beyond_the_end(self, tmp_path):
        reader = hdf5_attributes.AttributeReader(io.BytesIO(b"OHDR"), 0, "file", [])
        with pytest.raises(hdf5_attributes.UnreadableAttributeError, match="beyond the end"):
            reader._find(0, "a")

    def test_times_and_phases_in_front_of_the_messages(self):
        """The newest headers may hold four times and two bounds before their messages."""
        message = struct.pack("<BHBH", 0x0C, 0, 0, 0)
        for flags in (0x00, 0x20, 0x10, 0x34):
            head = b"OHDR\x02" + bytes([flags]) + bytes(16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)) + b"\0"
            reader = hdf5_attributes.AttributeReader(io.BytesIO(head + message), 0, "file", [])
            [(start, size)], form = reader._first_block(0)
            assert (start, size) == (len(head), 0)
            assert (form.new, form.ordered) == (True, bool(flags & 4))

    def test_a_heap_may_be_full(self):
        heap = b"GCOL\x01\0\0\0" + struct.pack("<Q2HIQ", 40, 1, 0, 0, 3) + b"abc"
        reader = hdf5_attributes.AttributeReader(io.BytesIO(heap + bytes(5)), 0, "file", [])
        assert reader._heap(0) == {1: b"abc"}

    def test_shared_messages_are_passed_over(self):
        block = struct.pack("<HHB3x", 12, 8, 2) + bytes(8) + struct.pack("<HHB3x", 12, 1, 0) + b"a"
        assert list(hdf5_attributes._Form(new=False, ordered=False).split(block)) == [(12, b"a")]
