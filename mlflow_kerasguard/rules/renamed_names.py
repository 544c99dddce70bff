"""What a public name that is gone is called now, as far as the target's own names confirm it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlflow_kerasguard import tensorflow_api
from mlflow_kerasguard.rules.public_api import TENSORFLOW, Target

#: How TensorFlow tells the new name of a deprecated one.
_USE = re.compile(r"(?:please )?use `?(tf(?:\.\w+)+)`? instead", re.IGNORECASE)

#: What was tried out under such names became a part of the module around it.
_TRIED_OUT = re.compile(r"\.experimental(?:\.preprocessing|\.v2)?(?=\.)")


def find_new_name(target: Target, missing: str) -> str | None:
    """The name under which the target has what a name stood for.

    Args:
        target: what the name is judged by.
        missing: the beginning of the name that the target lacks.
    """
    parts = target.name.split(".")
    for length in range(len(parts), missing.count("."), -1):
        name = ".".join(parts[:length])
        candidates = _of_tensorflow(name, target) if target.package == TENSORFLOW else _of_keras(name)
        for candidate in candidates:
            if candidate != name and target.table.has(candidate, target.version):
                return candidate if target.package == TENSORFLOW else candidate.replace("keras", target.package, 1)
    return None


def _of_tensorflow(name: str, target: Target) -> Iterator[str]:
    first = f"tf.compat.v1.{name.removeprefix('tf.')}"
    deprecated = tensorflow_api.find_release(target.version).deprecated_names
    yield from _USE.findall(deprecated.get(first, ""))
    yield _TRIED_OUT.sub("", name)
    yield first


def _of_keras(name: str) -> Iterator[str]:
    leaf = name.rpartition(".")[2]
    yield _TRIED_OUT.sub("", name)
    if name.startswith("keras.backend."):
        yield f"keras.ops.{leaf}"
    if name.startswith("keras.experimental."):
        yield f"keras.layers.{leaf}"
        yield f"keras.optimizers.schedules.{leaf}"
