"""Programs that the live tests need beside Python, from Debian's archive."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests.live.turns import turn

_LOCK = Path(tempfile.gettempdir()) / "kerasguard-debian.lock"
_INSTALL = ("install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300")


class MissingProgram(AssertionError):
    """A program isn't there and can't be had. The tests fail: what isn't tested mustn't look as if it were."""


def install(*packages: str) -> None:
    """Install the first of ``packages`` that Debian's release has, as root or by ``sudo``.

    Raises:
        MissingProgram: says what is missing.
    """
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    said = ""
    with turn(_LOCK):
        for arguments in (["update", "-qq"], *([*_INSTALL, package] for package in packages)):
            try:
                done = subprocess.run([*sudo, "apt-get", *arguments], env=variables, capture_output=True, text=True)
            except OSError as error:
                raise MissingProgram(f"needs {packages[0]}, and there is no apt-get: {error}") from error
            if done.returncode == 0 and "install" in arguments:
                return
            said += done.stderr
    raise MissingProgram(f"needs `apt-get install {packages[0]}` as root: {said}")
