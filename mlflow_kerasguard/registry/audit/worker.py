"""A process that reads and judges versions: told on standard input, it answers on standard output, in lines of JSON.

It may hang or be killed by what it reads; whoever started it starts another one then. Nothing that it imports may
print to standard output, which is its answer.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import signal
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import IO, Any

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.errors import KerasGuardError
from mlflow_kerasguard.registry.audit.environments import read_environments
from mlflow_kerasguard.registry.audit.judging import Judge, shortened
from mlflow_kerasguard.registry.audit.reading import (
    NotReadError,
    Read,
    ReadVersion,
    Signatures,
    local_path,
    reader,
    stamp_of,
)
from mlflow_kerasguard.registry.audit.values import Cell, Contents, Status

#: Versions that are elsewhere are read at the same time.
THREADS = 8

#: No file that is fetched may be larger, whatever its server says of it.
_LARGEST_FILE = 256 << 20
#: Seconds for what it is doing when nobody waits for it any more.
_LINGER_S = 3.0
#: Of the heap, in bytes; a signature of ten thousand layers takes a tenth of it.
_MOST_MEMORY = 4 << 30


def main() -> None:
    """Do as standard input says, until it ends."""
    # Ctrl-C goes to everybody on the terminal; the one who started this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_resources()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    first = json.loads(sys.stdin.readline())
    try:
        environments = read_environments(first["against"])
    except KerasGuardError as error:
        _tell(answers, {"problem": str(error)})
        return
    _tell(answers, {"ready": list(environments)})
    worker = Worker(Judge(environments), reader(Signatures(), first["tracking_uri"]), answers)
    for batch in iter(_batches().get, None):
        worker.run(batch)


def _batches() -> queue.Queue[list[dict[str, Any]] | None]:
    """Batches as they arrive; when whoever sends them is gone, so is this process, whatever it is doing."""
    arrived: queue.Queue[list[dict[str, Any]] | None] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            arrived.put(json.loads(line))
        arrived.put(None)
        time.sleep(_LINGER_S)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return arrived


def _limit_resources() -> None:
    """Let what a version makes of this process end with an error, and not with the machine."""
    for limit, value in ((resource.RLIMIT_FSIZE, _LARGEST_FILE), (resource.RLIMIT_DATA, _MOST_MEMORY)):
        _, most = resource.getrlimit(limit)
        if most == resource.RLIM_INFINITY or most > value:
            resource.setrlimit(limit, (value, most))


def _tell(answers: IO[str], message: Mapping[str, Any]) -> None:
    answers.write(f"{json.dumps(message)}\n")


class Worker:
    """Answers for batches of versions.

    Args:
        judge: has the environments.
        read: reads a version.
        answers: where the answers go.
    """

    def __init__(self, judge: Judge, read: Read, answers: IO[str]) -> None:
        self._judge = judge
        self._read = read
        self._answers = answers
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def run(self, batch: list[dict[str, Any]]) -> None:
        """Answer for each version of a batch, those on this machine first."""
        local = [task for task in batch if local_path(task["location"]) is not None]
        for task in local:
            self._answer(task, *self._try(task))
        elsewhere = [task for task in batch if local_path(task["location"]) is None]
        if elsewhere:
            # Importing MLflow takes seconds, which aren't any version's.
            mlflow_private.exception_class()
            self._pool = self._pool or ThreadPoolExecutor(THREADS)
            reading = {self._pool.submit(self._try, task): task for task in elsewhere}
            for done in as_completed(reading):
                self._answer(reading[done], *done.result())

    def _try(self, task: Mapping[str, Any]) -> tuple[ReadVersion | None, NotReadError | None]:
        """What was read of a version; neither, where it is known to be what it was."""
        with self._lock:
            _tell(self._answers, {"started": task["id"]})
        try:
            return (None, None) if _is_unchanged(task) else (self._read(task["location"]), None)
        except NotReadError as problem:
            return None, problem
        except Exception as error:  # noqa: BLE001 - one version may not end the audit of all others
            return None, NotReadError(Status.UNREACHABLE, shortened(f"{type(error).__name__}: {error}"))

    def _answer(self, task: Mapping[str, Any], version: ReadVersion | None, problem: NotReadError | None) -> None:
        if version is None and problem is None:
            message: dict[str, Any] = {"unchanged": True}
        elif version is not None:
            message = self._judged(version, task["digests"])
        else:
            assert problem is not None
            directory = local_path(task["location"])
            contents = Contents(flavor=problem.flavor, stamp="" if directory is None else stamp_of(directory))
            message = _told(contents, dict.fromkeys(task["digests"], problem.cell))
            message["silent"] = problem.silent
        with self._lock:
            _tell(self._answers, {"id": task["id"], **message})

    def _judged(self, version: ReadVersion, digests: list[str]) -> dict[str, Any]:
        try:
            return _told(version.contents, self._judge.judge(version, digests))
        except Exception as error:  # noqa: BLE001 - likewise
            cell = Cell(status=Status.NOT_JUDGED, reason=shortened(f"{type(error).__name__}: {error}"))
            return _told(version.contents, dict.fromkeys(digests, cell))


def _is_unchanged(task: Mapping[str, Any]) -> bool:
    directory = local_path(task["location"])
    return bool(task["stamp"]) and directory is not None and stamp_of(directory) == task["stamp"]


def _told(contents: Contents, cells: Mapping[str, Cell]) -> dict[str, Any]:
    return {
        "contents": [
            shortened(contents.flavor),
            shortened(contents.summary),
            contents.signature_sha256,
            contents.stamp,
        ],
        "cells": {digest: [cell.status.value, cell.codes, cell.reason] for digest, cell in cells.items()},
    }
