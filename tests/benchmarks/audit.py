"""An audit of a whole registry: its time, what a further environment costs, its memory, and going on after a stop."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks.fleet import AGAINST, Fleet, make_fleet
from tests.benchmarks.timing import Figure

VERSIONS, ENVIRONMENTS = 10_000, 3
SECONDS, MEGABYTES, FURTHER_MS = 60, 300, 2
CORES = 2
_EVERY_S = 0.25


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the command: its wall time, its processor time, and the most memory of its processes together."""

    seconds: float
    cpu: float
    megabytes: float
    largest: float


def audit(scratch: Path, runs: int) -> list[Figure]:
    """On SQLite, with the signatures on local files."""
    fleet = make_fleet(scratch, f"sqlite:///{scratch}/registry.db", models=VERSIONS // 25)
    return [*_figures(scratch, fleet, runs, "SQLite")]


def audit_on_postgresql(scratch: Path, runs: int) -> list[Figure]:
    """The same with the registry on PostgreSQL; the files are where they were."""
    if find_spec("tests.live.postgresql") is None:
        return []
    from tests.live import postgresql

    with postgresql.running() as server:
        fleet = make_fleet(scratch, server.database(), models=VERSIONS // 25)
        return _figures(scratch, fleet, runs, "PostgreSQL")


def _figures(scratch: Path, fleet: Fleet, runs: int, database: str) -> list[Figure]:
    saved = scratch / "audit.jsonl"
    one, several, again, part = [], [], [], []
    for _ in range(max(1, runs // 2)):
        one.append(_run(scratch, fleet, 1))
        saved.unlink(missing_ok=True)
        several.append(_run(scratch, fleet, ENVIRONMENTS, "--save", str(saved)))
        again.append(_run(scratch, fleet, ENVIRONMENTS, "--save", str(saved)))
        part.append(_run(scratch, fleet, ENVIRONMENTS, "--filter", "name LIKE 'model 00%'"))
    seconds = _median(run.seconds for run in several)
    further = _median(
        1000 * (many.seconds - single.seconds) / (ENVIRONMENTS - 1) / fleet.versions
        for many, single in zip(several, one, strict=True)
    )
    cpu = _median(run.cpu for run in several)
    memory = max(run.megabytes for run in several)
    less = max(run.megabytes for run in part)
    size = f"{fleet.versions:,} versions x {ENVIRONMENTS} environments, {database}, {CORES} cores"
    return [
        Figure(
            name=f"`kerasguard audit`, {size}, whole process",
            target=f"≤ {SECONDS} s",
            measured=f"{seconds:.1f} s ({1000 * seconds / fleet.versions:.2f} ms a version; {cpu:.0f} s of processors)",
            met=seconds <= SECONDS,
        ),
        Figure(
            name="the same, for each further environment",
            target=f"≤ {FURTHER_MS} ms a version",
            measured=f"{further:.2f} ms",
            met=further <= FURTHER_MS,
        ),
        Figure(
            name="the same, most memory of its processes together (PSS)",
            target=f"≤ {MEGABYTES} MB",
            measured=f"{memory:.0f} MB (the largest {max(run.largest for run in several):.0f} MB; {less:.0f} MB for 250)",
            met=memory <= MEGABYTES,
        ),
        Figure(
            name="the same again, with what was saved",
            target="-",
            measured=f"{_median(run.seconds for run in again):.1f} s",
            met=True,
        ),
    ]


def _median(values) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _run(scratch: Path, fleet: Fleet, environments: int, *more: str) -> Run:
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:CORES]))
    command = [
        "taskset",
        "--cpu-list",
        cores,
        sys.executable,
        "-m",
        "mlflow_kerasguard",
        "audit",
        "--registry-uri",
        fleet.uri,
        *more,
    ]
    for against in AGAINST[:environments]:
        command += ["--against", against]
    command += ["--format", "json", "--output", str(scratch / "report.json")]
    start, used = time.perf_counter(), _cpu()
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=scratch,
        env={**os.environ, "MLFLOW_TRACKING_URI": fleet.uri},
    ) as process:
        watched = _Watched(process.pid)
        _, errors = process.communicate()
        seconds = time.perf_counter() - start
        assert process.returncode == 1, errors
    return Run(seconds=seconds, cpu=_cpu() - used, megabytes=watched.most / 1024, largest=watched.largest / 1024)


def _cpu() -> float:
    times = os.times()
    return times.children_user + times.children_system


class _Watched:
    """The most memory that a process and its children had, in KiB, asked for several times a second."""

    def __init__(self, pid: int) -> None:
        self.most = self.largest = 0
        self._pid = pid
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while Path(f"/proc/{self._pid}").exists():
            sizes = [_proportional(pid) for pid in (self._pid, *_children(self._pid))]
            self.most, self.largest = max(self.most, sum(sizes)), max(self.largest, *sizes)
            time.sleep(_EVERY_S)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    return []


def _proportional(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
