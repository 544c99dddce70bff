"""Debian's Chromium without a window, driven by Playwright."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

from tests.live import debian

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def page() -> Iterator[Any]:
    """A page of a new browser, which is installed where it is missing."""
    from playwright.sync_api import sync_playwright

    if _program() is None:
        debian.install("chromium")
    with sync_playwright() as playwright:
        # As root, which tests in containers run as, Chromium starts without its sandbox only.
        browser = playwright.chromium.launch(executable_path=_program(), args=["--no-sandbox"])
        try:
            yield browser.new_page(viewport={"width": 1300, "height": 900})
        finally:
            browser.close()


def _program() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)
