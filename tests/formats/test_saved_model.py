"""SavedModel directories: made by hand, spoilt, and as the installed TensorFlow writes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_kerasguard.formats import read_model, saved_model, saved_model_graph
from mlflow_kerasguard.formats.protobuf import Message
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules import RULES
from mlflow_kerasguard.saved_graph import find_graph
from tests.builders import environment
from tests.formats import wire
from tests.keras_cases import is_installed

HAS_TENSORFLOW = is_installed("tensorflow")

GRAPH = wire.saved_model(
    nodes=[wire.node("VarHandleOp", "kernel", ["dtype", "debug_name"]), wire.node("MatMul", "outer", ["T"])],
    functions=[
        wire.function("__inference_call_1", wire.node("MatMul", "product", ["T", "grad_a", "_output_shapes"])),
        wire.function("__inference_call_2", wire.node("__inference_call_1", "call"), wire.node("Relu", "relu")),
    ],
    signatures=[
        wire.signature(
            "serving_default",
            [wire.tensor("x", 1, [-1, 8]), wire.tensor("words", 7, None)],
            [wire.tensor("y", 999, [])],
        ),
        wire.signature("__saved_model_init_op"),
    ],
    objects=[
        wire.fields((4, wire.fields((1, "_tf_keras_layer"), (2, wire.fields((1, 1)))))),
        wire.fields((4, wire.fields((1, "_tf_keras_layer")))),
        wire.fields((4, wire.fields((1, "optimizer")))),
    ],
)


def read(directory: Path, data: bytes | None = None, **files: bytes) -> ModelSpec:
    return read_model(wire.write_saved_model(directory / "model", data, **files))


def kinds(model: ModelSpec) -> list[str]:
    return [item.kind for item in model.anomalies]


class TestGraph:
    def test_operations(self, tmp_path):
        graph = find_graph(read(tmp_path, GRAPH))
        assert [(item.name, item.where, item.attributes, item.in_function) for item in graph.operations] == [
            ("VarHandleOp", "kernel", ("debug_name", "dtype"), False),
            ("MatMul", "__inference_call_1/product", ("T", "grad_a"), True),
            ("Relu", "__inference_call_2/relu", (), True),
        ]
        assert [item.name for item in graph.imported] == ["MatMul", "Relu"]

    def test_without_objects_all_of_it_is_imported(self, tmp_path):
        graph = find_graph(read(tmp_path, wire.saved_model(nodes=[wire.node("Add")], objects=None)))
        assert [item.name for item in graph.imported] == ["Add"]
        assert not graph.has_objects

    def test_who_wrote_it_and_who_may_read_it(self, tmp_path):
        versions = wire.fields((1, 1645), (2, 12), (3, 700), (3, wire.varint(800) + wire.varint(9)))
        graph = find_graph(read(tmp_path, wire.saved_model(versions=versions)))
        assert (graph.tensorflow_version, graph.producer, graph.min_consumer) == ("2.15.1", 1645, 12)
        assert graph.bad_consumers == (700, 800, 9)
        assert graph.stripped

    def test_signatures(self, tmp_path):
        model = read(tmp_path, GRAPH)
        assert model.details["graph"]["signatures"] == {
            "serving_default": {
                "inputs": {
                    "x": {"dtype": "float32", "shape": [None, 8]},
                    "words": {"dtype": "string", "shape": None},
                },
                "outputs": {"y": {"dtype": "type 999", "shape": []}},
            }
        }

    def test_keras_objects_are_counted(self, tmp_path):
        assert read(tmp_path, GRAPH).details["keras_objects"] == {"_tf_keras_layer": 2}

    def test_a_field_that_is_there_twice_is_merged(self, tmp_path):
        twice = wire.saved_model(functions=[wire.function("f", wire.node("Add"))])
        both = twice + wire.saved_model(functions=[wire.function("g", wire.node("WriteFile"))])
        model = read(tmp_path, both)
        assert [item.name for item in find_graph(model).operations] == ["Add", "WriteFile"]
        assert model.details["graph"]["graphs"] == 2

    def test_other_formats_have_no_graph(self):
        assert find_graph(ModelSpec(source="x", format="keras", details={"graph": {}})) is None
        assert find_graph(ModelSpec(source="x", format="saved_model")) is None

    @pytest.mark.parametrize(
        "facts",
        [[], "text", {"operations": []}, {"operations": {"Add": {}}}, {"operations": {"Add": 3}}, {"producer": "x"}],
    )
    def test_a_description_of_another_form(self, facts):
        with pytest.raises(Unknown, match="the description of the model's graph can't be read"):
            find_graph(ModelSpec(source="x", format="saved_model", details={"graph": facts}))

    def test_in_a_line(self, tmp_path):
        model = read(tmp_path, GRAPH, keras_metadata=wire.keras_metadata({"keras_version": "2.15.0"}))
        assert model.summary() == "SavedModel, saved by Keras 2.15.0"


class TestKeras:
    def test_the_models_own_description(self, tmp_path):
        facts = {"class_name": "Functional", "keras_version": "2.15.0", "backend": "tensorflow"}
        model = read(tmp_path, keras_metadata=wire.keras_metadata(facts))
        assert (model.keras_version, model.backend, model.anomalies) == ("2.15.0", "tensorflow", ())
        assert model.details["keras_metadata"]

    @pytest.mark.parametrize(
        "data",
        [b"", wire.keras_metadata({"keras_version": "2.9.0"}, path="root.layer"), wire.keras_metadata({"backend": 1})],
    )
    def test_nothing_about_a_release(self, tmp_path, data):
        model = read(tmp_path, keras_metadata=data)
        assert (model.keras_version, model.backend, model.anomalies) == (None, None, ())

    @pytest.mark.parametrize(
        ("data", "kind", "found"),
        [
            (b"\x0a\x05ab", "keras-metadata-damaged", "is damaged: the field at byte 0 ends"),
            (wire.keras_metadata("{"), "keras-metadata-damaged", "not JSON"),
            (wire.keras_metadata("[1]"), "keras-metadata-damaged", "another form: `[1]`"),
            (wire.keras_metadata("[" * 300 + "]" * 300), "json-too-deep", "nested more than"),
        ],
    )
    def test_damage(self, tmp_path, data, kind, found):
        model = read(tmp_path, keras_metadata=data)
        assert (model.format, kinds(model)) == ("saved_model", [kind])
        assert found in model.anomalies[0].found

    def test_a_size_that_no_model_has(self, tmp_path, monkeypatch):
        monkeypatch.setattr(saved_model, "MAX_BYTES", 10)
        assert kinds(read(tmp_path, keras_metadata=bytes(11))) == ["json-too-large"]


class TestDamage:
    @pytest.mark.parametrize(
        ("data", "found"),
        [
            (b"", "is empty"),
            (b"PK\x03\x04", "is damaged: byte 2 isn't the start of a field"),
            (GRAPH[:-7], "is damaged: the field at byte 2 ends 7 bytes after"),
            (b"\x08\x01", "holds no graph"),
        ],
    )
    def test_what_cannot_be_read(self, tmp_path, data, found):
        model = read(tmp_path, data)
        assert (model.format, model.readable, kinds(model)) == ("unknown", False, ["saved-model-damaged"])
        assert found in model.anomalies[0].found

    def test_variables_that_are_gone(self, tmp_path):
        data = wire.saved_model(objects=[wire.fields((7, b""))] * 2)
        assert kinds(read(tmp_path, data)) == ["weights-missing"]
        (tmp_path / "model" / "variables").mkdir()
        (tmp_path / "model" / "variables" / "variables.index").touch()
        assert kinds(read_model(tmp_path / "model")) == []

    def test_too_many_fields(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Message.__init__, "__kwdefaults__", {"max_fields": 5})
        model = read(tmp_path, GRAPH)
        assert (model.format, kinds(model)) == ("unknown", ["saved-model-too-large"])

    def test_too_many_operations(self, tmp_path, monkeypatch):
        monkeypatch.setattr(saved_model_graph, "MAX_OPERATIONS", 3)
        model = read(tmp_path, wire.saved_model(nodes=[wire.node(f"Op{number}") for number in range(9)]))
        assert kinds(model) == ["saved-model-too-large"]
        assert len(find_graph(model).operations) == 3

    @pytest.mark.parametrize(
        "data",
        [
            wire.saved_model(signatures=[wire.signature(f"s{n}") for n in range(300)]),
            wire.saved_model(signatures=[wire.signature("s", [wire.tensor(f"x{n}", 1, [1]) for n in range(300)])]),
            wire.saved_model(signatures=[wire.signature("s", [wire.tensor("x", 1, [1] * 100)])]),
            wire.saved_model(info=wire.fields(*[(4, "tag")] * 300)),
            wire.saved_model(versions=wire.fields(*[(3, 1)] * 300)),
            wire.saved_model(objects=[wire.fields((4, wire.fields((1, f"_tf_keras_{n}")))) for n in range(300)]),
            wire.saved_model(functions=[wire.function("f", wire.node("Add", "a", [f"a{n}" for n in range(300)]))] * 2),
        ],
    )
    def test_what_is_kept_is_bounded(self, tmp_path, data):
        model = read(tmp_path, data)
        assert model.anomalies == ()
        assert len(str(model.details)) < 20_000


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_spoilt_graph_is_read_without_an_error(tmp_path_factory, data):
    spoilt = bytearray(GRAPH)
    for _ in range(data.draw(st.integers(0, 4), label="bytes changed")):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1), label="at")] = data.draw(st.integers(0, 255), label="value")
    directory = tmp_path_factory.getbasetemp() / "spoilt"
    model = read_model(wire.write_saved_model(directory, bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))])))
    for registered in RULES.values():
        if registered.rule.code in {"KG101", "KG109", "KG115", "KG206", "KG207", "KG208"}:
            list(registered.judge(model, environment()))


MAKE_REAL_ONE = """
import sys
import tensorflow as tf

