"""The tools that build environments: uv, Python's own venv with pip, and the conda family."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from packaging.utils import canonicalize_name

from mlflow_kerasguard.environment.interpreter import find_python as python_in
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.rebuild.commands import Commands, Done, ToolFailed
from mlflow_kerasguard.rebuild.pythons import find_python


@dataclass(slots=True, kw_only=True)
class Clock:
    """Adds up what tools take."""

    seconds: float = 0.0

    def noted(self, done: Done) -> str:
        self.seconds += done.seconds
        return done.stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where and with what one environment is built.

    Attributes:
        commands: runs the tools.
        scratch: a private directory, in which they run.
        clock: what they took.
    """

    commands: Commands
    scratch: Path
    clock: Clock = field(default_factory=Clock)

    def run(self, command: Sequence[str | Path], what: str) -> str:
        return self.clock.noted(self.commands.run(command, what, self.scratch))

    def file(self, name: str, lines: Sequence[str]) -> Path:
        path = self.scratch / name
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return path


class Manager(Protocol):
    """A tool that builds environments. Each method raises ``ToolFailed`` where the tool does."""

    @property
    def name(self) -> str: ...

    def create(self, workshop: Workshop, directory: Path, python: str) -> Path:
        """Make an empty environment; gives its Python."""

    def resolve(self, workshop: Workshop, python: Path, arguments: Sequence[str | Path]) -> Mapping[str, str]:
        """What would be installed for requirements: name to version."""

    def install(self, workshop: Workshop, python: Path, arguments: Sequence[str | Path]) -> None:
        """Install requirements."""


_CREATING, _RESOLVING, _INSTALLING = (
    "the environment can't be made",
    "the requirements can't be met together",
    "the requirements can't be installed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uv:
    """uv: quick, and brings Pythons that aren't there."""

    program: tuple[str, ...]
    name: str = "uv"

    def create(self, workshop: Workshop, directory: Path, python: str) -> Path:
        found = find_python(python)
        wanted = str(found) if found else python
        command: list[str | Path] = [*self.program, "venv", "--quiet", "--no-project", "--python"]
        try:
            workshop.run([*command, wanted, directory], _CREATING)
        except ToolFailed:
            minor = ".".join(python.split(".")[:2])
            if found or minor == python:
                raise
            # A patch release that nobody offers any more; the minor release is what distributions are made for.
            workshop.run([*command, minor, directory], _CREATING)
        return _python_in(directory)

    def resolve(self, workshop: Workshop, python: Path, arguments: Sequence[str | Path]) -> Mapping[str, str]:
        options = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", python, *_plain(arguments)]
        lines = workshop.run([*self.program, *options], _RESOLVING).splitlines()
        pins = (line.partition("==") for line in lines if "==" in line)
        return {canonicalize_name(name): version.split()[0] for name, _, version in pins}

    def install(self, workshop: Workshop, python: Path, arguments: Sequence[str | Path]) -> None:
        workshop.run([*self.program, "pip", "install", "--quiet", "--python", python, *arguments], _INSTALLING)


def _plain(arguments: Sequence[str | Path]) -> list[str | Path]:
    """`pip compile` takes files of requirements without `-r`."""
    return [argument for argument in arguments if argument != "-r"]


class _Pip:
    """What pip does inside an environment, whoever made it."""

    def resolve(self, workshop: Workshop, python: Path, arguments: Sequence[str | Path]) -> Mapping[str, str]:
        options = ["install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
        report = json.loads(workshop.run([*_pip(python), *options, *arguments], _RESOLVING))
        found = (entry["metadata"] for entry in report["install"])
        return {canonicalize_name(metadata["name"]): str(metadata["version"]) for metadata in found}

    def install(self, workshop: Workshop, python: Path, arguments: Sequence[str | Path]) -> None:
        workshop.run([*_pip(python), "install", "--quiet", *arguments], _INSTALLING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Virtualenv(_Pip):
    """Python's own ``venv``, with the pip that comes with it."""

    name: str = "virtualenv"

    def create(self, workshop: Workshop, directory: Path, python: str) -> Path:
        found = find_python(python)
        if found is None:
            minor = ".".join(python.split(".")[:2])
            raise ToolFailed(
                f"there is no Python {minor}, neither below `~/.pyenv/versions` nor on PATH; `pyenv install {minor}` "
                "brings one, or use `--manager uv`"
            )
        workshop.run([found, "-I", "-m", "venv", directory], _CREATING)
        return _python_in(directory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conda(_Pip):
    """The conda family brings Python and pip, and pip the rest, as MLflow does it."""

    program: tuple[str, ...]
    name: str = "conda"

    def create(self, workshop: Workshop, directory: Path, python: str) -> Path:
        options: list[str | Path] = ["create", "--yes", "--quiet", "--channel", "conda-forge", "--prefix", directory]
        workshop.run([*self.program, *options, f"python={python}", "pip"], _CREATING)
        return _python_in(directory)


def _pip(python: Path) -> list[str | Path]:
    return [python, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]


def _python_in(directory: Path) -> Path:
    found = python_in(directory)
    if found is None:
        raise ToolFailed(f"{_CREATING}: there is no Python in it")
    return found


MANAGERS = ("uv", "virtualenv", "conda")
_CONDAS = ("micromamba", "mamba", "conda")


def choose_manager(name: str) -> Manager:
    """The tool of that name.

    Raises:
        UsageError: it isn't installed, or there is none of that name.
    """
    if name == "uv":
        return Uv(program=_uv())
    if name == "virtualenv":
        return Virtualenv()
    if name == "conda":
        program = next((found for each in _CONDAS if (found := shutil.which(each))), None)
        if program is None:
            raise UsageError(f"none of {', '.join(_CONDAS)} is on PATH; install one, or use `--manager uv`")
        return Conda(program=(program,))
    raise UsageError(f"there is no manager `{name}`; expected {', '.join(MANAGERS)}")


def _uv() -> tuple[str, ...]:
    program = shutil.which("uv")
    if program is not None:
        return (program,)
    if find_spec("uv") is not None:
        return (sys.executable, "-m", "uv")
    raise UsageError("`uv` is neither on PATH nor installed; `pip install uv`, or use `--manager virtualenv`")
