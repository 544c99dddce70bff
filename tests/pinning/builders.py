"""Installed distributions as the tests need them: metadata files in a directory."""

from __future__ import annotations

import json
from pathlib import Path

from mlflow_kerasguard.pinning.direct_url import DirectUrl
from mlflow_kerasguard.pinning.installed import Installed, InstalledDistributions


def write_distribution(
    directory: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: tuple[str, ...] = (),
    record: str = "",
    tag: str = "py3-none-any",
    **files: object,
) -> Path:
    """Write the metadata of a distribution; further files by name, ``direct_url`` as JSON."""
    place = directory / f"{name.replace('-', '_')}-{version}.dist-info"
    place.mkdir(parents=True)
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {line}" for line in requires)]
    (place / "METADATA").write_text("\n".join(lines) + "\n\ntext\n")
    (place / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")
    (place / "RECORD").write_text(record)
    for file, content in files.items():
        path = place / ("direct_url.json" if file == "direct_url" else file)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return place


def installed(
    directory: Path, name: str, version: str = "1.0", *, direct: DirectUrl | None = None, **files: object
) -> Installed:
    """A distribution that was installed from somewhere."""
    site = directory / "site"
    if not any(site.glob(f"{name}-{version}.dist-info")):
        write_distribution(site, name, version, **files)
    found = InstalledDistributions((str(site),)).find(name)
    return Installed(distribution=found.distribution, directory=found.directory, direct=direct or found.direct)
