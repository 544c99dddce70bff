"""The public ``audit``: every registered version against every environment, in several processes."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.audit import environments as audited
from mlflow_kerasguard.registry.audit.comparing import changes
from mlflow_kerasguard.registry.audit.ledger import Ledger, Saved, read_saved
from mlflow_kerasguard.registry.audit.lister import list_registry
from mlflow_kerasguard.registry.audit.listing import Registry
from mlflow_kerasguard.registry.audit.process import Task
from mlflow_kerasguard.registry.audit.result import Audit
from mlflow_kerasguard.registry.audit.values import AuditedEnvironment, Cell, Contents, RegisteredVersion, Row, Status
from mlflow_kerasguard.registry.audit.workers import Answer, Workers

TIME_LIMIT_S = 60.0
_MOST_JOBS = 8
#: Questions in a row that a registry doesn't answer, until none is asked any more.
_SILENCES = 3
#: Versions that a process is given at a time: successive ones have much in common.
_BATCH = 25

#: Takes how many versions are done with, and of how many.
Tell = Callable[[int, int], None]


def audit(
    against: str | Path | Sequence[str | Path | None] | None = None,
    *,
    registry_uri: str | None = None,
    filter: str | None = None,
    aliased: bool = False,
    save: str | Path | None = None,
    since: str | Path | None = None,
    time_limit: float = TIME_LIMIT_S,
    jobs: int | None = None,
    tell: Tell | None = None,
) -> Audit:
    """Hold every version of a model registry against environments, from its small files alone.

    Versions of this flavor are judged by their compatibility signature. Those that ``mlflow.keras`` or
    ``mlflow.tensorflow`` logged have none; of these what describes the model is read out of its file. Nothing of a
    model is loaded or run. Loads are judged without loss, metrics and optimizer, as servers load models.

    Args:
        against: what :func:`mlflow_kerasguard.check` takes, but for ``Environment`` objects; one or several. None
            stands for this interpreter.
        registry_uri: of the model registry; None for the one that MLflow is set to. Of a registry with workspaces the
            one that is set counts.
        filter: restricts versions, as ``MlflowClient.search_model_versions`` takes it: ``name LIKE 'fraud%'``.
        aliased: only versions that an alias points at.
        save: a file in which each version is noted when it is done with. Where it is there already, versions that are
            in it, and haven't changed since, aren't read again.
        since: a file that an earlier audit saved; what has become of its versions is in ``changes``.
        time_limit: seconds after which a version is given up.
        jobs: processes that read and judge; None for one a core, eight at most.
        tell: called with how many versions are done with, and of how many.

    Returns:
        A row for each version, and in it a cell for each environment. What can't be read is a row with the reason.

    Raises:
        UsageError: an argument can't be used as it was given, or the registry doesn't answer.
        ModelNotFoundError: there is no model at a URI in ``against``.
    """
    started = time.monotonic()
    given = [against] if against is None or isinstance(against, str | Path) else list(against)
    texts = audited.texts(given or [None])
    # Before anything is asked of the registry: a mistake in an argument is told at once.
    environments = audited.described(texts)
    before = None if since is None else read_saved(Path(since))
    _require(time_limit=time_limit, jobs=jobs)
    registry, versions, tracking_uri = list_registry(registry_uri, filter, aliased=aliased)
    with contextlib.ExitStack() as stack:
        ledger = None if save is None else stack.enter_context(Ledger(Path(save), registry.uri))
        run = _Run(
            registry=registry,
            tracking_uri=tracking_uri,
            environments=environments,
            saved=ledger.saved if ledger else Saved(),
            versions=versions,
        )
        if ledger is not None:
            ledger.begin(environments)
        # What processes that are ended leave behind goes with it.
        copies = stack.enter_context(TemporaryDirectory(prefix="kerasguard-audit-", ignore_cleanup_errors=True))
        for row, is_new in run.rows(_workers(run, texts, time_limit, jobs, copies)):
            if ledger is not None and is_new:
                ledger.add(row)
            if tell is not None:
                tell(len(run.done), len(versions))
        rows = [run.done[number] for number in range(len(versions))]
        whole = filter is None and not aliased
        found = None if before is None else changes(before, environments, rows, whole=whole)
        if ledger is not None:
            ledger.finish(environments, [*rows, *([] if whole else _others(ledger.saved, rows))])
    return Audit(
        registry=registry.uri,
        environments=environments,
        rows=rows,
        changes=found,
        titles=_titles(rows),
        reused=run.reused,
        seconds=time.monotonic() - started,
    )


def _titles(rows: Sequence[Row]) -> dict[str, str]:
    from mlflow_kerasguard.rules import RULES

    codes = {code for row in rows for cell in row.cells.values() for code in cell.codes}
    return {code: RULES[code].rule.title for code in sorted(codes) if code in RULES}


def _require(*, time_limit: float, jobs: int | None) -> None:
    if not 0 < time_limit < float("inf"):
        raise UsageError(f"`time_limit` has to be a number of seconds above 0, not {time_limit!r}")
    if jobs is not None and jobs < 1:
        raise UsageError(f"`jobs` has to be a whole number above 0, not {jobs!r}")


def _others(saved: Saved, rows: Sequence[Row]) -> list[Row]:
    """What an earlier audit said of versions that this one didn't ask for."""
    keys = {row.key for row in rows}
    return [row for key, row in saved.rows.items() if key not in keys]


