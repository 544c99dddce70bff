"""From a model's configuration (JSON) to the flat list of all objects in it.

Keras nests serialized objects anywhere: in lists, in dicts, in a wrapper's ``layer``, in a cell's
initializer. Each dict with a ``class_name`` and a ``config`` is one; a plain string is one too where
the key says so (``"activation": "relu"``, ``"loss": "mse"``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from mlflow_kerasguard.model import Json, Kind, ObjectRef, Section

#: ``class_name`` of values that Keras serializes as if they were objects
#: (``serialize_keras_object`` in ``keras/src/saving/serialization_lib.py``).
VALUE_CLASSES = frozenset(
    {
        "__bytes__",
        "__ellipsis__",
        "__keras_tensor__",
        "__numpy__",
        "__slice__",
        "__tensor__",
        "__typespec__",
    }
)

#: Values of Keras 2's older JSON, which aren't objects of Keras either.
LEGACY_VALUE_CLASSES = frozenset(
    {"TensorShape", "TypeSpec", "CompositeTensor", "__tuple__", "__passive_serialization__"}
)

#: Keys whose plain strings name a function or class: suffix of the key → Keras's namespace for it.
STRING_NAMESPACES = {
    "activation": "activations",
    "initializer": "initializers",
    "regularizer": "regularizers",
    "constraint": "constraints",
}

#: The same for the keys of a training configuration.
COMPILE_NAMESPACES = {
    "loss": "losses",
    "metrics": "metrics",
    "weighted_metrics": "metrics",
    "optimizer": "optimizers",
}

#: Strings under those keys that aren't names (``Model.compile`` turns them into functions itself).
_METRIC_ALIASES = frozenset({"accuracy", "acc", "crossentropy", "ce"})


#: A value that is still to be visited: (value, role, where, parent, compiling, section). ``compiling``
#: tells that plain strings are named by the keys of a training configuration. A plain tuple, and
#: `type(…) is` below, since a large model has hundreds of thousands of values.
_Place = tuple[Json, str, str, "int | None", bool, Section]

_NESTING = frozenset({dict, list, str})
#: Where a Lambda layer of Keras 2 keeps functions, and of what one consists.
_LAMBDA_ROLES = frozenset({"function", "output_shape", "mask"})
_LAMBDA_KEYS = ("code", "defaults", "closure")

_LONGEST_NAME = 200
_LONGEST_PLACE = 500
_KEPT_OF_PLACE = 200


def collect_objects(config: Json, *, section: Section = Section.MODEL, first: int = 0) -> tuple[ObjectRef, ...]:
    """Every serialized object in ``config``, in document order; parents come before their children.

    The model's own ``compile_config`` counts as the compile section: loading with ``compile=False``
    leaves it alone. One inside a nested model doesn't: Keras always follows it.

    Args:
        config: a model configuration (``config.json``, ``model_config``) or a training configuration,
            as ``json.loads`` returns it.
        section: which of the two it is.
        first: index that the first object gets, where the result continues another list.
    """
    objects: list[ObjectRef] = []
    compiling = section is Section.COMPILE
    # A stack instead of recursion: a hostile file may nest thousands deep.
    stack: list[_Place] = [(config, "", "compile_config" if compiling else "", None, compiling, section)]
    while stack:
        place = stack.pop()
        reference = _reference(place)
        if reference is None:
            inside = _inside(place)
        else:
            objects.append(reference)
            inside = _inside_object(place, first + len(objects) - 1)
        stack += reversed(inside)
    return tuple(objects)


def _reference(place: _Place) -> ObjectRef | None:
    """The object that a value stands for, if it stands for one."""
    value = place[0]
    kind = type(value)
    if kind is dict:
        if "config" in value and type(value.get("class_name")) is str:
            return _serialized(place)
    elif kind is str:
        namespace = _namespace(place[1], place[4])
        if namespace is not None and value not in _METRIC_ALIASES:
            return _make(place, Kind.FUNCTION, value, module=f"keras.{namespace}")
    elif kind is list and _is_lambda(value, place[1]):
        return _make(place, Kind.LAMBDA, "__lambda__", config=dict(zip(_LAMBDA_KEYS, value, strict=False)))
    return None


def _is_lambda(value: list[Json], role: str) -> bool:
    """Keras 2 keeps a lambda as ``[marshalled code, defaults, closure]``; a tensor is ``[name, number, number]``."""
    if role not in _LAMBDA_ROLES or not value or type(value[0]) is not str:
        return False
    return role == "function" or (len(value) == len(_LAMBDA_KEYS) and not any(type(item) is int for item in value))


@lru_cache(maxsize=4096)
def _namespace(role: str, compiling: bool) -> str | None:
    if compiling:
        return COMPILE_NAMESPACES.get(role)
    # Only the last word of the key counts: `recurrent_activation`, `kernel_initializer`.
    return STRING_NAMESPACES.get(role.rsplit("_", 1)[-1])


def _serialized(place: _Place) -> ObjectRef | None:
    value, role, where, parent, _, section = place
    name, config = value["class_name"], value["config"]
    if name in VALUE_CLASSES or name in LEGACY_VALUE_CLASSES:
        return None
    module, registered_name = value.get("module"), value.get("registered_name")
    kind = Kind.CLASS
    if name == "__lambda__":
        kind = Kind.LAMBDA
    elif name == "function" and type(config) is str:
        kind, name, config = Kind.FUNCTION, config, {}
    return ObjectRef(
        kind=kind,
        class_name=name,
        module=module if type(module) is str else None,
        registered_name=registered_name if type(registered_name) is str else None,
        config=config if type(config) is dict else {},
        role=role,
        where=where or "model",
        parent=parent,
        section=section,
        has_module="module" in value,
        build_config=value.get("build_config"),
    )


def _make(place: _Place, kind: Kind, class_name: str, **fields: Any) -> ObjectRef:
    _, role, where, parent, _, section = place
    return ObjectRef(
        kind=kind, class_name=class_name, role=role, where=where or "model", parent=parent, section=section, **fields
    )


def _inside(place: _Place) -> list[_Place]:
    """The values directly inside one that isn't an object itself; plain numbers and texts are left out."""
    value, role, where, parent, compiling, section = place
    if type(value) is dict:
        return _inside_mapping(place)
    if type(value) is not list:
        return []
    named = _namespace(role, compiling) is not None
    where = _short(where)
    inside: list[_Place] = []
    for index, item in enumerate(value):
        kind = type(item)
        if kind is dict or (kind is list and _holds(item)) or (named and kind is str):
            inside.append((item, role, f"{where}[{_label(item, index)}]", parent, compiling, section))
    return inside


