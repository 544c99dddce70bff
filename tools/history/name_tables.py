"""Writes the tables of names that ``mlflow_kerasguard.tensorflow_api`` reads."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from packaging.version import Version

from mlflow_kerasguard.tensorflow_api.table import NameTable


def rows_of(table: NameTable) -> dict[str, frozenset[str]]:
    """The names of each release, to add another one to them."""
    return {release: table.at(release) for release in table.releases}


def document(rows: Mapping[str, Iterable[str]]) -> dict[str, object]:
    """The table's JSON: releases by version, names by the releases that have them."""
    releases = sorted(rows, key=Version)
    having: dict[str, list[int]] = {}
    for index, release in enumerate(releases):
        for name in rows[release]:
            having.setdefault(name, []).append(index)
    groups: dict[tuple[int, ...], list[str]] = {}
    for name in sorted(having):
        groups.setdefault(_ranges(having[name]), []).append(name)
    return {"releases": releases, "groups": [[list(ranges), "\n".join(groups[ranges])] for ranges in sorted(groups)]}


def _ranges(indices: list[int]) -> tuple[int, ...]:
    """First and last of each stretch of consecutive indices."""
    ends = [index for index, after in pairwise([*indices, None]) if after != index + 1]
    starts = [index for before, index in pairwise([None, *indices]) if before is None or index != before + 1]
    return tuple(number for stretch in zip(starts, ends, strict=True) for number in stretch)


def write(path: Path, value: object) -> None:
    """Write gzipped JSON, the same bytes for the same value."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
