"""KG711: masks that another release hands on in another way."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.formats.graph import read_graph
from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.rules.masks import find_masks, has_masks
from tests.builders import Case, environment, model, ref

K2 = {
    "Merge": "intersects",
    "Maximum": "counts",
    "Multiply": "counts",
    "Identity": "drops masks",
    "MultiHeadAttention": "uses masks",
    "Attention": "is shaped",
}
EARLY_3 = {**K2, "Merge": "drops", "Identity": "passes masks", "Attention": "misfits"}
LATE_3 = {
    **EARLY_3,
    "Merge": "unites",
    "Maximum": "skips",
    "Multiply": "skips",
    "MultiHeadAttention": "takes masks away",
    "Attention": "fits",
}


def item(name, class_name, *inbound, module="keras.layers", **config):
    """A layer; `inbound` names what each of its calls takes."""
    nodes = [
        {
            "args": [
                {"class_name": "__keras_tensor__", "config": {"keras_history": [source, 0, 0]}}
                for source in call.split()
            ],
            "kwargs": {},
        }
        for call in inbound
    ]
    return {
        "module": module,
        "class_name": class_name,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": nodes,
    }


A = [item("a", "InputLayer"), item("ea", "Embedding", "a", mask_zero=True)]
B = [item("b", "InputLayer"), item("eb", "Embedding", "b", mask_zero=True)]
PLAIN = [item("p", "InputLayer"), item("ep", "Embedding", "p", mask_zero=False)]
POOL = item("out", "GlobalAveragePooling1D", "merged")


def config(*items):
    return {"layers": list(items), "input_layers": [], "output_layers": [["out", 0, 0]]}


def graph_model(*items, version="2.15.0"):
    root = ref("keras.Functional", where="model", role="", parent=None, config=config(*items))
    parts = [
        ref(f"{each['module']}.{each['class_name']}", config=each["config"], where=f'layers["{each["name"]}"]')
        for each in items
    ]
    return model(objects=(root, *parts), keras_version=version)


def there(ways):
    loader = LoaderFacts(computations=frozenset(f"{subject}={way}" for subject, way in ways.items()))
    return environment(keras={"loader": loader})


MERGED = [*A, *B, item("merged", "Add", "ea eb"), POOL]
ATTENDED = [*A, *B, item("out", "Attention", "ea eb")]

CASES = [
    Case(
        code="KG711", name="united", model=graph_model(*MERGED), environment=there(LATE_3), fires=True, found="another"
    ),
    Case(
        code="KG711",
        name="dropped",
        model=graph_model(*MERGED),
        environment=there(EARLY_3),
        fires=True,
        found="no mask",
    ),
    Case(
        code="KG711",
        name="come-back",
        model=graph_model(*MERGED, version="3.0.5"),
        environment=there(LATE_3),
        fires=True,
        where='layers["out"]',
        found="is given a mask",
    ),
    Case(
        code="KG711",
        name="nothing-uses-them",
        model=graph_model(*A, *B, item("out", "Add", "ea eb")),
        environment=there(LATE_3),
        fires=False,
    ),
    Case(
        code="KG711",
        name="same-mask-twice",
        model=graph_model(*A, item("merged", "Add", "ea ea"), POOL),
        environment=there(LATE_3),
        fires=False,
    ),
    Case(
        code="KG711",
        name="one-without",
        model=graph_model(*A, *PLAIN, item("merged", "Add", "ea ep"), POOL),
        environment=there(LATE_3),
        fires=True,
        found="no mask",
    ),
    Case(
        code="KG711",
        name="no-masks",
        model=graph_model(*PLAIN, item("merged", "Maximum", "ep ep"), POOL),
        environment=there(LATE_3),
        fires=False,
    ),
    Case(
        code="KG711",
        name="values-left-out",
        model=graph_model(*A, *B, item("out", "Multiply", "ea eb")),
        environment=there(LATE_3),
        fires=True,
        found="leaves out",
    ),
    Case(
        code="KG711",
        name="attention-that-fails",
        model=graph_model(*ATTENDED, version="2.15.0"),
        environment=there(EARLY_3),
        fires=True,
        found="can't use",
    ),
    Case(code="KG711", name="attention", model=graph_model(*ATTENDED), environment=there(LATE_3), fires=False),
    Case(
        code="KG711",
        name="saver-unknown",
        model=graph_model(*MERGED, version=None),
        environment=there(LATE_3),
        fires=False,
        unknown="recorded",
    ),
]


def masks(ways, *items):
    return find_masks(read_graph(config(*items)), {each["name"]: each["config"] for each in items}, ways)


def reaches(ways, *items):
    """Whether a mask reaches the layer `out`."""
    return any(any(given) for key, given in masks(ways, *items).read.items() if key[0] == "out")


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (item("merged", "Dense", "ea"), True),
        (item("merged", "Conv1D", "ea"), False),
        (item("merged", "LSTM", "ea", return_sequences=True), True),
        (item("merged", "LSTM", "ea"), False),
        (item("merged", "Bidirectional", "ea", layer={"config": {"return_sequences": True}}), True),
        (item("merged", "MultiHeadAttention", "ea ea"), True),
        (item("merged", "Attention", "ea ea"), True),
        # An operation of the same name isn't the layer.
        (item("merged", "Add", "ea ea", module="keras.src.ops.numpy"), False),
        (item("merged", "Concatenate", "ea ea", axis=1), True),
        (item("merged", "Masking", "ea"), True),
        (item("merged", "Dense"), False),
    ],
)
def test_what_hands_a_mask_on(between, expected):
    assert reaches(LATE_3, *A, between, POOL) is expected


@pytest.mark.parametrize(("ways", "expected"), [(K2, False), (LATE_3, True)])
def test_identity(ways, expected):
    assert reaches(ways, *A, item("merged", "Identity", "ea"), POOL) is expected


def test_attention_takes_the_mask_of_what_it_was_given_away():
    items = [*A, item("mha", "MultiHeadAttention", "ea ea"), item("merged", "Add", "ea mha"), POOL]
    assert reaches(K2, *items)
    assert not reaches(LATE_3, *items)


def test_attention_before_it_knew_masks():
    items = [*A, item("merged", "MultiHeadAttention", "ea ea"), POOL]
    found = masks({"MultiHeadAttention": "ignores masks"}, *items)
    assert not any(any(given) for given in found.read.values())


def test_masks_put_together_along_time_stay_what_they_are():
    items = [*A, *B, item("merged", "Concatenate", "ea eb", axis=1), POOL]
    assert masks(K2, *items).read == masks(LATE_3, *items).read


def test_a_graph_in_circles_ends():
    items = [*A, item("x", "Dense", "y"), item("y", "Dense", "x"), item("out", "LSTM", "ea")]
    assert masks(K2, *items).read == {}


def test_whether_there_are_masks_at_all():
    graph = read_graph(config(*A, item("out", "Masking", "ea")))
    assert has_masks(graph, {})
    assert not has_masks(read_graph(config(*PLAIN)), {})
