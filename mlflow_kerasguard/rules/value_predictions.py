"""KG705 and KG706: configuration values that make a loaded layer compute something else."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import KERAS_3, find_class, keras_api, keras_is_missing, own_objects

#: What Keras 2.4 writes for `Hashing` without a salt, although it hashes without one.
_PLACEHOLDER_SALT = [0xDECAFCAFFE, 0xDECAFCAFFE]


@rule(
    "KG705",
    Level.ERROR,
    title="layer hashes with a salt that it didn't have",
    why="Keras 2.4 writes a placeholder for the salt of a `Hashing` layer that has none. Every release takes it for a "
    "real salt and hashes in another way: the model loads, and its inputs fall into other bins.",
)
def invented_salt(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        if ref.class_name != "Hashing" or ref.config.get("salt") != _PLACEHOLDER_SALT:
            continue
        if find_class(api, ref, model) is not None:
            yield Mismatch(
                where=ref.where,
                expected="`Hashing` without `salt`, as the model was trained",
                found=f"the config holds Keras 2.4's placeholder, which `{api.package}` {api.version} takes for a salt",
                fix="build the layer again without `salt`, and save the model",
            )


@rule(
    "KG706",
    Level.ERROR,
    title="activation is another function in the target",
    why="`hard_sigmoid` is `0.2 * x + 0.5` in Keras 2 and `x / 6 + 0.5` in Keras 3, cut off at 0 and 1. The name "
    "is the same, so the model loads, and predicts something else.",
)
def other_hard_sigmoid(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    saver = (model.keras_version or "").partition(".")[0]
    if keras_is_missing(model, env) or not saver.isdecimal():
        return
    api = keras_api(model, env)
    if api.loader.hard_sigmoid_by_sixths == (int(saver[:3]) >= KERAS_3.major):
        return
    for ref in own_objects(model, env, Kind.FUNCTION):
        if ref.class_name == "hard_sigmoid":
            yield Mismatch(
                where=ref.where,
                expected=f"`hard_sigmoid` as Keras {saver} computes it",
                found=f"`hard_sigmoid` of `{api.package}` {api.version} has another slope",
                fix="replace the activation by a function of your own, and save the model again",
            )
