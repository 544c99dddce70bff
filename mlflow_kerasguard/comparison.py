"""What two models differ in, told from their files: nothing of either is loaded or run."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow_kerasguard.artifact import LoggedModel, open_model
from mlflow_kerasguard.formats.graph import is_object
from mlflow_kerasguard.model import Json, ObjectRef, WeightSpec
from mlflow_kerasguard.source_code.definitions import Module
from mlflow_kerasguard.source_code.fingerprints import fingerprint, source_of
from mlflow_kerasguard.source_identity import Fingerprint, changes
from mlflow_kerasguard.tracking import fetch

_LONGEST = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing in which two models differ.

    Attributes:
        section: ``versions``, ``objects``, ``config``, ``weights``, ``code`` or ``environment``.
        where: the thing, such as ``layers["dense"].units``.
        before: what the first model has; None where it has none.
        after: what the second model has; likewise.
        details: further lines, such as a unified diff of source code.
    """

    section: str
    where: str
    before: str | None
    after: str | None
    details: tuple[str, ...] = ()


def diff(first: str | Path, second: str | Path) -> tuple[Difference, ...]:
    """Compare two models.

    Args:
        first: a ``.keras`` or ``.h5`` file, a model directory, or any MLflow model URI.
        second: likewise.

    Returns:
        All differences, by section; empty where there are none.

    Raises:
        ModelNotFoundError: there is nothing at one of them.
    """
    return compare(open_model(fetch(first)), open_model(fetch(second)))


def compare(first: LoggedModel, second: LoggedModel) -> tuple[Difference, ...]:
    """What differs between two models that have been read."""
    old, new = first.spec, second.spec
    before, after = _by_place(old.objects), _by_place(new.objects)
    return (
        *_texts("versions", _versions(first), _versions(second)),
        *_texts("objects", _names(before), _names(after)),
        *(item for place in before if place in after for item in _configs(place, before[place], after[place])),
        *_texts("weights", _weights(old.weights), _weights(new.weights)),
        *_code(first, second),
        *_texts("environment", old.origin.distributions, new.origin.distributions),
    )


def _texts(section: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    """What is in one of two tables only, or in both with another value, in the order of the tables."""
    for where in dict.fromkeys([*before, *after]):
        if before.get(where) != after.get(where):
            yield Difference(section=section, where=where, before=before.get(where), after=after.get(where))


def _versions(logged: LoggedModel) -> dict[str, str]:
    spec = logged.spec
    found = {
        "format": spec.format,
        "package": spec.keras_package,
        "Keras": spec.keras_version,
        "backend": spec.backend,
        "Python": spec.origin.python,
    }
    return {name: value for name, value in found.items() if value is not None}


def _by_place(objects: tuple[ObjectRef, ...]) -> dict[str, ObjectRef]:
    return {ref.where: ref for ref in objects}


def _names(objects: Mapping[str, ObjectRef]) -> dict[str, str]:
    return {where: _name(ref) for where, ref in objects.items()}


def _name(ref: ObjectRef) -> str:
    registered = ref.registered_name
    return registered if registered is not None and ">" in registered else ref.path


def _configs(where: str, before: ObjectRef, after: ObjectRef) -> Iterator[Difference]:
    """The keys of two objects at one place; objects inside have places of their own."""
    yield from _texts("config", _plain_keys(where, before), _plain_keys(where, after))


def _plain_keys(where: str, ref: ObjectRef) -> dict[str, str]:
    return {f"{where}.{key}": _short(value) for key, value in ref.config.items() if not _holds_objects(value)}


def _holds_objects(value: Json) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if is_object(item):
            return True
        if isinstance(item, dict | list):
            stack += item.values() if isinstance(item, dict) else item
    return False


def _short(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def _weights(weights: tuple[WeightSpec, ...]) -> dict[str, str]:
    return {weight.path: f"{weight.shape} {weight.dtype}" for weight in weights}


def _code(first: LoggedModel, second: LoggedModel) -> Iterator[Difference]:
    before, after = _sources(first), _sources(second)
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            yield Difference(
                section="code", where=name, before=old.place if old else None, after=new.place if new else None
            )
        elif old.text != new.text:
            yield Difference(
                section="code",
                where=name,
                before=old.place,
                after=new.place,
                details=(*_in_words(name, old, new), *_unified(name, old.text, new.text)),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """The code of one object: where it is, its text, and its fingerprint where it has one."""

    place: str
    text: str
    own: Fingerprint | None


def _sources(logged: LoggedModel) -> dict[str, _Source]:
    """The packaged objects of a model; none where its files aren't as they were logged."""
    if logged.signature is None or logged.spec.anomalies:
        return {}
    code = logged.signature.code
    found = {}
    for name, target in code.objects.items():
        module, _, qualname = target.partition(":")
        content = logged.path(code.modules[module]).read_bytes() if module in code.modules else b""
        found[name] = _source(target, content, qualname)
    return found


def _source(place: str, content: bytes, qualname: str) -> _Source:
    """What a module defines; all of its text where this Python can't parse it, or no definition is to be found."""
    try:
        module = Module(content)
        own, text = fingerprint(module, qualname), source_of(module, qualname)
    except SyntaxError:
        own, text = None, None
    return _Source(place=place, text=text or content.decode("utf-8", "replace"), own=own)


def _in_words(name: str, old: _Source, new: _Source) -> tuple[str, ...]:
    if old.own is None or new.own is None:
        return ()
    words = changes(name.rpartition(">")[2], old.own, new.own)
    return words or ("only comments, docstrings or layout changed",)


def _unified(name: str, old: str, new: str) -> Iterator[str]:
    yield from difflib.unified_diff(old.splitlines(), new.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
