"""The way from a path to a reader, with real files and with spoilt ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_kerasguard.errors import ModelNotFoundError, UsageError
from mlflow_kerasguard.findings import Level
from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules import RULES
from tests.builders import environment
from tests.formats.build import archive, members, write_h5, write_keras
from tests.formats.wire import write_saved_model


def _kinds(model: ModelSpec) -> list[str]:
    return [item.kind for item in model.anomalies]


class TestNothingToRead:
    @pytest.mark.parametrize("name", ["", "gone.keras", "model.keras/inside", "nul\0byte"])
    def test_nothing_there(self, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        write_keras(tmp_path)
        with pytest.raises(ModelNotFoundError, match=r"there is no model at .*: give the path"):
            read_model(name)

    def test_a_link_to_nothing(self, tmp_path):
        (tmp_path / "model.keras").symlink_to("gone")
        with pytest.raises(ModelNotFoundError):
            read_model(tmp_path / "model.keras")

    def test_no_permission(self, tmp_path, monkeypatch):
        def refuse(*args):
            raise PermissionError(13, "Permission denied", str(tmp_path / "model.keras"))

        path = write_keras(tmp_path)
        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(UsageError, match=r"model.keras` can't be opened: permission denied; run `chmod"):
            read_model(path)

    def test_a_file_that_cannot_be_read(self, tmp_path, monkeypatch):
        def fail(*args):
            raise OSError(5, "Input/output error")

        path = write_keras(tmp_path)
        monkeypatch.setattr(os, "pread", fail)
        [problem] = read_model(path).anomalies
        assert (problem.kind, problem.found) == ("read-error", "reading it fails: `Input/output error`")


@pytest.mark.parametrize(
    ("data", "kind", "found"),
    [
        (b"", "empty-file", "empty"),
        (b"x", "not-a-model", "`x`"),
        (b"\x80\x04\x95 pickle", "not-a-model", r"`\x80"),
        (b"backend: tensorflow\nclass_name: Model\n", "not-a-model", "`backend:`"),
    ],
)
def test_what_is_no_model(tmp_path, data, kind, found):
    model = read_model(write_keras(tmp_path, data))
    [problem] = model.anomalies
    assert (model.format, model.readable, problem.kind) == ("unknown", False, kind)
    assert found in problem.found


def test_pipes_and_sockets_are_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for name in ("pipe", "socket", "/dev/null"):
            assert _kinds(read_model(name)) == ["not-a-regular-file"]


class TestContentDecides:
    def test_an_archive_of_any_name(self, tmp_path):
        assert read_model(write_keras(tmp_path, name="model.h5")).format == "keras"

    def test_hdf5_of_any_name(self, tmp_path):
        assert read_model(write_h5(tmp_path, name="model.keras")).format == "h5"

    def test_a_text_may_be_a_path(self, tmp_path):
        assert read_model(str(write_keras(tmp_path))).source == str(tmp_path / "model.keras")

    @pytest.mark.parametrize("block", [0, 512, 2048])
    def test_both_at_once(self, tmp_path, block):
        path = write_h5(tmp_path, userblock_size=block)
        path.write_bytes(path.read_bytes() + archive(members()))
        model = read_model(path)
        assert model.format == "h5"
        assert _kinds(model)[-1] == "two-formats"

    def test_four_bytes_do_not_make_an_archive(self, tmp_path):
        path = write_h5(tmp_path, lambda file: file.attrs.update(note=np.frombuffer(b"PK\x05\x06" + bytes(60), "u1")))
        assert read_model(path).anomalies == ()


class TestDirectories:
    def test_an_empty_one(self, tmp_path):
        [problem] = read_model(tmp_path).anomalies
        assert problem.kind == "not-a-model"
        assert "`saved_model.pb`" in problem.found

    def test_a_saved_model(self, tmp_path):
        model = read_model(write_saved_model(tmp_path / "served"))
        assert (model.format, model.readable, model.anomalies) == ("saved_model", True, ())
        assert (model.details["file_name"], model.details["container"]) == ("served", "directory")

    def test_a_damaged_saved_model(self, tmp_path):
        assert read_model(write_saved_model(tmp_path, b"")).format == "unknown"


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict[str, bytes]:
    """Sound files by extension."""
    directory = tmp_path_factory.mktemp("good")
    return {
        "keras": write_keras(directory).read_bytes(),
        "h5": write_h5(directory).read_bytes(),
        "hdf5": write_h5(directory, libver="latest").read_bytes(),
    }


@given(st.sampled_from(["keras", "h5", "hdf5"]), st.data())
@settings(max_examples=300, deadline=None)
def test_a_spoilt_file_is_read_without_an_error(good, tmp_path_factory, kind, data):
    spoilt = bytearray(good[kind])
    for _ in range(data.draw(st.integers(0, 4), label="bytes changed")):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1), label="at")] = data.draw(st.integers(0, 255), label="value")
    spoilt = spoilt[: data.draw(st.integers(len(spoilt) // 2, len(spoilt)) | st.just(len(spoilt)), label="length")]
    path = tmp_path_factory.getbasetemp() / f"spoilt.{kind}"
    path.write_bytes(spoilt)
    model = read_model(path)
    for code in [code for code in RULES if code.startswith("KG1")]:
        list(RULES[code].judge(model, environment()))


@given(st.binary(max_size=600))
@settings(deadline=None)
def test_any_bytes_are_read_without_an_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.keras"
    path.write_bytes(data)
    assert not read_model(path).readable


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A directory with small models as the installed Keras saves them."""
    from tests.keras_cases import BACKEND, keras

    directory = tmp_path_factory.mktemp("saved")
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(4, activation="relu", name="hidden")(inputs)
    outputs = keras.layers.Add()([hidden, keras.layers.Dropout(0.5, seed=1)(hidden)])
    model = keras.Model(inputs, outputs)
    model.compile("adam", "mse")
    lookup = model
    if BACKEND == "tensorflow":  # Only there are strings and assets.
        words = keras.Input((1,), dtype="string")
        lookup = keras.Model(words, keras.layers.StringLookup(vocabulary=["a", "b"])(words))
    lookup.save(directory / "lookup.keras")
    model.save(directory / "functional.keras")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are saving your model as an HDF5 file")
        model.save(directory / "functional.h5")
    model.save_weights(directory / "functional.weights.h5")
    return directory


