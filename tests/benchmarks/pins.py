"""Pins, their closure and the lock of what is installed here."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from mlflow_kerasguard.pinning.plan import make_lock, make_plan
from tests.benchmarks.timing import Figure, call, in_turn

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_S = 1


def pins_and_lock(_: Path, runs: int) -> list[Figure]:
    """All of it as `log_model` does it, and nothing kept from one time to the next."""
    locks: list[str | None] = []
    plans = []

    def run() -> None:
        plans.append(make_plan("keras", "tensorflow", {"yaml", "google.protobuf"}))
        locks.append(make_lock(plans[-1]))

    [times] = in_turn(call(run), runs=runs * 2)
    seconds = statistics.median(times)
    lock = f"lock of {len(locks[-1].splitlines()):,} lines" if locks[-1] else "no lock: the files aren't known"
    return [
        Figure(
            name=f"pins, closure of {len(plans[-1].closure)} distributions and lock, in a warm process",
            target=f"≤ {LIMIT_S} s; no subprocess",
            measured=f"{seconds * 1000:.0f} ms; {lock}",
            met=seconds <= LIMIT_S,
        )
    ]
