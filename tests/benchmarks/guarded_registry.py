"""What the guarded registry adds to MLflow's own calls, and what it lets through when everything happens at once."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.timing import Figure, median_difference, median_ratio
from tests.live import postgresql
from tests.live.registry_races import CLIENTS, Race
from tests.registry.models import guarded
from tests.registry.stores import POLICY

OVERHEAD = 0.03
GUARDED_S = 0.150
#: Calls of each kind for each run that is asked for; both sides in turn.
CALLS = 200
#: Aliases that are set, and as many that are refused, before the server is killed.
ENOUGH = 20


def store(scratch: Path, runs: int) -> list[Figure]:
    """The plug-in's store beside MLflow's, on a database each."""
    (scratch / "kerasguard.toml").write_text(POLICY)
    model = guarded(scratch / "model")
    figures = []
    for kind in ("SQLite", "PostgreSQL"):
        with _databases(scratch, kind) as (first, second):
            stock, ours = _stores(scratch, first, second)
            for each in (stock, ours):
                for name in ("guarded", "free"):
                    each.create_registered_model(name)
                    each.create_model_version(name, str(model))
            calls = CALLS * runs
            figures += [_unguarded(kind, stock, ours, calls), _guarded(kind, stock, ours, calls // 4)]
    return figures


@contextlib.contextmanager
def _databases(scratch: Path, kind: str) -> Iterator[tuple[str, str]]:
    if kind == "SQLite":
        yield f"sqlite:///{scratch}/stock.db", f"sqlite:///{scratch}/ours.db"
        return
    with postgresql.running() as server:
        yield server.database(), server.database()


def _stores(scratch: Path, first: str, second: str) -> tuple[Any, Any]:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    from mlflow_kerasguard.registry.store import make_store

    return SqlAlchemyStore(first), make_store(
        f"kerasguard+{second}{'&' if '?' in second else '?'}policy={scratch}/kerasguard.toml"
    )


def _unguarded(kind: str, stock: Any, ours: Any, calls: int) -> Figure:
    def alias(each: Any) -> None:
        each.set_registered_model_alias("free", "champion", "1")

    def read(each: Any) -> None:
        each.get_model_version("free", "1")

    def create(each: Any) -> None:
        each.create_model_version("free", "/models/1")

    ratios = {}
    for name, call in (("alias", alias), ("version", read), ("new version", create)):
        theirs, mine = _in_turn(lambda call=call: call(stock), lambda call=call: call(ours), calls)
        ratios[name] = median_ratio(mine, theirs) - 1
    worst = max(ratios.values())
    return Figure(
        name=f"overhead of the store on calls that it doesn't guard, {kind}, p50 of {calls} calls of each kind",
        target=f"≤ {OVERHEAD:.0%}",
        measured=", ".join(f"{name} {ratio:+.1%}" for name, ratio in ratios.items()),
        met=worst <= OVERHEAD,
    )


def _guarded(kind: str, stock: Any, ours: Any, calls: int) -> Figure:
    def call(each: Any) -> Callable[[], None]:
        return lambda: each.set_registered_model_alias("guarded", "champion", "1")

    theirs, mine = _in_turn(call(stock), call(ours), calls)
    over = median_difference(mine, theirs)
    return Figure(
        name=f"a guarded alias over MLflow's own call, {kind}, p50 of {calls}",
        target=f"≤ {GUARDED_S * 1000:.0f} ms",
        measured=f"{over * 1000:.1f} ms ({statistics.median(mine) * 1000:.1f} and {statistics.median(theirs) * 1000:.1f} ms)",
        met=over <= GUARDED_S,
    )


def _in_turn(first: Callable[[], None], second: Callable[[], None], calls: int) -> tuple[list[float], list[float]]:
    """As :func:`tests.benchmarks.timing.in_turn`, but who begins changes: the second finds caches warm."""
    times: tuple[list[float], list[float]] = ([], [])
    sides = [(first, times[0]), (second, times[1])]
    for number in range(calls + 10):
        for call, measured in sides if number % 2 else reversed(sides):
            start = time.perf_counter()
            call()
            if number >= 10:
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
