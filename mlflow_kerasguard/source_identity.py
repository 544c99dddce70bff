"""What identifies source code, and where it comes from: values, as signatures hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

CONSTRUCTOR = "__init__"

#: What a function's own body is called among its parts.
FUNCTION = ""

#: How the module is called in which the definitions of a script or notebook travel; no environment has one.
SCRIPT_MODULE_PREFIX = "kerasguard_main_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter, with its default as source text; None where it has none.

    The name of ``*args`` and ``**kwargs`` begins with its stars.
    """

    name: str
    default: str | None = None

    def __str__(self) -> str:
        return self.name if self.default is None else f"{self.name}={self.default}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """A class or function as its source defines it.

    Attributes:
        digest: SHA-256 of its normalized syntax tree, without comments, docstrings and formatting.
        parameters: what its constructor takes without ``self``, or the function itself; empty where the
            class leaves its constructor to a base.
        parts: digests of a class's methods by name (of ``__init__`` without its parameters), or of a
            function's body under ``FUNCTION``; None where they weren't recorded.
        config_keys: the keys of its saved configurations in the model that it was logged with.
        uses: digests of the definitions in packaged modules that it uses, directly or through others,
            by ``module:name``.
    """

    digest: str
    parameters: tuple[Parameter, ...] = ()
    parts: Mapping[str, str] | None = None
    config_keys: tuple[str, ...] = ()
    uses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The state of a git repository when a model was logged.

    Attributes:
        commit: the full hash of the commit that was checked out.
        branch: the branch; None where none was.
        remote: the address of ``origin`` (or the first remote), without credentials; None where there is none.
        modified: files among the captured ones that differ from the commit or aren't in it, relative to the
            repository.
    """

    commit: str
    branch: str | None = None
    remote: str | None = None
    modified: tuple[str, ...] = ()


def changes(name: str, before: Fingerprint, after: Fingerprint) -> tuple[str, ...]:
    """How a class or function differs from what it was, in words; empty where it doesn't.

    Args:
        name: what it is called in the words.
        before: what it was.
        after: what it is.
    """
    if before.digest == after.digest:
        return ()
    words = (*_of_parameters(name, before, after), *_of_parts(name, before, after))
    if words:
        return words
    if before.parts is None or after.parts is None:
        return (f"the body of `{name}` changed",)
    if FUNCTION in after.parts:
        return (f"the decorators or annotations of `{name}` changed",)
    return (f"the bases, decorators, annotations or attributes of `{name}` changed",)


def _of_parameters(name: str, before: Fingerprint, after: Fingerprint) -> Iterator[str]:
    taker = f"`{name}.{CONSTRUCTOR}`" if _is_class(before) or _is_class(after) else f"`{name}`"
    old = {parameter.name: parameter for parameter in before.parameters}
    new = {parameter.name: parameter for parameter in after.parameters}
    yield from (f"{taker} gained `{new[key]}`" for key in new if key not in old)
    yield from (f"{taker} lost `{old[key]}`" for key in old if key not in new)
    kept = [key for key in new if key in old]
    yield from (f"{taker} takes `{new[key]}` instead of `{old[key]}`" for key in kept if new[key] != old[key])
    if kept != [key for key in old if key in new]:
        yield f"{taker} takes its parameters in another order"


def _is_class(own: Fingerprint) -> bool:
    return own.parts is not None and FUNCTION not in own.parts


def _of_parts(name: str, before: Fingerprint, after: Fingerprint) -> Iterator[str]:
    old, new = before.parts, after.parts
    if old is None or new is None:
        return
    if (FUNCTION in old) != (FUNCTION in new):
        yield f"`{name}` is a {'function' if FUNCTION in new else 'class'} now"
        return
    for part in dict.fromkeys([*old, *new]):
        whole = f"`{name}.{part}`" if part else f"`{name}`"
        if part not in new:
            yield f"{whole} is gone"
        elif part not in old:
            yield f"{whole} is new"
        elif old[part] != new[part]:
            # Of these two the parameters are told apart.
            yield f"the body of {whole} changed" if part in {CONSTRUCTOR, FUNCTION} else f"{whole} changed"
