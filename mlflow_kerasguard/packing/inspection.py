"""What conda's records and the files of an environment tell about packing it; nothing of it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlflow_kerasguard.environment import normalized
from mlflow_kerasguard.errors import PackError
from mlflow_kerasguard.packable import Packable
from mlflow_kerasguard.packing.conda_environment import META

#: What conda-pack leaves out, where it stands at the top.
_LEFT_OUT = frozenset({"pkgs", "envs", "conda-bld"})


def inspect_prefix(prefix: Path, *, may_differ: bool = False) -> Packable:
    """What has to be known of a conda environment before it is packed.

    Args:
        prefix: its directory.
        may_differ: see :class:`~mlflow_kerasguard.packable.Packable`.

    Raises:
        PackError: conda's records of it can't be read.
    """
    records = [_record(path) for path in sorted((prefix / META).glob("*.json"))]
    files, links = _walk(prefix)
    missing = ((record, [name for name in record["files"] if _is_missing(name, prefix, files)]) for record in records)
    return Packable(
        prefix=str(prefix),
        packages={record["name"]: record["version"] for record in records},
        editable=dict(_editable(prefix)),
        missing={_title(record): tuple(gone) for record, gone in missing if gone},
        uncached=tuple(_title(record) for record in records if not _is_cached(record)),
        outside_links=links,
        may_differ=may_differ,
    )


def _title(record: Mapping[str, Any]) -> str:
    return f"{record['name']} {record['version']}"


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
        return {
            "name": str(record["name"]),
            "version": str(record["version"]),
            "files": [str(name) for name in record["files"]],
            "source": (record.get("link") or {}).get("source"),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PackError(f"conda's record `{path}` can't be read ({error}); make the environment anew") from error


def _is_cached(record: Mapping[str, Any]) -> bool:
    return bool(record["source"]) and Path(record["source"]).is_dir()


def _is_missing(name: str, prefix: Path, files: frozenset[str]) -> bool:
    # Bytecode comes and goes, and a file below a linked directory isn't met on the walk.
    return name not in files and not name.endswith((".pyc", ".nonadmin")) and not os.path.lexists(prefix / name)


def _walk(prefix: Path) -> tuple[frozenset[str], dict[str, str]]:
    """Files by their path in the environment, and the links that lead out of it."""
    files: set[str] = set()
    links: dict[str, str] = {}
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(prefix / folder) as entries:
            for entry in entries:
                name = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    pending += [f"{name}/"] if name not in _LEFT_OUT else []
                    continue
                files.add(name)
                if entry.is_symlink() and leads_outside(name, target := os.readlink(entry.path)):  # noqa: PTH115 - as text
                    links[name] = target
    return frozenset(files), dict(sorted(links.items()))


def leads_outside(name: str, target: str) -> bool:
    """Whether a link called ``name``, relative to the environment, is absolute or climbs out of it."""
    if target.startswith("/"):
        return True
    parts = [part for part in target.split("/") if part not in {"", "."}]
    climbs = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    # `..` after a name may climb from wherever that name leads.
    return climbs > name.count("/") or ".." in parts[climbs:]


def _editable(prefix: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(prefix.glob("lib/python3*/site-packages/*.dist-info/direct_url.json")):
        try:
            record = json.loads(path.read_bytes())
            editable = record.get("dir_info", {}).get("editable") is True
            where = unquote(urlsplit(str(record.get("url", ""))).path)
        except (OSError, ValueError, AttributeError):
            continue  # conda-pack passes over these as well.
        if editable:
            yield normalized(path.parent.name.partition("-")[0]), where
