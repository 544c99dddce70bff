"""A server in a process of its own, and what is asked of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

#: Seconds to wait for a server on a slow machine.
PATIENCE = 180
#: Seconds between two looks whether it answers.
POLL = 0.2


def clean_variables(**more: str) -> dict[str, str]:
    """This process's, with the interpreter's own programs first and nothing else on Python's path."""
    # MLflow remembers in variables which experiment a test has chosen.
    strange = {"PYTHONPATH", "MLFLOW_EXPERIMENT_ID"}
    kept = {name: value for name, value in os.environ.items() if name not in strange}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}", **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(
    command: Sequence[str], port: int, directory: Path, environment: Mapping[str, str], ready: str = "ping"
) -> Iterator[tuple[str, Path]]:
    """A server that answers; in a directory of its own, so that no source lies about. Gives its URL and its log."""
    directory.mkdir()
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        await_server(f"http://127.0.0.1:{port}/{ready}", process, directory / "log")
        yield f"http://127.0.0.1:{port}/invocations", directory / "log"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def await_server(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(POLL)
    raise AssertionError(log.read_text())


def score(url: str, payload: object) -> dict:
    request = urllib.request.Request(url, json.dumps(payload).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def ask(url: str, body: bytes, content_type: str = "application/json") -> tuple[int, str]:
    """The status and the text of any answer."""
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
