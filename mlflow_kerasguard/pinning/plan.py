"""From a model's needs to pins, their closure and a lock, at the versions that are installed here."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.markers import default_environment

from mlflow_kerasguard.pinning.carried import CarriedWheel
from mlflow_kerasguard.pinning.closure import Problem, close
from mlflow_kerasguard.pinning.direct import (
    THIS_DISTRIBUTION,
    direct_roles,
    is_met_by_variant,
    roles_of,
    with_undeclared,
)
from mlflow_kerasguard.pinning.installed import Installed, InstalledDistributions
from mlflow_kerasguard.pinning.known_files import find_file, uv_cache
from mlflow_kerasguard.pinning.lines import needs_wheel, pins, requirement_lines
from mlflow_kerasguard.pinning.lock import Locked, LockedFor, lockable, write_lock
from mlflow_kerasguard.pinning.modules import ModuleOwners
from mlflow_kerasguard.roles import SERVING
from mlflow_kerasguard.version import __version__

_logger = logging.getLogger(__name__)

#: How many distributions a message names.
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to install for a model.

    Attributes:
        distributions: what the model itself needs, normalized name to version.
        roles: of everything, name to one of ``mlflow_kerasguard.roles``.
        closure: the same with what is required besides, name to version.
        requires: name to the names of what it requires directly.
        problems: what is required, and isn't installed as it should be.
        installed: everything but this package, as it is installed.
    """

    distributions: Mapping[str, str]
    roles: Mapping[str, str]
    closure: Mapping[str, str]
    requires: Mapping[str, tuple[str, ...]]
    problems: tuple[Problem, ...]
    installed: tuple[Installed, ...]

    @property
    def local(self) -> tuple[Installed, ...]:
        """What only this machine has."""
        return tuple(item for item in self.installed if needs_wheel(item, self.roles[item.name]))

    def lines(self) -> list[str]:
        """The lines of ``requirements.txt``, also for what only this machine has.

        If what others require of that kind weren't pinned, an index's release of the same name could take its place.
        """
        named = self.distributions.keys() | {item.name for item in self.local}
        return requirement_lines(item for item in self.installed if item.name in named)

    def constraints(self) -> list[str]:
        """The lines of ``constraints.txt``: what is only required by others, as it is installed here.

        Without what doesn't fit together here, so that nothing could be installed, and what isn't from an index.
        """
        misfits = {problem.name for problem in self.problems}
        return pins(
            {
                item.name: item.version
                for item in self.installed
                if item.name not in self.distributions
                and item.name not in misfits
                and not item.is_of_conda
                and (item.direct is None or item.direct.is_local)
            }
        )


def make_plan(
    package: str,
    backend: str,
    modules: Iterable[str],
    *,
    asked_by: Mapping[str, str] | None = None,
    path: tuple[str, ...] | None = None,
) -> Plan:
    """Find what a model needs, and what that requires.

    Args:
        package: ``keras`` or ``tf_keras``.
        backend: what the model ran on.
        modules: those that its packaged code imports, and those of installed objects.
        asked_by: modules that were imported in a rehearsal, each to the one that asked for it first.
        path: where distributions are; None for this process's.

    Raises:
        ModelNotLoggableError: a part isn't installed as a distribution, so it can't be pinned.
    """
    there = InstalledDistributions(path)
    owners = ModuleOwners(there.records())
    direct = direct_roles(package, backend, modules, there, owners)
    direct = with_undeclared(direct, asked_by or {}, owners)
    versions = {name: there.distributions[name].version for name in direct}
    direct[THIS_DISTRIBUTION] = SERVING
    roots = {name: frozenset[str]() for name in direct if name in there.distributions}
    markers = {name: str(value) for name, value in default_environment().items()}
    closure = close(roots, there.requirements_of, markers)
    everything = {**closure.versions, THIS_DISTRIBUTION: __version__}
    found = (there.find(name) for name in everything if name != THIS_DISTRIBUTION)
    return Plan(
        distributions={**versions, THIS_DISTRIBUTION: __version__},
        roles=roles_of(direct, everything),
        closure=everything,
        requires=closure.requires,
        problems=tuple(item for item in closure.problems if not is_met_by_variant(item.name, direct)),
        installed=tuple(item for item in found if item is not None),
    )


def make_lock(plan: Plan, *, carried: Mapping[str, CarriedWheel] | None = None) -> str | None:
    """The text of ``pylock.toml``; None where the file that something came from isn't known here.

    Args:
        plan: what to lock.
        carried: wheels that travel with the model, by distribution.
    """
    carried, cache = carried or {}, uv_cache()
    sources = {item.name: carried.get(item.name) or item.direct or find_file(item, cache) for item in plan.installed}
    unknown = sorted(name for name, source in sources.items() if not lockable(source))
    if unknown:
        shown = ", ".join(unknown[:_SHOWN]) + (f" and {more} more" if (more := len(unknown) - _SHOWN) > 0 else "")
        _logger.info("no lock is written: it isn't known here which files %s came from", shown)
        return None
    own = carried.get(THIS_DISTRIBUTION)
    packages = [
        Locked(name=name, version=_version(source, plan.closure[name]), source=source, requires=plan.requires[name])
        for name, source in sources.items()
        if source is not None
    ]
    if own is not None:
        packages.append(Locked(name=THIS_DISTRIBUTION, version=own.version, source=own))
    markers = {name: str(value) for name, value in default_environment().items()}
    target = LockedFor(python=platform.python_version(), markers=markers)
    left_out = () if own is not None else (THIS_DISTRIBUTION,)
    return write_lock(packages, target, creator=f"mlflow-kerasguard {__version__}", left_out=left_out)


def _version(source: object, version: str) -> str:
    return source.version if isinstance(source, CarriedWheel) else version
