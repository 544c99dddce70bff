"""The scoring server made ready with the model: much of its code runs for the first time with the first request."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.serving.structure import mapped

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow_kerasguard.serving.wrapper import KerasModelWrapper

_logger = logging.getLogger(__name__)

#: Once for what is put off until the first request, then for what Python makes of code that has run before.
_TIMES = 3


def answer_request(wrapper: KerasModelWrapper, directory: Path, inputs: Any) -> list[int]:
    """Let a scoring server in memory, which nobody reaches, answer a request with the model.

    Args:
        wrapper: of the model.
        directory: of the logged model.
        inputs: what it takes; used where no input example was logged.

    Returns:
        The status of each answer; nothing where this MLflow's server can't be made like that.
    """
    # Where the server is being imported, this thread may have an event loop that runs.
    with ThreadPoolExecutor(1) as executor:
        try:
            app = mlflow_private.scoring_app(wrapper, directory)
            return executor.submit(asyncio.run, _post(app, _body(directory, wrapper, inputs))).result()
        except Exception:
            _logger.debug("the scoring server wasn't made ready: its first request is slower", exc_info=True)
            return []


def _body(directory: Path, wrapper: KerasModelWrapper, inputs: Any) -> bytes:
    """The request that MLflow keeps beside an input example, or one with inputs that the model takes."""
    kept = mlflow_private.serving_example(directory)
    if kept is not None:
        return kept.encode()
    named = wrapper.named_inputs(inputs) if isinstance(inputs, list) else inputs
    rows = mapped(lambda array: np.asarray(array)[:1].tolist(), named)
    return json.dumps({"inputs": rows}).encode()


async def _post(app: Any, body: bytes) -> list[int]:
    statuses: list[int] = []
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/invocations",
        "raw_path": b"/invocations",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }
    for _ in range(_TIMES):
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive(messages: Any = messages) -> Any:
            found = next(messages, None)
            return found if found is not None else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await app(dict(scope), receive, send)
    return statuses
