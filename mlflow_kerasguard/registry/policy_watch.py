"""A policy that is in force while a server runs: read again when its file changes, never without one."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.errors import KerasGuardError, UsageError
from mlflow_kerasguard.registry.policy import Policy
from mlflow_kerasguard.registry.policy_environments import place_of, read_named
from mlflow_kerasguard.registry.policy_file import POLICY, read_policy
from mlflow_kerasguard.tracking import is_uri

#: Somebody may still be writing: what is half there can look like a policy with fewer guards.
SETTLED_S = 0.5
#: Between two looks at the file: looking takes as long as the rest of letting a call pass.
LOOK_S = 0.02
#: What a description includes, or a URI leads to, changes without the file that is looked at.
FRESH_S = 60.0

T = TypeVar("T")

#: What tells that a file was changed.
_Identity = tuple[int, ...]


class Unusable(KerasGuardError):
    """The policy can't be used as it is now.

    Attributes:
        last: the one that was in force before; None where there was none.
    """

    def __init__(self, message: str, last: Policy | None) -> None:
        super().__init__(message)
        self.last = last


@dataclass(frozen=True, slots=True)
class _Read(Generic[T]):
    """What was read, or why it couldn't be, and the state of the files then."""

    identity: object
    time: float
    value: T | KerasGuardError

    def get(self) -> T:
        if isinstance(self.value, KerasGuardError):
            raise self.value
        return self.value


class PolicyWatch:
    """The policy of a server's processes, for any number of threads.

    Args:
        path: its file; None where nobody named one.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._policy: _Read[Policy] | None = None
        self._last: Policy | None = None
        self._looked = 0.0
        # Its own: reading an environment may take long, and policies don't wait for it.
        self._environments_lock = threading.Lock()
        self._environments: dict[str, _Read[Environment]] = {}

    @property
    def name(self) -> str:
        """What clients may know of the file."""
        return self._path.name if self._path else "none"

    def current(self) -> Policy:
        """The policy as the file is now; while it is being written, the one before.

        Raises:
            Unusable: there is none that could be read.
        """
        if self._path is None:
            raise Unusable(f"there is no policy: `{POLICY}` isn't set where the server runs", None)
        known, now = self._policy, time.monotonic()
        if known is None or now - self._looked >= LOOK_S:
            if known is None or known.identity != _identity(self._path):
                known = self._read_again(self._path)
            self._looked = now
        try:
            return known.get()
        except KerasGuardError as error:
            raise Unusable(self.for_clients(str(error)), self._last) from error

    def _read_again(self, path: Path) -> _Read[Policy]:
        with self._lock:
            identity, known = _identity(path), self._policy
            if known is not None and (known.identity == identity or _is_being_written(path)):
                return known
            # What is read while it is written is read once more when it is settled.
            read = _read(object() if _is_being_written(path) else identity, lambda: read_policy(path))
            self._policy = read
            if isinstance(read.value, Policy):
                self._last = read.value
            return read

    def environment(self, policy: Policy, name: str) -> Environment:
        """An environment of the policy, as its files are now.

        Args:
            policy: one that this has given.
            name: of the environment.

        Raises:
            UsageError: it can't be read; ``ModelNotFoundError`` likewise.
        """
        identity = (policy, _state_of(place_of(policy, name)))
        with self._environments_lock:
            known = self._environments.get(name)
            if known is None or known.identity != identity or time.monotonic() - known.time > FRESH_S:
                known = _read(identity, lambda: read_named(policy, name))
                self._environments[name] = known
        return known.get()

    def require_usable(self) -> None:
        """Read the policy and those of its environments that are files.

        Raises:
            KerasGuardError: what can't be read, and why.
        """
        if self._path is None:
            raise UsageError(
                f"the registry is to be guarded, and there is no policy: set `{POLICY}`, or add `?policy=/path/to/"
                "kerasguard.toml` to the registry store's URI"
            )
        policy = read_policy(self._path)
        for name in policy.environments:
            # One in the registry can't be asked for before there is a registry.
            if not is_uri(place_of(policy, name)):
                read_named(policy, name)

    def for_clients(self, text: str) -> str:
        """A text without the directory of the policy on the server."""
        return text if self._path is None else text.replace(f"{self._path.parent}{os.sep}", "")


def _read(identity: object, read: Callable[[], T]) -> _Read[T]:
    began = time.monotonic()
    try:
        return _Read(identity, began, read())
    except KerasGuardError as error:
        return _Read(identity, began, error)


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev


def _is_being_written(path: Path) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
    except (OSError, ValueError):
        return False
    return 0 <= age < SETTLED_S


def _state_of(place: str) -> tuple[_Identity | None, ...]:
    """Of the files that say what is in an environment, as far as its description names any."""
    return tuple(_identity(path) for path in _files_of(Path(place.partition(" ")[0])))


def _files_of(path: Path) -> Iterator[Path]:
    yield path
    with contextlib.suppress(OSError, ValueError):
        # An installation changes its directory; of a logged model that is a directory these files count.
        for root in (path, path.parent.parent):
            yield from sorted(root.glob("lib/python*/site-packages"))
        yield from (path / name for name in ("MLmodel", "requirements.txt", "conda.yaml"))
