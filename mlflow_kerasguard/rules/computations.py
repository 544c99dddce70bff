"""KG710 and KG714: layers that compute something else, or nothing, in another release of Keras.

Each way to compute is a fact that is read from a release's source, see
:mod:`mlflow_kerasguard.keras_api.computations`; here stands where the difference shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.savers import saving_api, ways_of
from mlflow_kerasguard.rules.shapes import Tensor, input_of
from mlflow_kerasguard.rules.view import keras_api, keras_is_missing, own_objects

#: Given a layer, its input, and the two ways to compute: whether the difference shows; None where that
#: depends on what the file doesn't tell.
Shows = Callable[[ObjectRef, Tensor, frozenset[str]], bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Computation:
    """What releases compute differently.

    Attributes:
        subject: the name of the fact.
        shows: whether the difference can be seen in a layer's predictions.
        ways: what each way does, in the words of a message.
    """

    subject: str
    shows: Shows
    ways: dict[str, str]


def _crop_shows(ref: ObjectRef, given: Tensor, ways: frozenset[str]) -> bool | None:
    size = given.image_size(ref)
    height, width = ref.config.get("height"), ref.config.get("width")
    if size is None or not isinstance(height, int) or not isinstance(width, int):
        return None
    if size == (height, width):
        return False
    # All but the one that does nothing return the whole, resized, where nothing has to be cut off.
    same_aspect = size[0] * width == size[1] * height
    if "passes" in ways or not same_aspect:
        return True
    return "crops" in ways and size[0] > height


def _resizing_shows(ref: ObjectRef, given: Tensor, ways: frozenset[str]) -> bool:
    """Whole numbers go in; neighbours that aren't mixed stay whole."""
    if Tensor(dtype=str(ref.config.get("dtype"))).is_integer and "rounds" not in ways:
        return False  # A layer of whole numbers cuts the fractions off as well.
    same_size = given.image_size(ref) == (ref.config.get("height"), ref.config.get("width"))
    return given.is_integer and ref.config.get("interpolation") != "nearest" and not same_size


def _one_hot_shows(ref: ObjectRef, given: Tensor, ways: frozenset[str]) -> bool | None:  # noqa: ARG001 - as the others
    if ref.config.get("output_mode") != "one_hot":
        return False
    return None if given.shape is None else len(given.shape) > 1 and given.shape[-1] == 1


def _one_hot(subject: str) -> Computation:
    return Computation(
        subject=subject,
        shows=_one_hot_shows,
        ways={
            "keeps": "keeps a last dimension of 1, and returns one dimension more",
            "squeezes": "puts the categories in place of a last dimension of 1",
        },
    )


#: By the name of the class.
COMPUTATIONS = {
    "RandomCrop": Computation(
        subject="RandomCrop",
        shows=_crop_shows,
        ways={
            "scales": "resizes its input to cover the size, and cuts out the middle",
            "resizes": "cuts out the middle in the proportions of the size, and resizes it",
            "crops": "cuts out a part of the size, without resizing",
            "passes": "hands its input on as it is",
        },
    ),
    "Resizing": Computation(
        subject="Resizing",
        shows=_resizing_shows,
        ways={
            "keeps fractions": "returns fractions for whole numbers",
            "truncates": "cuts the fractions off where it is given whole numbers",
            "rounds": "rounds where it is given whole numbers",
        },
    ),
    "CategoryEncoding": _one_hot("CategoryEncoding"),
    "Discretization": _one_hot("Discretization"),
    "HashedCrossing": _one_hot("HashedCrossing"),
    "Hashing": _one_hot("Hashing"),
    "IntegerLookup": _one_hot("IndexLookup"),
    "StringLookup": _one_hot("IndexLookup"),
}


_INTERPOLATING = frozenset({"Resizing", "UpSampling2D"})


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
    here, saver = keras_api(model, env), saving_api(model, env)
    for ref in layers:
        computation = COMPUTATIONS[ref.class_name]
        before, after = (ways_of(api).get(computation.subject, "") for api in (saver, here))
        if before == after or not before or not after:
            continue
        shows = computation.shows(ref, input_of(model, ref), frozenset({before, after}))
        if shows is None:
            yield Unknown(f"whether `{ref.class_name}` computes the same depends on the size of its input")
        elif shows:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` that {computation.ways[before]}, as in `{saver.package}` {saver.version}",
                found=f"that of `{here.package}` {here.version} {computation.ways[after]}",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG714",
    Level.ERROR,
    title="interpolation is none that the target Keras computes",
    why="Keras 2 resized images by any method of TensorFlow, Keras 3 by those that all backends have. The layer is "
    "built with any, and fails at the first call.",
)
def unknown_interpolation(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    layers = [ref for ref in own_objects(model, env, Kind.CLASS) if ref.class_name in _INTERPOLATING]
    if not layers or keras_is_missing(model, env):
        return
    here = keras_api(model, env)
    known = here.loader.resize_interpolations
    for ref in layers:
        method = ref.config.get("interpolation")
        if known and isinstance(method, str) and method.lower() not in known:
            yield Mismatch(
                where=ref.where,
                expected=f"the interpolation `{method}`",
                found=f"`{here.package}` {here.version} has {', '.join(f'`{name}`' for name in sorted(known))}",
                fix=ANOTHER_RELEASE,
            )
