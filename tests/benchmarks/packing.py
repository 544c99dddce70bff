"""`kerasguard pack` against conda-pack itself, each as its command, on one real conda environment."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.timing import Figure, in_turn, median_ratio, process
from tests.live.conda_fixture import make_channel

if TYPE_CHECKING:
    from collections.abc import Callable

#: About a tenth of what an environment with TensorFlow has.
_INSTALLED = ("numpy", "pandas", "scipy")


def pack(scratch: Path, runs: int) -> list[Figure]:
    """With the look at the environment before, and size and digest of the archive after it."""
    channel = make_channel(scratch / "channel")
    prefix = channel.make_environment(scratch / "envs" / "bench", *_INSTALLED).parent.parent
    ours = [sys.executable, "-m", "mlflow_kerasguard", "pack", str(prefix), "-o", "ours.tar.gz"]
    program = [sys.executable, "-m", "conda_pack.cli", "--quiet", "--prefix", str(prefix), "--n-threads", "-1"]
    theirs = [*program, "--output", "theirs.tar.gz"]
    first, second = in_turn(_fresh(ours, scratch), _fresh(theirs, scratch), runs=runs)
    ratio = median_ratio(first, second)
    size = (scratch / "ours.tar.gz").stat().st_size / 1e6
    return [
        Figure(
            name=f"`kerasguard pack` of a conda environment ({size:.0f} MB packed) against conda-pack with all cores",
            target="≤ 1.1 x",
            measured=f"{ratio:.2f} x ({statistics.median(first):.1f} s against {statistics.median(second):.1f} s)",
            met=ratio <= 1.1,
        )
    ]


def _fresh(command: list[str], directory: Path) -> Callable[[], float]:
    """The command where it finds no archive of an earlier run."""
    measured = process(command, cwd=directory)

    def run() -> float:
        for path in directory.glob(f"{command[-1]}*"):
            path.unlink()
        return measured()

    return run
