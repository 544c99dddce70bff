"""Cells of the matrix: one release loads what another has saved."""

from __future__ import annotations

import collections
import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.live.judging import Judge, happened, judge_for
from tests.live.loading import Loader
from tests.live.record import read_record, write_record
from tests.live.releases import Release
from tests.live.saving import Saved, save_zoo, unpack


@dataclass(kw_only=True)
class Cell:
    """What a loader did with a saver's files, and our verdicts on them.

    Attributes:
        outcomes: The record's entry for each file.
        verdicts: Our verdict for each file; empty where none were wanted or possible.
        passed_over: Why the saver left out models, by the model's name and the format.
    """

    saver: str
    loader: str
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)

    def wrong(self) -> dict[str, tuple[str, str]]:
        """The files on which verdict and outcome disagree, with the two."""
        pairs = {file: (verdict, happened(self.outcomes[file])) for file, verdict in self.verdicts.items()}
        return {file: pair for file, pair in pairs.items() if pair[0] != pair[1]}

    def summary(self) -> str:
        counts = collections.Counter(_in_short(outcome) for outcome in self.outcomes.values())
        parts = [f"{number} {what}" for what, number in counts.most_common()]
        agreed = f"; {len(self.wrong())} of {len(self.verdicts)} verdicts disagree" if self.verdicts else ""
        return f"{len(self.outcomes)} files, {', '.join(parts)}; {len(self.passed_over)} passed over{agreed}"

    def disagreements(self) -> Iterator[str]:
        for file, (ours, real) in self.wrong().items():
            outcome = self.outcomes[file]
            said = outcome.get("error") or outcome.get("predictions") or ""
            yield f"{file}: we say {ours}, but {real}: {' '.join(said.split())[-160:]}"


def _in_short(outcome: dict[str, Any]) -> str:
    if outcome["load"] != "ok":
        return outcome["load"]
    return "ok" if outcome.get("predictions", "same") == "same" else "otherwise"


def rebuild(
    savers: Sequence[Release],
    loaders: Sequence[Release],
    directory: Path,
    *,
    cache: Path,
    only: tuple[str, ...] = (),
    resave: bool = False,
    missing: bool = False,
    verdicts: bool = True,
) -> Iterator[Cell]:
    """Save, load and write down; gives each cell as soon as the record has it."""
    for saver in savers:
        if resave or not (directory / "models" / f"{saver.name}.tar.xz").exists():
            save_zoo(saver, directory, cache, only)
    with tempfile.TemporaryDirectory() as scratch:
        saved = {saver.name: unpack(saver.name, directory, Path(scratch)) for saver in savers}
        for loader in loaders:
            known = read_record(directory)["verdicts"].get(loader.name, {}) if missing else {}
            wanted = {name: files for name, files in saved.items() if name not in known}
            if wanted:
                yield from _load_all(loader, wanted, directory, cache, only, verdicts=verdicts)


def _load_all(
    loader: Release, saved: dict[str, Saved], directory: Path, cache: Path, only: tuple[str, ...], *, verdicts: bool
) -> Iterator[Cell]:
    with contextlib.closing(Loader(loader, cache)) as process:
        judge = judge_for(loader, process.packages) if verdicts else None
        for saver, files in saved.items():
            cell = Cell(saver=saver, loader=loader.name, passed_over=files.passed_over)
            _fill(cell, process, judge, files, only)
            _write_down(cell, process.packages, directory)
            yield cell


def _fill(cell: Cell, process: Loader, judge: Judge | None, saved: Saved, only: tuple[str, ...]) -> None:
    for file, path in saved.files.items():
        if not only or path.stem in only:
            cell.outcomes[file] = process.load(path, saved.values_of(file))
            if judge:
                cell.verdicts[file] = judge(path)


def _write_down(cell: Cell, packages: dict[str, str], directory: Path) -> None:
    record = read_record(directory)
    record["releases"][cell.loader] = packages
    files = record["verdicts"].setdefault(cell.loader, {}).setdefault(cell.saver, {})
    files.update(cell.outcomes)
    write_record(directory, record)