def _inside_object(place: _Place, index: int) -> list[_Place]:
    """The values directly inside the object at ``place``, which has got ``index``."""
    value, role, where, parent, compiling, section = place
    if type(value) is not dict:
        return _inside((value, "", where, index, compiling, section))  # A lambda's closure holds no lambdas.
    inside: list[_Place] = []
    for key, item in value.items():
        kind = type(item)
        if kind is dict and key == "config":
            # The object's own keys follow it directly; `config` would only lengthen the place.
            inside += _inside_mapping((item, role, where, index, False, section))
        elif kind is dict and key == "compile_config":
            is_root = parent is None and section is Section.MODEL
            own = Section.COMPILE if is_root else section
            inside += _inside_mapping((item, "", _join(where, key), index, True, own))
        elif kind is dict or (kind is list and _holds(item)):
            inside.append((item, key, _join(where, key), index, False, section))
    return inside


def _inside_mapping(place: _Place) -> list[_Place]:
    value, role, where, parent, compiling, section = place
    # `"loss": {"output_1": "mse"}`: the key below `loss` is an output's name, the role stays.
    keeps_role = compiling and role in COMPILE_NAMESPACES
    prefix = f"{_short(where)}." if where else ""
    inside: list[_Place] = []
    for key, item in value.items():
        kind = type(item)
        own = role if keeps_role else key
        if kind is dict or (kind is list and _holds(item)) or (kind is str and _namespace(own, compiling) is not None):
            inside.append((item, own, prefix + key[:_LONGEST_NAME], parent, compiling, section))
    return inside


def _holds(items: list[Json]) -> bool:
    """Whether a list holds anything but numbers: shapes and strides don't need a visit."""
    return not _NESTING.isdisjoint(map(type, items))


def _join(where: str, key: str) -> str:
    return f"{_short(where)}.{key[:_LONGEST_NAME]}" if where else key[:_LONGEST_NAME]


def _short(where: str) -> str:
    """Each object has a place of its own: long names, nested, would make a small file fill the memory."""
    return where if len(where) <= _LONGEST_PLACE else f"{where[:_KEPT_OF_PLACE]}…{where[-_KEPT_OF_PLACE:]}"


def _label(item: Json, index: int) -> str:
    """How an item of a list is called: by its layer name where it has one."""
    if type(item) is dict:
        config = item.get("config")
        name = item.get("name") or (config.get("name") if type(config) is dict else None)
        if type(name) is str:
            return f'"{name[:_LONGEST_NAME]}"'
    return str(index)
