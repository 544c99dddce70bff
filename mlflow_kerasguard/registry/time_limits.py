"""Calls that end in time, in a server whose stores may not answer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from typing import Generic, TypeVar

from mlflow_kerasguard.errors import KerasGuardError, UsageError

#: The environment variable with the seconds that a guarded call may take.
TIMEOUT = "MLFLOW_KERASGUARD_TIMEOUT"
DEFAULT_SECONDS = 20.0

#: Calls at a time, among them those that were given up and still wait for a store.
_SLOTS = 8
#: Callers that may wait for a slot; more would leave none of the server's threads for anything else.
_WAITING = 16

T = TypeVar("T")

#: Set where a call in this context was given up.
_given_up: ContextVar[threading.Event | None] = ContextVar("kerasguard_given_up", default=None)


def stop_if_given_up() -> None:
    """End the work of a call that nobody waits for any more.

    Raises:
        NotInTimeError: nobody does.
    """
    event = _given_up.get()
    if event is not None and event.is_set():
        raise NotInTimeError("it was given up")


class NotInTimeError(KerasGuardError):
    """A call took too long, or too many others do; the text says which."""


def seconds_of(variables: Mapping[str, str]) -> float:
    """The time limit.

    Args:
        variables: environment variables.

    Raises:
        UsageError: it isn't a positive number.
    """
    text = variables.get(TIMEOUT)
    if text is None:
        return DEFAULT_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise UsageError(f"`{TIMEOUT}` is {text!r}; expected seconds, such as 20")
    return seconds


class TimeLimit:
    """Runs calls in threads that are left behind, a bounded number of them, when they don't end in time."""

    def __init__(self, seconds: float, slots: int = _SLOTS, waiting: int = _WAITING) -> None:
        self.seconds = seconds
        self._slots = threading.BoundedSemaphore(slots)
        self._waiting = threading.BoundedSemaphore(slots + waiting)

    def run(self, function: Callable[[], T]) -> T:
        """The result of a call.

        Args:
            function: to be called in another thread, with this one's context.

        Raises:
            NotInTimeError: it didn't end in time, or none could be begun.
        """
        deadline = time.monotonic() + self.seconds
        if not self._waiting.acquire(blocking=False):
            raise NotInTimeError("too many guarded calls are waiting for the artifact store")
        try:
            if not self._slots.acquire(timeout=self.seconds):
                raise NotInTimeError(f"all readers of the artifact store were busy for {self.seconds:g} s")
            call = _Call(function, self._slots.release)
            return call.result(max(0.0, deadline - time.monotonic()), self.seconds)
        finally:
            self._waiting.release()


class _Call(Generic[T]):
    def __init__(self, function: Callable[[], T], end: Callable[[], None]) -> None:
        self._function, self._end, self._done = function, end, threading.Event()
        self._given_up = threading.Event()
        self._result: tuple[T] | None = None
        self._error: BaseException | None = None
        # As a daemon: a server that is told to end doesn't wait for a store.
        threading.Thread(target=copy_context().run, args=(self._run,), daemon=True, name="kerasguard").start()

    def _run(self) -> None:
        _given_up.set(self._given_up)
        try:
            self._result = (self._function(),)
        except BaseException as error:  # noqa: BLE001 - the caller's thread raises it
            self._error = error
        finally:
            self._end()
            self._done.set()

    def result(self, seconds: float, limit: float) -> T:
        if not self._done.wait(seconds):
            self._given_up.set()
            raise NotInTimeError(f"it couldn't be judged within {limit:g} s: the artifact store may not answer")
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result[0]


def time_limit() -> TimeLimit:
    """One by this process's environment variables."""
    return TimeLimit(seconds_of(os.environ))
