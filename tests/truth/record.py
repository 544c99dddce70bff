"""The record of real loads: which release loaded which file, and what came of it."""

from __future__ import annotations

import json
import lzma
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.model import ModelSpec

#: The copy that the repository carries.
CARRIED = Path(__file__).parent.parent / "data" / "truth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One release loading one file.

    Attributes:
        loader: the release that loaded it.
        saver: the release that saved it.
        file: its name; with the saver, it says which file.
        outcome: what the record says about it.
    """

    loader: str
    saver: str
    file: str
    outcome: Mapping[str, Any]

    @property
    def fails(self) -> bool:
        """Whether loading raised, or never returned."""
        return self.outcome["load"] != "ok"

    @property
    def good(self) -> bool:
        """Whether it loads and predicts the same, as far as outputs were kept."""
        return not self.fails and self.outcome.get("predictions") in ("same", None)

    @property
    def error(self) -> str:
        """The error's type and message; empty where there was none, or none was seen."""
        return self.outcome.get("error") or ""

    @property
    def came(self) -> str:
        """What came of it: the error, how predictions differ, or how the load ended."""
        return self.error or self.outcome.get("predictions") or self.outcome["load"]

    def __str__(self) -> str:
        return f"{self.file} of {self.saver} in {self.loader}: {_shortened(self.came)}"


def _shortened(text: str, limit: int = 200) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 2 :]}"


class Record:
    """A directory of that layout; ``tests/data/truth/README.md`` describes it.

    Args:
        directory: where it is.
        scratch: an empty directory to unpack the files into.
    """

    def __init__(self, directory: Path, scratch: Path) -> None:
        self.directory = directory
        self._models = scratch
        self._specs: dict[tuple[str, str], ModelSpec] = {}

    @cached_property
    def _verdicts(self) -> dict[str, Any]:
        with lzma.open(self.directory / "verdicts.json.xz") as file:
            return json.load(file)

    @cached_property
    def _unpacked(self) -> Path:
        for archive in sorted((self.directory / "models").glob("*.tar.xz")):
            with tarfile.open(archive) as tar:
                tar.extractall(self._models, filter="data")
        return self._models

    @property
    def loaders(self) -> list[str]:
        return list(self._verdicts["verdicts"])

    @property
    def releases(self) -> Mapping[str, Mapping[str, str]]:
        """What each release was: its Python and its distributions."""
        return self._verdicts["releases"]

    def loads(self, loader: str) -> Iterator[Load]:
        for saver, files in self._verdicts["verdicts"][loader].items():
            for file, outcome in files.items():
                yield Load(loader=loader, saver=saver, file=file, outcome=outcome)

    def path(self, saver: str, file: str) -> Path:
        return self._unpacked / saver / file

    def spec(self, saver: str, file: str) -> ModelSpec:
        """What a file asks for; it is read once, for all of its loaders."""
        if (saver, file) not in self._specs:
            self._specs[saver, file] = read_model(self.path(saver, file))
        return self._specs[saver, file]

    @property
    def files(self) -> list[tuple[str, str]]:
        """Every file: its saver and its name."""
        return list({(load.saver, load.file): None for loader in self.loaders for load in self.loads(loader)})
