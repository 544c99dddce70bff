"""Reading JSON of a known layout; whatever is wrong is told with the key where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mlflow_kerasguard.errors import KerasGuardError
from mlflow_kerasguard.model import WeightSpec

T = TypeVar("T")


class SignatureError(KerasGuardError):
    """A compatibility signature can't be read; the text names the key."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A JSON object, and how it is called in messages."""

    value: Mapping[str, Any]
    name: str = ""

    @classmethod
    def of(cls, value: Any, name: str = "") -> Reader:
        return cls(expect(value, dict, name), name)

    def _key(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def take(self, key: str, kind: type[T]) -> T:
        """The value of a key that has to be there."""
        if key not in self.value:
            raise SignatureError(f"`{self._key(key)}` is missing from the compatibility signature")
        return expect(self.value[key], kind, self._key(key))

    def optional(self, key: str, kind: type[T]) -> T | None:
        """The value of a key that may be missing or null."""
        value = self.value.get(key)
        return None if value is None else expect(value, kind, self._key(key))

    def object(self, key: str) -> Reader:
        return Reader.of(self.take(key, dict), self._key(key))

    def texts(self, key: str) -> dict[str, str]:
        """An object whose values are all strings."""
        return {name: self.object(key).take(name, str) for name in self.take(key, dict)}

    def each(self, key: str, make: Callable[[Reader], T]) -> tuple[T, ...]:
        """A list of objects, each read by ``make``."""
        return tuple(
            make(Reader.of(item, f"{self._key(key)}[{index}]")) for index, item in enumerate(self.take(key, list))
        )


def expect(value: Any, kind: type[T], name: str) -> T:
    """``value``, if it is of the kind.

    Raises:
        SignatureError: it isn't.
    """
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        where = f"`{name}` of the compatibility signature" if name else "the compatibility signature"
        raise SignatureError(f"{where} has to be {_WORDS[kind]}, not {type(value).__name__}")
    return value


_WORDS: Mapping[type, str] = {dict: "an object", list: "a list", str: "a string", int: "a whole number"}


def weight_to_dict(weight: WeightSpec) -> dict[str, Any]:
    """A weight as a signature holds it."""
    return {"path": weight.path, "shape": list(weight.shape), "dtype": weight.dtype}


def weight_from(entry: Reader) -> WeightSpec:
    """The same from an entry.

    Raises:
        SignatureError: names the key that is missing or wrong.
    """
    shape = tuple(expect(length, int, f"{entry.name}.shape") for length in entry.take("shape", list))
    return WeightSpec(path=entry.take("path", str), shape=shape, dtype=entry.take("dtype", str))
