"""What `saved_model.pb` says, by TensorFlow's message definitions.

A field that should be there once may be there again; protobuf then merges messages and takes the last
of numbers and texts, and so does this reader.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mlflow_kerasguard.formats.protobuf import Message, signed
from mlflow_kerasguard.model import Json

#: More kinds of operations than any TensorFlow has; names beyond are counted, not kept.
MAX_OPERATIONS = 5_000

_MAX_SIGNATURES = 200
_MAX_TENSORS = 200
_MAX_RANK = 64
_MAX_ATTRIBUTES = 200


def _bytes(number: int) -> int:
    return number << 3 | 2


def _number(number: int) -> int:
    return number << 3


#: Tags, by message and field.
_META_GRAPH = _bytes(2)
_META_INFO, _GRAPH, _SIGNATURES, _OBJECTS = _bytes(1), _bytes(2), _bytes(5), _bytes(7)
_TAG, _WRITER, _STRIPPED = _bytes(4), _bytes(5), _number(7)
_NODE, _LIBRARY, _VERSIONS = _bytes(1), _bytes(2), _bytes(4)
_PRODUCER, _MIN_CONSUMER, _BAD_CONSUMER, _BAD_CONSUMERS = _number(1), _number(2), _number(3), _bytes(3)
_FUNCTION = _bytes(1)
_FUNCTION_SIGNATURE, _FUNCTION_NODE = _bytes(1), _bytes(3)
_NODE_NAME, _NODE_OPERATION, _NODE_ATTRIBUTE = _bytes(1), _bytes(2), _bytes(5)
_KEY, _VALUE = _bytes(1), _bytes(2)
_INPUTS, _OUTPUTS = _bytes(1), _bytes(2)
_DTYPE, _SHAPE = _number(2), _bytes(3)
_DIMENSION, _UNKNOWN_RANK, _LENGTH = _bytes(2), _number(3), _number(1)
_OBJECT = _bytes(1)
_USER_OBJECT, _VARIABLE = _bytes(4), _bytes(7)
_IDENTIFIER = _bytes(1)

#: TensorFlow's `DataType`, as far as signatures use it.
_DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    20: "resource",
    21: "variant",
    22: "uint32",
    23: "uint64",
}


@dataclass(slots=True)
class Used:
    """Where an operation is used first, and with which attributes."""

    where: str
    attributes: set[str] = field(default_factory=set)
    in_function: bool = False


@dataclass(slots=True)
class Found:
    """What the file says.

    Attributes:
        keras_objects: kinds of Keras objects in the object graph, with their count.
    """

    graphs: int = 0
    tags: list[str] = field(default_factory=list)
    tensorflow_version: str | None = None
    stripped: bool = False
    versions: dict[str, int] = field(default_factory=dict)
    bad_consumers: list[int] = field(default_factory=list)
    operations: dict[str, Used] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    signatures: dict[str, Json] = field(default_factory=dict)
    has_objects: bool = False
    variables: int = 0
    keras_objects: dict[str, int] = field(default_factory=dict)
    too_many: bool = False


def read_graph(message: Message) -> Found:
    """Read the whole message.

    Raises:
        DamagedMessage: it isn't one.
        TooManyFields: it has more fields than any sound one.
    """
    found = Found()
    for tag, start, end in message.fields(0, message.size):
        if tag == _META_GRAPH:
            found.graphs += 1
            _read_meta_graph(message, start, end, found)
    # A function can be called like an operation, by its name.
    for name in found.functions & found.operations.keys():
        del found.operations[name]
    return found


def _read_meta_graph(message: Message, start: int, end: int, found: Found) -> None:
    for tag, first, last in message.fields(start, end):
        if tag == _META_INFO:
            _read_meta_info(message, first, last, found)
        elif tag == _GRAPH:
            _read_graph_def(message, first, last, found)
        elif tag == _SIGNATURES and len(found.signatures) < _MAX_SIGNATURES:
            _read_signature(message, first, last, found)
        elif tag == _OBJECTS:
            found.has_objects = True
            _read_objects(message, first, last, found)


def _read_meta_info(message: Message, start: int, end: int, found: Found) -> None:
    for tag, first, last in message.fields(start, end):
        if tag == _TAG and len(found.tags) < _MAX_SIGNATURES:
            found.tags.append(message.name(first, last))
        elif tag == _WRITER:
            found.tensorflow_version = message.name(first, last)
        elif tag == _STRIPPED:
            found.stripped = bool(first)


def _read_graph_def(message: Message, start: int, end: int, found: Found) -> None:
    for tag, first, last in message.fields(start, end):
        if tag == _NODE:
            _read_node(message, first, last, "", found)
        elif tag == _LIBRARY:
            for inner, opened, closed in message.fields(first, last):
                if inner == _FUNCTION:
                    _read_function(message, opened, closed, found)
        elif tag == _VERSIONS:
            _read_versions(message, first, last, found)


def _read_versions(message: Message, start: int, end: int, found: Found) -> None:
    for tag, first, last in message.fields(start, end):
        if tag in (_PRODUCER, _MIN_CONSUMER):
            found.versions["producer" if tag == _PRODUCER else "min_consumer"] = signed(first)
        elif tag == _BAD_CONSUMER and len(found.bad_consumers) < _MAX_SIGNATURES:
            found.bad_consumers.append(signed(first))
        elif tag == _BAD_CONSUMERS and len(found.bad_consumers) < _MAX_SIGNATURES:
            found.bad_consumers += [signed(item) for item in message.numbers(first, last, _MAX_SIGNATURES)]


def _read_function(message: Message, start: int, end: int, found: Found) -> None:
    name = ""
    for tag, first, last in message.fields(start, end):
        if tag == _FUNCTION_SIGNATURE:
            for inner, opened, closed in message.fields(first, last):
                if inner == _KEY:
                    name = message.name(opened, closed)
                    found.functions.add(name)
    for tag, first, last in message.fields(start, end):
        if tag == _FUNCTION_NODE:
            _read_node(message, first, last, name, found)


def _read_node(message: Message, start: int, end: int, function: str, found: Found) -> None:
    name = operation = ""
    attributes: list[str] = []
    for tag, first, last in message.fields(start, end):
        if tag == _NODE_OPERATION:
            operation = message.name(first, last)
        elif tag == _NODE_ATTRIBUTE:
            for inner, opened, closed in message.fields(first, last):
                if inner == _KEY:
                    attributes.append(message.name(opened, closed))
        elif tag == _NODE_NAME:
            name = message.name(first, last)
    _note(found, operation, f"{function}/{name}" if function else name, attributes, in_function=bool(function))


def _note(found: Found, operation: str, where: str, attributes: list[str], *, in_function: bool) -> None:
    used = found.operations.get(operation)
    if used is None:
        if len(found.operations) >= MAX_OPERATIONS:
            found.too_many = True
            return
        used = found.operations[operation] = Used(where)
    if in_function and not used.in_function:
        used.in_function, used.where = True, where
        # What only the nodes outside of functions set isn't imported where functions are.
        used.attributes.clear()
    if (in_function or not used.in_function) and len(used.attributes) < _MAX_ATTRIBUTES:
        # TensorFlow ignores what starts with an underscore.
        used.attributes.update(item for item in attributes if not item.startswith("_"))


def _read_signature(message: Message, start: int, end: int, found: Found) -> None:
    name = ""
    sides: dict[str, dict[str, Json]] = {"inputs": {}, "outputs": {}}
    for tag, first, last in message.fields(start, end):
        if tag == _KEY:
            name = message.name(first, last)
        elif tag == _VALUE:
            for inner, opened, closed in message.fields(first, last):
                if inner in (_INPUTS, _OUTPUTS):
                    side = sides["inputs" if inner == _INPUTS else "outputs"]
                    if len(side) < _MAX_TENSORS:
                        side |= _read_tensor(message, opened, closed)
    # TensorFlow keeps one for the initialization of tables, which nobody calls.
    if not name.startswith("__saved_model"):
        found.signatures[name] = sides


def _read_tensor(message: Message, start: int, end: int) -> dict[str, Json]:
    """One entry of a signature: name, dtype and shape; a dimension or shape that isn't known is None."""
    name, dtype, shape = "", None, None
    for tag, first, last in message.fields(start, end):
        if tag == _KEY:
            name = message.name(first, last)
        elif tag == _VALUE:
            for inner, opened, closed in message.fields(first, last):
                if inner == _DTYPE:
                    dtype = _DTYPES.get(opened, f"type {opened}")
                elif inner == _SHAPE:
                    shape = _read_shape(message, opened, closed)
    return {name: {"dtype": dtype, "shape": shape}}


