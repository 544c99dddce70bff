"""KG5xx: names of TensorFlow and Keras that packaged code uses, and whether the target has them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlflow_kerasguard import tensorflow_api
from mlflow_kerasguard.environment import Distribution, Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules.public_api import TENSORFLOW, Target, find_target, is_certain
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.renamed_names import find_new_name

#: A name of a module's member that doesn't stand in backticks.
_BARE = re.compile(r"(?<![`\w.])(?:\w+\.)+\w+(?:\([^)]*\))?(?![`\w])")

#: How TensorFlow begins what it says of a deprecated name.
_POLITE = re.compile(r"^(?:please )?(use|prefer|switch|migrate)\b", re.IGNORECASE)


@rule(
    "KG540",
    Level.ERROR,
    title="packaged code uses a name that the target doesn't have",
    why="Code that travels with a model runs against the TensorFlow and Keras that are there. Where one of these has "
    "dropped or renamed what the code uses, or hasn't brought it yet, the code fails with an `AttributeError` or "
    "`ImportError`: when it is imported, or when the layer is called.",
)
def missing_name(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for name, where in model.origin.public_names.items():
        if _was_missing(name, model):
            continue
        try:
            target = find_target(name, env)
            lacking = [target.missing(version) for version in target.versions] if target else []
        except Unknown as unknown:
            yield unknown
            continue
        if target is None or not any(lacking):
            continue
        if not all(lacking):
            yield Unknown(
                f"not all releases of TensorFlow have `{name}`, and {env.source} doesn't say which one it has"
            )
        elif not is_certain(target, str(lacking[-1])):
            yield Unknown(f"{target.title} has more than its public names: whether it has `{name}` isn't known")
        else:
            yield _missing(name, where, str(lacking[-1]), target, env)


def _was_missing(name: str, model: ModelSpec) -> bool:
    """Whether the name was missing already where the model was logged: the model doesn't need it, then."""
    origin = model.origin
    distributions = {key: Distribution(name=key, version=version) for key, version in origin.distributions.items()}
    legacy = model.keras_package == "tf_keras"
    there = Environment(source="its origin", distributions=distributions, complete=True, legacy_keras=legacy)
    try:
        target = find_target(name, there)
        missing = target.missing(target.version) if target is not None else None
        return target is not None and missing is not None and is_certain(target, missing)
    except Unknown:
        return False


def _missing(name: str, where: str, missing: str, target: Target, env: Environment) -> Mismatch:
    spelt = ".".join(name.split(".")[: len(name.split(".")) - target.name.count(".") + missing.count(".")])
    new = find_new_name(target, missing)
    return Mismatch(
        where=where,
        expected=f"`{name}`",
        found=f"{target.title} ({env.source}) has no `{spelt}`; {_told(target, missing)}",
        fix=f"use `{new}` instead, and log the model again" if new else _pin(target, missing),
    )


def _told(target: Target, missing: str) -> str:
    """Which release dropped or brought a name."""
    dropped, brought = _around(target, missing)
    if dropped:
        return f"{dropped} dropped it"
    return f"{brought} brought it" if brought else f"no release since {target.table.releases[0]} has it"


def _pin(target: Target, missing: str) -> str | None:
    dropped, brought = _around(target, missing)
    if not (dropped or brought):
        return None
    if target.package != TENSORFLOW:
        return ANOTHER_RELEASE
    return f"pip install 'tensorflow<{dropped}'" if dropped else f"pip install 'tensorflow>={brought}'"


def _around(target: Target, missing: str) -> tuple[str | None, str | None]:
    """The release that dropped a name before the target, and the one after it that brings it."""
    if target.dropped_in is not None:
        return target.dropped_in, None
    table = target.table
    place = table.index(target.version)
    having = [table.index(version) for version in table.releases_with(missing)]
    before, after = [index for index in having if index < place], [index for index in having if index > place]
    dropped = table.releases[max(before) + 1] if before else None
    return dropped, table.releases[min(after)] if after else None


@rule(
    "KG541",
    Level.WARNING,
    title="packaged code uses a name that TensorFlow has deprecated",
    why="TensorFlow still has what the code uses, but says that it will go, or that something else should be used. "
    "The model loads; a later release may not have the name any more.",
)
def deprecated_name(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for name, where in model.origin.public_names.items():
        try:
            target = find_target(name, env)
        except Unknown:
            continue  # KG540 has a say then.
        if target is None or target.package != TENSORFLOW or len(target.versions) > 1:
            continue
        deprecated = tensorflow_api.find_release(target.version).deprecated_names
        found = next((beginning for beginning in _beginnings(name) if beginning in deprecated), None)
        if found is not None:
            gone = target.table.first_without(found)
            yield Mismatch(
                where=where,
                expected=f"`{found}`, not deprecated",
                found=f"{target.title} ({env.source}) has deprecated it" + (f"; {gone} dropped it" if gone else ""),
                fix=_instead(deprecated[found]),
            )


def _beginnings(name: str) -> Iterator[str]:
    while "." in name:
        yield name
        name = name.rpartition(".")[0]


def _instead(instructions: str) -> str | None:
    """What TensorFlow says to use, in lowercase; None where it says something else."""
    match = _POLITE.match(instructions)
    if not match:
        return None
    text = f"{match[1].lower()}{instructions[match.end() :]}"
    return text if "`" in text else _BARE.sub(r"`\g<0>`", text)
