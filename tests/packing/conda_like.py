"""A directory that conda-pack takes for a conda environment, made in a moment.

Its Python is that of the tests behind a script, and sees the tests' packages where it is told to.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
SITE = f"lib/python{MINOR}/site-packages"


def make_prefix(prefix: Path, cache: Path, *, with_keras: bool = False) -> Path:
    """An environment with one package of conda's, which is linked to a package cache."""
    package = cache / "python-0"
    files = {
        "bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
        f"bin/python{MINOR}": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
        "bin/managed": "#!/bin/sh\n",
        f"lib/python{MINOR}/os.py": "# the standard library\n",
        "lib/text.cfg": "home = /placeholder/of/the/build\n",
    }
    for name, text in files.items():
        for root in (package, prefix):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
    entries: list[dict[str, object]] = [{"_path": name, "path_type": "hardlink"} for name in files]
    entries[-1] |= {"prefix_placeholder": "/placeholder/of/the/build", "file_mode": "text"}
    (package / "info").mkdir(parents=True, exist_ok=True)
    (package / "info" / "paths.json").write_text(json.dumps({"paths": entries, "paths_version": 1}))
    record(prefix, "python", sys.version.split()[0], list(files), package)
    # Every environment has one, and conda-pack fails without it.
    (prefix / "conda-meta" / "history").write_text("==> made <==\n")
    (prefix / SITE).mkdir(parents=True)
    # Where the probe of an interpreter looks for packages; a script can't tell it.
    (prefix / "pyvenv.cfg").write_text("home = elsewhere\n")
    # As pip writes the scripts of what it installs.
    (prefix / "bin" / "tool").write_text(f"#!{prefix}/bin/python\nprint('a tool')\n")
    (prefix / "lib" / "link").symlink_to("text.cfg")
    if with_keras:
        (prefix / SITE / "all.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return prefix


def record(prefix: Path, name: str, version: str, files: list[str], package: Path) -> None:
    """conda's record of a package."""
    document = {"name": name, "version": version, "files": files, "url": "", "link": {"source": str(package)}}
    path = prefix / "conda-meta" / f"{name}-{version}-0.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**document, "depends": ["__glibc >=2.17,<3.0.a0", "zlib"]}))


def add_distribution(prefix: Path, name: str, version: str, **files: str) -> Path:
    """Metadata of a distribution in the environment."""
    directory = prefix / SITE / f"{name}-{version}.dist-info"
    directory.mkdir(parents=True)
    (directory / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    for file, text in files.items():
        (directory / file).write_text(text)
    return directory


def make_editable(prefix: Path, name: str, sources: str) -> None:
    """As `pip install -e` leaves it."""
    url = {"url": f"file://{sources}", "dir_info": {"editable": True}}
    directory = add_distribution(prefix, name, "1.0")
    (directory / "direct_url.json").write_text(json.dumps(url))
