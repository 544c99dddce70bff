"""KG406: which Python a lambda's bytecode is for."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.formats.bytecode import Bytecode, NotBytecode, read_bytecode
from mlflow_kerasguard.formats.opcodes import PYTHONS
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules.config import LAMBDA
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import is_legacy_hdf5, keras_api, keras_is_missing


@rule(
    "KG406",
    Level.ERROR,
    title="lambda's bytecode is of another Python",
    why="A lambda is stored as the bytecode of the Python that saved it. Another minor version can't read it, or "
    "takes its instructions for others and crashes; a few simple ones mean the same in two versions.",
)
def foreign_bytecode(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    lambdas = loaded_lambdas(model, env)
    if lambdas and env.python is None:
        raise Unknown(f"{env.source} doesn't say which Python it has, and a lambda's bytecode runs on few only")
    for ref in lambdas:
        yield from _judge(ref, model.origin.python, minor(str(env.python)))


def loaded_lambdas(model: ModelSpec, env: Environment) -> list[ObjectRef]:
    """The lambdas whose bytecode the loader gets as far as reading."""
    lambdas = [ref for ref in model.objects if ref.kind is Kind.LAMBDA]
    if not lambdas or keras_is_missing(model, env):
        return []
    # Whoever logged it was asked, and took the Python that lambdas are bound to.
    is_logged = model.origin.python is not None
    refused = keras_api(model, env).refuses_lambdas(legacy_hdf5=is_legacy_hdf5(model))
    return lambdas if LAMBDA in model.trusted or is_logged or not refused else []


def bytecode_of(ref: ObjectRef) -> Bytecode:
    """What a lambda's bytecode tells.

    Raises:
        Unknown: it can't be read.
    """
    code = ref.config.get("code")
    try:
        return read_bytecode(code if isinstance(code, str) else "")
    except NotBytecode as reason:
        raise Unknown(f"which Python compiled the model's lambda can't be told: {reason}") from reason


def minor(version: str) -> str:
    """``3.11`` of ``3.11.7``."""
    return ".".join(version.split(".")[:2])


def _judge(ref: ObjectRef, origin: str | None, here: str) -> Iterator[Mismatch | Unknown]:
    try:
        bytecode = bytecode_of(ref)
    except Unknown as unknown:
        yield unknown
        return
    # A Python later than those whose bytecode is known; only a signature can name it.
    compilers = bytecode.compiled_by or ((minor(origin),) if origin else ())
    if here in bytecode.runs_on or (not bytecode.compiled_by and here in compilers):
        return
    if here not in PYTHONS:
        yield Unknown(f"how bytecode looks in Python {here} isn't known")
    elif here in bytecode.may_run_on:
        yield Unknown(f"whether the lambda's bytecode is of Python {here} can't be told: it could be read as several")
    else:
        yield Mismatch(
            where=ref.where,
            expected=f"Python {' or '.join(compilers)}, which compiled the lambda"
            if compilers
            else "bytecode of a Python that is known",
            found=f"Python {here}",
            fix=f"serve it on Python {compilers[-1]}, or replace the lambda by a layer class"
            if compilers
            else "replace the lambda by a layer class",
        )
