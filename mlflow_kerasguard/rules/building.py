"""KG34x: shapes and numbers that layers are built from before their weights are read."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.formats.graph import Call
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Json, Kind, ModelSpec
from mlflow_kerasguard.rules.graphs import placed_graphs
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.shapes import tensors
from mlflow_kerasguard.rules.view import find_class, keras_api, keras_is_missing, own_objects

_ATTENTION = "MultiHeadAttention"
_OLD_SHAPE = "batch_input_shape"


@rule(
    "KG340",
    Level.ERROR,
    title="shapes come back as lists where the layer wants tuples",
    why="A `.keras` file keeps the shapes that a layer was built for, and JSON makes lists of tuples. `Dot` of Keras "
    "3.0 and 3.1 takes tuples only, so that no file with it loads there.",
)
def listed_shapes(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    layers = [ref for ref in own_objects(model, env, Kind.CLASS) if ref.class_name == "Dot"]
    for ref in layers:
        api = keras_api(model, env)
        built = ref.build_config if isinstance(ref.build_config, dict) else {}
        if not built.get("input_shape") or not api.loader.dot_wants_tuples or find_class(api, ref, model) is None:
            continue
        yield Mismatch(
            where=ref.where,
            expected=f"`{ref.class_name}` to be built from `input_shape={str(built['input_shape'])[:60]}`",
            found=f"`{ref.class_name}` of `{api.package}` {api.version} takes a list of tuples only",
            fix=ANOTHER_RELEASE,
        )


@rule(
    "KG341",
    Level.ERROR,
    title="queries and values are of different widths",
    why="`MultiHeadAttention` of Keras 3 before 3.7 is built only where queries and values have the same last "
    "dimension; others attend across inputs of different widths.",
)
def unequal_widths(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for placed, api in placed_graphs(model, env):
        if not api.loader.attention_wants_equal_widths:
            continue
        for layer in placed.graph.layers.values():
            widths = next(filter(None, (_widths(call) for call in layer.calls)), None)
            if layer.class_name != _ATTENTION or widths is None or widths[0] == widths[1]:
                continue
            yield Mismatch(
                where=placed.where(layer.name),
                expected=f"`{_ATTENTION}` to attend from {widths[0]} features to {widths[1]}",
                found=f"`{_ATTENTION}` of `{api.package}` {api.version} takes as many as there are in its queries",
                fix=ANOTHER_RELEASE,
            )


def _widths(call: Call) -> tuple[int, int] | None:
    """The last dimensions of a call's query and value, where the file tells both."""
    given = (*call.args, *(call.kwargs[key] for key in ("query", "value") if key in call.kwargs))
    shapes = [tensor.shape for tensor in tensors(list(given))[:2]]
    widths = [shape[-1] for shape in shapes if shape and shape[-1] is not None]
    return (widths[0], widths[1]) if len(widths) == len(shapes) == 2 else None  # noqa: PLR2004 - query and value


@rule(
    "KG342",
    Level.ERROR,
    title="factor is outside of the range that the layer takes",
    why="`RandomShear` makes a range from minus to plus of a single factor, writes that, and takes numbers from 0 to 1 "
    "only: what it wrote can't be read back, not even by the same release.",
)
def refused_factor(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    for ref in own_objects(model, env, Kind.CLASS):
        if ref.class_name != "RandomShear":
            continue
        api = keras_api(model, env)
        low, _, high = api.loader.shear_bounds.partition(",")
        for key in ("x_factor", "y_factor") if high else ():
            outside = [number for number in _numbers(ref.config.get(key)) if not float(low) <= number <= float(high)]
            if outside:
                yield Mismatch(
                    where=ref.where,
                    expected=f"`{ref.class_name}` to take `{key}` with {outside[0]}",
                    found=f"`{ref.class_name}` of `{api.package}` {api.version} takes numbers from {low} to {high}",
                    fix="build the layer with a pair of factors, such as `(0, 0.2)`, and save the model again",
                )


def _numbers(value: Json) -> list[float]:
    return [item for item in value if isinstance(item, int | float)] if isinstance(value, list) else []


@rule(
    "KG343",
    Level.ERROR,
    title="input's shape is under a key that the target passes over",
    why="Keras 2 calls the shape of an input `batch_input_shape`. Keras 3 takes that from 3.0.2 on; before, it is "
    "ignored without a word, and the input is refused for having no shape.",
)
def ignored_shape(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS) if api.loader.input_ignores_old_shape else ():
        if ref.class_name != "InputLayer" or _OLD_SHAPE not in ref.config or {"shape", "batch_shape"} & set(ref.config):
            continue
        if _OLD_SHAPE not in api.keys_rewritten(ref) and find_class(api, ref, model) is not None:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to take `{_OLD_SHAPE}`",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} looks at `shape` and `batch_shape` only",
                fix=ANOTHER_RELEASE,
            )
