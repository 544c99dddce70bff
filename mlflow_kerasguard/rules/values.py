"""KG32x: configuration values that the target refuses, loses or takes in another way."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.keras_api import KerasApi, Unknown
from mlflow_kerasguard.model import Json, Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules.ranks import input_ranks
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import find_class, keras_api, keras_is_missing, own_objects

#: The keys under which the calls of attention layers put the shapes that they were built for.
#: The base of whatever Keras 3 calls by a name of its own.
_OPERATION = ".ops.operation.Operation"

_LATER_MODES = ("multi_hot", "one_hot", "tf_idf")
_LOOKUPS = ("StringLookup", "IntegerLookup")
_WITH_MODES = frozenset({"CategoryEncoding", "StringLookup", "IntegerLookup", "TextVectorization", "Discretization"})

_ATTENTION_SHAPES = ("query_shape", "key_shape", "value_shape")

_INTEGERS = ("int32", "int64")


@rule(
    "KG320",
    Level.ERROR,
    title="data type is not one that the layer takes",
    why="Layers of preprocessing check their `dtype` when they are built, and releases differ in what they write there "
    "and in what they let pass.",
)
def refused_dtype(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref, api in _built(model, env, "Hashing", *_LOOKUPS):
        allowed = _allowed_dtypes(ref, api)
        if allowed:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to take `dtype={_dtype_text(ref.config['dtype'])}`",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} takes {allowed} only",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG321",
    Level.ERROR,
    title="shapes that the layer is rebuilt from are not in the config",
    why="Keras 2.5 to 2.15 builds an attention layer from shapes that it keeps in the configuration; earlier releases "
    "didn't write them, and the load stops with a `KeyError`.",
)
def missing_shapes(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref, api in _built(model, env, "MultiHeadAttention"):
        if ref.class_name != "MultiHeadAttention" or not api.loader.attention_reads_shapes:
            continue
        missing = [key for key in _ATTENTION_SHAPES if key not in ref.config]
        if missing:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to be rebuilt without `{missing[0]}`",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} can't be rebuilt without `{missing[0]}`",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG322",
    Level.ERROR,
    title="axis is lost on the way through the HDF5 loader",
    why="The HDF5 loader of Keras 3 takes `axis` out of each layer's configuration and puts back only some forms of "
    "it. The layer then works along the last axis: weights don't fit, or the predictions are others.",
)
def lost_axis(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    ranks: dict[int | None, dict[str, int | None]] = {}
    for ref in own_objects(model, env, Kind.CLASS):
        if not _loses_axis(ref, api) or find_class(api, ref, model) is None:
            continue
        if ref.parent not in ranks:
            ranks[ref.parent] = input_ranks(model.objects[ref.parent].config) if ref.parent is not None else {}
        axis = ref.config["axis"]
        rank = ranks[ref.parent].get(str(ref.config.get("name")))
        if isinstance(axis, int) and axis >= 0 and rank is None:
            yield Unknown(f"whether `axis={axis}` of `{ref.class_name}` is its last axis isn't recorded in the file")
        elif not isinstance(axis, int) or rank is None or axis != rank - 1:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to get `axis={axis}`",
                found=f"the HDF5 loader of `{api.package}` {api.version} drops it, and the last axis is taken",
                fix="save the model again as `.keras`, in the environment that has it in memory",
            )


@rule(
    "KG323",
    Level.ERROR,
    title="mean and variance are of different shapes",
    why="Earlier releases spread a single number over all features; from 3.14 on `Normalization` wants both in the "
    "same shape and refuses the configuration otherwise.",
)
def unlike_shapes(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref, api in _built(model, env, "Normalization"):
        mean, variance = ref.config.get("mean"), ref.config.get("variance")
        if ref.class_name != "Normalization" or mean is None or variance is None:
            continue
        if api.loader.normalization_checks_shapes and _dimensions(mean) != _dimensions(variance):
            yield Mismatch(
                where=ref.where,
                expected="`Normalization` to take `mean` and `variance` of different shapes",
                found=f"`Normalization` of `{api.package}` {api.version} wants both in the same shape",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG328",
    Level.ERROR,
    title="single mean is not spread over the features",
    why="From 3.14 on `Normalization` takes one mean and variance for all features; earlier releases of Keras 3 take "
    "them for each feature only, and the layer can't be built.",
)
def single_mean(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref, api in _built(model, env, "Normalization"):
        if ref.class_name == "Normalization" and api.loader.normalization_reshapes and _is_spread(ref):
            yield Mismatch(
                where=ref.where,
                expected="`Normalization` to take one `mean` for all features",
                found=f"`Normalization` of `{api.package}` {api.version} takes one for each feature only",
                fix=ANOTHER_RELEASE,
            )


def _is_spread(ref: ObjectRef) -> bool:
    """Whether one mean stands for several features, as far as the file tells the shape."""
    mean, axis = ref.config.get("mean"), ref.config.get("axis")
    shape = ref.build_config.get("input_shape") if isinstance(ref.build_config, dict) else None
    axes = [axis] if isinstance(axis, int) else axis
    if mean is None or prod(_dimensions(mean)) != 1 or not isinstance(shape, list) or not isinstance(axes, list):
        return False
    kept = [shape[axis] for axis in axes if isinstance(axis, int) and -len(shape) <= axis < len(shape)]
    return any(isinstance(length, int) and length > 1 for length in kept)


@rule(
    "KG324",
    Level.ERROR,
    title="axis is a list where a number is wanted",
    why="Keras 2 writes the axis of a batch normalization as a list of one number, Keras 3 takes the number alone. Its "
    "HDF5 loader translates it for the layers of a model; in a `.keras` file and inside of wrappers nothing does.",
)
def list_of_one_axis(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref, api in _built(model, env, "BatchNormalization"):
        translated = ref.role == "layers" and not ref.has_module and api.loader.hdf5_drops_axis
        axis = ref.config.get("axis")
        if ref.class_name != "BatchNormalization" or not isinstance(axis, list) or translated:
            continue
        if api.loader.batch_axis_is_number:
            yield Mismatch(
                where=ref.where,
                expected=f"`BatchNormalization` to take `axis={str(axis)[:40]}`",
                found=f"`BatchNormalization` of `{api.package}` {api.version} wants a number",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG326",
    Level.ERROR,
    title="output mode is unknown to the target Keras",
    why="Keras 2.6 renamed the modes of the preprocessing layers and added some; earlier releases refuse `multi_hot`, "
    "`one_hot` and `tf_idf`.",
)
def unknown_mode(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref, api in _built(model, env, *_WITH_MODES):
        mode = ref.config.get("output_mode")
        if mode in _LATER_MODES and ref.class_name in _WITH_MODES and api.loader.modes_before_multi_hot:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to take `output_mode={mode!r}`",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} doesn't know this mode",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG327",
    Level.ERROR,
    title="layers inside a layer are not built again",
    why="The first releases with `Pipeline` hand it the saved configurations of its layers instead of the layers, and "
    "the first call fails on them.",
)
def unbuilt_layers(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref, api in _built(model, env, "Pipeline"):
        if ref.class_name == "Pipeline" and ref.config.get("layers") and api.loader.pipeline_keeps_dicts:
            yield Mismatch(
                where=ref.where,
                expected="`Pipeline` to build its layers again",
                found=f"`Pipeline` of `{api.package}` {api.version} keeps their configurations, which can't be called",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG325",
    Level.ERROR,
    title="name holds a slash",
    why="Keras 2 let layers be called `block/dense`; in Keras 3 a slash separates the parts of a variable's path, and "
    "a layer, model or operation whose name has one can't be built.",
)
def name_with_slash(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS) if api.loader.slashes_refused else ():
        name = ref.config.get("name")
        if not isinstance(name, str) or "/" not in name:
            continue
        found = find_class(api, ref, model)
        if found is not None and any(base.endswith(_OPERATION) for base in found.bases):
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to take `name={name[:60]!r}`",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} takes no name with a `/`",
                fix=ANOTHER_RELEASE,
            )


def _dimensions(value: Json) -> list[int]:
    """The shape of nested lists of numbers."""
    lengths = []
    while isinstance(value, list):
        lengths.append(len(value))
        value = value[0] if value else None
    return lengths


def _built(model: ModelSpec, env: Environment, *classes: str) -> Iterator[tuple[ObjectRef, KerasApi]]:
    """Keras's own objects of some classes, where the target has them."""
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        if ref.class_name in classes and find_class(api, ref, model) is not None:
            yield ref, api


