"""A manager that installs nothing: its environments start this very Python."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from mlflow_kerasguard.rebuild.commands import ToolFailed


@dataclass(kw_only=True)
class FakeManager:
    """Attributes say what is available, and what was done."""

    name: str = "fake"
    versions: dict[str, str] = field(default_factory=lambda: {"keras": "3.15.1", "tensorflow": "2.20.0"})
    #: With what this Python has compiled already, in place of a cache of its own.
    interpreter: str = f"exec {sys.executable} -I -m mlflow_kerasguard.rebuild.inside"
    fails: str = ""
    command: tuple[str, ...] = ()
    created: list[str] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)

    def create(self, workshop, directory, python):
        self.created.append(python)
        site = directory / "lib" / "python3.11" / "site-packages"
        site.mkdir(parents=True)
        (directory / "pyvenv.cfg").write_text(f"home = /\nversion = {python}\n")
        for name, version in self.versions.items():
            (site / f"{name}-{version}.dist-info").mkdir()
        (directory / "bin").mkdir()
        script = directory / "bin" / "python"
        script.write_text(f"#!/bin/sh\n{self.interpreter}\n")
        script.chmod(0o755)
        return script

    def resolve(self, workshop, python, arguments):
        text = Path(arguments[1]).read_text()
        if "conflict" in text:
            raise ToolFailed("they don't go together", "the tool's words")
        return self.versions

    def install(self, workshop, python, arguments):
        if self.command:
            workshop.run(self.command, "waiting")
        if self.fails:
            raise ToolFailed(self.fails, "No space left on device (os error 28)")
        time.sleep(0.01)
        self.installed.append("\n".join(Path(part).read_text() for part in arguments if not str(part).startswith("-")))