class TestRealFiles:
    @pytest.mark.parametrize("name", ["functional.keras", "lookup.keras", "functional.h5"])
    def test_nothing_is_odd_about_them(self, saved, name):
        model = read_model(saved / name)
        assert model.readable
        assert model.anomalies == ()
        findings = [
            (code, list(registered.judge(model, environment())))
            for code, registered in RULES.items()
            if code.startswith("KG1") and registered.rule.level is Level.ERROR
        ]
        assert not [found for found in findings if found[1]]

    @pytest.mark.parametrize("name", ["functional.keras", "functional.h5"])
    def test_they_are_read_whole(self, saved, name):
        from tests.keras_cases import keras

        model = read_model(saved / name)
        assert model.keras_version == keras.__version__
        assert [weight.shape for weight in model.weights if weight.dtype == "float32"][:2] == [(6, 4), (4,)]
        assert any("adam" in ref.class_name.lower() for ref in model.objects)
        assert model.compile_config is not None

    def test_weights_alone(self, saved):
        assert _kinds(read_model(saved / "functional.weights.h5")) == ["weights-only"]


def test_reading_imports_nothing_of_a_model(tmp_path):
    write_keras(tmp_path)
    write_h5(tmp_path)
    code = (
        "import sys; from mlflow_kerasguard.formats import read_model; read_model('model.keras'); read_model('model.h5');"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch', 'mlflow', 'tf_keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
