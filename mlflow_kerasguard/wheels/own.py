"""The wheel of this package, for models whose serving host can't get it from an index."""

from __future__ import annotations

import logging
from functools import cache
from importlib import metadata
from pathlib import Path

from mlflow_kerasguard import version
from mlflow_kerasguard.version import __version__
from mlflow_kerasguard.wheel_labels import is_labelled
from mlflow_kerasguard.wheels.contents import WheelContents
from mlflow_kerasguard.wheels.installed import contents_of, direct_url

THIS_DISTRIBUTION = "mlflow-kerasguard"

_PACKAGE = Path(version.__file__).parent
_logger = logging.getLogger(__name__)


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
        and not is_labelled(distribution.version)
        and installed.resolve() == _PACKAGE.resolve()
    )
