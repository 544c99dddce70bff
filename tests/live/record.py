"""The record of real loads: ``verdicts.json.xz`` beside the archives of the models.

::

    {"releases": {name: {"python", "tensorflow", "keras", "h5py", "numpy"}},
     "verdicts": {loader: {saver: {file: {"load", "error", "without_compile", "predictions"}}}}}
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

Record = dict[str, dict[str, Any]]


def read_record(directory: Path) -> Record:
    """The record in ``directory``, empty where there is none yet."""
    path = directory / "verdicts.json.xz"
    if not path.exists():
        return {"releases": {}, "verdicts": {}}
    with lzma.open(path, "rt") as file:
        return json.load(file)


def write_record(directory: Path, record: Record) -> None:
    """Replace the record in one step: whoever reads it meanwhile finds the old or the new one."""
    path = directory / "verdicts.json.xz"
    unfinished = path.with_suffix(".unfinished")
    # It is written after each cell; the smallest file isn't worth half a minute each time.
    with lzma.open(unfinished, "wt", preset=1) as file:
        json.dump(record, file, sort_keys=True)
    unfinished.replace(path)
