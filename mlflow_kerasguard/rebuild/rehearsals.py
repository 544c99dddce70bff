"""One model in several environments: each built, or taken from the cache, and the model loaded in it."""

from __future__ import annotations

import contextlib
import platform
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from mlflow_kerasguard.artifact import GOLDEN, is_logged_model
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.rebuild.commands import Commands, ToolFailed
from mlflow_kerasguard.rebuild.judging import judge, static_check
from mlflow_kerasguard.rebuild.managers import Manager, choose_manager
from mlflow_kerasguard.rebuild.outcome import Outcome, Result, Seconds
from mlflow_kerasguard.rebuild.plans import EnvironmentPlan, read_plan, replaced, without_lock
from mlflow_kerasguard.rebuild.progress import Tell, told
from mlflow_kerasguard.rebuild.store import Built, Store
from mlflow_kerasguard.rebuild.trial import Job, try_load
from mlflow_kerasguard.tracking import fetch
from mlflow_kerasguard.version import __version__
from mlflow_kerasguard.wheels import own_wheel

#: Seconds for one load, with the start of Python and the predictions.
TIME_LIMIT = 300.0

_STEPS = ("building the environment", "loading the model", None)


def rehearse(
    model: str | Path,
    against: Sequence[str] = (),
    *,
    manager: str = "uv",
    compile: bool = True,
    trusted: Sequence[str] = (),
    time_limit: float = TIME_LIMIT,
    jobs: int = 1,
    cache: Path | None = None,
    use_cache: bool = True,
) -> tuple[Outcome, ...]:
    """Build environments from scratch, load a model in each, predict, and compare.

    The model's code is run there, also where the check says that it won't load; not where it says that
    loading isn't safe.

    Args:
        model: the path or URI of a logged model.
        against: for each environment, what replaces the model's pins, such as ``keras==3.8.0 python==3.12``;
            an empty text replaces nothing, and without any the one environment is as it was logged.
        manager: ``uv``, ``virtualenv`` or ``conda``.
        compile: load with the training configuration.
        trusted: paths of objects that the caller vouches for.
        time_limit: seconds for each load.
        jobs: how many environments are built at a time; loads are measured one at a time.
        cache: where environments are kept; None for the user's cache directory.
        use_cache: False builds them anew, and keeps none.

    Returns:
        An outcome each, in the order of ``against``.

    Raises:
        ModelNotFoundError: there is nothing at ``model``.
        UsageError: an argument can't be used, or the model pins nothing.
    """
    started = time.monotonic()
    tool = choose_manager(manager)
    directory = fetch(model)
    plans = _plans(directory, against or [""])
    job = job_of(directory, compile=compile, trusted=trusted, time_limit=time_limit)
    # What came before belongs to all of them.
    before = (time.monotonic() - started) / len(plans)
    return rehearse_plans(job, plans, tool, jobs=jobs, cache=cache, use_cache=use_cache, before=before)


def job_of(
    directory: Path, *, compile: bool = True, trusted: Sequence[str] = (), time_limit: float = TIME_LIMIT
) -> Job:
    """What is to be loaded, and compared with the predictions that were kept, if there are any."""
    golden = (directory / GOLDEN).is_file()
    return Job(directory=directory, golden=golden, compile=compile, trusted=tuple(trusted), time_limit=time_limit)


def rehearse_plans(
    job: Job,
    plans: Sequence[EnvironmentPlan],
    tool: Manager,
    *,
    jobs: int = 1,
    cache: Path | None = None,
    use_cache: bool = True,
    before: float = 0.0,
) -> tuple[Outcome, ...]:
    """Build an environment for each plan, and load a model in it.

    Args:
        job: the model, which is on this machine.
        plans: what to install.
        tool: installs it.
        jobs: as for :func:`rehearse`.
        cache: likewise.
        use_cache: likewise.
        before: seconds that each took already.
    """
    commands = Commands()
    with _places(cache, use_cache=use_cache) as (root, scratch):
        wheel = own_wheel(scratch)
        own = str(wheel) if wheel else f"mlflow-kerasguard=={__version__}"
        store = Store(root=root, manager=tool, commands=commands, model=job.directory.absolute(), own=own)
        store.remove_unused()
        return _Work(store=store, job=job, commands=commands, before=before).all(plans, jobs)


