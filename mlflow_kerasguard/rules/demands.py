"""What an object's configuration demands of the machine that loads it: memory, and files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

from mlflow_kerasguard.model import Json, ObjectRef

#: Keys under which a class takes either the entries or the path of a file with them.
_FILE_KEYS = {
    "IntegerLookup": ("vocabulary",),
    "StringLookup": ("vocabulary",),
    "TextVectorization": ("vocabulary",),
}
_TOKENIZER_KEYS = ("vocabulary", "merges", "proto")

#: A configuration below this many weight values can't exhaust a machine, whatever is stored.
_SIZE_FLOOR = 1 << 26
#: Quantized weights are packed: a sound file may hold up to this many times fewer values.
_PACKING = 8
#: A hostile number may have thousands of digits; beyond this, larger says no more.
_LARGEST = 10**18
_MOST_DIMENSIONS = 10

#: The keys that tell how large a layer is.
_SIZES = frozenset({"units", "filters", "output_dim", "num_heads", "input_dim", "kernel_size"})

_DRIVE = re.compile(r"[A-Za-z]:[/\\]")


def files_opened(ref: ObjectRef) -> Iterator[tuple[str, str]]:
    """The keys under which the object names a file that it opens when it is built, with their values."""
    keys = _TOKENIZER_KEYS if ref.class_name.endswith("Tokenizer") else _FILE_KEYS.get(ref.class_name, ())
    for key in keys:
        value = ref.config.get(key)
        if isinstance(value, str):
            yield key, value


def leads_elsewhere(name: str) -> bool:
    """Whether a name, taken for a path, leaves the directory that it is joined to."""
    return ".." in name.split("/") or name.startswith("/") or "\\" in name or "\0" in name or bool(_DRIVE.match(name))


def exceeds(declared: int, stored: int) -> bool:
    """Whether a layer asks for more weight values than can come from a file that stores so many."""
    return declared > max(_SIZE_FLOOR, _PACKING * stored)


def weight_values(ref: ObjectRef) -> int:
    """About how many weight values the configuration asks for; 1 where it doesn't say."""
    config = ref.config
    if ref.build_config is None and _SIZES.isdisjoint(config):
        return 1  # Most objects are initializers and the like.
    width = max(_count(config.get(key)) for key in ("units", "filters", "output_dim"))
    width = max(width, _count(config.get("num_heads")) * _count(config.get("key_dim")))
    depth = max(_count(config.get("input_dim")), _last_of(ref.build_config))
    kernel = config.get("kernel_size")
    window = prod(_count(n) or 1 for n in kernel[:_MOST_DIMENSIONS]) if isinstance(kernel, list) else 1
    return max(width, 1) * max(depth, 1) * window // max(_count(config.get("groups")), 1)


def _count(value: Json) -> int:
    return min(value, _LARGEST) if isinstance(value, int) and value > 0 else 0


def _last_of(build_config: Json) -> int:
    """The last dimension of the shape that a layer is built for."""
    shape = build_config.get("input_shape") if isinstance(build_config, dict) else None
    return _count(shape[-1]) if isinstance(shape, list) and shape else 0
