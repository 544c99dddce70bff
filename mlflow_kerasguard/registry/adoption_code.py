"""Which packaged module an object of a model comes from, told from the sources: nothing is imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from mlflow_kerasguard.custom_code.capture import CapturedCode, capture_paths
from mlflow_kerasguard.custom_code.identities import parsed_modules
from mlflow_kerasguard.custom_code.live_objects import lookup_names
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules.view import is_keras_own, is_legacy_hdf5, keras_api
from mlflow_kerasguard.source_code.definitions import Module


def find_code(
    spec: ModelSpec, environment: Environment, given: Iterable[str | Path], logged: Iterable[Path]
) -> CapturedCode:
    """The code that a model needs, from what the user gave and from what was logged with it.

    Args:
        spec: the model.
        environment: whose Keras tells its own objects from others; need not have one.
        given: files and directories, as ``code_paths`` of ``log_model``; all of them are taken.
        logged: likewise; taken where an object of the model comes from there.

    Raises:
        UsageError: an entry can't be used, or two modules define an object.
    """
    own, found = capture_paths(given), capture_paths(logged)
    objects = _objects(spec, environment, own)
    rest = {name: target for name, target in _objects(spec, environment, found).items() if name not in objects}
    if not rest:
        return replace(own, objects=objects)
    both = capture_paths([*given, *logged])
    return replace(both, objects={**objects, **rest})


def _objects(spec: ModelSpec, environment: Environment, code: CapturedCode) -> dict[str, str]:
    """The name under which Keras looks for an object to ``module:name``."""
    modules = parsed_modules(code)
    found = {}
    for ref in spec.objects if modules else ():
        if ref.kind is not Kind.LAMBDA and not is_of_keras(ref, spec, environment):
            home = _home(ref, modules)
            if home is not None:
                found.update({name: f"{home}:{_bare_name(ref)}" for name in lookup_names(ref)})
    return found


def is_of_keras(ref: ObjectRef, spec: ModelSpec, environment: Environment) -> bool:
    """Whether an object is Keras's own, as far as the environment's Keras can tell."""
    if not is_keras_own(ref):
        return False
    if ref.has_module and ref.kind is Kind.CLASS:
        return True
    # Functions are saved by their bare names, and in HDF5 classes too: what Keras doesn't know is a person's own.
    try:
        api, legacy = keras_api(spec, environment), is_legacy_hdf5(spec)
    except Unknown:
        return True
    found = api.find_class(ref, legacy_hdf5=legacy) if ref.kind is Kind.CLASS else None
    return found is not None or api.find_function(ref, legacy_hdf5=legacy) is not None


def _home(ref: ObjectRef, modules: Mapping[str, Module]) -> str | None:
    name = _bare_name(ref)
    homes = [module for module, parsed in modules.items() if parsed.find(name) is not None]
    if ref.module in homes:
        return ref.module
    if len(homes) > 1:
        where = " and ".join(f"`{home}`" for home in homes)
        raise UsageError(f"`{name}`, which the model uses, is defined in {where}; name only the files that it needs")
    return homes[0] if homes else None


def _bare_name(ref: ObjectRef) -> str:
    return ref.class_name.rsplit(">", 1)[-1]
