"""KG4xx: Python, Keras, backend and the distributions around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from packaging.version import Version

from mlflow_kerasguard.environment import Distribution, Environment, normalized
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.roles import CODE, DECISIVE
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import KERAS_3, is_keras_3, keras_api, keras_is_missing, keras_package
from mlflow_kerasguard.saved_graph import find_graph
from mlflow_kerasguard.wheel_labels import unlabelled

if TYPE_CHECKING:
    from packaging.requirements import Requirement

#: Backend → the distributions that bring it; the first is the one to recommend.
BACKENDS = {
    "tensorflow": (
        "tensorflow",
        "tensorflow-cpu",
        "tensorflow-gpu",
        "tensorflow-macos",
        "tf-nightly",
        "tensorflow-intel",
    ),
    "jax": ("jax",),
    "torch": ("torch",),
    "openvino": ("openvino",),
    "numpy": ("numpy",),
}

#: The name that a requirement begins with.
_NAME = re.compile(r"[A-Za-z0-9._-]*")

#: The first release that reads the zip format (`.keras`).
FIRST_WITH_ZIP_FORMAT = Version("2.12")


@rule(
    "KG401",
    Level.ERROR,
    title="no Keras is installed",
    why="Without Keras nothing can deserialize the model.",
)
def missing_keras(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    package = keras_package(model, env).replace("_", "-")
    if not env.has(package):
        saver = f"=={model.keras_version}" if model.keras_version else ""
        yield Mismatch(
            where="environment",
            expected=f"`{package}`, which saved the model{_root_class(model)}",
            found=f"{env.source} has no `{package}`",
            fix=f"pip install '{package}{saver}'",
        )


def _root_class(model: ModelSpec) -> str:
    """The model's own class, where the file names it with its module."""
    root = model.objects[0] if model.objects else None
    return f" as a `{root.path}`" if root is not None and root.module else ""