def _read_shape(message: Message, start: int, end: int) -> list[int | None] | None:
    shape: list[int | None] = []
    for tag, first, last in message.fields(start, end):
        if tag == _UNKNOWN_RANK and first:
            return None
        if tag == _DIMENSION and len(shape) < _MAX_RANK:
            # A length that isn't there is 0, as protobuf leaves zeros out.
            length = next((signed(value) for inner, value, _ in message.fields(first, last) if inner == _LENGTH), 0)
            shape.append(length if length >= 0 else None)
    return shape


def _read_objects(message: Message, start: int, end: int, found: Found) -> None:
    for tag, first, last in message.fields(start, end):
        if tag == _OBJECT:
            for inner, opened, closed in message.fields(first, last):
                if inner == _VARIABLE:
                    found.variables += 1
                elif inner == _USER_OBJECT:
                    _read_user_object(message, opened, closed, found)


def _read_user_object(message: Message, start: int, end: int, found: Found) -> None:
    for tag, first, last in message.fields(start, end):
        identifier = message.name(first, last) if tag == _IDENTIFIER else ""
        known = found.keras_objects
        if identifier.startswith("_tf_keras") and (identifier in known or len(known) < _MAX_SIGNATURES):
            known[identifier] = known.get(identifier, 0) + 1
