"""KG7xx: models that load and then don't predict what they predicted."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec
from mlflow_kerasguard.rules.learned_state import LOOKUPS
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import find_class, is_legacy_hdf5, keras_api, keras_is_missing, own_objects


@rule(
    "KG701",
    Level.ERROR,
    title="layer's state is not in the file",
    why="A vocabulary that a layer learned by `adapt` is an asset, and HDF5 holds weights only. The model loads "
    "without an error, and fails or predicts something else at the first call.",
)
def lost_assets(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or not is_legacy_hdf5(model):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        found = find_class(api, ref, model)
        # Where a release knows no assets, HDF5 holds the vocabulary as little.
        learns = found is not None and (found.keeps_assets or ref.class_name in LOOKUPS)
        if learns and ref.config.get("vocabulary") is None:
            yield Mismatch(
                where=ref.where,
                expected=f"the vocabulary of `{ref.class_name}`",
                found="the HDF5 format doesn't hold it, and the config has none",
                fix="save the model again as `.keras`, in the environment that has it in memory",
            )
