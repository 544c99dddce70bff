"""What is to be installed: the pins of a logged model, some of them replaced."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mlflow_kerasguard.artifact import CONDA_ENV, PYLOCK, PYTHON_ENV, REQUIREMENTS
from mlflow_kerasguard.environment import tensorflow
from mlflow_kerasguard.environment.requirement_strings import read_requirement_strings
from mlflow_kerasguard.environment.requirements_file import OWN_OPTIONS, logical_lines
from mlflow_kerasguard.environment.text_files import read_text
from mlflow_kerasguard.environment.wanted import Wanted, parse_wheel_url
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.integrity import sha256_of

#: Raise it when what is made of a plan changes: environments of another layout aren't used.
LAYOUT = 1

#: What an environment is called whose pins are as they were logged.
AS_PINNED = "as pinned"

_OWN = "mlflow-kerasguard"

#: They replace one another.
_FAMILIES = dict.fromkeys((*tensorflow.DISTRIBUTIONS, "tf-nightly", "tf-nightly-cpu"), "tensorflow")

_LINKS = ("-f", "--find-links")
_INCLUDES, _CONSTRAINTS = ("-r", "--requirement"), ("-c", "--constraint")
_SHORT = re.compile(r"^(-[rcf])(?=\S)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One thing to install.

    Attributes:
        name: normalized.
        text: the requirement; of a wheel that travels with the model, its path in there.
        is_file: whether it is such a wheel.
        fixed: whether it was asked for just now, so that it has to stay.
    """

    name: str
    text: str
    is_file: bool = False
    fixed: bool = False

    @property
    def family(self) -> str:
        return _FAMILIES.get(self.name, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPlan:
    """What is to be installed.

    Attributes:
        name: what to call the environment.
        python: version of Python, full or minor.
        pins: what to install, without this package.
        constraints: requirements that only restrict.
        options: of pip, such as the address of an index.
        links: directories in the model that hold wheels.
        digests: SHA-256 of the wheels in the model.
        variables: environment variables of the load.
        loosens: whether pins and constraints may give way, to those that are fixed or to another Python.
    """

    name: str
    python: str
    pins: tuple[Pin, ...]
    constraints: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    digests: tuple[tuple[str, str], ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    loosens: bool = False

    def digest(self, *more: str) -> str:
        """What tells environments apart: the same for the same things to install.

        Args:
            more: what else it depends on, such as the tool that installs.
        """
        pins = sorted((pin.text, pin.fixed and self.loosens) for pin in self.pins)
        what = [LAYOUT, self.python, pins, sorted(self.constraints), self.options, self.links, self.digests, more]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def read_plan(directory: Path, python: str) -> EnvironmentPlan:
    """The environment that a logged model pins.

    Args:
        directory: the model's.
        python: the version to take where the model names none.

    Raises:
        UsageError: it has no requirements, or they can't be read.
    """
    path = directory / REQUIREMENTS
    if not path.is_file():
        raise UsageError(
            f"`{directory}` has no `{REQUIREMENTS}`, so it pins no environment that could be built; expected a model "
            "that was logged with MLflow"
        )
    lines = _Lines(directory)
    lines.read(path)
    pins = _locked(directory, lines) or lines.pins
    plan = EnvironmentPlan(
        name=AS_PINNED,
        python=_python_of(directory) or python,
        pins=tuple(pins),
        constraints=tuple(lines.constraints),
        options=tuple(lines.options),
        links=tuple(lines.links),
    )
    return replace(plan, digests=tuple(_digests(directory, plan)))


def replaced(pinned: EnvironmentPlan, against: str, unlocked: EnvironmentPlan | None = None) -> EnvironmentPlan:
    """The plan with some of its pins replaced.

    Args:
        pinned: what the model pins.
        against: such as ``keras==3.8.0 tensorflow==2.18.1 python==3.12 KERAS_BACKEND=jax``.
        unlocked: what the model pins itself, where ``pinned`` is a whole lock.

    Raises:
        UsageError: it can't be understood, or names what can't be replaced.
    """
    listed = read_requirement_strings(against)
    new = tuple(_asked(item) for item in listed.wanted)
    python = listed.python or pinned.python
    loosens = bool(new) or python.split(".")[:2] != pinned.python.split(".")[:2]
    base = (unlocked or pinned) if loosens else pinned
    families = {pin.family for pin in new}
    return replace(
        base,
        name=" ".join(against.split()),
        python=python,
        pins=(*new, *(pin for pin in base.pins if pin.family not in families)),
        constraints=tuple(text for text in base.constraints if _family_of(text) not in families),
        variables={**base.variables, **(listed.variables or {})},
        loosens=loosens,
    )


def _asked(wanted: Wanted) -> Pin:
    if wanted.name == _OWN:
        raise UsageError(
            f"{wanted.where}: `{_OWN}` can't be replaced: the release that runs here is the one that loads the model "
            "there"
        )
    if wanted.specifier is None:
        raise UsageError(f"{wanted.where}: `{wanted.name}` has to be a release of an index, such as `keras==3.8.0`")
    return replace(_pin_of(wanted), fixed=True)


def without_lock(directory: Path, plan: EnvironmentPlan) -> EnvironmentPlan:
    """The same from the requirements alone: a lock fixes what a replaced pin has to change."""
    lines = _Lines(directory)
    lines.read(directory / REQUIREMENTS)
    unlocked = replace(plan, pins=tuple(lines.pins))
    return replace(unlocked, digests=tuple(_digests(directory, unlocked)))


def _python_of(directory: Path) -> str | None:
    from mlflow_kerasguard.environment.conda import read_conda

    files = (directory / PYTHON_ENV, directory / CONDA_ENV)
    return next((python for file in files if file.is_file() and (python := read_conda(file).python)), None)


def _locked(directory: Path, lines: _Lines) -> list[Pin]:
    """The pins of the model's lock, if it has one that meets the requirements.

    Where something else than an index has it, the requirements say.
    """
    path = directory / PYLOCK
    if not path.is_file():
        return []
    from mlflow_kerasguard.environment.pylock import meets, read_pylock
    from mlflow_kerasguard.environment.text_files import parse_toml

    document = parse_toml(read_text(path), path)
    from_elsewhere = {pin.name: pin for pin in lines.pins if pin.is_file or "@" in pin.text}
    wanted = read_pylock(document, path, python=_python_of(directory)).wanted
    if not meets(wanted, (pin.text for pin in lines.pins if not pin.is_file)):
        return []
    return [
        *from_elsewhere.values(),
        *(_pin_of(item) for item in wanted if item.name not in {_OWN, *from_elsewhere}),
    ]


def _pin_of(wanted: Wanted) -> Pin:
    marker = f"; {wanted.marker}" if wanted.marker else ""
    return Pin(name=wanted.name, text=f"{wanted.name}{wanted.specifier or ''}{marker}")


def _digests(directory: Path, plan: EnvironmentPlan) -> Iterator[tuple[str, str]]:
    """Of the wheels in the model but this package's, which isn't installed from there."""
    wheels = {directory / pin.text for pin in plan.pins if pin.is_file}
    for link in plan.links:
        wheels.update((directory / link).glob("*.whl"))
    for path in sorted(wheels):
        if path.is_file() and not path.name.startswith(f"{_OWN.replace('-', '_')}-"):
            yield path.relative_to(directory).as_posix(), sha256_of(path)


class _Lines:
    """The lines of a requirements file and of those that it includes, by what they are."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: set[Path] = set()
        self.pins: list[Pin] = []
        self.constraints: list[str] = []
        self.options: list[str] = []
        self.links: list[str] = []

    def read(self, path: Path, *, constrains: bool = False) -> None:
        if path.resolve() in self._seen:
            return
        self._seen.add(path.resolve())
        for number, line in logical_lines(read_text(path)):
            self._add(line, f"`{path}`, line {number}", path.parent, constrains=constrains)

    def _add(self, line: str, where: str, parent: Path, *, constrains: bool) -> None:
        if line.startswith("-"):
            self._option(line, where, parent, constrains=constrains)
            return
        pin = self._pin(OWN_OPTIONS.sub("", line), where)
        if pin.name == _OWN:
            return
        if constrains:
            self.constraints.append(pin.text)
        else:
            self.pins.append(pin)

    def _option(self, line: str, where: str, parent: Path, *, constrains: bool) -> None:
        name, _, value = _SHORT.sub(r"\1 ", line).replace("=", " ", 1 if line.startswith("--") else 0).partition(" ")
        value = value.strip()
        if name in (*_INCLUDES, *_CONSTRAINTS):
            self.read(self._inside(parent / value, where), constrains=constrains or name in _CONSTRAINTS)
        elif name in _LINKS and "://" not in value and not Path(value).is_absolute():
            self._link(value)
        elif name in {"-e", "--editable"}:
            raise UsageError(f"{where}: `{line}` needs sources that don't travel with the model")
        else:
            self.options.append(f"{name} {value}".strip())

    def _link(self, value: str) -> None:
        """A directory of wheels in the model; what isn't there has nothing to offer."""
        path = self._directory / value
        if path.is_dir() and self._is_inside(path) and value not in self.links:
            self.links.append(value)

    def _pin(self, text: str, where: str) -> Pin:
        wheel = parse_wheel_url(text) if (self._directory / text).is_file() else None
        if wheel is not None:
            self._inside(self._directory / text, where)
            return Pin(name=wheel[0], text=Path(text).as_posix(), is_file=True)
        try:
            return Pin(name=canonicalize_name(Requirement(text).name), text=text)
        except InvalidRequirement as error:
            raise UsageError(f"{where}: `{text}` isn't a requirement; expected one such as `keras==3.8.0`") from error

    def _inside(self, path: Path, where: str) -> Path:
        if not path.is_file() or not self._is_inside(path):
            raise UsageError(f"{where}: the model has no file `{path}`")
        return path

    def _is_inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self._directory.resolve())


def _family_of(text: str) -> str:
    name = canonicalize_name(Requirement(text).name)
    return _FAMILIES.get(name, name)


def requirement_lines(plan: EnvironmentPlan, directory: Path) -> list[str]:
    """The plan as lines of a requirements file, for whatever directory it is read from.

    Args:
        plan: what to install.
        directory: the model's.
    """
    links = [f"--find-links {directory.resolve() / link}" for link in plan.links]
    return [*plan.options, *links, *(str(directory.resolve() / p.text) if p.is_file else p.text for p in plan.pins)]
