"""KG4xx: Python, Keras, backend and the distributions around them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlflow_kerasguard.environment import Distribution, Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec
from mlflow_kerasguard.rules.config import LAMBDA
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import keras_api, keras_is_missing, keras_package, major

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
    if env.find(package) is None:
        saver = f"=={model.keras_version}" if model.keras_version else ""
        yield Mismatch(
            where="environment",
            expected=f"`{package}`, which saved the model",
            found=f"{env.source} has no `{package}`",
            fix=f"pip install '{package}{saver}'",
        )


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
    # One that is there settles it, even where the description is silent about the others.
    if not any(name in env.distributions for name in names) and all(env.find(name) is None for name in names):
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
    if keras_is_missing(model, env) or model.backend is None:
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
    elif model.format == "saved_model" and api.package == "keras" and major(api.version) >= 3:  # noqa: PLR2004
        yield Mismatch(
            where="file",
            expected="a Keras that loads a SavedModel directory",
            found=f"`keras` {api.version} takes `.keras` and `.h5` only",
            fix="load it with `tf_keras` (`pip install tf-keras`), or serve it as `keras.layers.TFSMLayer`",
        )


@rule(
    "KG405",
    Level.ERROR,
    title="Python can't run the target Keras or its backend",
    why="A distribution says which Pythons it runs on; on another one it doesn't install or doesn't import.",
)
def unsuitable_python(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if env.python is None:
        raise Unknown(f"{env.source} doesn't say which Python it has")
    for distribution in in_play(model, env):
        wanted = distribution.requires_python
        if wanted and not SpecifierSet(wanted).contains(env.python, prereleases=True):
            yield Mismatch(
                where="environment",
                expected=f"Python {wanted} for `{distribution.name}` {distribution.version}",
                found=f"Python {env.python}",
                fix=f"use a Python that satisfies `{wanted}`",
            )


@rule(
    "KG406",
    Level.ERROR,
    title="lambda's bytecode is of another Python",
    why="A lambda is stored as the bytecode of the Python that saved it; another minor version can't run it and may "
    "crash on it.",
)
def foreign_bytecode(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    lambdas = [ref for ref in model.objects if ref.kind is Kind.LAMBDA]
    if not lambdas or keras_is_missing(model, env):
        return
    if LAMBDA not in model.trusted and keras_api(model, env).refuses_lambdas(legacy_hdf5=model.format == "h5"):
        return  # It never gets as far as the bytecode.
    if model.origin.python is None or env.python is None:
        raise Unknown("which Python compiled the model's lambda isn't recorded in the file")
    saved, here = (".".join(version.split(".")[:2]) for version in (model.origin.python, env.python))
    for ref in lambdas if saved != here else ():
        yield Mismatch(
            where=ref.where,
            expected=f"Python {saved}, which compiled the lambda",
            found=f"Python {here}",
            fix=f"serve it on Python {saved}, or replace the lambda by a layer class",
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
    for distribution in in_play(model, env):
        for line in distribution.requires:
            requirement = _requirement(line)
            if requirement is None or (
                requirement.marker and not requirement.marker.evaluate({"extra": "", **markers})
            ):
                continue
            name = canonicalize_name(requirement.name)
            installed = env.distributions.get(name)
            if installed is None and not env.complete:
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
    saved_with = dict(model.origin.distributions)
    if model.keras_version:
        saved_with[package] = model.keras_version
    names = {package, *(name for names in BACKENDS.values() for name in names)} - {"numpy"}
    for name in sorted(names & set(saved_with)):
        installed = env.distributions.get(name)
        if installed is not None and installed.version != saved_with[name]:
            yield Mismatch(
                where="environment",
                expected=f"`{name}` {saved_with[name]}",
                found=f"`{name}` {installed.version}",
            )


def backend_used(model: ModelSpec, env: Environment) -> str:
    """The backend that Keras will choose: TensorFlow unless Keras 3 is told otherwise."""
    package = keras_package(model, env)
    keras = env.distributions.get("keras")
    if package == "tf_keras" or (keras is not None and major(keras.version) < 3):  # noqa: PLR2004
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
    try:
        return Requirement(line)
    except InvalidRequirement:
        return None  # Old metadata; pip passes over it too.
