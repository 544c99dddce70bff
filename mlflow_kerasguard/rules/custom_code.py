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
            if _is_imported(ref, model, env):
                continue
        except Unknown as unknown:
            yield unknown
            continue
        if not _needs_missing_module(ref, model, env):
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
        if _needs_missing_module(ref, model, env):
            module = str(_top_level(ref, model))
            yield Mismatch(
                where=ref.where,
                expected=f"module `{module}` for `{_name(ref)}`",
                found=f"{env.source} has no module `{module}`",
                fix=_DISTRIBUTIONS.get(module, "install the distribution that brings the module"),
            )


def _custom_objects(model: ModelSpec, env: Environment) -> Iterator[ObjectRef]:
    for ref in model.objects:
        if ref.kind is Kind.LAMBDA or is_keras_own(ref) or comes_with_code(ref, model, env):
            continue
        # Keras 2 registers some of its own classes as `Custom>…`, just as a person's code does.
        if ref.kind is not Kind.CLASS or find_class(keras_api(model, env), ref, model) is None:
            yield ref


def _imported_from(ref: ObjectRef, model: ModelSpec) -> str | None:
    """The ``module:qualname`` that the guard's own loader imports for an object of a logged model.

    It does so for what belonged to an installed distribution when the model was logged.
    """
    imported = model.origin.imported_objects
    names = (ref.registered_name or "", ref.class_name, ref.class_name.rsplit(">", 1)[-1])
    return next((imported[name] for name in names if name in imported), None)


def _top_level(ref: ObjectRef, model: ModelSpec) -> str | None:
    """The top-level module that the object is imported from; None for ``__main__`` and legacy HDF5."""
    target = _imported_from(ref, model)
    name = target.split(":", 1)[0].split(".", 1)[0] if target else ref.top_level_module
    return None if name == "__main__" else name


def _needs_missing_module(ref: ObjectRef, model: ModelSpec, env: Environment) -> bool:
    """A package is named and isn't there; a script's own module doesn't count as one."""
    name = _top_level(ref, model)
    is_package = "." in str(ref.module) or _imported_from(ref, model) is not None
    try:
        return name is not None and is_package and not env.has_module(name)
    except Unknown:
        return False  # KG501 has a say then.


def _is_imported(ref: ObjectRef, model: ModelSpec, env: Environment) -> bool:
    """Whether a loader imports the object's module by itself: Keras's, or the guard's own."""
    name = _top_level(ref, model)
    by_guard = _imported_from(ref, model) is not None
    by_keras = model.format != "h5" and keras_api(model, env).imports_module(ref)
    return name is not None and (by_guard or by_keras) and env.has_module(name)


def _name(ref: ObjectRef) -> str:
    return ref.registered_name if ref.registered_name and ">" in ref.registered_name else ref.path
