"""The graph of a functional model, in the forms of Keras 2 and 3 and in forms of nobody."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.formats.graph import Endpoint, is_object, read_graph, returns_list


def layer(name, class_name="Dense", nodes=(), **config):
    return {"class_name": class_name, "name": name, "config": config, "inbound_nodes": list(nodes)}


def tensor(name, node=0, index=0):
    config = {"shape": [None, 3], "dtype": "float32", "keras_history": [name, node, index]}
    return {"class_name": "__keras_tensor__", "config": config}


def functional(*layers, inputs=(("x", 0, 0),), outputs=(("y", 0, 0),)):
    return {
        "layers": list(layers),
        "input_layers": [list(item) for item in inputs],
        "output_layers": [list(item) for item in outputs],
    }


X = layer("x", "InputLayer")
INNER = functional(X, layer("y", nodes=[[["x", 0, 0, {}]]]))
SEQUENTIAL = {"layers": [X, layer("y")]}


def call(node):
    """The only call of a layer whose inbound node is `node`."""
    graph = read_graph(functional(X, layer("m"), layer("y", nodes=[node])))
    return graph.layers["y"].calls[0]


def test_arguments():
    found = call({"args": [[tensor("x"), tensor("m", 1, 2)], 2.0], "kwargs": {"mask": tensor("m"), "axis": -1}})
    assert found.inputs == (Endpoint("x", 0, 0), Endpoint("m", 1, 2), Endpoint("m", 0, 0))
    assert found.args[1] == 2.0
    assert found.kwargs["axis"] == -1
    assert not found.legacy


def test_legacy_lists():
    found = call([["x", 0, 0, {"training": False}], ["m", 1, 2, {"training": False}]])
    assert found.inputs == (Endpoint("x", 0, 0), Endpoint("m", 1, 2))
    assert found.kwargs == {"training": False}
    assert found.legacy
    assert not found.structured
    assert not found.constants


def test_legacy_tensors_by_name():
    found = call([["x", 0, 0, {"mask": [None, ["m", 0, 0]], "other": ["nobody", 0, 0], "axis": 1}]])
    assert found.named == ("mask",)
    assert found.inputs == (Endpoint("x", 0, 0), Endpoint("m", 0, 0))


def test_legacy_constants():
    found = call([["x", 0, 0, {}], ["_CONSTANT_VALUE", -1, [[1.0]], {}]])
    assert found.constants
    assert found.inputs == (Endpoint("x", 0, 0),)


@pytest.mark.parametrize(
    "node",
    [{"a": ["x", 0, 0, {}]}, [[["x", 0, 0, {}]]], ["x", 0, 0, {}]],
    ids=["dict", "deeper", "operation"],
)
def test_legacy_structures(node):
    found = call(node)
    assert found.structured
    assert found.inputs == (Endpoint("x", 0, 0),)


@pytest.mark.parametrize(
    ("inner", "class_name", "legacy", "as_input", "as_output"),
    [
        (INNER, "Functional", True, 0, 0),
        (SEQUENTIAL, "Sequential", True, 0, 0),
        ({"layers": [layer("y")]}, "Sequential", True, 1, 1),
        (INNER, "Functional", False, 1, 0),
        (SEQUENTIAL, "Sequential", False, 1, 1),
        ({"units": 3}, "Dense", True, 1, 1),
    ],
)
def test_numbers_of_calls(inner, class_name, legacy, as_input, as_output):
    node = [["x", 0, 0, {}]] if legacy else {"args": [tensor("x")], "kwargs": {}}
    graph = read_graph(functional(X, layer("m", class_name, [node], **inner)))
    assert graph.legacy is legacy
    assert graph.call_number(Endpoint("m", 1, 0), is_output=False) == as_input
    assert graph.call_number(Endpoint("m", 1, 0), is_output=True) == as_output
    assert graph.call_number(Endpoint("gone", 1, 0), is_output=True) == 1


def test_structured_outputs():
    config = {**functional(X), "output_layers": {"a": [["y", 0, 0], ["z", 0, 1]], "b": ["x", 0, 0]}}
    assert set(read_graph(config).outputs) == {Endpoint("y", 0, 0), Endpoint("z", 0, 1), Endpoint("x", 0, 0)}


@pytest.mark.parametrize("config", [{}, {"layers": 3, "input_layers": [], "output_layers": []}, {"layers": []}])
def test_no_graph(config):
    assert read_graph(config) is None


def test_what_nobody_writes():
    odd = [
        3,
        {"name": 3},
        {"name": "a"},
        {"name": "b", "config": 3, "inbound_nodes": 3, "class_name": None},
        layer("c", nodes=[3, None, {}, [], [[]], [["x"]], {"args": 3, "kwargs": 3}, {"args": [{"class_name": 1}]}]),
        layer("d", nodes=[{"args": [{"class_name": "__keras_tensor__", "config": 3}, {"x": [tensor("x")]}]}]),
        layer("e", nodes=[{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["x", "0", 0]}}]}]),
        layer("f", "Sequential", layers=[3]),
        layer("g", nodes=[[["x", True, 0, 3]], [["x", 0, "0", 3]]]),
    ]
    graph = read_graph({"layers": odd, "input_layers": 3, "output_layers": [["x", 0, True], None, "x"]})
    assert set(graph.layers) == set("abcdefg")
    assert graph.inputs == graph.outputs == ()
    assert graph.layers["d"].calls[0].inputs == (Endpoint("x", 0, 0),)
    assert graph.layers["e"].calls[0].inputs == ()
    assert [found.inputs for found in graph.layers["g"].calls] == [(), ()]


def test_deep_nesting_is_no_recursion():
    node: object = tensor("x")
    for _ in range(50_000):
        node = [node]
    assert call({"args": [node]}).inputs == (Endpoint("x", 0, 0),)
    assert call(node).structured


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"class_name": "Functional", "config": {**INNER, "output_layers": [["y", 0, 0]]}}, True),
        ({"class_name": "Functional", "config": {**INNER, "output_layers": ["y", 0, 0]}}, False),
        ({"class_name": "Functional", "config": {**INNER, "output_layers": [["y", 0, 0], ["x", 0, 0]]}}, False),
        ({"class_name": "Sequential", "config": {"layers": [{"class_name": "Functional", "config": INNER}]}}, True),
        ({"class_name": "Sequential", "config": {"layers": []}}, False),
        (layer("y"), False),
        (3, False),
    ],
)
def test_returns_list(value, expected):
    assert returns_list(value) is expected


def test_is_object():
    assert is_object(layer("y"))
    assert not is_object({"class_name": "Dense", "config": 3})
