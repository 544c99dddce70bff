"""JSON from a file that may be hostile: bounded in size and depth, and read in one way only."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from mlflow_kerasguard.formats.anomalies import anomaly, shown, size_text

if TYPE_CHECKING:
    from mlflow_kerasguard.model import Anomaly, Json

#: Largest document that is parsed, in bytes. A configuration of 10,000 layers takes about 10 MiB.
MAX_BYTES = 64 << 20

#: Deepest nesting. A model inside a model adds five levels.
MAX_DEPTH = 256

#: A document that repeats thousands of keys is reported by its first few.
_MAX_REPORTED = 10

# The closing quote is optional: a match that can't fail never backtracks, so time stays linear.
_STRINGS = re.compile(rb'"[^"]*"?')
#: So many pieces are made of a document, before something slower that needs no memory is done.
_MANY_QUOTES = 1_000_000
_IRRELEVANT = bytes(code for code in range(256) if code not in b'[]{}"')
_SQUARE = bytes.maketrans(b"{}", b"[]")
_STEP = {ord("["): 1, ord("]"): -1}
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was in the document; ``value`` is None where it couldn't be taken."""

    value: Json
    anomalies: tuple[Anomaly, ...] = ()


def parse_json(data: bytes, where: str, *, damaged: str = "config-damaged") -> Parsed:
    """Parse a JSON document, never raising.

    Args:
        data: UTF-8.
        where: how the document is called in messages.
        damaged: kind of anomaly for what isn't JSON.
    """
    if len(data) > MAX_BYTES:
        return Parsed(None, (anomaly("json-too-large", where, f"JSON of {size_text(len(data))}"),))
    if _is_too_deep(data):
        return Parsed(None, (anomaly("json-too-deep", where, f"JSON nested more than {MAX_DEPTH} deep"),))
    noted = _Noted(where)
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=noted.pairs, parse_constant=noted.constant)
        if _SURROGATE.search(data):
            # An escaped half of a pair parses, and then breaks whatever prints or stores it.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return Parsed(None, (anomaly("json-lone-surrogate", where, "an escape that is half of a surrogate pair"),))
    except (ValueError, RecursionError) as error:
        return Parsed(None, (anomaly(damaged, where, f"not JSON: {_reason(error)}"),))
    return Parsed(value, tuple(noted.anomalies))


def _is_too_deep(data: bytes) -> bool:
    """Whether the brackets outside of strings nest too deep, found without recursion."""
    brackets = _brackets(data)
    # Each pass takes away the innermost pairs, and so one level.
    for _ in range(MAX_DEPTH):
        inner = brackets.replace(b"[]", b"")
        if len(inner) == len(brackets):
            break
        brackets = inner
    # Nothing is left but of what is too deep, or isn't JSON.
    depths = accumulate(map(_STEP.__getitem__, brackets))
    return b"[]" in brackets or next(filter(MAX_DEPTH.__lt__, depths), None) is not None


def _brackets(data: bytes) -> bytes:
    """The brackets outside of strings, all of them square."""
    if b"\\" in data:
        # In this order: of backslashes before a quote an odd number escapes it.
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side change nothing for the rest: most strings are gone by that.
    kept = data.translate(_SQUARE, _IRRELEVANT).replace(b'""', b"")
    if kept.count(b'"') > _MANY_QUOTES:
        return _STRINGS.sub(b"", kept)
    return b"".join(kept.split(b'"')[::2])


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos:,}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start:,} isn't UTF-8"
    return shown(str(error))


class _Noted:
    """The parser's hooks: they keep the value that Keras would see and note what is odd about it."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._seen: set[str] = set()
        self.anomalies: list[Anomaly] = []

    def pairs(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        value = dict(pairs)
        if len(value) != len(pairs):
            keys = [key for key, _ in pairs]
            for key in value:
                if keys.count(key) > 1:
                    self._note("json-duplicate-key", f"the key {shown(key)} more than once in one object")
        return value

    def constant(self, name: str) -> float:
        self._note("json-not-a-number", f"`{name}`")
        return float(name)

    def _note(self, kind: str, found: str) -> None:
        if found not in self._seen and len(self.anomalies) < _MAX_REPORTED:
            self._seen.add(found)
            self.anomalies.append(anomaly(kind, self._where, found))