class Module(tf.Module):
    def __init__(self):
        self.factor = tf.Variable([[2.0, 3.0]])
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [1]), -1)

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32)])
    def scale(self, x):
        tf.io.write_file("never-written", "x")
        return {"scaled": tf.nn.relu(x @ self.factor)}

module = Module()
tf.saved_model.save(module, sys.argv[1], signatures={"scale": module.scale})
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    """What the installed TensorFlow saves."""
    directory = tmp_path_factory.mktemp("real") / "model"
    variables = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", MAKE_REAL_ONE, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.mark.skipif(not HAS_TENSORFLOW, reason="only TensorFlow writes SavedModels")
class TestRealOne:
    def test_it_is_read_as_tensorflow_reads_it(self, real):
        from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

        message = SavedModel.FromString((real / "saved_model.pb").read_bytes())
        [expected] = message.meta_graphs
        model = read_model(real)
        graph = find_graph(model)
        assert model.anomalies == ()
        assert graph.tensorflow_version == expected.meta_info_def.tensorflow_version
        assert (graph.producer, graph.min_consumer) == (
            expected.graph_def.versions.producer,
            expected.graph_def.versions.min_consumer,
        )
        inside = {node.op for function in expected.graph_def.library.function for node in function.node_def}
        assert {item.name for item in graph.operations} == inside | {node.op for node in expected.graph_def.node}
        assert {item.name for item in graph.imported} == inside
        assert model.details["graph"]["functions"] == len(expected.graph_def.library.function)

    def test_its_signature(self, real):
        assert read_model(real).details["graph"]["signatures"] == {
            "scale": {
                "inputs": {"x": {"dtype": "float32", "shape": [None, 1]}},
                "outputs": {"scaled": {"dtype": "float32", "shape": [None, 2]}},
            }
        }

    def test_the_release_that_wrote_it_takes_it(self, real):
        from importlib.metadata import version

        env = environment(packages={"tensorflow": version("tensorflow")})
        model = read_model(real)
        for code in ("KG206", "KG207", "KG208"):
            assert list(RULES[code].judge(model, env)) == []
        [found] = RULES["KG115"].judge(model, env)
        assert found.found == "`WriteFile`, which writes a file"

    @given(st.data())
    @settings(max_examples=60, deadline=None)
    def test_a_part_of_it_is_no_model(self, real, tmp_path_factory, data):
        whole = (real / "saved_model.pb").read_bytes()
        size = data.draw(st.integers(3, len(whole) - 1))
        model = read_model(wire.write_saved_model(tmp_path_factory.getbasetemp() / "cut", whole[:size]))
        assert kinds(model) == ["saved-model-damaged"]
