"""How a release's loader behaves, read from its source: what it imports, refuses and rewrites."""

from __future__ import annotations

import re

from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.keras_api.source_modules import SourceModules


def read_loader(tree: SourceModules) -> LoaderFacts:
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
