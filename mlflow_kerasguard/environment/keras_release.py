"""Which release of Keras a specifier means, and where what it offers is known from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mlflow_kerasguard.environment import Distribution
from mlflow_kerasguard.environment.wanted import Demand
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.keras_api import KerasApi, Unknown, history

#: Before it, `keras` on the index is another project (or empty, in 2.4), so nothing can be said of its numbers.
_FIRST_OF_KERAS_2 = Version("2.6.0")

#: How many releases near a wrong number are named.
_NEAREST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenKeras:
    """A release, and what reads its API; that may raise ``Unknown``."""

    distribution: Distribution
    read: Callable[[], KerasApi]


def choose_keras(demand: Demand, *, fetch: bool) -> ChosenKeras:
    """The release of ``keras`` or ``tf-keras`` that a list of requirements leads to.

    Args:
        demand: what the list says of it.
        fetch: get a release that the history lacks from the package index.

    Raises:
        Unknown: the list allows several, or none that is known.
        UsageError: it names a release that doesn't exist.
    """
    if demand.unclear is not None:
        raise Unknown(demand.unclear)
    known = history.releases(demand.name.replace("-", "_"))
    allowed = list(demand.specifier.filter(known))
    if len(allowed) == 1:
        return _recorded(demand.name, allowed[0])
    pin = demand.pin
    if pin is not None:
        return _not_recorded(demand, pin, known, fetch=fetch)
    text = f"`{demand.name}{demand.specifier}`"
    if allowed:
        raise Unknown(f"{demand.where}: {text} allows {len(allowed)} releases of `{demand.name}`; pin one")
    raise Unknown(f"{demand.where}: no release in the history satisfies {text}")


def _recorded(name: str, version: str) -> ChosenKeras:
    release = history.find_release(name.replace("-", "_"), version)
    distribution = Distribution(
        name=name, version=version, requires=release.requires, requires_python=release.requires_python
    )
    return ChosenKeras(distribution=distribution, read=lambda: release.api)


def _not_recorded(demand: Demand, pin: Version, known: tuple[str, ...], *, fetch: bool) -> ChosenKeras:
    if fetch:
        from mlflow_kerasguard.environment.fetching import fetch_keras

        distribution, api = fetch_keras(demand.name, str(pin), where=demand.where)
        return ChosenKeras(distribution=distribution, read=lambda: api)
    _require_existing(demand, pin, known)

    def read() -> KerasApi:
        raise Unknown(f"`{demand.name}` {pin} isn't in the history of releases; `--fetch` reads its wheel")

    return ChosenKeras(distribution=Distribution(name=demand.name, version=str(pin)), read=read)


def _require_existing(demand: Demand, pin: Version, known: tuple[str, ...]) -> None:
    """Refuse a final release between known ones that the history doesn't have: there is none."""
    versions = [Version(version) for version in known]
    if not versions or pin.is_prerelease or pin.is_postrelease:
        return
    if not max(min(versions), _FIRST_OF_KERAS_2) <= pin <= max(versions):
        return
    place = sum(version < pin for version in versions)
    near = known[max(0, place - _NEAREST + 1) : place + _NEAREST - 1]
    raise UsageError(
        f"{demand.where}: there is no release {pin} of `{demand.name}`; expected one such as "
        f"{', '.join(f'`{version}`' for version in near)}"
    )


def narrowed(demand: Demand, specifier: SpecifierSet) -> Demand:
    """A demand that leaves a choice, restricted by what TensorFlow asks of Keras; a pin stays what it is."""
    if demand.pin is not None or demand.unclear is not None:
        return demand
    return replace(demand, specifier=demand.specifier & specifier)
