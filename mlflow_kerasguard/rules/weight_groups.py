"""KG605 to KG608: whether the target finds the weights where the file keeps them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.keras_api.tables import to_snake_case
from mlflow_kerasguard.model import ModelSpec, ObjectRef
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import is_legacy_hdf5, keras_api, keras_is_missing
from mlflow_kerasguard.rules.weights import own_parts, wanted_layout

_LAYERS = "layers"
_PRIVATE = "_layer_checkpoint_dependencies"
_LAYER_GROUPS = frozenset({_LAYERS, _PRIVATE})

#: Models whose layers have a group each.
_NETWORKS = frozenset({"Sequential", "Functional", "Model"})


@rule(
    "KG605",
    Level.ERROR,
    title="weights are in a group where the target doesn't look",
    why="Keras 2.12 to 2.14 keeps the layers of a `.keras` file under a private name, 2.15 under `layers`, and neither "
    "reads the other's: each layer gets no weights and no vocabulary at all. Keras 3 reads both.",
)
def other_group(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or model.format != "keras":
        return
    api = keras_api(model, env)
    stored = {tuple(weight.path.split("/", 2)[:2]) for weight in model.weights} | _assets(model)
    groups = {group for group, *_ in stored} & _LAYER_GROUPS
    known = api.loader.zip_layer_groups
    if not groups or not known or groups & known:
        return
    names = {container for _, *rest in stored for container in rest}
    for ref in model.objects:
        # Of several layers of a class the first has the plain name; each of them is without weights.
        if ref.parent == 0 and ref.role == "layers" and to_snake_case(ref.class_name) in names:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}`{own_parts(ref.class_name, ref.config)} to find its weights under "
                f"`{min(groups)}`",
                found=f"`{api.package}` {api.version} looks under `{min(known)}` only",
                fix=ANOTHER_RELEASE,
            )


def _assets(model: ModelSpec) -> set[tuple[str, ...]]:
    """Group and layer of each asset, such as a vocabulary: ``assets/layers/text_vectorization/…``."""
    members = model.details.get("members")
    paths = (str(member).split("/", 3) for member in (members if isinstance(members, list) else ()))
    return {tuple(path[1:3]) for path in paths if path[0] == "assets"}


@rule(
    "KG607",
    Level.ERROR,
    title="weights are under another name than the target looks for",
    why="A `.keras` file names the weights of several layers of a class by counting them. Keras 2.12 and 2.13 count "
    "layers with weights twice (`dense`, `dense_2`), later releases once: they find those of the first layer only.",
)
def counted_otherwise(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or model.format != "keras" or not model.weights:
        return
    api = keras_api(model, env)
    stored = _groups(model)
    private = any(path.startswith(_PRIVATE) for path in stored)
    group = _PRIVATE if private else _LAYERS
    if group not in api.loader.zip_layer_groups:
        return  # KG605 says what is to be said of another group.
    for ref, path in _paths(model, group, stored, twice=private and api.loader.zip_counts_twice):
        wanted = wanted_layout(ref, model, api) if path not in stored else None
        if wanted is not None and any(wanted.values()):
            yield Mismatch(
                where=ref.where,
                expected=f"the weights of `{ref.class_name}` `{str(ref.config.get('name'))[:60]}` under `{path[:200]}`",
                found="the file has none there",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG608",
    Level.ERROR,
    title="weights are of a type that HDF5 doesn't know",
    why="HDF5 has no `bfloat16`. Keras 2 writes such weights as bytes without a type, and nothing turns them into "
    "numbers again.",
)
def untyped_weights(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or not is_legacy_hdf5(model):
        return
    for weight in model.weights:
        if weight.dtype.startswith("void"):
            yield Mismatch(
                where=weight.path,
                expected="numbers",
                found=f"{weight.dtype.removeprefix('void')} bits without a type",
                fix="save the model again as `.keras` with Keras 3, or with `float32` weights",
            )


def _groups(model: ModelSpec) -> frozenset[str]:
    """Every group of the file that holds a weight, at any depth."""
    found: set[str] = set()
    for weight in model.weights:
        path = weight.path.split("/vars/", 1)[0]
        while path and path not in found:
            found.add(path)
            path = path.rpartition("/")[0]
    return frozenset(found)


def _paths(model: ModelSpec, group: str, stored: frozenset[str], *, twice: bool) -> Iterator[tuple[ObjectRef, str]]:
    """Each layer that isn't a model itself, and the group that the loader looks for.

    Args:
        model: the model.
        group: what the layers of a model are under.
        stored: the groups that the file has.
        twice: whether layers of a class with weights count twice.
    """
    inside: dict[int | None, list[int]] = {}
    for index, ref in enumerate(model.objects):
        if ref.role == "layers":
            inside.setdefault(ref.parent, []).append(index)
    pending = [(0, group)]
    while pending:
        parent, prefix = pending.pop()
        counts: Counter[str] = Counter()
        for index in inside.get(parent, ()):
            ref = model.objects[index]
            name = to_snake_case(ref.class_name)
            path = f"{prefix}/{name}_{counts[name]}" if counts[name] else f"{prefix}/{name}"
            counts[name] += 2 if twice and f"{prefix}/{name}" in stored else 1
            if ref.class_name in _NETWORKS:
                pending.append((index, f"{path}/{group}"))
            else:
                yield ref, path
