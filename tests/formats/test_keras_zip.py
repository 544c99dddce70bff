"""`.keras` archives, unzipped ones, and what can be wrong with them."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest

from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.formats import keras_zip, read_model
from mlflow_kerasguard.model import ModelSpec, WeightSpec
from tests.formats.build import archive, dense, index_entry, members, npz, sequential, weights, write_keras

WEIGHTS = "model.weights.h5"


def _kinds(model: ModelSpec) -> list[str]:
    return [item.kind for item in model.anomalies]


def _read(directory: Path, data: bytes) -> ModelSpec:
    return read_model(write_keras(directory, data))


class TestContent:
    def test_a_sound_file(self, tmp_path):
        config = sequential(dense("a"), loss="mse")
        model = _read(tmp_path, archive(members(config)))
        assert model.source == str(tmp_path / "model.keras")
        assert (model.format, model.keras_version, model.backend) == ("keras", "3.15.1", None)
        assert model.config == config
        assert model.compile_config == {"loss": "mse"}
        assert [ref.class_name for ref in model.objects] == ["Sequential", "Dense", "relu", "mse"]
        assert model.weights == (
            WeightSpec(path="layers/dense/vars/0", shape=(3, 2), dtype="float32"),
            WeightSpec(path="layers/dense/vars/1", shape=(2,), dtype="float32"),
        )
        assert model.anomalies == ()
        assert model.details == {
            "file_name": "model.keras",
            "container": "zip",
            "members": ["metadata.json", "config.json", WEIGHTS],
            "weights_file": WEIGHTS,
            "date_saved": "2025-01-01@00:00:00",
        }

    @pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_compressed_members_say_the_same(self, tmp_path, compression):
        model = _read(tmp_path, archive(members(), compression))
        assert len(model.weights) == 2
        assert model.anomalies == ()

    def test_few_large_weights_are_read_in_place(self, tmp_path):
        def fill(file):
            file["layers/big/vars/0"] = np.zeros((200, 200), "float64")

        model = _read(tmp_path, archive(members(model_weights_h5=weights(fill))))
        assert model.weights[0] == WeightSpec(path="layers/big/vars/0", shape=(200, 200), dtype="float64")
        assert model.anomalies == ()

    def test_variables_are_in_the_order_of_their_numbers_and_the_optimizers_apart(self, tmp_path):
        def fill(file):
            for number in range(11):
                file[f"layers/gru/cell/vars/{number}"] = np.zeros(number, "int32")
            file["optimizer/vars/0"] = np.int64(3)
            file["layers/gru/odd"] = np.zeros(2, "float16")

        model = _read(tmp_path, archive(members(model_weights_h5=weights(fill, plain=False))))
        assert [weight.shape for weight in model.weights] == [(2,), *((number,) for number in range(11))]
        assert model.optimizer_weights == (WeightSpec(path="optimizer/vars/0", shape=(), dtype="int64"),)

    def test_small_floats_are_told_by_their_note(self, tmp_path):
        def fill(file):
            for name in ("bfloat16", "float8_e4m3fn"):
                array = np.zeros(3, getattr(ml_dtypes, name))
                file.create_dataset(name, data=array.view(f"V{array.itemsize}")).attrs["dtype"] = name
            file["unnoted"] = np.zeros(3, "V2")
            file["flags"] = np.zeros(3, bool)
            file["waves"] = np.zeros(3, "complex64")

        model = _read(tmp_path, archive(members(model_weights_h5=weights(fill, plain=False))))
        assert {weight.path: weight.dtype for weight in model.weights} == {
            "bfloat16": "bfloat16",
            "flags": "bool",
            "float8_e4m3fn": "float8_e4m3fn",
            "unnoted": "void16",
            "waves": "complex64",
        }
        assert model.anomalies == ()

    def test_a_numpy_archive_of_weights(self, tmp_path):
        arrays = {"layers/a": np.zeros((2, 3), "float32"), "layers/b": np.zeros(4, "int8")}
        content = members(model_weights_h5=None, **{"model.weights.npz": npz(**arrays)})
        model = _read(tmp_path, archive(content))
        assert model.weights == (
            WeightSpec(path="layers/a", shape=(2, 3), dtype="float32"),
            WeightSpec(path="layers/b", shape=(4,), dtype="int8"),
        )
        assert model.anomalies == ()

    def test_tf_keras_is_told_by_its_module_paths(self, tmp_path):
        config = sequential(dense() | {"module": "tf_keras.src.layers.core.dense"})
        assert _read(tmp_path, archive(members(config))).keras_package == "tf_keras"
        assert _read(tmp_path, archive(members())).keras_package is None

    def test_assets_belong(self, tmp_path):
        model = _read(tmp_path, archive({**members(), "assets/layers/lookup/vocabulary.txt": "a\nb\n"}))
        assert model.anomalies == ()


class TestDirectory:
    @staticmethod
    def _unzipped(directory: Path, content: dict | None = None) -> Path:
        with zipfile.ZipFile(io.BytesIO(archive(content or members()))) as file:
            file.extractall(directory / "model")
        return directory / "model"

    def test_it_is_read_like_the_archive(self, tmp_path):
        model = read_model(self._unzipped(tmp_path))
        assert (model.format, model.keras_version, len(model.weights)) == ("keras", "3.15.1", 2)
        assert _kinds(model) == ["unzipped-directory"]
        assert model.details["container"] == "directory"

    def test_assets_lie_deeper(self, tmp_path):
        model = read_model(self._unzipped(tmp_path, {**members(), "assets/a/b.txt": "x", "notes.txt": "y"}))
        assert model.details["members"] == ["assets/a/b.txt", "config.json", "metadata.json", WEIGHTS, "notes.txt"]
        assert _kinds(model) == ["unzipped-directory", "unexpected-member"]

    def test_links_are_told(self, tmp_path):
        directory = self._unzipped(tmp_path)
        (directory / "metadata.json").rename(tmp_path / "elsewhere.json")
        (directory / "metadata.json").symlink_to(tmp_path / "elsewhere.json")
        model = read_model(directory)
        assert _kinds(model) == ["unzipped-directory", "directory-link"]
        assert model.keras_version == "3.15.1"

    def test_what_is_no_file_cannot_be_read(self, tmp_path):
        directory = self._unzipped(tmp_path)
        (directory / WEIGHTS).unlink()
        os.mkfifo(directory / WEIGHTS)
        model = read_model(directory)
        assert _kinds(model) == ["unzipped-directory", "directory-link", "weights-damaged"]

    @pytest.mark.parametrize("name", ["config.json", WEIGHTS])
    def test_a_file_without_permission_is_an_error_of_use(self, tmp_path, name, monkeypatch):
        directory = self._unzipped(tmp_path)

        def refuse(path):
            raise PermissionError(13, "Permission denied", str(path))

        real = keras_zip.Window.of_file
        monkeypatch.setattr(keras_zip.Window, "of_file", lambda path: refuse(path) if path.name == name else real(path))
        with pytest.raises(UsageError, match=f"{name}` can't be opened"):
            read_model(directory)


def _without(name: str) -> bytes:
    return archive({key: value for key, value in members().items() if key != name})


@pytest.mark.parametrize(
    ("data", "kinds", "readable"),
    [
        (_without("config.json"), ["config-missing"], False),
        (_without("metadata.json"), ["metadata-missing"], True),
        (_without(WEIGHTS), ["weights-missing"], True),
        (archive({}), ["config-missing", "metadata-missing", "weights-missing"], False),
        (archive(members(config_json="{")), ["config-damaged"], False),
        (archive(members(config_json="[1]")), ["config-not-a-model"], False),
        (archive(members(config_json='{"class_name": "A"}')), ["config-not-a-model"], False),
        (archive(members(config_json='{"class_name": [], "config": {}}')), ["config-not-a-model"], False),
        (archive(members(metadata_json="{")), ["metadata-damaged"], True),
        (archive(members(metadata_json="[]")), [], True),
        (archive(members(metadata_json='{"keras_version": 3}')), [], True),
        (archive(members(model_weights_h5=b"")), ["hdf5-damaged"], True),
        (archive(members(model_weights_h5=weights()[:-100])), ["hdf5-truncated"], True),
        (archive(members(model_weights_h5=None, **{"model.weights.npz": b"PK"})), ["weights-damaged"], True),
        (archive(members())[:-1000], ["zip-damaged"], False),
        (archive(members())[:-30] + bytes(30), ["zip-damaged"], False),
        (archive({**members(), "readme.txt": "hello"}), ["unexpected-member"], True),
    ],
)
def test_damage_is_told_and_the_rest_is_read(tmp_path, data, kinds, readable):
    model = _read(tmp_path, data)
    assert (model.format, model.readable) == ("keras", readable)
    assert _kinds(model) == kinds


def test_compressed_weights_beyond_the_bound_are_not_unpacked(tmp_path, monkeypatch):
    data = archive(members(), zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(keras_zip, "MAX_UNPACKED", 2000)
    model = _read(tmp_path, data)
    assert (_kinds(model), model.weights) == (["weights-not-indexed"], ())


def test_compressed_json_beyond_the_bound_is_not_unpacked(tmp_path, monkeypatch):
    data = archive(members(), zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(keras_zip, "MAX_UNPACKED", 100_000)
    data = index_entry(data, b"config.json", 24, "<I", 1 << 20)
    assert "json-too-large" in _kinds(_read(tmp_path, data))


def test_a_lying_size_does_not_unpack_more(monkeypatch):
    monkeypatch.setattr(keras_zip, "MAX_UNPACKED", 100)
    assert keras_zip._unpacked(io.BytesIO(bytes(100))).getvalue() == bytes(100)
    with pytest.raises(keras_zip._TooLargeError):
        keras_zip._unpacked(io.BytesIO(bytes(101)))


def test_weights_hold_no_links(tmp_path):
    def fill(file):
        file["layers/dense/vars/2"] = h5py.ExternalLink("/etc/passwd", "/")

    model = _read(tmp_path, archive(members(model_weights_h5=weights(fill))))
    assert [(item.kind, item.where) for item in model.anomalies] == [
        ("hdf5-external-link", f"{WEIGHTS}:`layers/dense/vars/2`")
    ]
    assert len(model.weights) == 2


def test_names_of_members_are_kept_up_to_a_bound(tmp_path):
    many = {f"assets/{number}": "" for number in range(1500)}
    model = _read(tmp_path, archive({**members(), **many}))
    assert len(model.details["members"]) == 1000
    assert json.dumps(model.details)
