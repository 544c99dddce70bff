"""The scoring server made ready with the model: much of its code runs for the first time with the first request."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import socket
import tempfile
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.serving.state import preserved
from mlflow_kerasguard.serving.structure import mapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow_kerasguard.serving.wrapper import KerasModelWrapper

_logger = logging.getLogger(__name__)

#: Requests: once for what is put off until the first, then for what Python makes of code that has run often.
_MOST_TIMES, _LEAST_TIMES = 30, 2
#: Seconds after which there are no more.
_ENOUGH = 0.5
#: Seconds that a server may take to listen, and a model to answer.
_TO_START, _TO_ANSWER = 10, 60
_JSON = {"Content-Type": "application/json"}


def answer_request(wrapper: KerasModelWrapper, directory: Path, inputs: Any) -> list[int]:
    """Let a scoring server that nobody else can reach answer requests with the model, which is as before afterwards.

    Args:
        wrapper: of the model.
        directory: of the logged model.
        inputs: what it takes; used where no input example was logged.

    Returns:
        The status of each answer; nothing where this MLflow's server can't be made like that.
    """
    _start_thread_of_this_loop()
    try:
        app = mlflow_private.scoring_app(wrapper, directory)
        body = _body(directory, wrapper, inputs)
        with preserved(wrapper.model), _served(app) as path:
            return list(_answers(path, body))
    except Exception:
        _logger.debug("the scoring server wasn't made ready: its first request is slower", exc_info=True)
        return []


def _start_thread_of_this_loop() -> None:
    """Where uvicorn imports the application, its event loop runs already; requests go to that loop's threads."""
    with contextlib.suppress(RuntimeError):
        loop = asyncio.get_running_loop()
        runs = threading.Event()
        loop.run_in_executor(None, runs.set)
        runs.wait(_TO_START)


def _body(directory: Path, wrapper: KerasModelWrapper, inputs: Any) -> bytes:
    """The request that MLflow keeps beside an input example, or one with inputs that the model takes."""
    kept = mlflow_private.serving_example(directory)
    if kept is not None:
        return kept.encode()
    named = wrapper.named_inputs(inputs) if isinstance(inputs, list) else inputs
    rows = mapped(lambda array: np.asarray(array)[:1].tolist(), named)
    return json.dumps({"inputs": rows}).encode()


@contextlib.contextmanager
def _served(app: Any) -> Iterator[str]:
    """Run uvicorn in a thread, at the path of a socket in a directory that only this user can enter."""
    uvicorn = import_module("uvicorn")
    with tempfile.TemporaryDirectory(prefix="kerasguard-") as directory:
        path = str(Path(directory) / "socket")
        # Its loggers are those of the server that is starting, which go on as they are.
        server = uvicorn.Server(uvicorn.Config(app, uds=path, lifespan="off", log_config=None))
        thread = threading.Thread(target=server.run, daemon=True)
        with _silent(thread):
            thread.start()
            try:
                _wait_for(server, thread)
                yield path
            finally:
                server.should_exit = True
                thread.join(_TO_START)


def _wait_for(server: Any, thread: threading.Thread) -> None:
    for _ in range(100 * _TO_START):
        if server.started:
            return
        thread.join(0.01)
        if not thread.is_alive():
            break
    raise TimeoutError("uvicorn doesn't listen")


@contextlib.contextmanager
def _silent(thread: threading.Thread) -> Iterator[None]:
    """Drop what uvicorn logs in a thread."""

    def is_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != thread.ident

    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "uvicorn.access")]
    for logger in loggers:
        logger.addFilter(is_elsewhere)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_elsewhere)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket of the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TO_ANSWER)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _answers(path: str, body: bytes) -> Iterator[int]:
    start = time.perf_counter()
    for number in range(_MOST_TIMES):
        if number >= _LEAST_TIMES and time.perf_counter() - start > _ENOUGH:
            break
        with contextlib.closing(_UnixConnection(path)) as connection:
            connection.request("POST", "/invocations", body, _JSON)
            answer = connection.getresponse()
            answer.read()
            yield answer.status