@rule(
    "KG402",
    Level.ERROR,
    title="backend is missing",
    why="Keras 3 needs one of its backends to build a model, and `tf_keras` and Keras 2 need TensorFlow; importing "
    "Keras fails without it.",
)
def missing_backend(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    backend = backend_used(model, env)
    names = BACKENDS.get(backend, (backend,))
    if any(env.lists(name) for name in names):
        return
    if not env.complete:
        # A list of a few requirements leaves out what others bring, but not one backend beside another.
        others = [name for group in BACKENDS.values() for name in group if env.lists(name)]
        if others:
            yield Unknown(f"{env.source} lists `{others[0]}`, and not the backend `{backend}`, which Keras will use")
    else:
        yield Mismatch(
            where="environment",
            expected=f"the backend `{backend}`",
            found=f"{env.source} has none of {', '.join(f'`{name}`' for name in names)}",
            fix=f"pip install '{names[0]}'",
        )


@rule(
    "KG403",
    Level.WARNING,
    title="backend is another than the model's",
    why="Keras 3 rebuilds a model of its own layers on any backend, but custom code, Lambda layers and operations of "
    "one framework run on that framework only.",
)
def other_backend(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or model.backend is None or not _backend_is_chosen(model, env):
        return
    backend = backend_used(model, env)
    if backend != model.backend:
        yield Mismatch(
            where="environment",
            expected=f"the backend `{model.backend}`, which the model was saved with",
            found=f"Keras will use `{backend}`",
            fix=f"set the environment variable `KERAS_BACKEND={model.backend}`",
        )


@rule(
    "KG404",
    Level.ERROR,
    title="format is unknown to the target Keras",
    why="Each release reads certain formats only: the zip format came with 2.12, and Keras 3 dropped SavedModel.",
)
def unknown_format(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or not model.readable:
        return
    api = keras_api(model, env)
    if model.format == "keras" and Version(api.version) < FIRST_WITH_ZIP_FORMAT:
        yield Mismatch(
            where="file",
            expected="a Keras that reads the zip format (2.12 or later)",
            found=f"`{api.package}` {api.version} takes HDF5 and SavedModel",
            fix=f"pip install '{api.package.replace('_', '-')}>=2.12'",
        )
    elif model.format == "saved_model" and is_keras_3(api):
        yield Mismatch(
            where="file",
            expected="a Keras that loads a SavedModel directory",
            found=f"`keras` {api.version} takes `.keras` and `.h5` only",
            fix=_instead_of_saved_model(model),
        )


def _instead_of_saved_model(model: ModelSpec) -> str:
    """What to do where `load_model` takes no SavedModel."""
    graph = find_graph(model)
    signatures = graph.signatures if graph is not None else ()
    # A name that is more than a name isn't worth repeating in a command.
    named = [name for name in signatures if name.isidentifier() and name != "serving_default"]
    endpoint = named[0] if named and "serving_default" not in signatures else "serving_default"
    layer = f'wrap it: `keras.layers.TFSMLayer(path, call_endpoint="{endpoint}")`'
    # Without Keras's description beside it, the graph doesn't come back as a model in `tf_keras` either.
    return f"{layer}, or load it with `tf_keras` (`pip install tf-keras`)" if model.keras_version else layer


@rule(
    "KG405",
    Level.ERROR,
    title="Python can't run the target Keras or its backend",
    why="A distribution says which Pythons it runs on; on another one it doesn't install or doesn't import.",
)
def unsuitable_python(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if env.python is None:
        return  # It isn't named, so it isn't judged: the question is about Keras.
    for distribution in in_play(model, env):
        wanted = distribution.requires_python
        if wanted and not _runs_on(env.python, wanted):
            yield Mismatch(
                where="environment",
                expected=f"Python {wanted} for `{distribution.name}` {distribution.version}",
                found=f"Python {env.python}",
                fix=f"use a Python that satisfies `{wanted}`",
            )


@rule(
    "KG407",
    Level.WARNING,
    title="installed distribution's requirement is violated",
    why="The packages that load the model don't fit each other by their own metadata. It often works all the same, "
    "and when it doesn't, this is the first place to look.",
)
def violated_requirement(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    markers = {"python_version": ".".join((env.python or "").split(".")[:2]), "python_full_version": env.python or ""}
    for distribution in (*in_play(model, env), *_of_code(model, env)):
        for line in distribution.requires:
            name = normalized(_NAME.match(line)[0])  # type: ignore[index]  # it matches the empty text as well
            installed = env.distributions.get(name)
            if installed is None and (name in env.unsettled or not env.complete):
                continue
            requirement = _requirement(line)
            if requirement is None or (
                requirement.marker and not requirement.marker.evaluate({"extra": "", **markers})
            ):
                continue
            if installed is None or not requirement.specifier.contains(installed.version, prereleases=True):
                yield Mismatch(
                    where="environment",
                    expected=f"`{name}{requirement.specifier}` for `{distribution.name}` {distribution.version}",
                    found=f"`{name}` {installed.version}" if installed else f"no `{name}`",
                    fix=f"pip install '{name}{requirement.specifier}'",
                )


@rule(
    "KG408",
    Level.NOTE,
    title="version differs from the one that saved the model",
    why="Told for the record: what decides is whether this model loads, not whether the versions are equal.",
)
def other_version(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    package = keras_package(model, env).replace("_", "-")
    saved_with = {**model.origin.closure, **model.origin.distributions}
    if model.keras_version:
        saved_with[package] = model.keras_version
    for name in sorted(_decisive(model, package) & set(saved_with)):
        installed = env.distributions.get(name)
        if installed is not None and unlabelled(installed.version) != unlabelled(saved_with[name]):
            yield Mismatch(
                where="environment",
                expected=f"`{name}` {saved_with[name]}",
                found=f"`{name}` {installed.version}",
            )


def _decisive(model: ModelSpec, package: str) -> set[str]:
    """Distributions that bear on what the model does; what only they require is left out."""
    by_name = {package, *(name for names in BACKENDS.values() for name in names)} - {"numpy"}
    return by_name.union(name for name, role in model.origin.roles.items() if role in DECISIVE)


def _of_code(model: ModelSpec, env: Environment) -> Iterator[Distribution]:
    """What the code that travels with the model imports."""
    for name, role in sorted(model.origin.roles.items()):
        if role == CODE and name in env.distributions:
            yield env.distributions[name]


def _backend_is_chosen(model: ModelSpec, env: Environment) -> bool:
    """Whether the backend is known: it is set, or the environment is known as a whole, or there is only one."""
    return env.complete or env.configured_backend is not None or _only_tensorflow(model, env)


def _only_tensorflow(model: ModelSpec, env: Environment) -> bool:
    keras = env.distributions.get("keras")
    return keras_package(model, env) == "tf_keras" or (keras is not None and Version(keras.version) < KERAS_3)


def _runs_on(python: str, wanted: str) -> bool:
    """Whether a Python will do; of a minor release alone, whether some patch release of it will."""
    from packaging.specifiers import SpecifierSet

    versions = (python, f"{python}.99") if python.count(".") == 1 else (python,)
    return any(SpecifierSet(wanted).contains(version, prereleases=True) for version in versions)


def backend_used(model: ModelSpec, env: Environment) -> str:
    """The backend that Keras will choose: TensorFlow unless Keras 3 is told otherwise."""
    if _only_tensorflow(model, env):
        return "tensorflow"
    return env.configured_backend or "tensorflow"


def in_play(model: ModelSpec, env: Environment) -> Iterator[Distribution]:
    """The distributions that load the model: its Keras and the backend."""
    package = keras_package(model, env).replace("_", "-")
    for name in (package, *BACKENDS.get(backend_used(model, env), ())):
        if name in env.distributions:
            yield env.distributions[name]


@cache
def _requirement(line: str) -> Requirement | None:
    # Takes longer to import than the rest of the rules, and is for a warning.
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(line)
    except InvalidRequirement:
        return None  # Old metadata; pip passes over it too.
