"""Everything that some distributions require, and what that requires in turn, as it is installed. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mlflow_kerasguard.environment import Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A requirement that isn't met here.

    Attributes:
        distribution: the one that requires.
        name: what it asks for, normalized.
        specifier: in which releases; empty for any.
        found: the version that is installed; None where nothing is.
    """

    distribution: str
    name: str
    specifier: str
    found: str | None

    def __str__(self) -> str:
        found = "isn't installed" if self.found is None else f"isn't met by the installed {self.found}"
        return f"`{self.name}{self.specifier}`, which `{self.distribution}` requires, {found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """Distributions with all that they require.

    Attributes:
        versions: normalized name to version, sorted.
        requires: name to the names of what it requires directly.
        problems: requirements that what is installed doesn't meet.
    """

    versions: Mapping[str, str]
    requires: Mapping[str, tuple[str, ...]]
    problems: tuple[Problem, ...]


def close(
    roots: Mapping[str, frozenset[str]], find: Callable[[str], Distribution | None], environment: Mapping[str, str]
) -> Closure:
    """The closure of some distributions.

    Args:
        roots: normalized names, each with the extras that are asked for. All are there.
        find: gives the installed distribution of a name.
        environment: values of environment markers, such as ``python_version``.
    """
    versions: dict[str, str] = {}
    requires: dict[str, set[str]] = {}
    problems: dict[Problem, None] = {}
    waiting = deque((name, extra) for name, extras in roots.items() for extra in ("", *sorted(extras)))
    seen = set(waiting)
    while waiting:
        name, extra = waiting.popleft()
        distribution = find(name)
        assert distribution is not None, "only what was found waits"
        versions[name] = distribution.version
        for wanted in _requirements(distribution, {**environment, "extra": extra}):
            required = str(canonicalize_name(wanted.name))
            problem = _problem(distribution.name, wanted, find(required))
            if problem is not None:
                problems[problem] = None
                if problem.found is None:
                    continue
            requires.setdefault(name, set()).add(required)
            new = {(required, further) for further in ("", *wanted.extras)} - seen
            seen |= new
            waiting.extend(sorted(new))
    return Closure(
        versions=dict(sorted(versions.items())),
        requires={name: tuple(sorted(requires.get(name, ()))) for name in sorted(versions)},
        problems=tuple(problems),
    )


def _requirements(distribution: Distribution, environment: Mapping[str, str]) -> Iterator[Requirement]:
    """Its requirements that apply."""
    for line in distribution.requires:
        # Most lines are for extras that nobody asks for, and parsing is what takes the time.
        if not environment["extra"] and "extra ==" in line and " or " not in line:
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # Old metadata; installers pass over it too.
        if requirement.marker is None or requirement.marker.evaluate(dict(environment)):
            yield requirement


def _problem(name: str, wanted: Requirement, found: Distribution | None) -> Problem | None:
    if found is not None and (wanted.url or wanted.specifier.contains(found.version, prereleases=True)):
        return None
    version = found.version if found else None
    required = str(canonicalize_name(wanted.name))
    return Problem(distribution=name, name=required, specifier=str(wanted.specifier), found=version)