def _plans(directory: Path, against: Sequence[str]) -> list[EnvironmentPlan]:
    """A plan each. A mistake in any of them is told before anything is built."""
    if not is_logged_model(directory):
        raise UsageError(f"`{directory}` isn't a logged model, so it pins no environment that could be built")
    pinned = read_plan(directory, platform.python_version())
    unlocked = without_lock(directory, pinned)
    return [replaced(pinned, text, unlocked) if text.strip() else pinned for text in against]


@contextlib.contextmanager
def _places(cache: Path | None, *, use_cache: bool) -> Iterator[tuple[Path, Path]]:
    """Where environments go, and a directory for what only this call needs."""
    with tempfile.TemporaryDirectory(prefix="kerasguard-") as temporary:
        scratch = Path(temporary)
        # Absolute, for tools that run elsewhere.
        yield (cache or default_cache()).absolute() if use_cache else scratch / "environments", scratch


def default_cache() -> Path:
    """The directory of environments below the user's cache directory."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("mlflow-kerasguard")) / "environments"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    store: Store
    job: Job
    commands: Commands
    before: float

    def all(self, plans: Sequence[EnvironmentPlan], jobs: int) -> tuple[Outcome, ...]:
        one_at_a_time = threading.Lock()
        with told([plan.name for plan in plans], len(_STEPS)) as tell, ThreadPoolExecutor(jobs) as pool:
            try:
                futures = [
                    pool.submit(self._one, number, plan, tell, one_at_a_time) for number, plan in enumerate(plans)
                ]
                return tuple(future.result() for future in futures)
            except BaseException:
                # Ctrl-C most of all: what runs is ended, and what waits won't be begun.
                self.commands.cancel()
                pool.shutdown(cancel_futures=True)
                raise

    def _one(self, number: int, plan: EnvironmentPlan, tell: Tell, one_at_a_time: threading.Lock) -> Outcome:
        started = time.monotonic()
        tell(number, _STEPS[0])
        try:
            built = self.store.get(plan)
        except ToolFailed as failure:
            return self._not_built(plan, failure, time.monotonic() - started)
        seconds = Seconds(build=time.monotonic() - started, tools=built.tool_seconds)
        with one_at_a_time:
            began = time.monotonic()
            tell(number, _STEPS[1])
            outcome = self._load(plan, built, seconds)
            total = self.before + seconds.build + time.monotonic() - began
        tell(number, None)
        return replace(outcome, seconds=replace(outcome.seconds, total=total))

    def _load(self, plan: EnvironmentPlan, built: Built, seconds: Seconds) -> Outcome:
        job = replace(self.job, variables=plan.variables)
        # Another process imports Keras meanwhile, which takes longer.
        with ThreadPoolExecutor(1) as aside:
            asked = aside.submit(static_check, job, plan, built)
            try:
                trial = try_load(built.interpreter, built.compiled, job, self.commands)
            except (ToolFailed, OSError) as failure:
                problem = str(failure)
                return Outcome(
                    environment=plan.name, result=Result.NOT_BUILT, problem=problem, seconds=seconds, **asked.result()
                )
            check = asked.result()
        return judge(trial, plan=plan, built=built, job=job, seconds=seconds, checked=check)

    def _not_built(self, plan: EnvironmentPlan, failure: ToolFailed, seconds: float) -> Outcome:
        return Outcome(
            environment=plan.name,
            result=Result.NOT_BUILT,
            problem=str(failure),
            output=failure.output,
            seconds=Seconds(build=seconds, total=self.before + seconds),
            **static_check(self.job, plan, None),
        )
