"""How a release's loader behaves, read from its source: what it imports, refuses and rewrites."""

from __future__ import annotations

import re
from functools import partial

from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.keras_api.computations import read_computations, read_interpolations
from mlflow_kerasguard.keras_api.layer_facts import with_layer_facts
from mlflow_kerasguard.keras_api.source_modules import SourceModules

#: `GetItem.compute_output_spec` where it takes a list as well as a tuple.
_GETITEM_LIST = r"isinstance\(key, list\):\s+remaining_key = "


def read_loader(tree: SourceModules) -> LoaderFacts:
    """Read the facts from the modules that hold the loader."""
    serialization = _text(tree, "saving.serialization_lib", "saving.experimental.serialization_lib")
    lambda_layer = _text(tree, "layers.core.lambda_layer", "layers.core")
    hdf5 = _text(tree, "legacy.saving.legacy_h5_format")
    legacy = _text(tree, "legacy.saving.saving_utils")
    replacing = _text(tree, "legacy.saving.serialization")
    functional = _text(tree, "models.functional", "engine.functional")
    operations = _text(tree, "ops.numpy")
    value_kinds = frozenset(re.findall(r'class_name(?:"\])? == "(__\w+__)"', serialization))
    importable = re.search(r"if package in \{([^}]*)\}", serialization)
    facts = LoaderFacts(
        importable=_strings(importable[1]) if importable else None,
        canonical_names_only="issubclass(obj, KerasSaveable)" in serialization,
        zip_safe_mode="safe_mode" in lambda_layer,
        hdf5_compiles_always="load_model_from_hdf5(filepath)" in _text(tree, "saving.saving_api"),
        hdf5_safe_mode="SafeModeScope(" in hdf5,
        hdf5_rewritten=frozenset(re.findall(r'config\["config"\]\.pop\(\s*"(\w+)"', legacy)),
        hdf5_lambda_dropped=_strings(_tuple(legacy, "LAMBDA_DEP_ARGS")),
        hdf5_replaces_strings=bool(re.search(r"\(\s*item, custom_objects, module_objects", replacing)),
        nested_endpoints="get_tensor(*tensors)" in functional or "nest." in functional,
        calls_by_argument='node_data["args"]' in functional,
        counts_calls_afresh="def deserialize_node(" in functional,
        late_calls_refused=bool(re.search(r'raise ValueError\(\s*"Layer node index out of bounds', functional)),
        stuck_calls_hang="while unprocessed_nodes" in functional and "some_nodes_processed" not in functional,
        nested_outputs_shifted="node_index -= 1" in functional,
        single_outputs_unwrapped=bool(re.search(r"len\((?:tensor_list|output_tensors)\) == 1", functional)),
        uncallable=_uncallable(tree),
        slices_by_list=not operations or bool(re.search(_GETITEM_LIST, operations)),
        value_kinds=value_kinds or None,
        computations=read_computations(partial(_text, tree)),
        lambda_globals=_globals(
            lambda_layer if "globs = globals()" in lambda_layer else _text(tree, "utils.python_utils")
        ),
        lambda_sees_module="sys.modules[module]" in lambda_layer,
        resize_interpolations=read_interpolations(partial(_text, tree)),
        loss_reductions=_loss_reductions(_text(tree, "losses.loss", "utils.losses_utils")),
        lambda_defaults_refused='defaults=inner_config["defaults"]' in lambda_layer,
    )
    return with_layer_facts(facts, partial(_text, tree))


def _uncallable(tree: SourceModules) -> frozenset[str]:
    """The base classes that can't be called: in Keras 2 they hand on what they are given."""
    layer, wrapper = _text(tree, "layers.layer"), _text(tree, "layers.core.wrapper")
    refused = {"Layer"} if re.search(r"def call\(self, \*args, \*\*kwargs\):\s+raise ", layer) else set()
    if refused and wrapper and "def call(" not in wrapper:
        refused.add("Wrapper")
    return frozenset(refused)


def _loss_reductions(text: str) -> frozenset[str]:
    """Keras 3 lists them in `standardize_reduction`, Keras 2 in the class `ReductionV2`."""
    if found := re.search(r"allowed = \{([^}]*)\}", text):
        return frozenset(re.findall(r"\w+", found[1]))
    found = re.search(r"^class ReductionV2.*?^ +@classmethod", text, re.MULTILINE | re.DOTALL)
    return frozenset(re.findall(r"^ +[A-Z_]+ = [\"'](\w+)[\"']", found[0], re.MULTILINE)) if found else frozenset()


def _globals(text: str) -> frozenset[str]:
    """The names that a module binds at its top level, where it binds one a line as Keras does."""
    imported = re.findall(r"^(?:from \S+ )?import (?:[\w.]+ as )?(\w+)", text, re.MULTILINE)
    return frozenset(imported + re.findall(r"^(?:def |class )?(\w+)(?= = |\(|:$)", text, re.MULTILINE))


def _text(tree: SourceModules, *names: str) -> str:
    """The text of the first of these modules that the release has."""
    for name in names:
        for module in (f"{tree.package}.src.{name}", f"{tree.package}.{name}"):
            outline = tree.module(module)
            if outline is not None:
                return outline.text
    return ""


def _tuple(text: str, name: str) -> str:
    match = re.search(rf"^{name} = \(([^)]*)\)", text, re.MULTILINE)
    return match[1] if match else ""


def _strings(text: str) -> frozenset[str]:
    return frozenset(re.findall(r'"([^"]+)"', text))
