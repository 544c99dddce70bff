"""What is installed here, with where it came from; read from metadata files, nothing is imported."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from mlflow_kerasguard.environment import Distribution
from mlflow_kerasguard.environment.site_packages import Distributions
from mlflow_kerasguard.pinning.direct_url import DirectUrl, parse_direct_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An installed distribution.

    Attributes:
        distribution: name, version and requirements.
        directory: its metadata, such as ``…/keras-3.15.1.dist-info``.
        direct: where it came from; None for an index, and for what conda built.
    """

    distribution: Distribution
    directory: Path
    direct: DirectUrl | None = None

    @property
    def name(self) -> str:
        return self.distribution.name

    @property
    def version(self) -> str:
        return self.distribution.version

    @property
    def described(self) -> str:
        """What it is and where it came from, to be told to a person."""
        url = self.direct.url if self.direct else None
        came = f"was installed from `{url}`" if url else "came out of a logged model"
        return f"`{self.name}` {self.version} {came}"

    @property
    def is_of_conda(self) -> bool:
        """Whether conda installed it, whose releases needn't be those of an index."""
        return _is_of_conda(self.directory)

    @property
    def is_pure(self) -> bool:
        """Whether it holds nothing that was compiled, as its wheel says."""
        tags = [line for line in read_text(self.directory / "WHEEL").splitlines() if line.startswith("Tag:")]
        return bool(tags) and all(line.endswith("-none-any") for line in tags)


class InstalledDistributions:
    """What a path of modules has, by normalized name."""

    def __init__(self, path: tuple[str, ...] | None = None) -> None:
        """Look at a path.

        Args:
            path: directories such as ``site-packages``; None for those of this process.
        """
        self.distributions = Distributions(tuple(sys.path) if path is None else path)

    def find(self, name: str) -> Installed | None:
        """The distribution of that normalized name; None where there is none."""
        if name not in self.distributions:
            return None
        directory = self.distributions.directory(name)
        return Installed(distribution=self.distributions[name], directory=directory, direct=_origin(directory))

    def requirements_of(self, name: str) -> Distribution | None:
        return self.distributions.get(name)

    def records(self) -> dict[str, str]:
        """The lists of files that are installed, by distribution."""
        return {name: _record(self.distributions.directory(name)) for name in self.distributions}


def _origin(directory: Path) -> DirectUrl | None:
    # conda's packages were built from a directory on some builder, which is long gone.
    if _is_of_conda(directory):
        return None
    text = read_text(directory / "direct_url.json")
    return parse_direct_url(text) if text else None


def _is_of_conda(directory: Path) -> bool:
    return read_text(directory / "INSTALLER").strip() == "conda"


def _record(directory: Path) -> str:
    """The files of a distribution, one a line; of old ones at least its modules."""
    text = read_text(directory / "RECORD")
    return text or "".join(
        f"{name}/__init__.py\n{name}.py\n" for name in read_text(directory / "top_level.txt").split()
    )


def read_text(path: Path) -> str:
    """The text of a file; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
