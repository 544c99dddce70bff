"""Wheels that travel with a model, of what can't be had where it is served."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path

from packaging.utils import parse_wheel_filename

from mlflow_kerasguard.artifact import WHEELS_DIRECTORY
from mlflow_kerasguard.errors import ModelNotLoggableError, UsageError
from mlflow_kerasguard.integrity import sha256_of
from mlflow_kerasguard.pinning.installed import Installed
from mlflow_kerasguard.wheels import contents_of, own_wheel, write_wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedWheel:
    """A wheel that travels with the model.

    Attributes:
        path: relative to the model's directory.
        version: with the label that carries its digest.
        sha256: of the file.
    """

    path: str
    version: str
    sha256: str


def write_wheels(local: Iterable[Installed], directory: Path) -> dict[str, CarriedWheel]:
    """Write a wheel of each into a model, and this package's where no index has it.

    Args:
        local: what only this machine has.
        directory: the model's. Wheels that it has already stay.

    Returns:
        All wheels that the model carries by then, by distribution.

    Raises:
        ModelNotLoggableError: of one of them no wheel can be made.
    """
    wheels = directory / WHEELS_DIRECTORY
    there = carried_wheels(directory)
    if not there:
        own_wheel(wheels)
    for item in local:
        if item.name not in there:
            try:
                write_wheel(contents_of(PathDistribution(item.directory)).labelled(), wheels)
            except UsageError as error:
                raise ModelNotLoggableError(
                    f"{item.described}, which only this machine has, and no wheel of it can travel with the model: "
                    f"{error}. Install it from its repository (`pip install git+…`) or an index, or name in "
                    "`extra_pip_requirements` where it can be had"
                ) from error
    return carried_wheels(directory)


def carried_wheels(directory: Path) -> dict[str, CarriedWheel]:
    """The wheels in a model's directory, by distribution."""
    found = {}
    for path in sorted((directory / WHEELS_DIRECTORY).glob("*.whl")):
        name, version, _, _ = parse_wheel_filename(path.name)
        relative = path.relative_to(directory).as_posix()
        found[str(name)] = CarriedWheel(path=relative, version=str(version), sha256=sha256_of(path))
    return found
