"""MLflow's scoring server from the inside: whether it is starting, and how to end it.

uvicorn imports an application that loads the model as it is imported: in one process, or in each worker
below a supervisor. A supervisor puts a new worker in the place of one that ended, over and over (uvicorn
0.30 and later, until one made it an exception of the exit status 3), or waits for ever (before), and its
own exit status says that all is well. So the first worker that refuses ends the supervisor.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from mlflow_kerasguard.version import __version__

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from mlflow_kerasguard.findings import Report

#: uvicorn's own status for an application that can't start.
STARTUP_FAILURE = 3

_APPLICATION = "mlflow.pyfunc.scoring_server.app"
_IMPORTER, _WORKER = "uvicorn.importer", "uvicorn._subprocess"

#: Seconds in which a supervisor is gone after it was told to.
_PATIENCE = 5.0


def is_starting() -> bool:
    """Whether uvicorn is importing MLflow's scoring server at this moment, and this is called from there."""
    application = sys.modules.get(_APPLICATION)
    return application is not None and not hasattr(application, "app") and _IMPORTER in _callers()


def announce(report: Report, signature_sha256: str | None) -> None:
    """Write a line about the model into the server's log, and let this worker end when its supervisor is gone.

    Args:
        report: the check's.
        signature_sha256: the digest of the compatibility signature; None where there is none.
    """
    signature = f"signature sha256:{signature_sha256}" if signature_sha256 else "no signature"
    logging.getLogger("uvicorn.error").info(
        "mlflow-kerasguard %s: %s, %s, %s", __version__, report.verdict.value, signature, report.environment
    )
    supervisor = _supervisor()
    if supervisor is not None:
        threading.Thread(target=_end_with, args=(supervisor,), daemon=True).start()


def end(message: str) -> NoReturn:
    """End the server with a message: of several workers that refuse only the first prints it.

    The supervisor gets a signal that uvicorn leaves alone, so that its exit status isn't 0. Where it lives on, as the
    first process of a container does, it gets the one on which it ends in order.
    """
    supervisor = _supervisor()
    if supervisor is None:
        _print(message)
    elif supervisor.is_alive():
        with socket.socket(socket.AF_UNIX) as turn:
            if _is_first(turn):
                _print(message)
                _stop(supervisor)
            else:
                supervisor.join(_PATIENCE)
    raise SystemExit(STARTUP_FAILURE)


def _stop(supervisor: BaseProcess) -> None:
    for number in (signal.SIGALRM, signal.SIGTERM):
        # A worker that has lost its supervisor belongs to another process.
        if supervisor.pid == os.getppid() and supervisor.is_alive():
            os.kill(supervisor.pid, number)
            supervisor.join(_PATIENCE)


def _end_with(supervisor: BaseProcess) -> None:
    """Uvicorn's workers would go on serving, and keep the port."""
    supervisor.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _supervisor() -> BaseProcess | None:
    """Uvicorn's process above this one; None where this one serves alone."""
    return multiprocessing.parent_process() if _WORKER in _callers() else None


def _is_first(turn: socket.socket) -> bool:
    """Whether no other worker of the same supervisor has the word; they share its key, and nobody else knows it."""
    key = hashlib.sha256(bytes(multiprocessing.current_process().authkey)).hexdigest()
    try:
        turn.bind(f"\0mlflow-kerasguard-{key}")
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    return True


def _print(message: str) -> None:
    print(f"\n{message}\n", file=sys.stderr, flush=True)  # noqa: T201 - for the operator


def _callers() -> Iterator[str]:
    """The names of the modules whose functions are being run."""
    frame = sys._getframe()  # noqa: SLF001 - there is no public way
    while frame is not None:
        yield str(frame.f_globals.get("__name__"))
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
