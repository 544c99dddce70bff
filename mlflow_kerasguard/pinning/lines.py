"""Requirement lines for what is installed: from an index, a repository, a URL, or only from this machine."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping

from packaging.utils import canonicalize_name
from packaging.version import Version

from mlflow_kerasguard.artifact import WHEELS_DIRECTORY
from mlflow_kerasguard.pinning.carried import CarriedWheel
from mlflow_kerasguard.pinning.direct import THIS_DISTRIBUTION
from mlflow_kerasguard.pinning.installed import Installed
from mlflow_kerasguard.roles import CODE, TRANSITIVE
from mlflow_kerasguard.version import __version__
from mlflow_kerasguard.wheel_labels import is_labelled, unlabelled

_logger = logging.getLogger(__name__)

#: The line for this package, which MLmodel names as the loader.
OWN_PIN = f"{THIS_DISTRIBUTION}=={__version__}"

#: What makes installers look into the model, beside its requirements file. An option of the whole file: pip takes
#: no path relative to the file in a requirement, and images are built in another directory.
FIND_LINKS = f"--find-links {WHEELS_DIRECTORY}"


def pins(distributions: Mapping[str, str]) -> list[str]:
    """``name==version`` of each; without local version labels, which no index serves."""
    return [f"{name}=={Version(version).public}" for name, version in sorted(distributions.items())]


def requirement_lines(direct: Iterable[Installed]) -> list[str]:
    """The lines of ``requirements.txt`` for what a model itself needs.

    Args:
        direct: without this package, whose line is added.
    """
    return sorted([*map(_line, direct), OWN_PIN])


def _line(installed: Installed) -> str:
    if installed.direct is None or installed.direct.is_local:
        return pins({installed.name: installed.version})[0]
    return installed.direct.requirement(installed.name)


def with_wheels(lines: Iterable[str], carried: Collection[str]) -> list[str]:
    """Lines of a requirements file, with where the wheels are that travel with the model.

    Args:
        lines: with a pin of this package, be it from another model's file.
        carried: the distributions that have a wheel in the model.

    Returns:
        The pins are without the wheels' labels: installers prefer a labelled version, and MLflow doesn't warn where
        the checkout itself is installed.
    """
    kept = [OWN_PIN if _asks_for_other_wheel(line) else line for line in lines if line != FIND_LINKS]
    return [FIND_LINKS, *kept] if carried else kept


def with_labels(lines: Iterable[str], carried: Mapping[str, CarriedWheel]) -> list[str]:
    """The same lines with pins that only the carried wheels meet.

    For files that environments are named after: with another wheel they have another name.
    """
    return [_with_label(line, carried) for line in lines]


def _with_label(line: str, carried: Mapping[str, CarriedWheel]) -> str:
    name, _, version = line.partition("==")
    wheel = carried.get(canonicalize_name(name.strip()))
    return f"{name}=={wheel.version}" if wheel and unlabelled(wheel.version) == version else line


def _asks_for_other_wheel(line: str) -> bool:
    """Whether a requirement asks for a version of this package that only another model's wheel has."""
    name, _, version = line.partition("==")
    return name.strip() == THIS_DISTRIBUTION and is_labelled(version)


def needs_wheel(installed: Installed, role: str) -> bool:
    """Whether only this machine has a distribution, so that a wheel of it has to travel with the model.

    A wheel file of what others require is as good as any that an index has: whole environments are
    installed from such files where there is no network.
    """
    if installed.name == THIS_DISTRIBUTION:
        return False
    if is_labelled(installed.version):
        return True
    direct = installed.direct
    if direct is None or not direct.is_local:
        return False
    return installed.is_pure and (role == CODE or (role == TRANSITIVE and direct.is_directory))


def tell_of_local(closure: Iterable[Installed], carried: Collection[str]) -> None:
    """Say what travels with the model, and which pins only name what can't be had from elsewhere.

    Args:
        closure: what the model needs.
        carried: the distributions that have a wheel in the model.
    """
    local = []
    for item in closure:
        if item.name == THIS_DISTRIBUTION:
            continue
        if item.name in carried:
            _logger.warning("%s, which only this machine has: a wheel of it travels with the model", item.described)
        elif item.direct is not None and (item.direct.is_local or item.direct.url.startswith("file:")):
            local.append(f"`{item.name}`")
    if local:
        _logger.warning(
            "%s came from files or directories of this machine: where the model is served, an index has to have them",
            ", ".join(local),
        )
