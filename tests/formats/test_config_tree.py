"""From a configuration to its objects."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.formats.config_tree import collect_objects
from mlflow_kerasguard.model import Kind, ObjectRef, Section
from tests.formats.build import dense, sequential


def _serialized(class_name: str, module: str = "keras.layers", /, **config) -> dict:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def _brief(objects: tuple[ObjectRef, ...]) -> list[tuple[str, str, str]]:
    return [(ref.kind.value, ref.path, ref.where) for ref in objects]


@pytest.mark.parametrize("config", [None, "", "relu", 1, [], {}, {"a": {"b": [1, "c"]}}, {"class_name": "Dense"}])
def test_nothing_serialized_gives_nothing(config):
    assert collect_objects(config) == ()


def test_a_model_comes_first_and_its_parts_in_document_order():
    objects = collect_objects(sequential(dense("a"), dense("b", kernel_initializer="zeros")))
    assert _brief(objects) == [
        ("class", "keras.Sequential", "model"),
        ("class", "keras.layers.Dense", 'layers["a"]'),
        ("function", "keras.activations.relu", 'layers["a"].activation'),
        ("class", "keras.layers.Dense", 'layers["b"]'),
        ("function", "keras.activations.relu", 'layers["b"].activation'),
        ("function", "keras.initializers.zeros", 'layers["b"].kernel_initializer'),
    ]
    assert [ref.parent for ref in objects] == [None, 0, 1, 0, 3, 3]
    assert [ref.role for ref in objects[:3]] == ["", "layers", "activation"]
    assert objects[1].build_config == {"input_shape": [None, 3]}
    assert objects[1].has_module


def test_indices_continue_another_list():
    objects = collect_objects(
        {"loss": "mse", "optimizer_config": _serialized("Adam")}, section=Section.COMPILE, first=7
    )
    assert [ref.parent for ref in objects] == [None, None]
    objects = collect_objects(sequential(), first=7)
    assert [ref.parent for ref in objects] == [None, 7, 8]


def test_wrappers_and_cells_hold_objects():
    cell = _serialized("LSTMCell", recurrent_activation="sigmoid")
    objects = collect_objects(_serialized("Bidirectional", layer=_serialized("RNN", cell=[cell])))
    assert _brief(objects)[1:] == [
        ("class", "keras.layers.RNN", "layer"),
        ("class", "keras.layers.LSTMCell", "layer.cell[0]"),
        ("function", "keras.activations.sigmoid", "layer.cell[0].recurrent_activation"),
    ]


def test_values_are_not_objects_but_may_hold_some():
    tensor = {"class_name": "__tensor__", "config": {"value": 1.0, "dtype": "float32"}}
    held = {"class_name": "__slice__", "config": {"start": _serialized("Dense")}}
    assert [ref.class_name for ref in collect_objects({"a": [tensor, held]})] == ["Dense"]


@pytest.mark.parametrize(
    "function",
    [
        {"class_name": "__lambda__", "config": {"code": "4wA="}},
        ["4wA=", None, None],
    ],
)
def test_lambdas_are_found_in_either_form(function):
    objects = collect_objects(_serialized("Lambda", name="twice", function=function))
    assert [(ref.kind, ref.class_name, ref.where) for ref in objects[1:]] == [
        (Kind.LAMBDA, "__lambda__", "function"),
    ]


def test_functions_in_their_long_form():
    function = {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "function"}
    [found] = collect_objects(function)
    assert (found.kind, found.class_name, found.module, dict(found.config)) == (Kind.FUNCTION, "relu", "builtins", {})


def test_fields_of_a_wrong_type_are_left_out():
    [found] = collect_objects({"class_name": "Dense", "config": 3, "module": 1, "registered_name": []})
    assert (found.module, found.registered_name, dict(found.config)) == (None, None, {})
    assert found.has_module


class TestCompileSection:
    def test_the_models_own(self):
        config = sequential(optimizer="adam", loss={"out": "mse"}, metrics=["mae", "accuracy"], run_eagerly=False)
        compiled = [ref for ref in collect_objects(config) if ref.section is Section.COMPILE]
        assert _brief(tuple(compiled)) == [
            ("function", "keras.optimizers.adam", "compile_config.optimizer"),
            ("function", "keras.losses.mse", "compile_config.loss.out"),
            ("function", "keras.metrics.mae", "compile_config.metrics[0]"),
        ]

    def test_a_nested_models_counts_as_the_model(self):
        objects = collect_objects(sequential(sequential(loss="mse")))
        assert {ref.section for ref in objects} == {Section.MODEL}
        assert objects[-1].path == "keras.losses.mse"

    def test_a_training_configuration(self):
        training = {"loss": "mse", "metrics": [["mae"]], "weighted_metrics": None}
        objects = collect_objects(training, section=Section.COMPILE)
        assert _brief(objects) == [
            ("function", "keras.losses.mse", "compile_config.loss"),
            ("function", "keras.metrics.mae", "compile_config.metrics[0][0]"),
        ]

    def test_inside_a_loss_layers_keys_count_again(self):
        loss = _serialized("Mine", "shop", activation="relu", loss="mse")
        objects = collect_objects({"loss": loss}, section=Section.COMPILE)
        assert [ref.path for ref in objects] == ["shop.Mine", "keras.activations.relu"]


def test_depth_is_no_limit():
    config: dict = {}
    for _ in range(5000):
        config = {"inner": [config]}
    assert collect_objects(config) == ()


def test_places_stay_short_however_long_the_names():
    config: dict = {"leaf": _serialized("Dense")}
    for _ in range(50):
        config = {"name": "n" * 10_000, "k" * 10_000: [config, _serialized("x" * 10_000, name="y" * 10_000)]}
    assert max(len(ref.where) for ref in collect_objects(config)) < 1000
    [inner] = collect_objects({"config": 1, "a" * 1000: {"class_name": "D", "config": {}}})
    assert inner.where == "a" * 200


def test_a_list_of_objects_with_a_class_name_beside_it():
    # A list is an object only as a lambda's code; what else it holds is still looked at.
    objects = collect_objects({"function": ["4wA=", _serialized("Dense")]})
    assert [(ref.kind, ref.parent) for ref in objects] == [(Kind.LAMBDA, None), (Kind.CLASS, 0)]
