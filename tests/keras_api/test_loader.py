"""How loaders differ between releases, on the pieces of source that tell."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.keras_api.loader import read_loader
from mlflow_kerasguard.keras_api.source import SourceKerasApi
from mlflow_kerasguard.keras_api.source_modules import SourceModules
from mlflow_kerasguard.keras_api.tables import get_uses_table, read_table, to_snake_case
from mlflow_kerasguard.keras_api.tree import NameTree
from mlflow_kerasguard.model import ObjectRef

NEW = {
    "keras/src/saving/serialization_lib.py": 'if package in {"keras", "keras_hub"}:\n    issubclass(obj, KerasSaveable)\n',
    "keras/src/layers/core/lambda_layer.py": "safe_mode = True\n",
    "keras/src/legacy/saving/legacy_h5_format.py": "with SafeModeScope(safe_mode):\n    pass\n",
    "keras/src/legacy/saving/saving_utils.py": (
        'LAMBDA_DEP_ARGS = (\n    "module",\n    "function_type",\n)\n'
        'config["config"].pop("batch_input_shape", None)\nconfig["config"].pop(\n    "axis")\n'
    ),
    "keras/src/models/functional.py": "return get_tensor(*tensors)\n",
    "keras/src/initializers/__init__.py": (
        "from keras.src.initializers.random import GlorotUniform, OrthogonalInitializer\n"
        "ALL_OBJECTS = {\n    GlorotUniform,  # the default\n    OrthogonalInitializer,\n}\n"
        "ALL_OBJECTS_DICT.update(\n    {to_snake_case(cls.__name__): cls for cls in ALL_OBJECTS}\n)\n"
        'ALL_OBJECTS_DICT.update(\n    {\n        "glorot": GlorotUniform,\n        "gone": Gone,\n    }\n)\n'
        'ALL_OBJECTS_DICT["xavier"] = GlorotUniform\n'
        "def get(identifier):\n    obj = deserialize(identifier)\n"
    ),
    "keras/src/initializers/random.py": "class GlorotUniform: ...\nclass OrthogonalInitializer: ...\n",
    "keras/src/activations/__init__.py": "ALL_OBJECTS = {relu}\nobj = serialization_lib.deserialize_keras_object(identifier)\n",
    "keras/src/losses/__init__.py": "x = 1\n",
}


def tree(files):
    class Files:
        def read(self, path):
            return files.get(path)

    return SourceModules("keras", Files())


def test_a_recent_keras():
    facts = read_loader(tree(NEW))
    assert facts.importable == {"keras", "keras_hub"}
    assert facts.canonical_names_only
    assert facts.zip_safe_mode
    assert facts.hdf5_safe_mode
    assert facts.hdf5_rewritten == {"batch_input_shape", "axis"}
    assert facts.hdf5_lambda_dropped == {"module", "function_type"}
    assert facts.nested_endpoints


def test_a_keras_of_which_nothing_is_found():
    facts = read_loader(tree({}))
    assert facts.importable is None
    assert not facts.canonical_names_only
    assert not facts.hdf5_safe_mode
    assert facts.hdf5_rewritten == frozenset()
    assert not facts.nested_endpoints


def test_a_table():
    table = read_table(NameTree(tree(NEW)), "initializers")
    assert {name: found.name for name, found in table.items()} == {
        "GlorotUniform": "GlorotUniform",
        "glorot_uniform": "GlorotUniform",
        # Its class isn't called `Orthogonal`, so a file that says so isn't understood.
        "OrthogonalInitializer": "OrthogonalInitializer",
        "orthogonal_initializer": "OrthogonalInitializer",
        "glorot": "GlorotUniform",
        "xavier": "GlorotUniform",
    }


@pytest.mark.parametrize("namespace", ["losses", "nothing"])
def test_no_table(namespace):
    assert read_table(NameTree(tree(NEW)), namespace) is None


def test_which_get_uses_its_table():
    assert get_uses_table(NameTree(tree(NEW)), "initializers")
    assert not get_uses_table(NameTree(tree(NEW)), "activations")
    assert not get_uses_table(NameTree(tree(NEW)), "nothing")


@pytest.mark.parametrize(
    ("name", "snake"), [("GlorotUniform", "glorot_uniform"), ("LSTM", "lstm"), ("Conv2D", "conv2d"), ("L1L2", "l1l2")]
)
def test_snake_case(name, snake):
    assert to_snake_case(name) == snake


@pytest.mark.parametrize(
    ("version", "files", "ref", "imported"),
    [
        ("3.15.1", NEW, {"role": "layers", "parent": 0}, False),
        ("3.15.1", NEW, {"role": "layers", "parent": 0, "module": "keras_hub.layers"}, True),
        # `initializers.get` looks into its table only.
        ("3.15.1", NEW, {"role": "kernel_initializer", "parent": 0, "module": "keras_hub.layers"}, False),
        # Before 3.11 Keras 3 imported whatever the file named.
        ("3.8.0", {}, {"role": "layers", "parent": 0}, True),
        # Keras 2 does so for the model itself only.
        ("2.15.0", {}, {"role": "layers", "parent": 0}, False),
        ("2.15.0", {}, {"role": "", "parent": None}, True),
    ],
)
def test_which_modules_the_loader_imports(version, files, ref, imported):
    class Files:
        def read(self, path):
            return files.get(path)

    fields = {"class_name": "Scale", "module": "shop.layers", "has_module": True, **ref}
    assert SourceKerasApi("keras", version, Files()).imports_module(ObjectRef(**fields)) is imported


@pytest.mark.parametrize(
    ("file", "source", "reductions"),
    [
        (
            "keras/src/losses/loss.py",
            'def standardize_reduction(reduction):\n    allowed = {\n        "sum",\n        None,\n        "none",\n    }\n',
            {"sum", "None", "none"},
        ),
        (
            "keras/utils/losses_utils.py",
            "class ReductionV2(object):\n  AUTO = 'auto'\n  NONE = 'none'\n\n  @classmethod\n  def all(cls):\n    X = 'x'\n",
            {"auto", "none"},
        ),
        ("keras/utils/losses_utils.py", "", set()),
    ],
)
def test_how_losses_may_be_reduced(file, source, reductions):
    assert read_loader(tree({file: source})).loss_reductions == reductions
