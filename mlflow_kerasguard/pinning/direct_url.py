"""Where a distribution was installed from, if not from an index: ``direct_url.json`` of PEP 610."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

#: What PEP 610 lets stand in place of a user and a password.
_VARIABLES = re.compile(r"\$\{[A-Za-z0-9_-]+\}(:\$\{[A-Za-z0-9_-]+\})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectUrl:
    """The origin of a distribution.

    Attributes:
        url: where it is, without passwords.
        vcs: ``git`` and the like; None where it isn't in a repository.
        commit: the exact commit.
        revision: the branch or tag that was asked for.
        hashes: of an archive, by algorithm.
        is_directory: it was installed from a directory of sources.
        editable: what is installed is a link to that directory.
        subdirectory: where in a repository or archive the project is.
    """

    url: str
    vcs: str | None = None
    commit: str | None = None
    revision: str | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    is_directory: bool = False
    editable: bool = False
    subdirectory: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is a directory or archive of this machine, which no other one can install from."""
        return self.vcs is None and (self.is_directory or self.url.startswith("file:"))

    def requirement(self, name: str) -> str:
        """The line of a requirements file that installs exactly this."""
        fragments = [f"sha256={self.hashes['sha256']}"] if self.vcs is None and "sha256" in self.hashes else []
        fragments += [f"subdirectory={self.subdirectory}"] if self.subdirectory else []
        url = f"{self.vcs}+{self.url}@{self.commit}" if self.vcs else self.url
        return f"{name} @ {url}" + (f"#{'&'.join(fragments)}" if fragments else "")


def parse_direct_url(text: str) -> DirectUrl | None:
    """The origin that the file states; None where it states none that can be used."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("url"), str):
        return None
    vcs, archive = _table(document, "vcs_info"), _table(document, "archive_info")
    if vcs and not (isinstance(vcs.get("vcs"), str) and isinstance(vcs.get("commit_id"), str)):
        return None
    return DirectUrl(
        url=without_password(document["url"]),
        vcs=vcs.get("vcs"),
        commit=vcs.get("commit_id"),
        revision=vcs.get("requested_revision"),
        hashes=_hashes(archive),
        is_directory="dir_info" in document,
        editable=bool(_table(document, "dir_info").get("editable")),
        subdirectory=document.get("subdirectory"),
    )


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _hashes(archive: Mapping[str, Any]) -> dict[str, str]:
    """Today's table, or the single ``hash`` of older installers."""
    hashes = {name: value for name, value in _table(archive, "hashes").items() if isinstance(value, str)}
    name, separator, value = str(archive.get("hash", "")).partition("=")
    return hashes or ({name: value} if separator else {})


def without_password(url: str) -> str:
    """A URL that may be written into a file that others read."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    # `git@…` of SSH is an address and no secret.
    if not at or _VARIABLES.fullmatch(user) or (parts.scheme.endswith("ssh") and ":" not in user):
        return url
    return urlunsplit(parts._replace(netloc=host))
