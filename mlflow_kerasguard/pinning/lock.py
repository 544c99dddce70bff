"""``pylock.toml``, the lock file of PEP 751, for exactly the machine that logs a model.

The specification asks for the place and the hash of each file, so a lock that lacks one can't be written:
an installer would refuse it, or, if the distribution were left out, make another environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from mlflow_kerasguard.pinning.carried import CarriedWheel
from mlflow_kerasguard.pinning.direct_url import DirectUrl
from mlflow_kerasguard.pinning.known_files import KnownFile
from mlflow_kerasguard.pinning.toml_text import to_toml

LOCK_VERSION = "1.0"
#: The name of our table below `tool`.
TOOL = "mlflow-kerasguard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A distribution in a lock.

    Attributes:
        name: normalized.
        version: with its local label.
        source: the file or repository that it comes from.
        requires: names of what it requires directly.
    """

    name: str
    version: str
    source: DirectUrl | KnownFile | CarriedWheel
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFor:
    """The Python that a lock is for.

    Attributes:
        python: full version.
        markers: values of environment markers.
    """

    python: str
    markers: Mapping[str, str]


#: What decides which wheels fit, apart from Python's version.
_MACHINE = ("sys_platform", "platform_machine", "implementation_name")


def lockable(source: DirectUrl | KnownFile | CarriedWheel | None) -> bool:
    """Whether a lock can say where a distribution comes from."""
    if isinstance(source, DirectUrl):
        return source.vcs is not None or (not source.is_local and bool(source.hashes))
    return source is not None


def write_lock(packages: Iterable[Locked], target: LockedFor, *, creator: str, left_out: Iterable[str] = ()) -> str:
    """The text of a lock file, as ``packaging`` understands it.

    Args:
        packages: everything to be installed, each with a source that is ``lockable``.
        target: what it is for.
        creator: name and version of the writer.
        left_out: distributions that have to be installed besides.
    """
    names = sorted(left_out)
    machine = " and ".join(f"{key} == '{target.markers[key]}'" for key in _MACHINE)
    document = {
        "lock-version": LOCK_VERSION,
        "environments": [machine],
        "requires-python": f"=={'.'.join(target.python.split('.')[:2])}.*",
        "created-by": creator,
        "packages": [_package(package) for package in sorted(packages, key=lambda package: package.name)],
        **({"tool": {TOOL: {"left-out": names}}} if names else {}),
    }
    return to_toml(validated(document))


def validated(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document, through ``packaging`` where it is recent enough to know lock files.

    The oldest MLflow that is supported asks for a ``packaging`` before 25; the document is the same.
    """
    try:
        from packaging.pylock import Pylock
    except ImportError:
        return document
    return Pylock.from_dict(document).to_dict()


def _package(package: Locked) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": package.name, "version": str(Version(package.version))}
    if package.requires:
        entry["dependencies"] = [{"name": name} for name in package.requires]
    return {**entry, **_source(package.source)}


def _source(source: DirectUrl | KnownFile | CarriedWheel) -> dict[str, Any]:
    if isinstance(source, KnownFile):
        wheel = {"url": source.url, "hashes": {"sha256": source.sha256}}
        return _given({"index": source.index, "wheels": [wheel]})
    if isinstance(source, CarriedWheel):
        return {"wheels": [{"path": source.path, "hashes": {"sha256": source.sha256}}]}
    if source.vcs is None:
        archive = {"url": source.url, "hashes": dict(source.hashes), "subdirectory": source.subdirectory}
        return {"archive": _given(archive)}
    vcs = {
        "type": source.vcs,
        "url": source.url,
        "requested-revision": source.revision,
        "commit-id": source.commit,
        "subdirectory": source.subdirectory,
    }
    return {"vcs": _given(vcs)}


def _given(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}
