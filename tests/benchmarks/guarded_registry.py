"""What the guarded registry adds to MLflow's own calls, and what it lets through when everything happens at once."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow_kerasguard.registry.policy_watch import SETTLED_S
from tests.benchmarks.timing import Figure, median_difference, median_ratio
from tests.live import postgresql
from tests.live.registry_races import CLIENTS, Race
from tests.registry.models import guarded
from tests.registry.stores import POLICY

OVERHEAD = 0.03
GUARDED_S = 0.150
#: Calls of each kind for each run that is asked for; both sides in turn.
CALLS = 400
WARM_UP = 10
#: Aliases that are set, and as many that are refused, before the server is killed.
ENOUGH = 20


def store(scratch: Path, runs: int) -> list[Figure]:
    """The plug-in's store beside MLflow's own."""
    (scratch / "kerasguard.toml").write_text(POLICY)
    time.sleep(2 * SETTLED_S)  # Servers run for months after that.
    model = guarded(scratch / "model")
    figures = []
    for kind in ("SQLite", "PostgreSQL"):
        with _database(scratch, kind) as uri:
            sides = _sides(scratch, uri)
            for side in sides:
                for name in (side.guarded, side.free):
                    side.store.create_registered_model(name)
                    side.store.create_model_version(name, str(model))
            figures += [_unguarded(kind, sides, CALLS * runs), _guarded(kind, sides, CALLS * runs // 4)]
    return figures


@dataclass(frozen=True, kw_only=True)
class Side:
    """A store, and registered models of its own."""

    store: Any
    free: str
    guarded: str


@contextlib.contextmanager
def _database(scratch: Path, kind: str) -> Iterator[str]:
    if kind == "SQLite":
        yield f"sqlite:///{scratch}/registry.db"
        return
    with postgresql.running() as server:
        yield server.database()


def _sides(scratch: Path, uri: str) -> tuple[Side, Side]:
    """Both on the same database, through the same pool of connections."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    from mlflow_kerasguard.registry.store import make_store

    ours = make_store(f"kerasguard+{uri}{'&' if '?' in uri else '?'}policy={scratch}/kerasguard.toml")
    return (
        Side(store=SqlAlchemyStore(uri), free="free-stock", guarded="guarded-stock"),
        Side(store=ours, free="free-ours", guarded="guarded-ours"),
    )


def _unguarded(kind: str, sides: tuple[Side, Side], calls: int) -> Figure:
    does: dict[str, Callable[[Side], object]] = {
        "alias": lambda side: side.store.set_registered_model_alias(side.free, "champion", "1"),
        "version": lambda side: side.store.get_model_version(side.free, "1"),
        "new version": lambda side: side.store.create_model_version(side.free, "/models/1"),
    }
    ratios = {}
    for name, call in does.items():
        theirs, ours = _in_turn(call, sides, calls)
        ratios[name] = median_ratio(ours, theirs) - 1
    return Figure(
        name=f"overhead of the store on calls that it doesn't guard, {kind}, p50 of {calls} calls of each kind",
        target=f"≤ {OVERHEAD:.0%}",
        measured=", ".join(f"{name} {ratio:+.1%}" for name, ratio in ratios.items()),
        met=max(ratios.values()) <= OVERHEAD,
    )


def _guarded(kind: str, sides: tuple[Side, Side], calls: int) -> Figure:
    theirs, ours = _in_turn(
        lambda side: side.store.set_registered_model_alias(side.guarded, "champion", "1"), sides, calls
    )
    over = median_difference(ours, theirs)
    medians = " and ".join(f"{statistics.median(times) * 1000:.1f} ms" for times in (ours, theirs))
    return Figure(
        name=f"a guarded alias over MLflow's own call, {kind}, p50 of {calls}",
        target=f"≤ {GUARDED_S * 1000:.0f} ms",
        measured=f"{over * 1000:.1f} ms ({medians})",
        met=over <= GUARDED_S,
    )


def _in_turn(call: Callable[[Side], object], sides: tuple[Side, Side], calls: int) -> tuple[list[float], list[float]]:
    """As :func:`tests.benchmarks.timing.in_turn`, but who begins changes: the second finds caches warm."""
    times: tuple[list[float], list[float]] = ([], [])
    pairs = list(zip(sides, times, strict=True))
    for number in range(calls + WARM_UP):
        for side, measured in pairs if number % 2 else reversed(pairs):
            start = time.perf_counter()
            call(side)
            if number >= WARM_UP:
                measured.append(time.perf_counter() - start)
    return times


def races(scratch: Path, runs: int) -> list[Figure]:
    """Promotions raced, and the server killed in the middle, each run on both databases."""
    with postgresql.running() as server:
        databases = {"SQLite": f"sqlite:///{scratch}/registry.db", "PostgreSQL": server.database()}
        return [_race(kind, scratch / kind, database, runs) for kind, database in databases.items()]


def _race(kind: str, directory: Path, database: str, runs: int) -> Figure:
    directory.mkdir()
    race, wrong, seen = Race(directory=directory, database=database), [], 0
    for _ in range(runs):
        race.run(ENOUGH)
        wrong += race.wrong()
        seen += len(race.promoted())
    said = {
        status: sum(n for (what, its), n in race.answers.items() if what == "alias" and its == status)
        for status in (200, 403)
    }
    return Figure(
        name=f"{CLIENTS} clients race, and `mlflow server` is killed with SIGKILL {runs} times, {kind}",
        target="no alias without a verdict",
        measured=f"{len(wrong)} of {seen} ({said[200]} aliases set, {said[403]} refused, {sum(race.answers.values())} calls)",
        met=not wrong,
    )
