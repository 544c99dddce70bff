"""What identifies source code, and where it comes from: values, as signatures hold them."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    digest: str
    parameters: tuple[Parameter, ...] = ()


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
    old = {parameter.name: parameter for parameter in before.parameters}
    new = {parameter.name: parameter for parameter in after.parameters}
    found = [f"`{name}` gained `{new[key]}`" for key in new if key not in old]
    found += [f"`{name}` lost `{old[key]}`" for key in old if key not in new]
    found += [
        f"`{name}` takes `{new[key]}` instead of `{old[key]}`" for key in new if key in old and new[key] != old[key]
    ]
    if not found and list(old) != list(new):
        found = [f"`{name}` takes its parameters in another order"]
    return tuple(found) or (f"the body of `{name}` changed",)
