"""Legacy HDF5 models, and what can be wrong with an HDF5 file."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from mlflow_kerasguard.formats import hdf5_dataset, hdf5_file, read_model
from mlflow_kerasguard.model import ModelSpec, Section, WeightSpec
from tests.formats.build import archive, legacy, members, weights, write_h5, write_keras


def _kinds(model: ModelSpec) -> list[str]:
    return [item.kind for item in model.anomalies]


class TestContent:
    def test_a_sound_file(self, tmp_path):
        model = read_model(write_h5(tmp_path))
        assert (model.format, model.keras_version, model.backend) == ("h5", "2.7.0", "tensorflow")
        assert model.config == legacy()
        assert [ref.class_name for ref in model.objects] == ["Sequential", "Dense", "relu"]
        assert model.weights == (
            WeightSpec(path="model_weights/dense/dense/kernel:0", shape=(3, 2), dtype="float32"),
            WeightSpec(path="model_weights/dense/dense/bias:0", shape=(2,), dtype="float32"),
        )
        assert model.anomalies == ()
        assert model.details == {
            "file_name": "model.h5",
            "container": "hdf5",
            "layer_weights": [["dense", [["dense/kernel:0", [3, 2], "float32"], ["dense/bias:0", [2], "float32"]]]],
            "top_level_weights": [],
        }

    def test_training_and_optimizer(self, tmp_path):
        def fill(file):
            file.attrs["training_config"] = json.dumps(
                {"loss": "mse", "optimizer_config": {"class_name": "Adam", "config": {}}}
            )
            group = file.create_group("optimizer_weights")
            group.attrs["weight_names"] = ["Adam/iter:0", "Adam/m:0"]
            group["Adam/m:0"] = np.zeros(3, "float32")
            group["Adam/iter:0"] = np.int64(1)

        model = read_model(write_h5(tmp_path, fill))
        assert model.compile_config["loss"] == "mse"
        assert [(ref.class_name, ref.parent) for ref in model.objects if ref.section is Section.COMPILE] == [
            ("mse", None),
            ("Adam", None),
        ]
        assert [weight.path for weight in model.optimizer_weights] == [
            "optimizer_weights/Adam/iter:0",
            "optimizer_weights/Adam/m:0",
        ]
        assert model.anomalies == ()

    def test_lists_of_names_may_be_split(self, tmp_path):
        def fill(file):
            layers = file["model_weights"]
            del layers.attrs["layer_names"]
            layers.attrs["layer_names0"] = [b"other", b"dense"]
            layers.attrs["layer_names1"] = [b"last"]
            for name in ("other", "last"):
                layers.create_group(name).attrs["weight_names"] = np.array([])

        model = read_model(write_h5(tmp_path, fill))
        assert [name for name, _ in model.details["layer_weights"]] == ["other", "dense", "last"]
        assert model.anomalies == ()

    def test_names_may_hold_slashes_and_be_text_of_fixed_size(self, tmp_path):
        def fill(file):
            layers = file["model_weights"]
            layers.attrs["layer_names"] = np.array([b"block/conv", b"dense"], "S10")
            group = layers.create_group("block/conv")
            group.attrs["weight_names"] = "kernel:0"
            group["kernel:0"] = np.zeros(2, "float16")
            file.attrs["keras_version"] = np.bytes_(b"2.4.0")

        model = read_model(write_h5(tmp_path, fill))
        assert model.weights[0] == WeightSpec(path="model_weights/block/conv/kernel:0", shape=(2,), dtype="float16")
        assert model.keras_version == "2.4.0"
        assert model.anomalies == ()

    def test_weights_of_the_model_itself(self, tmp_path):
        def fill(file):
            group = file["model_weights"].create_group("top_level_model_weights")
            group.attrs["weight_names"] = ["seed"]
            group["seed"] = np.zeros(2, "uint32")

        model = read_model(write_h5(tmp_path, fill))
        assert model.weights[-1].path == "model_weights/top_level_model_weights/seed"
        assert model.details["top_level_weights"] == [["seed", [2], "uint32"]]

    def test_version_and_backend_may_be_beside_the_weights(self, tmp_path):
        def fill(file):
            for key in ("keras_version", "backend"):
                file["model_weights"].attrs[key] = file.attrs[key]
                del file.attrs[key]

        model = read_model(write_h5(tmp_path, fill))
        assert (model.keras_version, model.backend) == ("2.7.0", "tensorflow")

    def test_tf_keras_is_told_by_its_module_paths(self, tmp_path):
        config = legacy() | {"module": "tf_keras.src.engine.sequential"}
        assert read_model(write_h5(tmp_path, config=config)).keras_package == "tf_keras"

    @pytest.mark.parametrize("libver", ["earliest", "latest", ("v108", "v108")])
    def test_older_and_newer_forms_of_the_file(self, tmp_path, libver):
        def fill(file):
            for number in range(40):
                file[f"model_weights/extra/{number}"] = np.zeros(number)

        model = read_model(write_h5(tmp_path, fill, libver=libver))
        assert len(model.weights) == 2
        assert model.anomalies == ()

    def test_attributes_in_their_order_of_creation(self, tmp_path):
        def fill(file):
            group = file["model_weights"].create_group("tracked", track_order=True)
            group.attrs["weight_names"] = ["a"]
            group["a"] = np.zeros(1)
            file["model_weights"].attrs["layer_names"] = ["dense", "tracked"]

        model = read_model(write_h5(tmp_path, fill, libver="latest"))
        assert model.weights[-1].path == "model_weights/tracked/a"

    def test_headers_in_several_blocks(self, tmp_path):
        def fill(file):
            for number in range(30):
                file.attrs[f"note{number}"] = "x" * 500
            file.attrs["training_config"] = json.dumps({"loss": "mse"})

        assert read_model(write_h5(tmp_path, fill)).compile_config == {"loss": "mse"}

    def test_filters_that_come_with_the_library(self, tmp_path):
        def fill(file):
            group = file["model_weights/dense"]
            del group["dense/kernel:0"]
            data = np.zeros((3, 2), "float32")
            group.create_dataset("dense/kernel:0", data=data, compression="gzip", shuffle=True, fletcher32=True)
            group.create_dataset("dense/more", data=data, compression="lzf")

        model = read_model(write_h5(tmp_path, fill))
        assert len(model.weights) == 2
        assert model.anomalies == ()


def _without(*names: str):
    def fill(file):
        for name in names:
            owner, _, key = name.rpartition("@")
            if "@" in name:
                del file[owner or "/"].attrs[key]
            else:
                del file[name]

    return fill


@pytest.mark.parametrize(
    ("fill", "kinds", "readable"),
    [
        (_without("@model_config", "model_weights"), ["not-a-model"], False),
        (_without("@model_config"), ["not-a-model"], False),
        (_without("model_weights"), ["weights-missing"], True),
        (_without("model_weights@layer_names"), ["weights-missing"], True),
        (_without("model_weights/dense"), ["weights-missing"], True),
        (_without("model_weights/dense/dense/bias:0"), ["weights-missing"], True),
        (_without("model_weights/dense@weight_names"), [], True),
        (lambda file: file.attrs.update(model_config="{"), ["config-damaged"], False),
        (lambda file: file.attrs.update(model_config="[]"), ["config-not-a-model"], False),
        (lambda file: file.attrs.update(model_config=3), ["hdf5-damaged", "not-a-model"], False),
        (lambda file: file.attrs.update(model_config=["a", "b"]), ["not-a-model"], False),
        (lambda file: file.attrs.update(model_config=h5py.Empty("S1")), ["not-a-model"], False),
        (lambda file: file.attrs.update(model_config=""), ["config-damaged"], False),
        (lambda file: file.attrs.update(training_config="{"), ["config-damaged"], True),
        (lambda file: file.attrs.update(training_config="[1]"), [], True),
        (lambda file: file.attrs.update(training_config=3.5), ["hdf5-damaged"], True),
    ],
)
def test_damage_is_told_and_the_rest_is_read(tmp_path, fill, kinds, readable):
    model = read_model(write_h5(tmp_path, fill))
    assert (model.format, model.readable) == ("h5", readable)
    assert _kinds(model) == kinds


@pytest.mark.parametrize("legacy_form", [True, False])
def test_weights_alone_are_named_as_such(tmp_path, legacy_form):
    path = tmp_path / "model.weights.h5"
    if legacy_form:
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = ["dense"]
    else:
        path.write_bytes(weights())
    assert _kinds(read_model(path)) == ["weights-only"]


def _virtual(file):
    layout = h5py.VirtualLayout(shape=(2,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(2,))
    file.create_virtual_dataset("v", layout)


def _external(file):
    file.create_dataset("e", (2,), "f4", external=[("/etc/passwd", 0, 8)])


def _filtered(file):
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((2,))
    creation.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (1,))
    h5py.h5d.create(file.id, b"f", h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((2,)), creation)


def _typed(dtype):
    return lambda file: file.create_dataset("t", (2,), dtype)


def _hard_link(file):
    file["again"] = file["model_weights/dense/dense/bias:0"]


def _cycle(file):
    file["model_weights/loop"] = file["/"]


@pytest.mark.parametrize(
    ("fill", "kind", "found"),
    [
        (lambda file: file.update(s=h5py.SoftLink("/model_weights")), "hdf5-soft-link", "symbolic"),
        (lambda file: file.update(x=h5py.ExternalLink("/etc/passwd", "/")), "hdf5-external-link", "another file"),
        (_hard_link, "hdf5-hard-link", "second name"),
        (_cycle, "hdf5-hard-link", "second name"),
        (_virtual, "hdf5-virtual", "virtual dataset"),
        (_external, "hdf5-external-storage", "`/etc/passwd`"),
        (_filtered, "hdf5-filter", "32015"),
        (_typed(h5py.string_dtype()), "hdf5-type", "text"),
        (_typed("S5"), "hdf5-type", "text"),
        (_typed(h5py.vlen_dtype("i4")), "hdf5-type", "variable length"),
        (_typed(h5py.ref_dtype), "hdf5-type", "references"),
        (_typed(np.dtype([("a", "i4"), ("b", "f4"), ("c", "f4")])), "hdf5-type", "records"),
        (_typed(np.dtype([("a", "i4"), ("b", "f4")])), "hdf5-type", "records"),
        (_typed("V8"), "hdf5-type", "opaque"),
        (lambda file: file.update(named=np.dtype("f4")), "hdf5-type", "named datatype"),
        (lambda file: file.create_group("/".join(["z"] * 80)), "hdf5-too-many-objects", "64 deep"),
    ],
)
def test_a_hostile_content(tmp_path, fill, kind, found):
    model = read_model(write_h5(tmp_path, fill))
    [problem] = model.anomalies
    assert problem.kind == kind
    assert found in problem.found
    assert model.readable


def test_a_link_in_the_way_is_not_followed(tmp_path):
    secret = write_h5(tmp_path, name="secret.h5")

    def fill(file):
        del file["model_weights"]
        file["model_weights"] = h5py.ExternalLink(str(secret), "/model_weights")

    model = read_model(write_h5(tmp_path, fill))
    assert _kinds(model) == ["hdf5-external-link", "weights-missing"]
    assert model.weights == ()


def test_links_of_classes_that_others_defined():
    class Info:
        type = 70
        u = 0

    assert hdf5_file._judge_link(Info, set()) == ("hdf5-user-link", "a link of the user-defined class 70")


def test_floats_of_their_own(tmp_path):
    def fill(file):
        short = h5py.h5t.IEEE_F16LE.copy()
        short.set_fields(15, 7, 8, 0, 7)
        short.set_ebias(127)
        for name in (b"unnoted", b"noted"):
            h5py.h5d.create(file.id, name, short, h5py.h5s.create_simple((2,)))
        file["noted"].attrs["dtype"] = "bfloat16"

    data = archive(members(model_weights_h5=weights(fill, plain=False)))
    model = read_model(write_keras(tmp_path, data))
    assert {weight.path: weight.dtype for weight in model.weights} == {"noted": "bfloat16", "unnoted": "float32"}
    assert model.anomalies == ()


def test_a_float_that_numpy_does_not_have():
    kind = h5py.h5t.IEEE_F64LE.copy()
    kind.set_size(24)
    assert hdf5_dataset._numeric_name(kind) == ("float192", "")