def _allowed_dtypes(ref: ObjectRef, api: KerasApi) -> str | None:
    """The data types that the layer takes, where it doesn't take the one that it has."""
    if "dtype" not in ref.config:
        return None
    dtype = ref.config["dtype"]
    checks = api.loader.hashing_dtype
    if ref.class_name == "Hashing" and checks and dtype is not None and ref.config.get("output_mode", "int") == "int":
        # Early Keras 3 compares what it is given with the words; later ones the name of the policy.
        name = dtype if checks == "word" else _dtype_text(dtype)
        return None if name in _INTEGERS else "`int32` or `int64`" + (" as a plain word" if checks == "word" else "")
    wanted = [item.partition("=")[2] for item in api.loader.lookup_dtypes if item.startswith(f"{ref.class_name}=")]
    return f"`{wanted[0]}`" if wanted and dtype != wanted[0] else None


def _dtype_text(dtype: Json) -> str:
    """The name of a data type, which may stand in a policy's configuration."""
    config = dtype.get("config") if isinstance(dtype, dict) else None
    name = config.get("name") if isinstance(config, dict) else dtype
    return str(name)[:40]


def _loses_axis(ref: ObjectRef, api: KerasApi) -> bool:
    """Whether the layer has an axis, other than the last one, that the HDF5 loader doesn't hand on."""
    if not api.loader.hdf5_drops_axis or ref.has_module or ref.role != "layers":
        return False
    axis = ref.config.get("axis")
    if isinstance(axis, list):
        # `Normalization` of given numbers comes to the same along any axis when these are single numbers.
        single = isinstance(ref.config.get("mean"), int | float) and isinstance(ref.config.get("variance"), int | float)
        return len(axis) != 1 and (not single or api.loader.normalization_reshapes)
    is_number = isinstance(axis, int) and not isinstance(axis, bool)
    return is_number and axis != -1 and not api.loader.hdf5_keeps_axis_number
