"""How loaders differ in rebuilding graphs, on the pieces of source that tell."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.keras_api.loader import read_loader
from mlflow_kerasguard.keras_api.source_modules import SourceModules

FUNCTIONAL = "keras/src/models/functional.py"
REBUILDS = 'while unprocessed_nodes:\n    pass\ndef deserialize_node(node_data):\n    args = node_data["args"]\n'
REFUSES = '    raise ValueError(\n        "Layer node index out of bounds.\\n"\n    )\n'
NO_CALL = "class Layer:\n    def call(self, *args, **kwargs):\n        raise self._not_implemented_error(self.call)\n"
GETITEM = "class GetItem(Operation):\n    def compute_output_spec(self, x, key):\n"


def read(files) -> LoaderFacts:
    class Files:
        def read(self, path):
            return files.get(path)

    return read_loader(SourceModules("keras", Files()))


@pytest.mark.parametrize(
    ("field", "files", "expected"),
    [
        ("calls_by_argument", {FUNCTIONAL: REBUILDS}, True),
        ("calls_by_argument", {FUNCTIONAL: "while unprocessed_nodes:\n    pass\n"}, False),
        ("counts_calls_afresh", {FUNCTIONAL: REBUILDS}, True),
        ("counts_calls_afresh", {}, False),
        ("late_calls_refused", {FUNCTIONAL: REBUILDS + REFUSES}, True),
        ("late_calls_refused", {FUNCTIONAL: REBUILDS + REFUSES.replace("ValueError", "IndexError")}, False),
        ("stuck_calls_hang", {FUNCTIONAL: REBUILDS}, True),
        ("stuck_calls_hang", {FUNCTIONAL: REBUILDS + "some_nodes_processed = False\n"}, False),
        ("nested_outputs_shifted", {FUNCTIONAL: "node_index -= 1\n"}, True),
        ("nested_outputs_shifted", {FUNCTIONAL: REBUILDS}, False),
        ("single_outputs_unwrapped", {FUNCTIONAL: "if len(tensor_list) == 1:\n"}, True),
        ("single_outputs_unwrapped", {FUNCTIONAL: "if len(output_tensors) == 1:\n"}, True),
        ("single_outputs_unwrapped", {FUNCTIONAL: "if len(input_tensors) == 1:\n"}, False),
        ("uncallable", {}, frozenset()),
        ("uncallable", {"keras/src/layers/layer.py": NO_CALL}, frozenset({"Layer"})),
        (
            "uncallable",
            {"keras/src/layers/layer.py": NO_CALL, "keras/src/layers/core/wrapper.py": "class Wrapper(Layer): ..."},
            frozenset({"Layer", "Wrapper"}),
        ),
        (
            "uncallable",
            {"keras/src/layers/layer.py": NO_CALL, "keras/src/layers/core/wrapper.py": "def call(self, x): ..."},
            frozenset({"Layer"}),
        ),
        ("slices_by_list", {}, True),
        ("slices_by_list", {"keras/src/ops/numpy.py": GETITEM + "        remaining_key = list(key)\n"}, False),
        (
            "slices_by_list",
            {
                "keras/src/ops/numpy.py": GETITEM
                + "        elif isinstance(key, list):\n            remaining_key = key\n"
            },
            True,
        ),
        ("value_kinds", {}, None),
        (
            "value_kinds",
            {
                "keras/src/saving/serialization_lib.py": 'if class_name == "__tensor__":\n    pass\n'
                'if config["class_name"] == "__slice__":\n    pass\nreturn {"class_name": "__ellipsis__"}\n'
            },
            frozenset({"__tensor__", "__slice__"}),
        ),
    ],
)
def test_a_fact(field, files, expected):
    assert getattr(read(files), field) == expected
