"""KG52x: what makes custom code a poor companion of a model: lambdas, names that collide, work at import.

As those on contracts, these rules judge what the process that logs a model sees.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.model import Kind, ModelSpec
from mlflow_kerasguard.observed import Observed, ObservedObject
from mlflow_kerasguard.rules import snippets
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import is_legacy_hdf5

_NOTHING = Observed()


def _observed(model: ModelSpec) -> Observed:
    return model.observed or _NOTHING


@rule(
    "KG520",
    Level.ERROR,
    title="model holds a lambda",
    why="A lambda is stored as the bytecode of this Python: it runs on this minor version only, Keras refuses"
    " it unless it is told to trust the file, and nobody can read what it does.",
)
def holds_lambda(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    observed = _observed(model)
    for item in observed.lambdas:
        if observed.allow_lambda and item.comes_back:
            continue
        source = f"`lambda {item.arguments}: {item.body}`" if item.body else "a lambda"
        yield Mismatch(
            where=item.where,
            expected="a layer class or a named function",
            found=f"{source}{f' in {item.place}' if item.place else ''}",
            fix="write this instead, or log it with `allow_lambda=True`, for the same minor version of Python only"
            if item.comes_back
            else "write this instead: Keras can't read back a lambda that it wrote here",
            snippet=snippets.replacement(item, keras=model.keras_package or "keras"),
        )


@rule(
    "KG521",
    Level.WARNING,
    title="packaged module does work when it is imported",
    why="A module runs whole when the model is loaded: what it computes, reads or prints at its top happens "
    "in each serving process, before the first request.",
)
def works_at_import(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _observed(model).import_work:
        yield Mismatch(
            where=item.place,
            expected="definitions and constants",
            found=f"`{item.text}`",
            fix='move it into a function, or below `if __name__ == "__main__":`',
        )


@rule(
    "KG522",
    Level.ERROR,
    title="two classes have one name",
    why="Keras finds a custom class by its registered name alone; an HDF5 file has no modules at all. Of two "
    "classes under one name the file's objects all become one of them.",
)
def names_collide(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    first: dict[str, ObservedObject] = {}
    for item in _observed(model).objects:
        other = first.setdefault(item.registered_name, item)
        if other.target != item.target:
            yield _collision(item, other.target)
        elif item.namesake and item.namesake in _own_classes(model) and is_legacy_hdf5(model):
            yield _collision(item, item.namesake)


def _collision(item: ObservedObject, other: str) -> Mismatch:
    return Mismatch(
        where=item.where,
        expected=f"one class under the name `{item.registered_name}`",
        found=f"`{item.target}` and `{other}`",
        fix=f'decorate `{item.name}` with `@keras.saving.register_keras_serializable("my_project")`, or rename it',
    )


def _own_classes(model: ModelSpec) -> set[str]:
    """Public paths of Keras's own classes that the model uses; HDF5 holds bare names."""
    return {
        ref.path if ref.has_module else f"keras.layers.{ref.class_name}"
        for ref in model.objects
        if ref.kind is Kind.CLASS and not ref.registered_name
    }


@rule(
    "KG523",
    Level.WARNING,
    title="custom class is named as one of Keras's own",
    why="This model tells the two apart by their modules. Others, and HDF5 files, may not.",
)
def namesake(model: ModelSpec, _env: Environment) -> Iterator[Mismatch]:
    for item in _observed(model).objects:
        if item.namesake and ">" not in item.registered_name:
            yield Mismatch(
                where=item.where,
                expected="a name of its own",
                found=f"`{item.target}` is named as `{item.namesake}`",
                fix='decorate it with `@keras.saving.register_keras_serializable("my_project")`, or rename it',
            )
