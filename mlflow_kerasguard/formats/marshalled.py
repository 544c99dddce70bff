"""Python's marshal format, read as data: nothing of it becomes a code object of this interpreter.

``marshal.loads`` trusts what it is given and may crash on it, and reads only what its own Python wrote.
Here every length is held against what is left of the data, depth is bounded, and values that don't
matter (numbers, most containers) are passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_FLAG_REF = 0x80
_DEEPEST = 60

#: The fields of a code object in the order in which they are written; ``i`` is a number, ``o`` an object.
LAYOUTS = {
    "3.6": "i:argcount i:kwonly i:nlocals i:stacksize i:flags o:code o:consts o:names o:varnames o:freevars "
    "o:cellvars o:filename o:name i:firstlineno o:lines",
    "3.8": "i:argcount i:posonly i:kwonly i:nlocals i:stacksize i:flags o:code o:consts o:names o:varnames o:freevars "
    "o:cellvars o:filename o:name i:firstlineno o:lines",
    "3.11": "i:argcount i:posonly i:kwonly i:stacksize i:flags o:code o:consts o:names o:localsplusnames "
    "o:localspluskinds o:filename o:name o:qualname i:firstlineno o:lines o:exceptiontable",
}

#: What an object of these fields has to be.
_BYTES = frozenset({"code", "lines", "localspluskinds", "exceptiontable"})
_TUPLES = frozenset({"consts", "names", "varnames", "freevars", "cellvars", "localsplusnames"})


class NotMarshalled(ValueError):
    """The data isn't what ``marshal`` writes in this layout; the text says why."""


@dataclass(frozen=True, slots=True)
class Code:
    """The parts of a code object that tell which Python it is for."""

    code: bytes
    names: tuple[Any, ...]
    lines: bytes


def read_codes(data: bytes, layout: str) -> tuple[Code, ...]:
    """The code object in ``data`` and those inside it, innermost first.

    Args:
        data: what ``marshal.dumps`` gave.
        layout: one of ``LAYOUTS``: the first Python that writes code objects so.

    Raises:
        NotMarshalled: it can't have been written in that layout.
    """
    reader = _Reader(data, [field.split(":") for field in LAYOUTS[layout].split()])
    if not isinstance(reader.value(), Code):
        raise NotMarshalled("it isn't a code object")
    return tuple(reader.codes)


class _Reader:
    def __init__(self, data: bytes, fields: list[list[str]]) -> None:
        self._data = data
        self._fields = fields
        self._at = 0
        self._depth = 0
        self._refs: list[Any] = []
        self.codes: list[Code] = []

    def value(self) -> Any:
        """The next object; None for those whose value doesn't matter."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotMarshalled("it is nested too deep")
        byte = self._byte()
        flagged, kind = bool(byte & _FLAG_REF), chr(byte & ~_FLAG_REF)
        read = _READERS.get(kind)
        if read is None:
            raise NotMarshalled(f"it has an object of unknown type {kind!r}")
        # The object's place in the list of references is taken before what is inside it is read.
        place = len(self._refs)
        if flagged:
            self._refs.append(None)
        found = read(self)
        if flagged:
            self._refs[place] = found
        self._depth -= 1
        return found

    def take(self, length: int) -> bytes:
        if not 0 <= length <= len(self._data) - self._at:
            raise NotMarshalled("it ends too early")
        self._at += length
        return self._data[self._at - length : self._at]

    def skip(self, length: int) -> None:
        self.take(length)

    def _byte(self) -> int:
        return self.take(1)[0]

    def short(self) -> bytes:
        return self.take(self._byte())

    def two_shorts(self) -> None:
        self.short()
        self.short()

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little", signed=True)

    def string(self) -> bytes:
        return self.take(self.number())

    def digits(self) -> None:
        self.take(2 * abs(self.number()))

    def items(self) -> tuple[Any, ...]:
        return self._items(self.number())

    def few_items(self) -> tuple[Any, ...]:
        return self._items(self._byte())

    def _items(self, count: int) -> tuple[Any, ...]:
        if not 0 <= count <= len(self._data) - self._at:
            raise NotMarshalled("it ends too early")  # Each item takes a byte at least.
        return tuple(self.value() for _ in range(count))

    def slice(self) -> None:
        self._items(3)

    def mapping(self) -> None:
        while self._data[self._at : self._at + 1] != b"0":
            self.value()
            self.value()
        self.take(1)

    def reference(self) -> Any:
        index = self.number()
        if not 0 <= index < len(self._refs):
            raise NotMarshalled("it refers to an object that isn't there")
        return self._refs[index]

    def code(self) -> Code:
        parts: dict[str, Any] = {name: self.number() if form == "i" else self.value() for form, name in self._fields}
        for name, part in parts.items():
            wanted = bytes if name in _BYTES else tuple if name in _TUPLES else object
            if not isinstance(part, wanted):
                raise NotMarshalled(f"the `{name}` of its code isn't of type `{wanted.__name__}`")
        code = Code(parts["code"], parts["names"], parts["lines"])
        self.codes.append(code)
        return code


def _text(read: Callable[[_Reader], bytes]) -> Callable[[_Reader], str]:
    return lambda reader: read(reader).decode("utf-8", "replace")


def _nothing(size: int) -> Callable[[_Reader], None]:
    return lambda reader: reader.skip(size)


_READERS: dict[str, Callable[[_Reader], Any]] = {
    **dict.fromkeys("NTFS.", _nothing(0)),
    "i": _nothing(4),
    "I": _nothing(8),
    "g": _nothing(8),
    "y": _nothing(16),
    "l": _Reader.digits,
    "f": _Reader.short,
    "x": _Reader.two_shorts,
    "s": _Reader.string,
    **dict.fromkeys("tuaA", _text(_Reader.string)),
    **dict.fromkeys("zZ", _text(_Reader.short)),
    **dict.fromkeys("([<>", _Reader.items),
    ")": _Reader.few_items,
    "{": _Reader.mapping,
    ":": _Reader.slice,
    "r": _Reader.reference,
    "c": _Reader.code,
}
