"""This interpreter's environment, read from its files: nothing of it is imported."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from mlflow_kerasguard.environment import Environment, means_legacy_keras
from mlflow_kerasguard.environment.module_sources import find_module, read_file, read_source
from mlflow_kerasguard.environment.site_packages import Distributions, keras_reader

#: Modules that hold the registry of ``register_keras_serializable``, by the name of its dict.
_REGISTRIES = {
    "keras.src.saving.object_registration": "GLOBAL_CUSTOM_OBJECTS",
    "tf_keras.src.saving.object_registration": "_GLOBAL_CUSTOM_OBJECTS",
    "keras.saving.object_registration": "_GLOBAL_CUSTOM_OBJECTS",
    "keras.utils.generic_utils": "_GLOBAL_CUSTOM_OBJECTS",
}


def installed() -> Environment:
    """The environment of the running interpreter."""
    path = tuple(sys.path)
    return Environment(
        source="this interpreter",
        python=".".join(str(part) for part in sys.version_info[:3]),
        platform=sys.platform,
        distributions=Distributions(path),
        complete=True,
        configured_backend=configured_backend(),
        legacy_keras=means_legacy_keras(os.environ.get("TF_USE_LEGACY_KERAS")),
        registered_objects=frozenset(_registered_names()),
        read_keras_api=keras_reader(path),
        has_module=_has_module,
        read_source=_read_source,
    )


def _has_module(name: str) -> bool:
    return name in sys.modules or PathFinder.find_spec(name) is not None


def _read_source(name: str) -> bytes | None:
    """The source of a module of this process, or of one that could be imported."""
    loaded = sys.modules.get(name)
    file = getattr(loaded, "__file__", None)
    if file is not None and not _is_of_this_package(getattr(loaded, "__loader__", None)):
        return read_file(name, Path(file))
    return read_source(name, find_module(name, find_top=_find_top))


def _find_top(name: str) -> ModuleSpec | None:
    """A top-level module on ``sys.path``, or where an editable installation says that it is."""
    found = PathFinder.find_spec(name)
    if found is not None and found.origin is not None:
        return found
    finders = [finder for finder in sys.meta_path if not _is_of_this_package(finder)]
    specs = (finder.find_spec(name, None) for finder in finders if hasattr(finder, "find_spec"))
    return next((spec for spec in specs if spec is not None), None)


def _is_of_this_package(finder: object) -> bool:
    """Whether it brings the packaged modules of a model that another thread is loading: they aren't the host's."""
    return type(finder).__module__.startswith("mlflow_kerasguard.")


def configured_backend() -> str | None:
    """The backend that ``KERAS_BACKEND`` or ``keras.json`` chooses, as Keras reads them."""
    chosen = os.environ.get("KERAS_BACKEND")
    if chosen:
        return chosen
    home = Path(os.environ["KERAS_HOME"]) if "KERAS_HOME" in os.environ else Path.home() / ".keras"
    try:
        settings = json.loads((home / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    backend = settings.get("backend") if isinstance(settings, dict) else None
    return backend if isinstance(backend, str) else None


def _registered_names() -> Iterator[str]:
    """Names that the running process registered with a Keras that it has already imported."""
    for module_name, attribute in _REGISTRIES.items():
        module: ModuleType | None = sys.modules.get(module_name)
        yield from getattr(module, attribute, {}) if module is not None else ()
