"""KG710: layers that compute something else in another release of Keras.

Each way to compute is a fact that is read from a release's source, see
:mod:`mlflow_kerasguard.keras_api.computations`; here stands where the difference shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import KerasApi, Unknown
from mlflow_kerasguard.keras_api.history import find_release
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules.classes import pin_saver
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.shapes import input_shape
from mlflow_kerasguard.rules.view import (
    LAST_KERAS_2,
    find_class,
    keras_api,
    keras_is_missing,
    own_objects,
)

#: Given the model, a layer of it, and the two ways to compute: whether the difference can be seen, or None.
Shows = Callable[[ModelSpec, ObjectRef, frozenset[str]], bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Computation:
    """What releases compute differently.

    Attributes:
        shows: whether the difference can be seen in a layer's predictions; None where the file doesn't tell.
        unknown: what it would take to know.
        ways: what each way does, in the words of a message.
    """

    shows: Shows
    unknown: str
    ways: dict[str, str]


def _crop_shows(model: ModelSpec, ref: ObjectRef, ways: frozenset[str]) -> bool | None:
    shape = input_shape(model, ref)
    wanted = (ref.config.get("height"), ref.config.get("width"))
    if shape is None or len(shape) < 3 or not all(type(length) is int for length in wanted):  # noqa: PLR2004
        return None
    height, width = shape[-2:] if ref.config.get("data_format") == "channels_first" else shape[-3:-1]
    if height is None or width is None:
        return None
    if (height, width) == wanted:
        return False
    # All but the one that does nothing return the whole, resized, where nothing has to be cut off.
    same_aspect = height * wanted[1] == width * wanted[0]
    if "passes" in ways or not same_aspect:
        return True
    return "crops" in ways and height > wanted[0]


COMPUTATIONS = {
    "RandomCrop": Computation(
        shows=_crop_shows,
        unknown="the size of its input",
        ways={
            "scales": "resizes its input to cover the size, and cuts out the middle",
            "resizes": "cuts out the middle in the proportions of the size, and resizes it",
            "crops": "cuts out a part of the size, without resizing",
            "passes": "hands its input on as it is",
        },
    ),
}


@rule(
    "KG710",
    Level.ERROR,
    title="layer computes something else in the target Keras",
    why="Between some releases the code of a layer changed and its configuration didn't: the model loads without a "
    "word, and predicts something else.",
)
def other_computation(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    layers = [ref for ref in own_objects(model, env, Kind.CLASS) if ref.class_name in COMPUTATIONS]
    if not layers or keras_is_missing(model, env):
        return
    here = keras_api(model, env)
    saver = saving_api(model, env)
    for ref in layers:
        before, after = _way(saver, ref.class_name), _way(here, ref.class_name)
        if before == after or not before or not after or find_class(here, ref, model) is None:
            continue
        computation = COMPUTATIONS[ref.class_name]
        shows = computation.shows(model, ref, frozenset({before, after}))
        if shows is None:
            yield Unknown(f"whether `{ref.class_name}` computes the same depends on {computation.unknown}")
        elif shows:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` that {computation.ways[before]}, as in {saver.package} {saver.version}",
                found=f"that of `{here.package}` {here.version} {computation.ways[after]}",
                fix=pin_saver(model, env),
            )


def saving_api(model: ModelSpec, env: Environment) -> KerasApi:
    """The Keras that saved the model.

    Raises:
        Unknown: the file doesn't name it, or the history doesn't have it.
    """
    if model.keras_version is None:
        raise Unknown("which Keras saved the model isn't recorded, and some of its layers compute otherwise in others")
    here = keras_api(model, env)
    if here.version == model.keras_version:
        return here
    return find_release(_package(model), model.keras_version).api


def _package(model: ModelSpec) -> str:
    """After 2.15, a Keras 2 is `tf_keras`."""
    major, _, rest = str(model.keras_version).partition(".")
    number = rest.split(".")[0]
    late = major == "2" and number.isascii() and number.isdigit() and int(number) > LAST_KERAS_2
    return "tf_keras" if late else model.keras_package or "keras"


def _way(api: KerasApi, subject: str) -> str:
    ways = (fact.partition("=") for fact in api.loader.computations)
    return next((way for name, _, way in ways if name == subject), "")
