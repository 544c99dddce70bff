"""Medians of runs and of ratios: machines are noisy, so both sides run in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the result."""

    name: str
    target: str
    measured: str
    met: bool


def process(code: str | Sequence[str], **options: object) -> Callable[[], float]:
    """A run of Python code (or a whole command line) in a fresh process, in seconds of wall time."""
    command = [sys.executable, "-c", code] if isinstance(code, str) else list(code)

    def run() -> float:
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **options)  # type: ignore[call-overload]  # options of many kinds
        return time.perf_counter() - start

    return run


def call(function: Callable[[], object]) -> Callable[[], float]:
    """A call in this process, in seconds."""

    def run() -> float:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return run


def in_turn(*sides: Callable[[], float], runs: int, warm_up: int = 1) -> list[list[float]]:
    """The times of each side, measured in turn."""
    for _ in range(warm_up):
        for side in sides:
            side()
    times: list[list[float]] = [[] for _ in sides]
    for _ in range(runs):
        for side, measured in zip(sides, times, strict=True):
            measured.append(side())
    return times


def median_difference(first: list[float], second: list[float]) -> float:
    """Median of the differences, pair by pair."""
    return statistics.median(a - b for a, b in zip(first, second, strict=True))


def median_ratio(first: list[float], second: list[float]) -> float:
    """Median of the ratios, pair by pair."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))
