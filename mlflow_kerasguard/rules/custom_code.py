"""KG5xx: objects that aren't Keras's own, and where their code is."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import comes_with_code, find_class, is_keras_own, keras_api, keras_is_missing

#: How to install packages that Keras itself imports by name. Of others the file alone knows the name,
#: and a name from a file doesn't belong into a command that somebody may paste.
_DISTRIBUTIONS = {name: f"pip install '{name.replace('_', '-')}'" for name in ("keras_hub", "keras_nlp", "keras_cv")}


@rule(
    "KG501",
    Level.ERROR,
    title="custom object's code is nowhere",
    why="A saved model holds the name of a custom class or function, never its code. Unless the code travels with the "
    "model or is registered before loading, Keras can't build the object.",
)
def missing_code(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    for ref in _custom_objects(model, env):
        try:
            if _is_imported_by_keras(ref, model, env):
                continue
        except Unknown as unknown:
            yield unknown
            continue
        if not _needs_missing_module(ref, env):
            yield Mismatch(
                where=ref.where,
                expected=f"the code of `{_name(ref)}`",
                found=f"it isn't part of Keras, doesn't come with the model, and isn't registered in {env.source}",
                fix="log the model with `mlflow_kerasguard.log_model`, which packages the code, or pass it as "
                "`custom_objects`",
            )


@rule(
    "KG502",
    Level.ERROR,
    title="module of a third-party object is not installed",
    why="The class lives in another package; without it neither the class nor what it needs can be imported.",
)
def missing_module(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    for ref in _custom_objects(model, env):
        if _needs_missing_module(ref, env):
            yield Mismatch(
                where=ref.where,
                expected=f"module `{ref.top_level_module}` for `{_name(ref)}`",
                found=f"{env.source} has no module `{ref.top_level_module}`",
                fix=_DISTRIBUTIONS.get(str(ref.top_level_module), "install the distribution that brings the module"),
            )


def _custom_objects(model: ModelSpec, env: Environment) -> Iterator[ObjectRef]:
    for ref in model.objects:
        if ref.kind is Kind.LAMBDA or is_keras_own(ref) or comes_with_code(ref, model, env):
            continue
        # Keras 2 registers some of its own classes as `Custom>…`, just as a person's code does.
        if ref.kind is not Kind.CLASS or find_class(keras_api(model, env), ref, model) is None:
            yield ref


def _needs_missing_module(ref: ObjectRef, env: Environment) -> bool:
    """A package is named and isn't there; ``__main__`` and scripts' own modules don't count as one."""
    name = ref.top_level_module
    return name is not None and name != "__main__" and "." in str(ref.module) and not env.has_module(name)


def _is_imported_by_keras(ref: ObjectRef, model: ModelSpec, env: Environment) -> bool:
    """Whether the loader itself imports the module that the file names, and so finds the class."""
    name = ref.top_level_module
    if name is None or name == "__main__" or model.format == "h5":
        return False
    return keras_api(model, env).imports_module(name) and env.has_module(name)


def _name(ref: ObjectRef) -> str:
    return ref.registered_name if ref.registered_name and ">" in ref.registered_name else ref.path
