"""The file on an index that an installed distribution came from, where uv's cache still tells.

Neither an installed distribution nor its metadata say which file it was, or its hash. uv keeps a note of
each wheel that it unpacks, with the URL and the SHA-256, and what was in it. A note is believed only if what
was unpacked has the very metadata that is installed. Its format is uv's own business and may change: then
nothing is found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from mlflow_kerasguard.pinning.direct_url import without_password
from mlflow_kerasguard.pinning.installed import Installed

#: MessagePack's 64 characters after the name of the algorithm.
_DIGEST = re.compile(rb"[Ss]ha256\xd9\x40([0-9a-f]{64})")
_URL = re.compile(rb"https?://[!-~]+?\.whl(?![!-~])")

_END = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
    """A wheel on an index.

    Attributes:
        url: where it is, without passwords.
        sha256: its digest.
        index: the index that names it, where that is known; uv looks for what it has under it.
    """

    url: str
    sha256: str
    index: str | None = None


def uv_cache() -> Path:
    """Where uv keeps what it has fetched, unless a project's settings say otherwise."""
    if "UV_CACHE_DIR" in os.environ:
        return Path(os.environ["UV_CACHE_DIR"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"


def find_file(installed: Installed, cache: Path) -> KnownFile | None:
    """The wheel that was installed; None where that can't be told.

    Args:
        installed: a distribution that came from an index.
        cache: uv's cache.
    """
    for note in _notes(installed, cache):
        known = _read(note)
        if known is not None and _names(known, installed) and _is_what_is_installed(note, installed):
            return replace(known, index=_index(note, installed.name, cache))
    return None


def _notes(installed: Installed, cache: Path) -> Iterator[Path]:
    """Uv's notes of the wheels of a release, from all indexes."""
    name, version = installed.name, Version(installed.version)
    for bucket in sorted(cache.glob("wheels-v*"), reverse=True):
        for index in (bucket / "pypi", *sorted(bucket.glob("index/*"))):
            yield from sorted((index / name).glob(f"{version}-*.http"))


def _index(note: Path, name: str, cache: Path) -> str | None:
    """The index on which uv found a wheel, from its note of that index's page on the distribution."""
    below = note.parent.relative_to(cache).parts[1:]
    page = re.compile(rb"https?://[!-~]+?/" + re.escape(name.encode()) + rb"/(?![!-~])")
    for bucket in sorted(cache.glob("simple-v*"), reverse=True):
        urls = set(page.findall(_end_of(bucket.joinpath(*below).with_name(f"{name}.rkyv"))))
        if len(urls) == 1:
            return without_password(urls.pop().decode("ascii")).removesuffix(f"/{name}/")
    return None


def _end_of(path: Path) -> bytes:
    """The last bytes of a file, where uv keeps what HTTP said; before them are all releases."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _END))
            return stream.read()
    except OSError:
        return b""


def _read(note: Path) -> KnownFile | None:
    try:
        content = note.read_bytes()
    except OSError:
        return None
    digests, urls = set(_DIGEST.findall(content)), set(_URL.findall(content))
    if len(digests) != 1 or len(urls) != 1:
        return None
    url = without_password(urls.pop().decode("ascii"))
    # What follows the path may be a signature that expires, or a password.
    return None if urlsplit(url).query else KnownFile(url=url, sha256=digests.pop().decode("ascii"))


def _names(known: KnownFile, installed: Installed) -> bool:
    try:
        name, version, _, _ = parse_wheel_filename(unquote(urlsplit(known.url).path.rpartition("/")[2]))
    except InvalidWheelFilename:
        return False
    return (name, version) == (canonicalize_name(installed.name), Version(installed.version))


def _is_what_is_installed(note: Path, installed: Installed) -> bool:
    """Whether what uv unpacked has the same metadata and was built for the same machines."""
    unpacked = note.with_name(note.name.removesuffix(".http")) / installed.directory.name
    try:
        return all(
            (unpacked / name).read_bytes() == (installed.directory / name).read_bytes()
            for name in ("METADATA", "WHEEL")
        )
    except OSError:
        return False
