"""KG711: masks that another release of Keras hands on in another way."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules.graphs import Placed, placed_graphs
from mlflow_kerasguard.rules.masks import ATTENTION, Mask, Masks, find_masks, has_masks
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.savers import saving_api, ways_of

#: What merging layers do with values that are masked.
_VALUES = {"skips": "leaves out values that are masked", "counts": "takes values that are masked as any others"}


@rule(
    "KG711",
    Level.ERROR,
    title="layer is given another mask in the target Keras",
    why="Masks travel unseen with tensors. What becomes of them where tensors are merged, and which layers hand them "
    "on and use them, changed between releases: padding then counts that didn't, or the other way round.",
)
def other_masks(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, here in placed_graphs(model, env):
        configs = {name: ref.config for name, ref in placed.parts.items()}
        if has_masks(placed.graph, configs):
            saver = saving_api(model, env)
            for where, change in _changes(placed, ways_of(saver), ways_of(here)):
                yield Mismatch(
                    where=where,
                    expected=f"the masks of `{saver.package}` {saver.version}",
                    found=f"with `{here.package}` {here.version}, {change}",
                    fix=ANOTHER_RELEASE,
                )


def _changes(placed: Placed, before: dict[str, str], after: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Places of layers that compute something else, and why."""
    configs = {name: ref.config for name, ref in placed.parts.items()}
    old, new = (find_masks(placed.graph, configs, ways) for ways in (before, after))
    for (name, number), masks in old.merged.items():
        way = placed.graph.layers[name].class_name
        if before.get(way) != after.get(way) and (any(masks) or any(new.merged[name, number])):
            yield placed.where(name), f"{placed.name(name)} {_VALUES[str(after.get(way))]}"
    for (name, number), masks in old.read.items():
        if placed.graph.layers[name].class_name in ATTENTION and _misfits(placed, name, number, new, after):
            yield placed.where(name), f"{placed.name(name)} can't use the mask of its values"
        elif masks != new.read[name, number]:
            yield placed.where(name), f"{placed.name(name)} {_change(masks, new.read[name, number])}"


def _misfits(placed: Placed, name: str, number: int, masks: Masks, ways: dict[str, str]) -> bool:
    """A mask of two dimensions is held against scores of three, but where a causal mask is put on top."""
    call = placed.graph.layers[name].calls[number]
    values = masks.read[name, number][1:2]
    return any(values) and ways.get("Attention") == "misfits" and not call.kwargs.get("use_causal_mask")


def _change(before: tuple[Mask, ...], after: tuple[Mask, ...]) -> str:
    if not any(after):
        return "is given no mask any more"
    return "is given another mask" if any(before) else "is given a mask"
