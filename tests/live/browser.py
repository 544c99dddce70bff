"""Debian's Chromium without a window, driven by Playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def page() -> Iterator[Any]:
    """A page of a new browser, which is installed where it is missing."""
    from playwright.sync_api import sync_playwright

    program = _program() or _install()
    with sync_playwright() as playwright:
        # As root, which tests in containers run as, Chromium starts without its sandbox only.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser.new_page(viewport={"width": 1300, "height": 900})
        finally:
            browser.close()


def _program() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def _install() -> str:
    """From Debian's archive. Without it the tests fail: what isn't tested mustn't look as if it were."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        try:
            subprocess.run([*sudo, "apt-get", *arguments], env=variables, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or error
            raise AssertionError(f"needs a browser: `apt-get install chromium` as root ({said})") from error
    found = _program()
    assert found is not None
    return found
