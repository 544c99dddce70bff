"""What makes two environments the same one, so that an answer about the first still holds for the second."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from mlflow_kerasguard import version
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.version import __version__

#: Layout of what is hashed: raise it where that changes, and every earlier digest is another environment's.
_LAYOUT = 1

_PACKAGE = Path(version.__file__).parent
#: What a verdict follows from, beside the environment: the rules, their data and what reads for them.
_JUDGES = ("*.py", "environment", "formats", "keras_api", "rules", "source_code", "tensorflow_api")
_SUFFIXES = frozenset({".py", ".sqlite", ".gz"})


def environment_digest(environment: Environment) -> str:
    """The identity of an environment: equal for two that every model gets the same verdict in.

    It covers Python, the platform, all distributions with their releases and requirements, what the description
    leaves open, the backend that is configured, registered names, and the rules and histories of this package,
    so that another release of it is another environment. It doesn't cover how the environment is called, nor
    modules that belong to no distribution.

    Args:
        environment: any; of an installed one the metadata of each distribution is read.

    Returns:
        The SHA-256 of a canonical JSON document, in lowercase hexadecimal.
    """
    return _sha256({**_facts(environment), "judges": [__version__, _judges_digest()]})


def facts_digest(environment: Environment) -> str:
    """The identity of an environment alone: what was seen in it holds whichever rules judge by it.

    Args:
        environment: as for :func:`environment_digest`.

    Returns:
        As for :func:`environment_digest`.
    """
    return _sha256(_facts(environment))


def _sha256(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(facts).encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _facts(environment: Environment) -> dict[str, Any]:
    packable = environment.packable
    return {
        "layout": _LAYOUT,
        "python": environment.python,
        "platform": environment.platform,
        "distributions": {
            name: [item.version, sorted(item.requires), item.requires_python]
            for name, item in environment.distributions.items()
        },
        # Not the reasons: they name files, and bear on no verdict.
        "unsettled": sorted(environment.unsettled),
        "complete": environment.complete,
        "configured_backend": environment.configured_backend,
        "legacy_keras": environment.legacy_keras,
        "registered_objects": sorted(environment.registered_objects),
        "keras": {package: _keras_release(environment, package) for package in ("keras", "tf_keras")},
        "packable": None if packable is None else asdict(packable),
    }


def _keras_release(environment: Environment, package: str) -> str | None:
    """The release whose source is read, which a checkout on the path may have without any metadata."""
    try:
        return environment.read_keras_api(package).version
    except Unknown:
        return None


@cache
def _judges_digest() -> str:
    """The digest of this package's own rules: its version doesn't change with every commit."""
    digest = hashlib.sha256()
    for path in sorted(_judging_files()):
        digest.update(f"{path.relative_to(_PACKAGE).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _judging_files() -> list[Path]:
    found = [
        path for name in _JUDGES for path in (_PACKAGE.glob(name) if "*" in name else _PACKAGE.glob(f"{name}/**/*"))
    ]
    # Not the command: what it prints decides nothing.
    return [path for path in found if path.suffix in _SUFFIXES and not path.name.startswith("cli")]
