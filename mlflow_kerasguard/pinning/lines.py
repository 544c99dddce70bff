"""Requirement lines for what is installed: from an index, a repository, a URL, or only from this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from packaging.version import Version

from mlflow_kerasguard.errors import ModelNotLoggableError
from mlflow_kerasguard.pinning.direct import THIS_DISTRIBUTION
from mlflow_kerasguard.pinning.installed import Installed
from mlflow_kerasguard.roles import CODE, TRANSITIVE
from mlflow_kerasguard.version import __version__

_logger = logging.getLogger(__name__)


def own_line() -> str:
    """The line for this package, which MLmodel names as the loader."""
    return f"{THIS_DISTRIBUTION}=={__version__}"


def pins(distributions: Mapping[str, str]) -> list[str]:
    """``name==version`` of each; without local version labels, which no index serves."""
    return [f"{name}=={Version(version).public}" for name, version in sorted(distributions.items())]


def requirement_lines(direct: Iterable[Installed]) -> list[str]:
    """The lines of ``requirements.txt`` for what a model itself needs.

    Args:
        direct: without this package, whose line is added.
    """
    return sorted([*map(_line, direct), own_line()])


def _line(installed: Installed) -> str:
    if installed.direct is None or installed.direct.is_local:
        return pins({installed.name: installed.version})[0]
    return installed.direct.requirement(installed.name)


def needs_wheel(installed: Installed, role: str) -> bool:
    """Whether only this machine has a distribution, so that a wheel of it has to travel with the model.

    A wheel file of what others require is as good as any that an index has: whole environments are
    installed from such files where there is no network.
    """
    direct = installed.direct
    if direct is None or not direct.is_local or installed.name == THIS_DISTRIBUTION:
        return False
    return installed.is_pure and (role == CODE or (role == TRANSITIVE and direct.is_directory))


def warn_of_local(closure: Iterable[Installed], roles: Mapping[str, str]) -> None:
    """Say which pins only name what can't be had from elsewhere: an index may have it, and may not."""
    local = [
        item.name
        for item in closure
        if item.direct is not None
        and (item.direct.is_local or item.direct.url.startswith("file:"))
        and item.name != THIS_DISTRIBUTION
        and not needs_wheel(item, roles[item.name])
    ]
    if local:
        _logger.warning(
            "%s came from files or directories of this machine: where the model is served, an index has to have them",
            ", ".join(f"`{name}`" for name in local),
        )


def require_index(closure: Iterable[Installed], roles: Mapping[str, str], given: frozenset[str]) -> None:
    """Refuse what only this machine has.

    Args:
        closure: what the model needs.
        roles: what for, by name.
        given: distributions that the user's own requirements name.

    Raises:
        ModelNotLoggableError: a distribution was installed from a directory or a file.
    """
    for item in closure:
        if item.direct is not None and item.name not in given and needs_wheel(item, roles[item.name]):
            raise ModelNotLoggableError(
                f"`{item.name}` {item.version} was installed from `{item.direct.url}`, which only this machine has; "
                "install it from its repository (`pip install git+…`) or an index, or name in "
                "`extra_pip_requirements` where it can be had"
            )
