"""Several processes that read and judge, none of which is waited for longer than it may take."""

from __future__ import annotations

import queue
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from mlflow_kerasguard.errors import KerasGuardError, UsageError
from mlflow_kerasguard.registry.audit.process import Heard, Process, Task
from mlflow_kerasguard.registry.audit.reading import local_path
from mlflow_kerasguard.registry.audit.values import Cell, Contents, Status

if TYPE_CHECKING:
    from typing_extensions import Self

#: Versions in a row that a store doesn't give within the time limit, until nothing more is asked of it.
PATIENCE = 24
#: Processes in a row that end without having answered anything.
_DEATHS = 3
_TICK_S = 0.1
_NEARLY = 0.9
#: After one has closed its standard output.
_GRACE_S = 1.0
#: What lies ready for each process beside what it works on.
_BATCHES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a process found out about a version.

    Attributes:
        contents: what it read; None where the version is what it was.
        cells: by the digest of the environment; none where it is what it was.
    """

    contents: Contents | None
    cells: Mapping[str, Cell]


@dataclass(slots=True, kw_only=True)
class Workers:
    """Processes for one audit; they are ended when the block is left.

    Args:
        first: what each is told first.
        variables: their environment variables.
        jobs: how many.
        batch: how many versions each is given at a time.
        time_limit: seconds for each version.
        digests: of the environments, which each process has to find as well.
    """

    first: Mapping[str, Any]
    variables: Mapping[str, str]
    jobs: int
    batch: int
    time_limit: float
    digests: Iterable[str]
    _heard: SimpleQueue[Heard] = field(default_factory=SimpleQueue)
    _processes: list[Process] = field(default_factory=list)
    _again: deque[Task] = field(default_factory=deque)
    _silent: Counter[str] = field(default_factory=Counter)
    _answered: deque[tuple[int, Answer]] = field(default_factory=deque)
    _deaths: int = 0
    _cells: dict[Cell, Cell] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for process in self._processes:
            process.finish()
        for process in self._processes:
            # Whoever interrupts doesn't want to wait.
            process.end(_GRACE_S if kind is None else 0)

    def answers(self, tasks: Iterator[Task]) -> Iterator[tuple[int, Answer]]:
        """The answers to tasks, as they come in, with the tasks' numbers.

        Raises:
            UsageError: an environment can't be read any more, or isn't what it was.
            KerasGuardError: processes end without an answer, whatever they are given.
        """
        more = True
        while more or self._again or any(process.given for process in self._processes) or self._answered:
            more = self._feed(tasks) if more or self._again else False
            yield from self._drain()
            self._listen()
            self._end_the_late()
            yield from self._drain()

    def _drain(self) -> Iterator[tuple[int, Answer]]:
        while self._answered:
            yield self._answered.popleft()

    def _feed(self, tasks: Iterator[Task]) -> bool:
        """Give processes what they can hold; tells whether there may be more."""
        while (process := self._with_room()) is not None or len(self._processes) < self.jobs:
            batch = list(islice(self._next(tasks), self.batch))
            if not batch:
                return False
            if process is None or (process.given and len(self._processes) < self.jobs):
                process = Process(heard=self._heard, first=self.first, variables=self.variables)
                self._processes.append(process)
            process.give(batch)
        return True

    def _with_room(self) -> Process | None:
        """The process that has least to do, if it can be given more."""
        least = min(self._processes, key=lambda process: len(process.given), default=None)
        return least if least is not None and len(least.given) <= self.batch * (_BATCHES - 1) else None

    def _next(self, tasks: Iterator[Task]) -> Iterator[Task]:
        """What has to be done again first, and nothing that a silent store has."""
        while True:
            task = self._again.popleft() if self._again else next(tasks, None)
            if task is None:
                return
            root = root_of(task.location)
            if self._silent[root] < PATIENCE:
                yield task
            else:
                reason = f"`{root}` didn't answer for {PATIENCE} versions in a row and wasn't asked again"
                self._answered.append((task.number, _unreachable(task, reason)))

    def _listen(self) -> None:
        """Take in what was said, waiting a moment for the first."""
        wait = _TICK_S
        while True:
            try:
                process, message = self._heard.get(timeout=wait)
            except queue.Empty:
                return
            wait = 0
            if process not in self._processes:
                continue  # It was ended; what it had to do is given to another.
            if message is None:
                self._end_the_dead(process)
            elif "problem" in message:
                raise UsageError(message["problem"])
            elif "ready" in message:
                if message["ready"] != list(self.digests):
                    raise UsageError("an environment changed while the audit began; start it again")
            else:
                self._take(process, message)

    def _take(self, process: Process, message: Mapping[str, Any]) -> None:
        task = process.note(message)
        if task is None:
            return
        self._deaths = 0
        root = root_of(task.location)
        self._silent[root] = self._silent[root] + 1 if message.get("silent") else 0
        if "unchanged" in message:
            self._answered.append((task.number, Answer(contents=None, cells={})))
            return
        flavor, summary, digest, stamp = message["contents"]
        contents = Contents(flavor=flavor, summary=summary, signature_sha256=digest, stamp=stamp)
        cells = {digest: self._cell(*cell) for digest, cell in message["cells"].items()}
        self._answered.append((task.number, Answer(contents=contents, cells=cells)))

    def _cell(self, status: str, codes: list[str], reason: str) -> Cell:
        """A cell; those that are the same are one, or ten thousand of them would be in memory."""
        cell = Cell(status=Status(status), codes=tuple(codes), reason=reason)
        return self._cells.setdefault(cell, cell)

    def _end_the_late(self) -> None:
        for process in [item for item in self._processes if item.is_stuck]:
            self._end_the_dead(process)
        for process in [item for item in self._processes if item.late(self.time_limit)]:
            # What several threads began together is late together, but for moments.
            late = process.late(self.time_limit * _NEARLY)
            self._processes.remove(process)
            process.end()
            for task in (process.given[number] for number in late):
                self._silent[root_of(task.location)] += 1
            self._bury(process, late, f"nothing came of reading it within {self.time_limit:g} s")

    def _end_the_dead(self, process: Process) -> None:
        self._deaths += not process.started
        self._processes.remove(process)
        words = process.end(_GRACE_S)
        if self._deaths >= _DEATHS:
            raise KerasGuardError(f"the processes that read versions don't work: {words}")
        self._bury(process, list(process.started), f"reading it ended the process that did: {words}")

    def _bury(self, process: Process, blamed: Iterable[int], reason: str) -> None:
        """Answer for what is to blame; the rest is given to another."""
        for number in blamed:
            self._answered.append((number, _unreachable(process.given.pop(number), reason)))
        self._again.extend(process.given.values())
        process.given.clear()


def _unreachable(task: Task, reason: str) -> Answer:
    cell = Cell(status=Status.UNREACHABLE, reason=reason)
    return Answer(contents=Contents(), cells=dict.fromkeys(task.digests, cell))


def root_of(location: str) -> str:
    """What answers for a location: a host, a bucket, or the top of a file system."""
    path = local_path(location)
    if path is not None:
        return "/".join(path.absolute().parts[:3]).replace("//", "/")
    parsed = urlparse(location)
    return f"{parsed.scheme}://{parsed.netloc.rpartition('@')[2]}"
