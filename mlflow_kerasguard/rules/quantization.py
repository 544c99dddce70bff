"""KG62x: weights of quantized layers, which releases keep in their own ways."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.savers import saving_api, ways_of
from mlflow_kerasguard.rules.view import find_class, keras_api, keras_is_missing, own_objects

#: Layers that have other variables once they are quantized.
QUANTIZED = frozenset({"Dense", "EinsumDense", "Embedding"})


def quantization_mode(ref: ObjectRef) -> str | None:
    """How a layer is quantized, such as ``int8``; None where it isn't, as far as its data type tells.

    Keras 3.4 and later write a policy with a ``mode``, which may have a block size (``int4/128``); earlier
    ones the name of a policy (``int8_from_float32``).
    """
    dtype = ref.config.get("dtype")
    config = dtype.get("config") if isinstance(dtype, dict) else None
    if isinstance(config, dict) and isinstance(config.get("mode"), str):
        return str(config["mode"]).partition("/")[0]
    name = config.get("name") if isinstance(config, dict) else dtype
    mode, separator, _ = name.partition("_from_") if isinstance(name, str) else ("", "", "")
    return mode if separator else None


def _quantized(model: ModelSpec, env: Environment) -> list[tuple[ObjectRef, str]]:
    """Keras's own quantized layers, each with its mode."""
    found = ((ref, quantization_mode(ref)) for ref in own_objects(model, env, Kind.CLASS))
    return [(ref, mode) for ref, mode in found if mode]


@rule(
    "KG620",
    Level.ERROR,
    title="layer is quantized in a way that the target doesn't know",
    why="Keras 3.4 to 3.10 quantizes to `int8` and `float8` only; `int4` came with 3.11, `gptq` with 3.12, `awq` with "
    "3.14. A data type of another mode is refused when the layer is built.",
)
def unknown_mode(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    quantized = [] if keras_is_missing(model, env) else _quantized(model, env)
    for ref, mode in quantized:
        api = keras_api(model, env)
        known = api.loader.quantization_modes
        if known and mode not in known and find_class(api, ref, model) is not None:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to be quantized with `mode={mode}`",
                found=f"`{api.package}` {api.version} knows {', '.join(f'`{name}`' for name in sorted(known))}",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG621",
    Level.ERROR,
    title="quantized weights are kept in another way than the target's",
    why="How a quantized layer packs its weights and in which shape it keeps their scales changed between releases of "
    "Keras 3, and nothing converts them: the arrays don't fit, or stand for other numbers.",
)
def other_packing(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    quantized = [] if keras_is_missing(model, env) else _quantized(model, env)
    for ref, mode in quantized:
        api = keras_api(model, env)
        subject = f"{ref.class_name} in {mode}"
        if ref.class_name not in QUANTIZED or find_class(api, ref, model) is None:
            continue
        saver = saving_api(model, env)
        before, after = (ways_of(each).get(subject) for each in (saver, api))
        if before and before != after:
            yield Mismatch(
                where=ref.where,
                expected=f"weights of `{ref.class_name}` in `{mode}` as in `{saver.package}` {saver.version}: {before}",
                found=f"`{api.package}` {api.version} keeps them otherwise: {after or 'the layer is never quantized'}",
                fix=ANOTHER_RELEASE,
            )
