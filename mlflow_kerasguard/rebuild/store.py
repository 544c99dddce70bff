"""Environments that were built, kept by what is in them.

One is built in a private directory and moved into place as a whole, so that a half-built one is never used;
a lock keeps two processes from building the same.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from mlflow_kerasguard.environment.interpreter import find_python
from mlflow_kerasguard.errors import ModelNotLoggableError, UsageError
from mlflow_kerasguard.rebuild.commands import Commands, ToolFailed
from mlflow_kerasguard.rebuild.loosening import dropped, loosen
from mlflow_kerasguard.rebuild.managers import Manager, Workshop
from mlflow_kerasguard.rebuild.plans import EnvironmentPlan, requirement_lines
from mlflow_kerasguard.staging import move_into_place, private_directory

_RECORD = "kerasguard-environment.json"

#: Seconds without use after which an environment goes: thirty days. Each takes about a gigabyte.
_UNUSED = 30 * 24 * 3600.0

#: Seconds between two looks whether another process has finished.
_INTERVAL = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An environment that is there.

    Attributes:
        directory: where.
        python: version of its Python.
        versions: what is installed, by name.
        dropped: pins that gave way, in words.
        reused: it was there already.
        tool_seconds: what the tools took now.
    """

    directory: Path
    python: str
    versions: Mapping[str, str]
    dropped: tuple[str, ...]
    reused: bool = False
    tool_seconds: float = 0.0

    @property
    def interpreter(self) -> Path:
        found = find_python(self.directory)
        assert found is not None, "it isn't taken from the cache without"
        return found

    @property
    def compiled(self) -> Path:
        """Where its Python keeps what it compiles."""
        return self.directory / "pycache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Builds environments and keeps them.

    Attributes:
        root: the directory of all of them.
        manager: the tool that builds.
        commands: runs it.
        model: the model's directory, for wheels that travel with it.
        own: the requirement of this package: its wheel, or a pin where an index has it.
    """

    root: Path
    manager: Manager
    commands: Commands
    model: Path
    own: str

    def get(self, plan: EnvironmentPlan) -> Built:
        """The environment of a plan, built unless it is there.

        Raises:
            ToolFailed: it can't be built; says what the tool says.
            Cancelled: somebody doesn't want it any more.
        """
        # Of a wheel the name: it carries the digest of what is inside.
        place = self.root / plan.digest(self.manager.name, Path(self.own).name)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with self._locked(place.with_suffix(".lock")):
                return _kept(place) or self._build(plan, place)
        except OSError as error:
            raise ToolFailed(f"can't write to `{self.root}`: {error.strerror or error}") from error
        except (ModelNotLoggableError, UsageError) as error:  # From `staging`, which says it of models as well.
            raise ToolFailed(str(error)) from error

    def remove_unused(self) -> None:
        """Remove the environments that nobody has asked for in thirty days."""
        for record in self.root.glob(f"*/{_RECORD}"):
            with contextlib.suppress(OSError):
                lock = os.open(record.parent.with_suffix(".lock"), os.O_RDWR)
                try:
                    if _is_ours(lock) and time.time() - record.stat().st_mtime > _UNUSED:
                        shutil.rmtree(record.parent)
                finally:
                    os.close(lock)

    @contextlib.contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            while not _is_ours(lock):
                self.commands.require_wanted()
                time.sleep(_INTERVAL)
            yield
        finally:
            os.close(lock)

    def _build(self, plan: EnvironmentPlan, place: Path) -> Built:
        # Of a build that was interrupted while it was moved, or of one that somebody took apart.
        shutil.rmtree(place, ignore_errors=True)
        with private_directory(self.root) as private:
            (private / "scratch").mkdir()
            workshop = Workshop(commands=self.commands, scratch=private / "scratch")
            directory = private / "environment"
            python = self.manager.create(workshop, directory, plan.python)
            fitting = self._fitting(plan, workshop, python)
            self.manager.install(workshop, python, self._arguments(fitting, workshop))
            versions = _installed(directory)
            built = Built(
                directory=place,
                python=_version_of(directory) or plan.python,
                versions=versions,
                dropped=dropped(plan, fitting, versions),
                tool_seconds=workshop.clock.seconds,
            )
            _write_record(directory / _RECORD, built)
            move_into_place(directory, place)
        return built

    def _fitting(self, plan: EnvironmentPlan, workshop: Workshop, python: Path) -> EnvironmentPlan:
        """The plan, or, where some of it was replaced, what of it goes together with that."""
        if not plan.loosens:
            return plan

        def resolve(changed: EnvironmentPlan) -> Mapping[str, str]:
            return self.manager.resolve(workshop, python, self._arguments(changed, workshop))

        return loosen(plan, resolve)

    def _arguments(self, plan: EnvironmentPlan, workshop: Workshop) -> list[str | Path]:
        lines = [*requirement_lines(plan, self.model), self.own]
        arguments: list[str | Path] = ["-r", workshop.file("requirements.txt", lines)]
        if plan.constraints:
            arguments += ["--constraint", workshop.file("constraints.txt", plan.constraints)]
        return arguments


def _is_ours(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _kept(place: Path) -> Built | None:
    """What an earlier build left, whole; noted as used now."""
    try:
        record = json.loads((place / _RECORD).read_text(encoding="utf-8"))
        os.utime(place / _RECORD)
        kept = Built(
            directory=place,
            python=record["python"],
            versions=record["versions"],
            dropped=tuple(record["dropped"]),
            reused=True,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kept if find_python(place) is not None else None


def _write_record(path: Path, built: Built) -> None:
    record = asdict(replace(built, tool_seconds=round(built.tool_seconds, 3)))
    path.write_text(json.dumps({**record, "directory": str(built.directory)}, indent=1), encoding="utf-8")


def _site_packages(directory: Path) -> Iterator[Path]:
    yield from directory.glob("lib/python3*/site-packages")


def _installed(directory: Path) -> dict[str, str]:
    """What is installed, by the names of the directories of metadata."""
    found = (
        path.name.removesuffix(".dist-info") for each in _site_packages(directory) for path in each.glob("*.dist-info")
    )
    pairs = (name.rpartition("-") for name in found)
    return {str(canonicalize_name(name)): version for name, _, version in sorted(pairs)}


def _version_of(directory: Path) -> str | None:
    """The Python's version, which `venv` and uv write down; of conda's, the minor one."""
    with contextlib.suppress(OSError):
        for line in (directory / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() in {"version", "version_info"}:
                return ".".join(value.strip().split(".")[:3])
    return next((path.parent.name.removeprefix("python") for path in _site_packages(directory)), None)
