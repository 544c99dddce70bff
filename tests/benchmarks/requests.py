"""Requests over HTTP to `mlflow models serve`, with this flavor and with MLflow's own beside it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.benchmarks.predictions import MODEL
from tests.benchmarks.timing import Figure
from tests.live.servers import POLL, free_port, serving

FASTER, RATE, FIRST = 4, 5, 2
CLIENTS = 8
#: Requests of each side in a row, and seconds of a round of clients.
_REQUESTS, _SECONDS = 40, 4
#: Requests that each come after a pause as long as the first one's, which is that of whoever waits for the server.
_PAUSES = 10
_MANY = 10_000

_SAVE = """
save(make(4), 4, sys.argv[1])
"""

_NOTHING = """
class Nothing:
    def predict(self, data, params=None):
        return data


def _load_pyfunc(path):
    return Nothing()
"""
_NOTHING_MLMODEL = """
flavors:
  python_function:
    loader_module: kerasguard_benchmark_nothing
    python_version: "{python}"
    env: {{}}
mlflow_version: 3.0.0
"""

_ROW = json.dumps({"inputs": [[0.1, 0.2, 0.3, 0.4]]}).encode()
_JSON = {"Content-Type": "application/json"}


def requests(scratch: Path, runs: int) -> list[Figure]:
    _save(scratch)
    times: dict[str, list[list[float]]] = {"ours": [], "stock": []}
    rates: dict[str, list[float]] = {"ours": [], "stock": []}
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(_served(scratch, name))[0] for name in times}
        for port in ports.values():
            _one_after_the_other(port, 30)
        for _ in range(runs):
            for name, port in ports.items():
                times[name].append(_one_after_the_other(port, _REQUESTS))
        for _ in range(runs):
            for name, port in ports.items():
                rates[name].append(_rate(port))
    ours, stock = ([value for part in times[name] for value in part] for name in ("ours", "stock"))
    half = statistics.median(
        statistics.median(b) / statistics.median(a) for a, b in zip(times["ours"], times["stock"], strict=True)
    )
    last = _percentile(stock, 99) / _percentile(ours, 99)
    rate = statistics.median(a / b for a, b in zip(rates["ours"], rates["stock"], strict=True))
    return [
        Figure(
            name="one-row HTTP request, p50, beside `mlflow.keras`",
            target=f"≥ {FASTER} times faster",
            measured=f"{half:.1f} times ({statistics.median(ours):.1f} ms beside {statistics.median(stock):.1f} ms)",
            met=half >= FASTER,
        ),
        Figure(
            name="one-row HTTP request, p99, beside `mlflow.keras`",
            target=f"≥ {FASTER} times faster",
            measured=f"{last:.1f} times ({_percentile(ours, 99):.1f} ms beside {_percentile(stock, 99):.1f} ms)",
            met=last >= FASTER,
        ),
        Figure(
            name=f"requests per second, {CLIENTS} clients, one worker, beside `mlflow.keras`",
            target=f"≥ {RATE} times",
            measured=f"{rate:.1f} times ({statistics.median(rates['ours']):.0f} beside {statistics.median(rates['stock']):.0f})",
            met=rate >= RATE,
        ),
    ]


def first_request(scratch: Path, runs: int) -> list[Figure]:
    _save(scratch)
    _save_nothing(scratch)
    names = ("ours", "stock", "nothing")
    ratios: dict[str, list[float]] = {name: [] for name in names}
    firsts: dict[str, list[float]] = {name: [] for name in names}
    rested: list[float] = []
    for _ in range(runs):
        for name, found in ratios.items():
            with _served(scratch, name) as (port, _):
                first, *later = _each_connected(port, 1 + _REQUESTS)
                after_pauses = _each_connected(port, _PAUSES, pause=POLL)
            found.append(first / statistics.median(later))
            if name == "ours":
                rested.append(statistics.median(after_pauses) / statistics.median(later))
            firsts[name].append(first)
    ratio, stock, nothing = (statistics.median(values) for values in ratios.values())
    own = statistics.median(firsts["nothing"])
    return [
        Figure(
            name="first request after ready, beside the p50 of later ones, each with its own connection",
            target=f"≤ {FIRST} times",
            measured=f"{ratio:.1f} times ({statistics.median(firsts['ours']):.1f} ms; `mlflow.keras`: {stock:.1f} times; "
            f"a model that computes nothing: {nothing:.1f} times, {own:.1f} ms; later ones after a pause as before the "
            f"first: {statistics.median(rested):.1f} times)",
            met=ratio <= FIRST,
        )
    ]


def memory(scratch: Path, runs: int) -> list[Figure]:
    """What a server's memory grows by while it answers requests of all sizes."""
    del runs
    _save(scratch)
    sizes = random.Random(0)
    with _served(scratch, "ours") as (port, process):
        grown = []
        for _ in range(2):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            for _ in range(_MANY):
                rows = [[0.1, 0.2, 0.3, 0.4]] * sizes.randint(1, 200)
                _ask(connection, json.dumps({"inputs": rows}).encode())
            grown.append(_worker(process).memory_info().rss)
    growth = (grown[1] - grown[0]) / 2**20
    return [
        Figure(
            name=f"growth of a server's memory over {_MANY} requests of 1 to 200 rows, after as many",
            target="≤ 5 MB",
            measured=f"{growth:.1f} MB of {grown[1] / 2**20:.0f} MB",
            met=growth <= 5,
        )
    ]


def _save(scratch: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", MODEL + _SAVE, str(scratch)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def _save_nothing(scratch: Path) -> None:
    """A model that computes nothing: what is left is MLflow's server."""
    (scratch / "kerasguard_benchmark_nothing.py").write_text(_NOTHING)
    (scratch / "nothing").mkdir()
    python = ".".join(map(str, sys.version_info[:3]))
    (scratch / "nothing" / "MLmodel").write_text(_NOTHING_MLMODEL.format(python=python))


@contextlib.contextmanager
def _served(scratch: Path, name: str) -> Iterator[tuple[int, psutil.Process]]:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(scratch / name)]
    command += ["-p", str(port), "--env-manager", "local", "--workers", "1"]
    directory = scratch / f"server of {name} at {port}"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment["PYTHONPATH"] = str(scratch)
    with serving(command, port, directory, environment):
        yield port, psutil.Process()


def _worker(process: psutil.Process) -> psutil.Process:
    """The process that holds the model: the largest of all below."""
    return max(process.children(recursive=True), key=lambda child: child.memory_info().rss)


def _ask(connection: http.client.HTTPConnection, body: bytes = _ROW) -> None:
    connection.request("POST", "/invocations", body, _JSON)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(content.decode())


def _one_after_the_other(port: int, count: int) -> list[float]:
    """Milliseconds of each request, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        _ask(connection)
        times.append(1000 * (time.perf_counter() - start))
    return times


def _each_connected(port: int, count: int, pause: float = 0) -> list[float]:
    """Milliseconds of each request with its own connection, which a first one needs in any case."""
    times = []
    for _ in range(count):
        time.sleep(pause)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
            start = time.perf_counter()
            _ask(connection)
            times.append(1000 * (time.perf_counter() - start))
    return times


def _rate(port: int) -> float:
    """Requests per second that clients, each with its own connection, get answered."""
    stop = time.perf_counter() + _SECONDS
    counts = [0] * CLIENTS

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while time.perf_counter() < stop:
            _ask(connection)
            counts[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / _SECONDS


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]
