"""The wheel of this package, for models whose serving host can't get it from an index."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from mlflow_kerasguard import version
from mlflow_kerasguard.artifact import WHEELS_DIRECTORY
from mlflow_kerasguard.version import __version__
from mlflow_kerasguard.wheels.contents import WheelContents, unlabelled
from mlflow_kerasguard.wheels.installed import contents_of, direct_url

THIS_DISTRIBUTION = "mlflow-kerasguard"
PLAIN_PIN = f"{THIS_DISTRIBUTION}=={__version__}"

#: What makes installers look into the model, beside its requirements file. An option of the whole file: pip takes
#: no path relative to the file in a requirement, and images are built in another directory.
FIND_LINKS = f"--find-links {WHEELS_DIRECTORY}"

_PACKAGE = Path(version.__file__).parent
_logger = logging.getLogger(__name__)


def own_pin() -> str:
    """The requirement of this package: an index has the plain version, and only a wheel the labelled one."""
    wheel = _built()
    return f"{THIS_DISTRIBUTION}=={wheel[0].version}" if wheel else PLAIN_PIN


def with_own_wheel(lines: Iterable[str]) -> list[str]:
    """Lines of a requirements file beside which :func:`own_wheel` put its wheel.

    Args:
        lines: with a pin of this package, be it from another model's file.

    Returns:
        The same lines, and where the wheel is found; unchanged where an index has it. The pin is without the
        label: installers prefer a labelled version, and MLflow doesn't warn where the checkout itself is installed.
    """
    lines = list(lines)
    if own_pin() == PLAIN_PIN:
        return lines
    return [FIND_LINKS, *(PLAIN_PIN if _is_labelled(line) else line for line in lines if line != FIND_LINKS)]


def with_label(lines: Iterable[str]) -> list[str]:
    """The same lines with :func:`own_pin` in place of this version's pin.

    For files that environments are named after: with another guard they have another name.
    """
    return [own_pin() if line == PLAIN_PIN else line for line in lines]


def _is_labelled(line: str) -> bool:
    """Whether a requirement asks for a version that only another model's wheel has."""
    name, _, version = line.partition("==")
    return name.strip() == THIS_DISTRIBUTION and unlabelled(version) != version


def own_wheel(directory: Path) -> Path | None:
    """Write this package's wheel, where what is installed doesn't come from an index.

    Its version carries the digest of its contents. A wheel like that, installed, gives itself again.

    Args:
        directory: where to put it; it is made where it isn't there.

    Returns:
        The wheel's path; None where an index has the package, and no wheel is needed.
    """
    wheel = _built()
    if wheel is None:
        return None
    contents, content = wheel
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / contents.file_name
    path.write_bytes(content)
    return path


@cache
def _built() -> tuple[WheelContents, bytes] | None:
    """Once in a process: reading, hashing and compressing takes about a tenth of a second."""
    try:
        distribution = metadata.distribution(THIS_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        _logger.warning(
            "`%s` isn't installed as a distribution: models can be served only where it is", THIS_DISTRIBUTION
        )
        return None
    if comes_from_index(distribution):
        return None
    # From where it runs, also where another copy is installed.
    contents = contents_of(distribution, [_PACKAGE.name])
    labelled = WheelContents(
        name=THIS_DISTRIBUTION, version=__version__, files=contents.files, metadata=contents.metadata
    ).labelled()
    return labelled, labelled.to_bytes()


def comes_from_index(distribution: metadata.Distribution) -> bool:
    """Whether an index has what runs here: it isn't what was installed otherwise, nor a wheel out of a model."""
    installed = Path(str(distribution.locate_file(_PACKAGE.name)))
    return (
        direct_url(distribution) is None
        and distribution.version == unlabelled(distribution.version)
        and installed.resolve() == _PACKAGE.resolve()
    )
