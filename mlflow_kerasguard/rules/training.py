"""KG33x: training configurations that the target refuses, where it compiles what it loads."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec, Section
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import find_class, keras_api, keras_is_missing, own_objects


@rule(
    "KG330",
    Level.ERROR,
    title="loss is reduced in a way that the target doesn't know",
    why="Keras 2 writes `auto` for a loss that leaves the choice to it, which Keras 3 refuses; `mean` came with 3.7. "
    "Loading with `compile=False` avoids it.",
)
def unknown_reduction(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    losses = [ref for ref in own_objects(model, env, Kind.CLASS) if ref.section is Section.COMPILE]
    for ref in losses:
        api = keras_api(model, env)
        known, reduction = api.loader.loss_reductions, ref.config.get("reduction", "none")
        if ref.role != "loss" or not known or str(reduction) in known or find_class(api, ref, model) is None:
            continue
        yield Mismatch(
            where=ref.where,
            expected=f"`{ref.class_name}` to take `reduction={str(reduction)[:40]}`",
            found=f"losses of `{api.package}` {api.version} take {', '.join(f'`{name}`' for name in sorted(known))}",
            fix="load it with `compile=False`, or compile it again and save it",
        )
