"""KG34x: shapes that layers are built from before their weights are read."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import find_class, keras_api, keras_is_missing, own_objects


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