@dataclass(slots=True, kw_only=True)
class _Run:
    """An audit that goes on.

    Attributes:
        done: rows by the number of their version.
        reused: how many of them are from an earlier audit.
    """

    registry: Registry
    tracking_uri: str
    environments: Sequence[AuditedEnvironment]
    saved: Saved
    versions: Sequence[RegisteredVersion]
    done: dict[int, Row] = field(default_factory=dict)
    reused: int = 0
    _at_once: list[tuple[Row, bool]] = field(default_factory=list)
    _silences: int = 0

    @property
    def digests(self) -> list[str]:
        return [environment.digest for environment in self.environments]

    def rows(self, workers: Workers) -> Iterator[tuple[Row, bool]]:
        """Rows as they are done with, and whether each says what isn't saved yet."""
        with workers:
            for number, answer in workers.answers(self._tasks()):
                yield from self._ready()
                yield self._row(number, answer)
        yield from self._ready()

    def _ready(self) -> Iterator[tuple[Row, bool]]:
        ready, self._at_once = self._at_once, []
        yield from ready

    def _tasks(self) -> Iterator[Task]:
        """What has to be read; the rest is done with at once."""
        for number, version in enumerate(self.versions):
            earlier = self._earlier(version)
            if version.problem:
                self._give_up(number, version.problem)
                continue
            if earlier is not None and not earlier.contents.stamp:
                self._at_once.append(self._reuse(number, earlier))
                continue
            location = self._location(number, version)
            if location is None:
                continue
            stamp = earlier.contents.stamp if earlier is not None else ""
            yield Task(number=number, location=location, digests=self.digests, stamp=stamp)

    def _location(self, number: int, version: RegisteredVersion) -> str | None:
        """Where its files are; a registry that has stopped answering isn't asked for each version again."""
        if self._silences >= _SILENCES:
            self._give_up(number, "the registry stopped answering, and wasn't asked where its files are")
            return None
        try:
            location = self.registry.location(version)
        except LookupError as error:
            self._silences += mlflow_private.is_silence(error)
            self._give_up(number, f"the registry doesn't say where its files are: {error}")
            return None
        self._silences = 0
        return location

    def _earlier(self, version: RegisteredVersion) -> Row | None:
        """What is saved of a version, where it still holds as far as the registry tells."""
        row = self.saved.rows.get(version.key)
        if row is None or (row.listed.source, row.listed.updated) != (version.source, version.updated):
            return None
        cells = [row.cells.get(digest) for digest in self.digests]
        finished = all(cell is not None and cell.status is not Status.UNREACHABLE for cell in cells)
        return row if finished else None

    def _give_up(self, number: int, reason: str) -> None:
        cell = Cell(status=Status.UNREACHABLE, reason=" ".join(reason.split())[:300])
        self._at_once.append(self._row(number, Answer(contents=Contents(), cells=dict.fromkeys(self.digests, cell))))

    def _row(self, number: int, answer: Answer) -> tuple[Row, bool]:
        version = self.versions[number]
        if answer.contents is None:
            return self._reuse(number, self.saved.rows[version.key])
        row = Row(listed=replace(version, problem=""), contents=answer.contents, cells=answer.cells)
        self.done[number] = row
        return row, True

    def _reuse(self, number: int, earlier: Row) -> tuple[Row, bool]:
        self.reused += 1
        cells = {digest: earlier.cells[digest] for digest in self.digests}
        row = Row(listed=self.versions[number], contents=earlier.contents, cells=cells)
        self.done[number] = row
        return row, row != earlier


def _workers(run: _Run, against: Sequence[str | None], time_limit: float, jobs: int | None, copies: str) -> Workers:
    cores = len(os.sched_getaffinity(0)) if jobs is None else jobs
    most = min(cores, _MOST_JOBS) if jobs is None else jobs
    count = len(run.versions)
    batch = max(1, min(_BATCH, count // (most * 2)))
    return Workers(
        first={"against": against, "tracking_uri": run.tracking_uri},
        variables=_variables(time_limit, copies),
        jobs=max(1, min(most, -(-count // batch))),
        batch=batch,
        time_limit=time_limit,
        digests=run.digests,
    )


def _variables(time_limit: float, copies: str) -> Mapping[str, str]:
    """This process's, with an MLflow that doesn't go on asking for minutes."""
    seconds = str(max(1, int(time_limit / 2)))
    asked = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": seconds}
    return {**asked, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", **os.environ, "TMPDIR": copies}
