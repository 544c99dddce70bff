"""Environment markers, where it may not be known which Python they will meet."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.specifiers import SpecifierSet

#: The minor releases of Python that a list of requirements may be for.
_MINORS = range(6, 20)
#: Of each, an early and a late patch release.
_PATCHES = (0, 90)


def possible_pythons(python: str | None, requires_python: str | None = None) -> tuple[str, ...]:
    """Full versions that stand for all Pythons which a description allows.

    Args:
        python: its version, ``3.11`` or ``3.11.7``; None where the description names none.
        requires_python: the specifier that a lock file states.
    """
    if python is not None:
        return (python,) if python.count(".") > 1 else tuple(f"{python}.{patch}" for patch in _PATCHES)
    allowed = SpecifierSet(requires_python or "")
    every = (f"3.{minor}.{patch}" for minor in _MINORS for patch in _PATCHES)
    return tuple(version for version in every if allowed.contains(version))


def holds(marker: Marker, pythons: Iterable[str], *, groups: frozenset[str] = frozenset()) -> bool | None:
    """Whether a marker holds on each of some Pythons; None where they differ or it can't be told.

    The platform is this one's: no list of requirements says which it is for.

    Args:
        marker: it may ask for ``extras`` and ``dependency_groups``, as in a `pylock.toml`.
        pythons: full versions.
        groups: the dependency groups that are installed by default.
    """
    try:
        answers = {_evaluate(marker, python, groups) for python in pythons}
    except (UndefinedComparison, UndefinedEnvironmentName):
        return None
    return answers.pop() if len(answers) == 1 else None


def _evaluate(marker: Marker, python: str, groups: frozenset[str]) -> bool:
    values = {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "implementation_version": python,
        "extra": "",
        "extras": frozenset(),
        "dependency_groups": groups,
    }
    return marker.evaluate(values)  # type: ignore[arg-type]  # it takes sets as well
