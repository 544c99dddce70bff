"""What a list of requirements asks for, and what follows for each distribution."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from mlflow_kerasguard.environment.markers import holds
from mlflow_kerasguard.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One entry of a list of requirements.

    Attributes:
        name: normalized.
        specifier: which releases it allows; None where that can't be told, as for a URL.
        where: the place, for messages, such as ``requirements.txt, line 3``.
        marker: where it applies.
        only_constrains: it restricts the distribution without asking for it.
    """

    name: str
    specifier: SpecifierSet | None = field(default_factory=SpecifierSet)
    where: str
    marker: Marker | None = None
    only_constrains: bool = False


def parse_requirement(text: str, where: str, *, only_constrains: bool = False) -> Wanted:
    """A requirement as PyPA's specification of dependency specifiers has it.

    Raises:
        UsageError: it isn't one.
    """
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(f"{where}: `{text}` isn't a requirement; expected one such as `keras==3.8.0`") from error
    return Wanted(
        name=canonicalize_name(requirement.name),
        specifier=_of_url(requirement.url) if requirement.url else requirement.specifier,
        where=where,
        marker=requirement.marker,
        only_constrains=only_constrains,
    )


def _of_url(url: str) -> SpecifierSet | None:
    """The release that a wheel's file name states."""
    wheel = parse_wheel_url(url)
    return SpecifierSet(f"=={wheel[1].public}") if wheel else None


def parse_wheel_url(url: str) -> tuple[str, Version] | None:
    """Name and version of the wheel that a path or URL leads to; None where it leads to something else."""
    from urllib.parse import unquote

    try:
        name, version, _, _ = parse_wheel_filename(unquote(url.split("#", 1)[0].split("?", 1)[0].rpartition("/")[2]))
    except InvalidWheelFilename:
        return None
    return name, version


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Everything that a list says of one distribution.

    Attributes:
        specifier: all its specifiers together.
        where: the first place.
        unclear: why it can't be told which releases are allowed; None where it can.
        asked_for: whether anything asks for it, or only restricts it.
    """

    name: str
    specifier: SpecifierSet
    where: str
    unclear: str | None
    asked_for: bool

    @property
    def pin(self) -> Version | None:
        """The one version that is allowed; None where the specifier leaves a choice."""
        return _pin(self.specifier)


def combine(wanted: Iterable[Wanted], pythons: Iterable[str]) -> dict[str, Demand]:
    """What holds for each distribution, by name.

    Args:
        wanted: the entries, in order.
        pythons: full versions of the Pythons that the list may be for.

    Raises:
        UsageError: two entries contradict each other.
    """
    pythons = tuple(pythons)
    entries: dict[str, list[tuple[Wanted, bool | None]]] = {}
    for item in wanted:
        applies = True if item.marker is None else holds(item.marker, pythons)
        if applies is not False:
            entries.setdefault(item.name, []).append((item, applies))
    return {name: _combine(name, items) for name, items in entries.items()}


def _combine(name: str, items: list[tuple[Wanted, bool | None]]) -> Demand:
    specifier, unclear = SpecifierSet(), None
    for item, applies in items:
        if applies is None:
            unclear = f"{item.where}: whether `{name}{item.specifier or ''}` applies depends on `{item.marker}`"
        elif item.specifier is None:
            unclear = f"{item.where}: it can't be told which release of `{name}` that is"
        else:
            specifier &= item.specifier
    _require_consistent(name, [item for item, applies in items if applies])
    asked_for = any(not item.only_constrains for item, _ in items)
    return Demand(name=name, specifier=specifier, where=items[0][0].where, unclear=unclear, asked_for=asked_for)


def _require_consistent(name: str, items: list[Wanted]) -> None:
    pinned = [(item, version) for item in items if item.specifier and (version := _pin(item.specifier))]
    # A pin without a local label, such as `+cpu`, allows those with one, and not the other way round.
    for item, version in sorted(pinned, key=lambda pin: pin[1].local is None)[:1]:
        for other in items:
            if other.specifier and not other.specifier.contains(version, prereleases=True):
                raise UsageError(
                    f"{other.where}: `{name}{other.specifier}` contradicts `{name}{item.specifier}` ({item.where}); "
                    "expected one release"
                )


def _pin(specifier: SpecifierSet) -> Version | None:
    for clause in sorted(specifier, key=lambda clause: "+" not in clause.version):
        if clause.operator in {"==", "==="} and not clause.version.endswith(".*"):
            try:
                return Version(clause.version)
            except InvalidVersion:
                return None  # `===` takes any string.
    return None
