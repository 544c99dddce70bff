"""Real conda environments without a channel on the network: a local one, and py-rattler in conda's place.

The package `python` is staged from the interpreter that runs the tests, and `pip` from what it bundles. Each
environment is then linked from the package cache, as conda does it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.environments import UV, run

BASE = Path(sys.base_prefix)
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
VERSION = ".".join(map(str, sys.version_info[:3]))
#: As long as conda's own, so that any path fits into its place.
PLACEHOLDER = "/placehold" * 25
_LEFT_OUT = {
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "lib2to3",
    "site-packages",
    "__pycache__",
}
_LEFT_OUT |= {path.name for path in (BASE / "lib" / f"python{MINOR}").glob("config-*")}


@dataclass(frozen=True, kw_only=True)
class Channel:
    """A channel in a directory, and the cache that environments are linked from."""

    directory: Path
    cache: Path

    def make_environment(self, prefix: Path, *installed: object) -> Path:
        """An environment with Python and pip, and what is installed into it besides; gives its Python."""
        asyncio.run(_install(self, prefix))
        python = prefix / "bin" / "python"
        if installed:
            links = [part for link in os.environ.get("PIP_FIND_LINKS", "").split() for part in ("--find-links", link)]
            run(*UV, "pip", "install", "--quiet", "--python", python, *links, *installed)
        return python


async def _install(channel: Channel, prefix: Path) -> None:
    import rattler

    records = await rattler.solve(
        [rattler.Channel(channel.directory.as_uri())], ["python", "pip"], platforms=["linux-64", "noarch"]
    )
    await rattler.install(records, target_prefix=prefix, cache_dir=channel.cache, show_progress=False)


def make_channel(directory: Path) -> Channel:
    """Stage and index both packages."""
    if str(BASE) == "/usr" or not (BASE / "bin" / f"python{MINOR}").is_file():
        pytest.skip("this Python can't be made a package of: it is the system's own")
    pytest.importorskip("rattler")
    channel = directory / "channel"
    for subdir in ("linux-64", "noarch"):
        (channel / subdir).mkdir(parents=True)
    _stage_python(directory / "python")
    _write_package(directory / "python", channel / "linux-64", "python", VERSION)
    _stage_pip(directory / "pip")
    pip = next((directory / "pip").glob("site-packages/pip-*.dist-info")).name.split("-")[1].removesuffix(".dist")
    _write_package(directory / "pip", channel / "noarch", "pip", pip, depends=[f"python >={MINOR}"], noarch="python")
    asyncio.run(_index(channel))
    return Channel(directory=channel, cache=directory / "cache")


async def _index(channel: Path) -> None:
    from rattler.index import index_fs

    await index_fs(channel)


def _stage_python(stage: Path) -> None:
    library = stage / "lib" / f"python{MINOR}"
    shutil.copytree(
        BASE / "lib" / f"python{MINOR}", library, ignore=lambda _, names: _LEFT_OUT.intersection(names), symlinks=True
    )
    (library / "site-packages").mkdir()
    (library / "site-packages" / "README.txt").write_text("installed packages are here\n")
    for path in (BASE / "lib").glob("libpython*.so*"):
        shutil.copy(path, stage / "lib", follow_symlinks=False)
    (stage / "bin").mkdir()
    shutil.copy(BASE / "bin" / f"python{MINOR}", stage / "bin")
    for name in ("python", "python3"):
        (stage / "bin" / name).symlink_to(f"python{MINOR}")
    # Nothing of Python's own is a binary file with the placeholder in it; others have many.
    (stage / "lib" / "prefix.bin").write_bytes(b"\xff\0" + PLACEHOLDER.encode() + b"/share\0\xfe")
    for path in stage.rglob("*"):
        if path.is_file() and not path.is_symlink():
            _relocate(path, stage)


def _relocate(path: Path, stage: Path) -> None:
    """Libraries are found relative to the file; text gets the placeholder."""
    data, base = path.read_bytes(), os.fsencode(BASE)
    if base not in data:
        return
    if not data.startswith(b"\x7fELF"):
        path.write_bytes(data.replace(base, PLACEHOLDER.encode()))
        return
    up = os.path.relpath(stage / "lib", path.parent)
    there = base + b"/lib\0"
    path.write_bytes(data.replace(there, f"$ORIGIN/{up}".encode().ljust(len(there), b"\0")))
    subprocess.run(["strip", "--strip-debug", path], check=False, capture_output=True)


def _stage_pip(stage: Path) -> None:
    wheel = next((BASE / "lib" / f"python{MINOR}" / "ensurepip" / "_bundled").glob("pip-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(stage / "site-packages")
    (stage / "info").mkdir()
    link = {"noarch": {"type": "python", "entry_points": ["pip = pip._internal.cli.main:main"]}}
    (stage / "info" / "link.json").write_text(json.dumps({**link, "package_metadata_version": 1}))


def _write_package(
    stage: Path, target: Path, name: str, version: str, *, depends: list[str] | None = None, noarch: str | None = None
) -> None:
    info = stage / "info"
    info.mkdir(exist_ok=True)
    files = sorted(
        path for path in stage.rglob("*") if info not in path.parents and (path.is_symlink() or path.is_file())
    )
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": depends or []}
    place = (
        {"noarch": noarch, "subdir": "noarch"}
        if noarch
        else {"subdir": "linux-64", "arch": "x86_64", "platform": "linux"}
    )
    (info / "index.json").write_text(json.dumps({**index, **place}))
    paths = [_path_entry(path, path.relative_to(stage).as_posix()) for path in files]
    (info / "paths.json").write_text(json.dumps({"paths": paths, "paths_version": 1}))
    (info / "files").write_text("".join(f"{entry['_path']}\n" for entry in paths))
    with tarfile.open(target / f"{name}-{version}-0.tar.bz2", "w:bz2", compresslevel=1) as archive:
        for path in [*sorted(info.iterdir()), *files]:
            archive.add(path, path.relative_to(stage).as_posix())


def _path_entry(path: Path, name: str) -> dict[str, object]:
    data = path.read_bytes()
    entry: dict[str, object] = {
        "_path": name,
        "path_type": "softlink" if path.is_symlink() else "hardlink",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_in_bytes": len(data),
    }
    if PLACEHOLDER.encode() in data and not path.is_symlink():
        entry |= {"prefix_placeholder": PLACEHOLDER, "file_mode": "binary" if b"\0" in data else "text"}
    return entry


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Channel:
    """A channel that all tests of a session share; it has a cache of its own."""
    return make_channel(tmp_path_factory.mktemp("channel"))
