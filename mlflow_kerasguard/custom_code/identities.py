"""What identifies captured code, for the signature of the model: read from the files that travel with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlflow_kerasguard.custom_code.capture import CapturedCode
from mlflow_kerasguard.custom_code.live_objects import lookup_names
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.observed import ImportWork
from mlflow_kerasguard.source_code.definitions import Module
from mlflow_kerasguard.source_code.fingerprints import fingerprint
from mlflow_kerasguard.source_code.import_work import work_at_import
from mlflow_kerasguard.source_code.usage import used_definitions
from mlflow_kerasguard.source_identity import Fingerprint


def parsed_modules(code: CapturedCode) -> dict[str, Module]:
    """The captured modules by name, without those that this Python can't parse: `code_paths` takes any file."""
    found = {}
    for name, path in code.modules.items():
        try:
            found[name] = Module(code.files[path])
        except SyntaxError:
            continue
    return found


def import_work(code: CapturedCode, modules: Mapping[str, Module]) -> tuple[ImportWork, ...]:
    """What captured modules do when they are imported, beyond defining things."""
    return tuple(item for name, module in modules.items() for item in work_at_import(module, code.modules[name]))


def fingerprints(code: CapturedCode, modules: Mapping[str, Module], spec: ModelSpec) -> dict[str, Fingerprint]:
    """Those of the packaged objects, by the names under which Keras looks for them.

    Args:
        code: what was captured.
        modules: its modules.
        spec: the model that the objects are of.
    """
    packages = frozenset(name for name, path in code.modules.items() if path.endswith("__init__.py"))
    found = {}
    for name, target in code.objects.items():
        module, _, qualname = target.partition(":")
        own = fingerprint(modules[module], qualname) if module in modules else None
        if own is not None:
            uses = used_definitions(modules, packages, module, qualname)
            found[name] = replace(own, config_keys=_config_keys(name, spec), uses=uses)
    return found


def _config_keys(name: str, spec: ModelSpec) -> tuple[str, ...]:
    keys = {key for ref in spec.objects if name in lookup_names(ref) for key in ref.config}
    return tuple(sorted(keys))
