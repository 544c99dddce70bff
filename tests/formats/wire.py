"""Protocol buffers and SavedModels for tests, written by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

Value = int | str | bytes


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def fields(*pairs: tuple[int, Value]) -> bytes:
    """A message: numbers as varints, texts and messages with their length."""
    return b"".join(_field(number, value) for number, value in pairs)


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def node(operation: str, name: str = "", attributes: Iterable[str] = ()) -> bytes:
    entries = [(5, fields((1, attribute), (2, fields((3, 1))))) for attribute in attributes]
    return fields((1, name or operation.lower()), (2, operation), *entries)


def function(name: str, *nodes: bytes) -> bytes:
    return fields((1, fields((1, name))), *((3, item) for item in nodes))


def tensor(name: str, dtype: int, shape: Iterable[int] | None) -> bytes:
    lengths = fields((3, 1)) if shape is None else fields(*((2, fields((1, size))) for size in shape))
    return fields((1, name), (2, fields((1, f"{name}:0"), (2, dtype), (3, lengths))))


def signature(name: str, inputs: Iterable[bytes] = (), outputs: Iterable[bytes] = ()) -> bytes:
    return fields((1, name), (2, fields(*((1, item) for item in inputs), *((2, item) for item in outputs))))


def saved_model(
    *,
    nodes: Iterable[bytes] = (),
    functions: Iterable[bytes] = (),
    versions: bytes = fields((1, 1645), (2, 12)),
    signatures: Iterable[bytes] = (),
    objects: Iterable[bytes] | None = (),
    info: bytes = fields((4, "serve"), (5, "2.15.1"), (7, 1)),
) -> bytes:
    """`saved_model.pb`; without ``objects`` as TensorFlow 1 wrote it."""
    library = fields(*((1, item) for item in functions))
    graph = fields(*((1, item) for item in nodes), (2, library), (4, versions))
    parts: list[tuple[int, Value]] = [(1, info), (2, graph), *((5, item) for item in signatures)]
    if objects is not None:
        parts.append((7, fields(*((1, item) for item in objects))))
    return fields((1, 1), (2, fields(*parts)))


def keras_metadata(configuration: Mapping[str, Any] | str, path: str = "root") -> bytes:
    text = configuration if isinstance(configuration, str) else json.dumps(configuration)
    return fields((1, fields((2, 1), (3, "root.layer"), (5, "{"))), (1, fields((2, 0), (3, path), (5, text))))


def write_saved_model(directory: Path, data: bytes | None = None, **files: bytes) -> Path:
    """A SavedModel directory; further files by their name without `.pb`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "saved_model.pb").write_bytes(saved_model() if data is None else data)
    for name, content in files.items():
        (directory / f"{name}.pb").write_bytes(content)
    return directory
