"""How rules look at a model in an environment: which Keras takes it, which objects are its own."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.keras_api import ClassApi, KerasApi, Unknown
from mlflow_kerasguard.keras_api.lookup import REGISTERED_LAYERS
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef

#: Top-level modules whose classes Keras itself brings.
KERAS_MODULES = frozenset({"keras", "tf_keras"})

#: Optimizers that Keras 2.10 and later registers itself as if they were custom, and names so in HDF5.
KERAS_REGISTERED = frozenset(
    f"Custom>{name}"
    for name in (
        *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl"),
        *("Lion", "Nadam", "RMSprop", "SGD"),
    )
)
_OPTIMIZER_ROLES = frozenset({"optimizer", "optimizer_config"})

#: The first release of the rewritten Keras.
KERAS_3 = Version("3.0.0")

#: The last 2.x release of the package ``keras``.
LAST_KERAS_2 = 15


def keras_package(model: ModelSpec, env: Environment) -> str:
    """The package that loads the model: the one that saved it where that is known.

    A Keras 2 later than 2.15 exists as ``tf_keras`` only; where that isn't installed, whatever is
    there has to take the file.
    """
    if model.keras_package in {"keras", "tf_keras"}:
        return str(model.keras_package)
    saver = model.keras_version.split(".") if model.keras_version else []
    if env.lists("tf-keras") and saver[:1] == ["2"] and _number(saver[1:]) > LAST_KERAS_2:
        return "tf_keras"
    return env.default_keras_package


def keras_api(model: ModelSpec, env: Environment) -> KerasApi:
    """The API that the model meets.

    Raises:
        Unknown: it isn't known; also where no Keras is installed, which is a finding of its own.
    """
    return env.read_keras_api(keras_package(model, env))


def keras_is_missing(model: ModelSpec, env: Environment) -> bool:
    """No Keras is there at all: one finding says so, and no other rule has anything to add."""
    return env.complete and not env.lists(keras_package(model, env).replace("_", "-"))


def _number(parts: list[str]) -> int:
    """The first part of a version's rest, where it is one; the file may say anything."""
    return int(parts[0]) if parts and parts[0].isascii() and parts[0].isdigit() else 0


def is_keras_3(api: KerasApi) -> bool:
    """Whether it is the rewritten Keras, with its backends; `tf_keras` goes on as Keras 2."""
    return api.package == "keras" and Version(api.version) >= KERAS_3


def is_legacy_hdf5(model: ModelSpec) -> bool:
    """The file goes through the HDF5 loader, which resolves layers by class name alone."""
    return model.format == "h5"


def compiles_always(model: ModelSpec, env: Environment) -> bool:
    """Whether the target compiles the model though it is told not to; False where that isn't known."""
    try:
        return is_legacy_hdf5(model) and keras_api(model, env).loader.hdf5_compiles_always
    except Unknown:
        return False


def registered_by_keras(ref: ObjectRef) -> bool:
    """Whether a layer that the file names as Keras's bears the name under which Keras itself registers it."""
    return ref.class_name in REGISTERED_LAYERS and ref.registered_name == f"Custom>{ref.class_name}"


def is_keras_own(ref: ObjectRef) -> bool:
    """Whether the file names the object as one of Keras's.

    A name registered by ``register_keras_serializable`` holds a ``>``; legacy HDF5 writes it into
    the class name. Where the file has no module, only the name can tell.
    """
    if ref.role in _OPTIMIZER_ROLES and ref.class_name in KERAS_REGISTERED:
        return True
    if ">" in ref.class_name or (ref.registered_name is not None and ">" in ref.registered_name):
        return False
    if ref.module is None:
        return not ref.has_module
    return ref.top_level_module in KERAS_MODULES or ref.module == "builtins"


def comes_with_code(ref: ObjectRef, model: ModelSpec, env: Environment) -> bool:
    """Whether custom code for the object travels with the model, or the process has registered it."""
    if not model.origin.provided_objects and not env.registered_objects:
        return False
    names = {ref.class_name, ref.registered_name, ref.class_name.rsplit(">", 1)[-1]}
    provided = model.origin.provided_objects | env.registered_objects
    return bool(names & provided)


def own_objects(model: ModelSpec, env: Environment, kind: Kind) -> tuple[ObjectRef, ...]:
    """Keras's own objects of a kind, without those that custom code replaces or interprets."""
    key = ("own objects", kind, env.registered_objects)
    if key not in model.derived:
        model.derived[key] = tuple(_own_objects(model, env, kind))
    found: tuple[ObjectRef, ...] = model.derived[key]
    return found


def _own_objects(model: ModelSpec, env: Environment, kind: Kind) -> Iterator[ObjectRef]:
    for ref in model.objects:
        if ref.kind is kind and is_keras_own(ref) and not comes_with_code(ref, model, env):
            if kind is Kind.FUNCTION and ref.parent is not None and not is_keras_own(model.objects[ref.parent]):
                continue  # A custom class makes of its own strings what it likes.
            yield ref


def find_class(api: KerasApi, ref: ObjectRef, model: ModelSpec) -> ClassApi | None:
    """The class that Keras would build for one of the model's objects; None where it would find none."""
    # Most rules ask for most objects. The model keeps both alive, so their ids tell them apart.
    known: dict[int, ClassApi | None]
    _, known = model.derived.setdefault(("classes", id(api)), (api, {}))
    if id(ref) not in known:
        known[id(ref)] = api.find_class(ref, legacy_hdf5=is_legacy_hdf5(model))
    return known[id(ref)]
