"""The Keras that saved a model, for what has to be compared with the one that loads it."""

from __future__ import annotations

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.keras_api import KerasApi, Unknown
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules.view import LAST_KERAS_2, keras_api


def saving_api(model: ModelSpec, env: Environment) -> KerasApi:
    """The Keras that saved the model.

    Raises:
        Unknown: the file doesn't name it, or the history doesn't have it.
    """
    if model.keras_version is None:
        raise Unknown("which Keras saved the model isn't recorded, and some of its layers compute otherwise in others")
    here = keras_api(model, env)
    if (here.package, here.version) == (_package(model), model.keras_version):
        return here
    # Most models have no layer of which it matters.
    from mlflow_kerasguard.keras_api.history import find_release

    return find_release(_package(model), model.keras_version).api


def ways_of(api: KerasApi) -> dict[str, str]:
    """By subject, the way in which a release computes."""
    return {subject: way for subject, _, way in (fact.partition("=") for fact in api.loader.computations)}


def _package(model: ModelSpec) -> str:
    """After 2.15, a Keras 2 is `tf_keras`."""
    major, _, rest = str(model.keras_version).partition(".")
    number = rest.split(".")[0]
    late = major == "2" and number.isascii() and number.isdigit() and int(number) > LAST_KERAS_2
    return "tf_keras" if late else model.keras_package or "keras"
