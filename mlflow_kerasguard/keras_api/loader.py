"""How a release's loader behaves, read from its source: what it imports, refuses and rewrites."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlflow_kerasguard.keras_api.tree import SourceTree


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderFacts:
    """What distinguishes one release's loader from another's.

    Attributes:
        importable: the only top-level modules that it imports by name; None where it imports any.
        canonical_names_only: a function is found only under the first name it is exported by,
            because what a module lookup finds has to be a ``KerasSaveable`` class.
        zip_safe_mode: lambdas in a `.keras` file are refused by default.
        hdf5_safe_mode: lambdas in a legacy HDF5 file are refused by default.
        hdf5_rewritten: layer keys that the legacy HDF5 path of Keras 3 renames or drops.
        hdf5_lambda_dropped: the same for Lambda layers only.
        hdf5_replaces_strings: the legacy HDF5 path takes a string in a layer's config for a function
            where ``keras.layers`` has one of that name.
        nested_endpoints: a functional model's ``input_layers`` and ``output_layers`` may be a single
            endpoint or nest; else they have to be a list or dict of endpoints.
    """

    importable: frozenset[str] | None = None
    canonical_names_only: bool = False
    zip_safe_mode: bool = False
    hdf5_safe_mode: bool = False
    hdf5_rewritten: frozenset[str] = frozenset()
    hdf5_lambda_dropped: frozenset[str] = frozenset()
    hdf5_replaces_strings: bool = False
    nested_endpoints: bool = True


def read_loader(tree: SourceTree) -> LoaderFacts:
    """Read the facts from the modules that hold the loader."""
    serialization = _text(tree, "saving.serialization_lib", "saving.experimental.serialization_lib")
    lambda_layer = _text(tree, "layers.core.lambda_layer", "layers.core")
    hdf5 = _text(tree, "legacy.saving.legacy_h5_format")
    legacy = _text(tree, "legacy.saving.saving_utils")
    replacing = _text(tree, "legacy.saving.serialization")
    functional = _text(tree, "models.functional", "engine.functional")
    importable = re.search(r"if package in \{([^}]*)\}", serialization)
    return LoaderFacts(
        importable=_strings(importable[1]) if importable else None,
        canonical_names_only="issubclass(obj, KerasSaveable)" in serialization,
        zip_safe_mode="safe_mode" in lambda_layer,
        hdf5_safe_mode="SafeModeScope(" in hdf5,
        hdf5_rewritten=frozenset(re.findall(r'config\["config"\]\.pop\(\s*"(\w+)"', legacy)),
        hdf5_lambda_dropped=_strings(_tuple(legacy, "LAMBDA_DEP_ARGS")),
        hdf5_replaces_strings=bool(re.search(r"\(\s*item, custom_objects, module_objects", replacing)),
        nested_endpoints="get_tensor(*tensors)" in functional or "nest." in functional,
    )


def _text(tree: SourceTree, *names: str) -> str:
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
