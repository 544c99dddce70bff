"""KG712 and KG713: lambdas that load and don't find what they need when they run."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Json, ModelSpec
from mlflow_kerasguard.rules.lambdas import bytecode_of, loaded_lambdas
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import keras_api

_BUILTINS = frozenset(dir(builtins))


@rule(
    "KG712",
    Level.ERROR,
    title="lambda uses a name that isn't there when it runs",
    why="Only the code of a lambda is stored. The global names that it uses, such as `tf`, are looked up in the module "
    "of Keras that loads it: Keras 2 imports TensorFlow and NumPy there, Keras 3 neither.",
)
def missing_global(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    lambdas = loaded_lambdas(model, env)
    facts = keras_api(model, env).loader if lambdas else None
    if facts is None or not facts.lambda_globals:
        return
    for ref in lambdas:
        try:
            names = sorted(bytecode_of(ref).names - facts.lambda_globals - _BUILTINS)
        except Unknown:
            continue  # KG406 says so.
        for name in names:
            if facts.lambda_sees_module:
                yield Unknown(f"a lambda uses `{name}`, which the module that loads the model may have or not")
            else:
                yield Mismatch(
                    where=ref.where,
                    expected=f"a global name `{name}`",
                    found=f"the module of `{_keras(model, env)}` that runs the lambda has no such name",
                    fix="import what it uses inside the function, or replace the lambda by a layer class",
                )


@rule(
    "KG713",
    Level.ERROR,
    title="lambda with default arguments can't be built again",
    why="JSON makes a list of a function's defaults. Keras 2 turns it back into the tuple that Python asks for; "
    "Keras 3 doesn't.",
)
def lost_defaults(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    lambdas = loaded_lambdas(model, env)
    if any(_holds_text(ref.config.get("closure")) for ref in lambdas):
        yield Unknown(
            "a lambda uses a variable from around it, of which the file has a text: a function is written so too"
        )
    lambdas = [ref for ref in lambdas if ref.config.get("defaults") is not None]
    if lambdas and keras_api(model, env).loader.lambda_defaults_refused:
        for ref in lambdas:
            yield Mismatch(
                where=ref.where,
                expected="a function with default arguments",
                found=f"`{_keras(model, env)}` hands them on as a list, which Python refuses",
                fix="give the values as `arguments=` of the Lambda layer, or replace the lambda by a layer class",
            )


def _holds_text(closure: Json) -> bool:
    return isinstance(closure, list) and any(isinstance(value, str) for value in closure)


def _keras(model: ModelSpec, env: Environment) -> str:
    api = keras_api(model, env)
    return f"{api.package} {api.version}"
